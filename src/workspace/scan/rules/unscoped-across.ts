import { acrossFiles, type Place, type Position } from '../across-files.ts';
import { type Audience, audienceOf, isElsewhere } from '../audience.ts';
import { callsToApp, callsWithin, nameOf, type Sought, type Target, targetOf } from '../call-targets.ts';
import { handlerAround, namedAround } from '../handlers.ts';
import { isForMachines } from '../machine-guards.ts';
import { guardsAround, type Mounted, mountedIn } from '../mounted.ts';
import { follower } from '../passed-on.ts';
import type { RuleContext } from '../rule-context.ts';
import { lookForCalls } from '../second-look.ts';
import { positionOf, type SyntaxNode } from '../syntax.ts';
import type { Finding } from '../types.ts';
import { isSortedOut, type OpenNote } from './unscoped-table.ts';

/** What tells the database, or the client, who is asking: for a transaction, or for every question. */
const telling =
  /set_config\s*\(|current_setting\s*\(|\$extends\s*\(|\$use\s*\(|\b(?:SET|set|Set)\s+(?:LOCAL|local|SESSION|session|ROLE|role)\b/;

type Facts = {
  readonly tells: boolean;
  /** Findings of this file that depend on others. */
  readonly placed: readonly (Position & OpenNote)[];
  /** Functions that reach the rows of every organization for whoever calls them. */
  readonly open: readonly { readonly fn: string; readonly statement: boolean; readonly finding: Finding }[];
  readonly mounted: readonly Mounted[];
};

/** A call of a function, from a handler (with whom that lets in) or from another function. */
type Call = Target & { readonly from: string | null; readonly audience: Audience; readonly routed: boolean };

/**
 * Queries in functions that handlers of other files call. An app that tells its database who is asking may do so for
 * these questions as well; and a router may be put behind a guard by another file.
 */
export const openFunctions = acrossFiles<Facts>({
  facts: ({ source }, report, hits) => {
    const noted = hits.flatMap((hit) =>
      hit.note === undefined ? [] : [{ hit, note: hit.note as OpenNote, ...positionOf(source.text, hit.node.start) }],
    );
    const facts: Facts = {
      tells: telling.test(source.text),
      placed: noted.flatMap(({ hit, note, line, column }) => (hit.pending === true ? [] : { line, column, ...note })),
      open: noted.flatMap(({ hit, note }) =>
        hit.pending === true && note.fn !== null
          ? { fn: note.fn, statement: note.statement, finding: report(hit) }
          : [],
      ),
      mounted: mountedIn(source),
    };
    return facts.tells || facts.placed.length + facts.open.length + facts.mounted.length > 0 ? facts : null;
  },
  resolve: async (told, world, look) => {
    const tellers = new Set(told.filter(({ facts }) => facts.tells).map(({ file }) => world.packageOf(file)));
    const isTold = (file: string, statement: boolean): boolean => statement && tellers.has(world.packageOf(file));
    const guardOf = guardsAround(told, world);
    const isGuarded = (file: string): boolean => /^(?:some|path)$/.test(guardOf(file) ?? '');
    const wanted = new Map(
      told.flatMap(({ file, facts }) => {
        const names = facts.open.filter((one) => !isTold(file, one.statement)).map(({ fn }) => fn);
        return names.length === 0 ? [] : [[file, new Set(names)]];
      }),
    );
    const looked = await lookForCalls(wanted, world, (file, sought) =>
      look(file, sought, (context) => callsIn(context, sought)),
    );
    const follow = follower(world);
    const calls = looked.flatMap(({ file, seen }) =>
      seen
        .filter(({ routed }) => !routed || !isGuarded(file))
        .map((one) => ({
          ...one,
          from: one.from === null ? null : `${file}#${one.from}`,
          to: follow(file, one.module, one.name === '*' ? (one.member ?? 'default') : one.name).map(
            (place) => `${place.file}#${one.name === '*' ? place.name : (one.member ?? place.name)}`,
          ),
        })),
    );
    const askers = new Map<string, 'users' | 'role'>();
    for (let grew = true; grew; ) {
      grew = false;
      for (const { from, audience, to } of calls) {
        const by = from === null ? audience : (askers.get(from) ?? 'some');
        if (by === 'some') continue;
        for (const one of to) {
          if (askers.get(one) === 'users' || askers.get(one) === by) continue;
          askers.set(one, by);
          grew = true;
        }
      }
    }
    return {
      findings: told.flatMap(({ file, facts }) =>
        facts.open.flatMap(({ fn, statement, finding }) => {
          const by = isTold(file, statement) ? undefined : askers.get(`${file}#${fn}`);
          return by === undefined ? [] : { ...finding, advice: by === 'role' };
        }),
      ),
      cleared: told.flatMap(({ file, facts }): readonly Place[] =>
        facts.placed
          .filter(({ statement, routed }) => isTold(file, statement) || (routed && isGuarded(file)))
          .map(({ line, column }) => ({ file, line, column })),
      ),
    };
  },
});

function callsIn({ source }: RuleContext, sought: Sought) {
  const nodes = [...callsToApp(source, sought, true), ...callsWithin(source, sought.own, true)];
  const seen = isElsewhere(source.path) ? [] : nodes.flatMap((node) => callAt(node) ?? []);
  return { seen, callers: seen.flatMap(({ from }) => from ?? []) };
}

function callAt(node: SyntaxNode): Call | null {
  const target = targetOf(node.child(0) ?? node);
  const handler = handlerAround(node);
  const fn = handler ?? namedAround(node);
  if (target === null || fn === null || isForMachines(node) || isSortedOut(node, fn)) return null;
  return handler === null
    ? { ...target, from: nameOf(fn), audience: 'users', routed: false }
    : { ...target, from: null, audience: audienceOf(handler), routed: true };
}
