import { acrossFiles, type Place, type Report, type Told, type World } from '../across-files.ts';
import { type Checking, checkingParameters, type Given, requestArguments, tenantParameters } from '../calls.ts';
import { orgLetters } from '../names.ts';
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
  /** `export … from`: by the name there, by the name here; `*` for all. */
  readonly passedOn: readonly { readonly module: string; readonly name: string; readonly as: string }[];
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

/** More modules than a name passes through on its way. */
const maxHops = 4;

/** The parameters that a value may become, through the modules that pass a function on. */
function finder(told: readonly Told<Facts>[], { resolve }: World) {
  const passing = new Map(told.map(({ file, facts }) => [file, facts.passedOn]));
  const follow = (file: string, name: string, rest: string, hops: number): readonly string[] => {
    const here = `${file}#${name}#${rest}`;
    if (hops > maxHops) return [here];
    const next = (passing.get(file) ?? []).filter((one) => one.as === '*' || one.as === name);
    return [
      here,
      ...next.flatMap((one) => {
        const target = resolve(file, one.module);
        return target === null ? [] : follow(target, one.as === '*' ? name : one.name, rest, hops + 1);
      }),
    ];
  };
  return (file: string, { module, parameter }: Handed): readonly string[] => {
    const target = module === null ? file : resolve(file, module);
    const [name = '', rest = ''] = parameter.split('#');
    return target === null ? [] : follow(target, name, rest, 0);
  };
}

function passedOnBy(text: string): Facts['passedOn'] {
  const found: Facts['passedOn'][number][] = [];
  if (!/\bexport\b[^;\n]*\bfrom\b|\bexport\s*\{[^}]*\}\s*from\b/.test(text)) return found;
  for (const [, module = ''] of text.matchAll(/\bexport\s*\*\s*from\s*['"]([^'"]+)['"]/g))
    found.push({ module, name: '*', as: '*' });
  for (const [, names = '', module = ''] of text.matchAll(/\bexport\s*\{([^}]*)\}\s*from\s*['"]([^'"]+)['"]/g)) {
    for (const [, name = '', as] of names.matchAll(/([\w$]+)(?:\s+as\s+([\w$]+))?/g))
      found.push({ module, name, as: as ?? name });
  }
  return found;
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
