import { acrossFiles, type Place, type Position, type Report } from '../across-files.ts';
import type { Sought } from '../call-targets.ts';
import { checkingParameters, tenantParameters } from '../calls.ts';
import { type Guarding, guardedParts, guardingOf, mayBeGuarded } from '../global-guards.ts';
import { type Given, givenBy, handingIn, type RequestArgument } from '../handing.ts';
import { isRouted } from '../handlers.ts';
import { guardsAround, type Mounted, mountedIn } from '../mounted.ts';
import { isOrgIdName, orgLetters } from '../names.ts';
import type { RequestPart } from '../origin-of-path.ts';
import { type Edges, type Functions, flowOf, functionsIn, type Handed, type Value } from '../parameter-flow.ts';
import { mayReadRequests } from '../request-words.ts';
import type { Hit } from '../rule-context.ts';
import { type Schemas, schemaReaches, schemasOf } from '../schemas-across.ts';
import { lookForCalls } from '../second-look.ts';
import { positionOf, type Source, type SyntaxNode } from '../syntax.ts';
import { partWords } from '../tenant-values.ts';
import type { Finding } from '../types.ts';

type Facts = Functions &
  Schemas & {
    readonly guarding: Guarding;
    /** Findings in methods of controllers, with the part of the request that is read. */
    readonly controlled: readonly (Position & { readonly part: RequestPart })[];
    /** Findings in handlers of routers. */
    readonly routed: readonly Position[];
    readonly mounted: readonly Mounted[];
    /** Findings of this file whose value goes through functions of others. */
    readonly handed: readonly (Handed & Position)[];
  };

/** What a file hands to functions that decide a tenant, or that may check it, as it is seen once those are known. */
type Handing = Edges & {
  /** Values of a request by the parameter that they become; `guarded`: the part, where a guard may have compared it. */
  readonly given: readonly (Handed &
    Value & { readonly finding: Finding; readonly guarded: RequestPart | null; readonly routed: boolean })[];
};

/** What has to be known of a finding once all files have been read. */
type Note = {
  /** What its value is handed to. */
  readonly given: readonly Given[];
  /** The part of the request, where guards of the app may have compared it. */
  readonly part: RequestPart | null;
  /** In a handler of a router, which another file may have put behind a guard. */
  readonly routed: boolean;
};

export const noteOf = (node: SyntaxNode, part: RequestPart, uses: readonly SyntaxNode[]): Note => ({
  given: uses.flatMap(givenBy),
  part: mayBeGuarded(node) ? part : null,
  routed: isRouted(node),
});

/** A value of the request that is handed to a function, here or in another file, which takes it for the tenant. */
export const handedToFunctions = acrossFiles<Facts>({
  facts: ({ source, side }, _, hits) => {
    if (side === 'browser') return null;
    const ofOrgs = orgLetters.test(source.text);
    const deciding = ofOrgs ? tenantParameters(source) : [];
    const placed = hits.map(({ node, note }) => ({ ...positionOf(source.text, node.start), ...(note as Note) }));
    const facts: Facts = {
      deciding: deciding.map((one) => ({ ...one, org: isOrgIdName(one.parameter.replace(/^.*[.#]/, '')) })),
      checking: ofOrgs ? checkingParameters(source) : [],
      handed: placed.flatMap(({ given, line, column }) => given.map((one) => ({ line, column, ...one }))),
      controlled: placed.flatMap(({ part, line, column }) => (part === null ? [] : { line, column, part })),
      routed: placed.flatMap(({ routed, line, column }) => (routed ? { line, column } : [])),
      mounted: mountedIn(source),
      guarding: guardingOf(source),
      ...schemasOf(source),
    };
    const { guarding, ...lists } = facts;
    return [...Object.values(lists), ...Object.values(guarding)].every((list) => list.length === 0) ? null : facts;
  },
  resolve: async (told, world, look) => {
    const looked = await lookForCalls(functionsIn(told), world, (file, sought) =>
      look(file, sought, ({ source }, report) => handedIn(source, sought, report)),
    );
    const handing = looked.map(({ file, seen }) => ({ file, facts: seen }));
    const letsIn = schemaReaches(told, world);
    const flow = flowOf(told, handing, letsIn, world);
    const partsOf = guardedParts(told, world);
    const guardOf = guardsAround(told, world);
    const isGuarded = (file: string): boolean => /^(?:some|org)$/.test(guardOf(file) ?? '');
    return {
      findings: handing.flatMap(({ file, facts }) =>
        facts.given
          .filter(
            (one) =>
              !(one.routed && isGuarded(file)) &&
              (one.guarded === null || !partsOf(file).has(one.guarded)) &&
              flow.decides(file, one, one),
          )
          .map(({ finding }) => finding),
      ),
      cleared: told.flatMap(({ file, facts }): readonly Place[] => [
        ...(facts.routed.length > 0 && isGuarded(file) ? facts.routed.map((one) => ({ file, ...one })) : []),
        ...facts.handed.filter((one) => flow.isChecked(file, one)).map(({ line, column }) => ({ file, line, column })),
        ...facts.controlled.flatMap(({ part, line, column }) =>
          partsOf(file).has(part) ? { file, line, column } : [],
        ),
      ]),
    };
  },
});

function handedIn(source: Source, sought: Sought, report: Report) {
  const { given, passed } = handingIn(source, sought, mayReadRequests(source));
  return {
    seen: { edges: passed, given: given.map((one) => givenTo(one, report)) },
    callers: passed.map(({ from }) => from.replace(/#.*$/, '')),
  };
}

function givenTo(argument: RequestArgument, report: Report): Handing['given'][number] {
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
  return {
    ...handed,
    finding: report(hit),
    guarded: mayBeGuarded(read.node) ? read.part : null,
    routed: isRouted(read.node),
  };
}
