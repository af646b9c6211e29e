import { acrossFiles, type Place, type Report } from '../across-files.ts';
import { checkingParameters, tenantParameters } from '../calls.ts';
import { type Guarding, guardedParts, guardingOf, mayBeGuarded } from '../global-guards.ts';
import { type Given, handingIn, type RequestArgument } from '../handing.ts';
import { isOrgIdName, orgLetters } from '../names.ts';
import type { RequestPart } from '../origin-of-path.ts';
import { type Functions, flowOf, type Handed, type Value } from '../parameter-flow.ts';
import { passedOnBy } from '../passed-on.ts';
import { mayReadRequests } from '../request-words.ts';
import type { Hit } from '../rule-context.ts';
import { type Schemas, schemaReaches, schemasOf } from '../schemas-across.ts';
import { positionOf, type Source, type SyntaxNode } from '../syntax.ts';
import { partWords } from '../tenant-values.ts';
import type { Finding } from '../types.ts';

type Facts = Functions &
  Schemas & {
    readonly guarding: Guarding;
    /** Values of a request by the parameter that they become; `guarded`: the part, where a guard may have compared it. */
    readonly given: readonly (Handed & Value & { readonly finding: Finding; readonly guarded: RequestPart | null })[];
    /** Findings in methods of controllers, with the part of the request that is read. */
    readonly controlled: readonly Controlled[];
    /** Findings of this file whose value goes through functions of others. */
    readonly handed: readonly (Handed & { readonly line: number; readonly column: number })[];
  };

type Controlled = { readonly line: number; readonly column: number; readonly part: RequestPart };

const inControllers = new WeakMap<Source, { readonly start: number; readonly part: RequestPart }[]>();

/** Keeps a finding of a controller's method until the guards of the app are known. */
export function noteControlled(node: SyntaxNode, part: RequestPart): void {
  if (mayBeGuarded(node))
    inControllers.set(node.source, [...(inControllers.get(node.source) ?? []), { start: node.start, part }]);
}

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
      controlled: (inControllers.get(source) ?? []).map(({ start, part }) => ({
        ...positionOf(source.text, start),
        part,
      })),
      passedOn: passedOnBy(source),
      guarding: guardingOf(source),
      ...schemasOf(source),
    };
    const { guarding, ...lists } = facts;
    return [...Object.values(lists), ...Object.values(guarding)].every((list) => list.length === 0) ? null : facts;
  },
  resolve: (told, world) => {
    const flow = flowOf(told, schemaReaches(told, world), world);
    const partsOf = guardedParts(told, world);
    return told.flatMap(({ file, facts }) =>
      facts.given
        .filter((one) => (one.guarded === null || !partsOf(file).has(one.guarded)) && flow.decides(file, one, one))
        .map(({ finding }) => finding),
    );
  },
  clears: (told, world) => {
    const flow = flowOf(told, () => true, world);
    const partsOf = guardedParts(told, world);
    return told.flatMap(({ file, facts }): readonly Place[] => [
      ...facts.handed.filter((one) => flow.isChecked(file, one)).map(({ line, column }) => ({ file, line, column })),
      ...facts.controlled.flatMap(({ part, line, column }) => (partsOf(file).has(part) ? { file, line, column } : [])),
    ]);
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
  return { ...handed, finding: report(hit), guarded: mayBeGuarded(read.node) ? read.part : null };
}
