import { acrossFiles, type Report } from '../across-files.ts';
import { requestArguments, tenantParameters } from '../calls.ts';
import type { Hit } from '../rule-context.ts';
import type { Source } from '../syntax.ts';
import { partWords } from '../tenant-values.ts';
import type { Finding } from '../types.ts';

type Given = {
  /** The module that has the function; null for a function of this file. */
  readonly module: string | null;
  readonly parameter: string;
  readonly finding: Finding;
};

type Facts = {
  /** `function#0` of parameters that decide a tenant. */
  readonly tenantParameters: readonly string[];
  /** Values of a request by the parameter that they become. */
  readonly given: readonly Given[];
};

/** A value of the request that is handed to a function, here or in another file, which takes it for the tenant. */
export const handedToFunctions = acrossFiles<Facts>({
  facts: ({ source, side }, report) => {
    if (side === 'browser') return null;
    const facts = { tenantParameters: tenantParameters(source), given: givenIn(source, report) };
    return facts.tenantParameters.length + facts.given.length === 0 ? null : facts;
  },
  resolve: (told, { resolve }) => {
    const deciding = new Set(told.flatMap(({ file, facts }) => facts.tenantParameters.map((one) => `${file}#${one}`)));
    return told.flatMap(({ file, facts }) =>
      facts.given
        .filter(({ module, parameter }) =>
          deciding.has(`${module === null ? file : resolve(file, module)}#${parameter}`),
        )
        .map(({ finding }) => finding),
    );
  },
});

function givenIn(source: Source, report: Report): readonly Given[] {
  return [...requestArguments(source)].map((given) => {
    const name = given.parameter.replace(/#.*$/, '');
    const hit: Hit = {
      node: given.node,
      reason: `The organization comes from ${partWords[given.part]} (${given.name}): ${name} uses it as the tenant, and nothing compares it.`,
      certainty: 'likely',
      instruction:
        'Compare it with the organization of the authenticated user before it is handed on, or hand that on instead.',
    };
    return { module: given.imported?.module ?? null, parameter: given.parameter, finding: report(hit) };
  });
}
