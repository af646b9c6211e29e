import { acrossFiles, type Place, type Report, type Told, type World } from '../across-files.ts';
import { type Checking, checkingParameters, type Given, requestArguments, tenantParameters } from '../calls.ts';
import { orgLetters } from '../names.ts';
import { follower, type PassedOn, passedOnBy } from '../passed-on.ts';
import { mayReadRequests } from '../request-words.ts';
import type { Hit } from '../rule-context.ts';
import { positionOf, type Source } from '../syntax.ts';
import { partWords } from '../tenant-values.ts';
import type { Finding } from '../types.ts';

type Handed = {
  /** The module that has the function; null for a function of this file. */
  readonly module: string | null;
  readonly parameter: string;
};

type Facts = {
  /** `function#0` of parameters that decide a tenant. */
  readonly tenantParameters: readonly string[];
  /** `function#0` of parameters that are held against the caller's own organizations. */
  readonly checking: readonly Checking[];
  /** Values of a request by the parameter that they become. */
  readonly given: readonly (Handed & { readonly finding: Finding })[];
  /** Findings of this file whose value goes through functions of others. */
  readonly handed: readonly (Handed & { readonly line: number; readonly column: number; readonly decides: boolean })[];
  readonly passedOn: readonly PassedOn[];
};

const handedOn = new WeakMap<Source, { readonly start: number; readonly given: Given }[]>();

/** Keeps what the findings of a file hand to functions of other files, until those are known. */
export function noteHanded(source: Source, start: number, given: readonly Given[]): void {
  const list = handedOn.get(source) ?? [];
  list.push(...given.filter(({ imported }) => imported !== null).map((one) => ({ start, given: one })));
  handedOn.set(source, list);
}

/** A value of the request that is handed to a function, here or in another file, which takes it for the tenant. */
export const handedToFunctions = acrossFiles<Facts>({
  facts: ({ source, side }, report) => {
    if (side === 'browser') return null;
    const ofOrgs = orgLetters.test(source.text);
    const deciding = ofOrgs ? tenantParameters(source) : [];
    const facts: Facts = {
      tenantParameters: deciding,
      checking: ofOrgs ? checkingParameters(source) : [],
      given: mayReadRequests(source) ? givenIn(source, deciding, report) : [],
      handed: (handedOn.get(source) ?? []).map(({ start, given }) => ({
        ...positionOf(source.text, start),
        module: given.imported?.module ?? null,
        parameter: given.parameter,
        decides: given.decides,
      })),
      passedOn: passedOnBy(source.text),
    };
    return Object.values(facts).every((list) => list.length === 0) ? null : facts;
  },
  resolve: (told, world) => {
    const deciding = new Set(told.flatMap(({ file, facts }) => facts.tenantParameters.map((one) => `${file}#${one}`)));
    const find = finder(told, world);
    return told.flatMap(({ file, facts }) =>
      facts.given
        .filter((one) => find(file, one).some((parameter) => deciding.has(parameter)))
        .map(({ finding }) => finding),
    );
  },
  clears: (told, world) => {
    const checking = new Map<string, boolean>(
      told.flatMap(({ file, facts }) => facts.checking.map((one) => [`${file}#${one.parameter}`, one.tells] as const)),
    );
    const find = finder(told, world);
    return told.flatMap(({ file, facts }) =>
      facts.handed.flatMap((one): readonly Place[] =>
        find(file, one).some(
          (parameter) => checking.get(parameter) === false || (checking.has(parameter) && one.decides),
        )
          ? [{ file, line: one.line, column: one.column }]
          : [],
      ),
    );
  },
});

/** The parameters that a value may become, through the modules that pass a function on. */
function finder(told: readonly Told<Facts>[], world: World) {
  const follow = follower(new Map(told.map(({ file, facts }) => [file, facts.passedOn])), world);
  return (from: string, { module, parameter }: Handed): readonly string[] => {
    const [name = '', rest = ''] = parameter.split('#');
    return follow(from, module, name).map((one) => `${one.file}#${one.name}#${rest}`);
  };
}

function givenIn(source: Source, deciding: readonly string[], report: Report): Facts['given'] {
  return [...requestArguments(source, deciding)].map((given) => {
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
