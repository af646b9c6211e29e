import { acrossFiles, type Place, type Report } from '../across-files.ts';
import { checkingParameters, tenantParameters } from '../calls.ts';
import { type Given, handingIn, type RequestArgument } from '../handing.ts';
import { isOrgIdName, orgLetters } from '../names.ts';
import { type Functions, flowOf, type Handed, type Value } from '../parameter-flow.ts';
import { passedOnBy } from '../passed-on.ts';
import { mayReadRequests } from '../request-words.ts';
import type { Hit } from '../rule-context.ts';
import { type Schemas, schemaReaches, schemasOf } from '../schemas-across.ts';
import { positionOf, type Source } from '../syntax.ts';
import { partWords } from '../tenant-values.ts';
import type { Finding } from '../types.ts';

type Facts = Functions &
  Schemas & {
    /** Values of a request by the parameter that they become. */
    readonly given: readonly (Handed & Value & { readonly finding: Finding })[];
    /** Findings of this file whose value goes through functions of others. */
    readonly handed: readonly (Handed & { readonly line: number; readonly column: number })[];
  };

const handedOn = new WeakMap<Source, { readonly start: number; readonly given: Given }[]>();

/** Keeps what the findings of a file hand to other functions, until those are known. */
export function noteHanded(source: Source, start: number, given: readonly Given[]): void {
  const list = handedOn.get(source) ?? [];
  list.push(...given.map((one) => ({ start, given: one })));
  handedOn.set(source, list);
}

/** A value of the request that is handed to a function, here or in another file, which takes it for the tenant. */
export const handedToFunctions = acrossFiles<Facts>({
  facts: ({ source, side }, report) => {
    if (side === 'browser') return null;
    const ofOrgs = orgLetters.test(source.text);
    const deciding = ofOrgs ? tenantParameters(source) : [];
    const checking = ofOrgs ? checkingParameters(source) : [];
    const readsRequests = mayReadRequests(source);
    const { given, passed } =
      ofOrgs || readsRequests
        ? handingIn(source, [...deciding, ...checking.map(({ parameter }) => parameter)], readsRequests)
        : { given: [], passed: [] };
    const facts: Facts = {
      deciding: deciding.map((parameter) => ({ parameter, org: isOrgIdName(parameter.replace(/^.*[.#]/, '')) })),
      checking,
      edges: passed,
      given: given.map((one) => givenTo(one, report)),
      handed: (handedOn.get(source) ?? []).map(({ start, given: one }) => ({
        ...positionOf(source.text, start),
        ...one,
      })),
      passedOn: passedOnBy(source),
      ...schemasOf(source),
    };
    return Object.values(facts).every((list) => list.length === 0) ? null : facts;
  },
  resolve: (told, world) => {
    const flow = flowOf(told, schemaReaches(told, world), world);
    return told.flatMap(({ file, facts }) =>
      facts.given.filter((one) => flow.decides(file, one, one)).map(({ finding }) => finding),
    );
  },
  clears: (told, world) => {
    const flow = flowOf(told, () => true, world);
    return told.flatMap(({ file, facts }) =>
      facts.handed.flatMap((one): readonly Place[] =>
        flow.isChecked(file, one) ? [{ file, line: one.line, column: one.column }] : [],
      ),
    );
  },
});

function givenTo(argument: RequestArgument, report: Report): Facts['given'][number] {
  const { read, isPublic, ...handed } = argument;
  const called = handed.member ?? handed.name;
  const hit: Hit = {
    node: read.node,
    reason: `The organization comes from ${partWords[read.part]} (${read.name}): ${called} uses it as the tenant, and nothing compares it.`,
    certainty: 'likely',
    advice: isPublic,
    instruction:
      'Compare it with the organization of the authenticated user before it is handed on, or hand that on instead.',
  };
  return { ...handed, finding: report(hit) };
}
