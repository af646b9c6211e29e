import { all, intersection, none, union } from '../../isolation/bits.ts';
import type { Action, Door, Owners, Reach, Right } from '../../isolation/rights.ts';
import type { DoorScope, PolicyFacts, RelationFacts } from './doors.ts';
import type { Actor } from './people.ts';
import { type Answer, expressionsOf, isTable, readsAll } from './script.ts';

/** The role has no privilege for this at all. */
const notGranted: Reach = { error: 'not granted', message: 'no privilege' };

/** What the answers of a door mean. */
export function toDoor(scope: DoorScope, facts: RelationFacts | null, actors: readonly Actor[], answer: Answer): Door {
  const listing = [...answer.listing];
  const known = new Set(listing.map((one) => one.h));
  // What a view shows to users alone, because it asks who is calling.
  for (const [h, o] of answer.people.flatMap((one) => one.seen ?? [])) {
    if (!known.has(h)) listing.push({ h, l: '', o, u: [], w: [], p: null, c: 0 });
    known.add(h);
  }
  const length = listing.length;
  const rights = actors.map((actor, at): Right => {
    const one = answer.people[at];
    if (one === undefined) throw new Error(`nothing was answered about ${actor.kind}`);
    const rowwise = (signs: string): string => listing.map(({ c }) => signs[c] ?? '0').join('');
    const judged = judgedOf(facts, actor, one.judged?.map(rowwise) ?? null);
    const read = answer.byClass && one.bits !== null ? { ...one, bits: rowwise(one.bits) } : one;
    return {
      read: readOf(facts, actor, read, listing, length),
      insert: writeOf('insert', facts, actor, one, judged, length),
      update: writeOf('update', facts, actor, one, judged, length),
      delete: writeOf('delete', facts, actor, one, judged, length),
      policies: policiesOf(facts, actor, judged),
    };
  });
  return {
    ...base(scope, facts),
    exact: answer.exact,
    unread: null,
    rows: listing.map((one) => one.h),
    places: answer.exact ? [] : listing.flatMap((one) => (one.p === null ? [] : [one.p])),
    rights,
    owners: listing.map((one): Owners => ({ organizations: one.o, users: one.u, colleagues: one.w })),
    labels: listing.map((one) => one.l),
  };
}

export const unreadDoor = (scope: DoorScope, facts: RelationFacts | null, reason: string): Door => ({
  ...base(scope, facts),
  exact: false,
  unread: reason,
  rows: [],
  places: [],
  rights: [],
  owners: [],
  labels: [],
});

const base = (
  scope: DoorScope,
  facts: RelationFacts | null,
): Pick<Door, 'name' | 'kind' | 'guarded' | 'makersAlone' | 'showsColleagues'> => ({
  name: `${scope.schema}.${scope.name}`,
  kind: scope.kind,
  guarded: facts?.rowSecurity === true,
  makersAlone: scope.makersAlone === true,
  showsColleagues: scope.showsColleagues === true,
});

type AnswerOfOne = Answer['people'][number];

function readOf(
  facts: RelationFacts | null,
  actor: Actor,
  one: AnswerOfOne,
  listing: readonly { readonly h: string }[],
  length: number,
): Reach {
  if (readsAll(facts, actor.role)) return { bits: all(length) };
  if (facts !== null && !facts.grants.includes(`${actor.role}.read`)) return notGranted;
  if (facts === null && one.code === '42501' && /permission denied for (function|schema)/.test(one.said ?? ''))
    return notGranted;
  if (one.code !== null) return { error: one.code, message: one.said ?? '' };
  if (one.bits !== null) return { bits: one.bits };
  if (one.seen !== null) {
    const seen = new Set(one.seen.map(([hash]) => hash));
    return { bits: listing.map(({ h }) => (seen.has(h) ? '1' : '0')).join('') };
  }
  return { error: 'not checked', message: 'the columns of the key are not granted' };
}

const judgedOf = (
  facts: RelationFacts | null,
  actor: Actor,
  judged: readonly string[] | null,
): ReadonlyMap<string, string> | null =>
  judged === null ? null : new Map(expressionsOf(facts, actor.role).map((text, at) => [text, judged[at] ?? '']));

const commands = { insert: 'INSERT', update: 'UPDATE', delete: 'DELETE' } as const;

function writeOf(
  action: Exclude<Action, 'read'>,
  facts: RelationFacts | null,
  actor: Actor,
  one: AnswerOfOne,
  judged: ReadonlyMap<string, string> | null,
  length: number,
): Reach {
  if (facts === null || !isTable(facts)) return { bits: none(length) };
  if (!facts.grants.includes(`${actor.role}.${action}`)) return notGranted;
  if (!facts.rowSecurity) return { bits: all(length) };
  if (one.judgedCode !== null) return { error: one.judgedCode, message: one.judgedSaid ?? '' };
  const policies = facts.policies.filter(
    (policy) => policy.roles.includes(actor.role) && (policy.command === 'ALL' || policy.command === commands[action]),
  );
  const over = (condition: (policy: PolicyFacts) => string | null): string => {
    const sets = (permissive: boolean): string[] =>
      policies
        .filter((policy) => policy.permissive === permissive)
        .map((policy) => {
          const text = condition(policy);
          return text === null ? all(length) : (judged?.get(text) ?? none(length));
        });
    return intersection([union(sets(true), length), ...sets(false)], length);
  };
  const using = (policy: PolicyFacts): string | null => policy.using;
  const check = (policy: PolicyFacts): string | null => policy.check ?? policy.using;
  if (action === 'insert') return { bits: over(check) };
  if (action === 'delete') return { bits: over(using) };
  return { bits: intersection([over(using), over(check)], length) };
}

function policiesOf(
  facts: RelationFacts | null,
  actor: Actor,
  judged: ReadonlyMap<string, string> | null,
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const policy of facts?.policies ?? []) {
    if (!policy.permissive || !policy.roles.includes(actor.role)) continue;
    for (const action of ['read', 'insert', 'update', 'delete'] as const) {
      const command = action === 'read' ? 'SELECT' : commands[action];
      if (policy.command !== 'ALL' && policy.command !== command) continue;
      const text = action === 'insert' ? (policy.check ?? policy.using) : policy.using;
      const bits = text === null ? null : judged?.get(text);
      if (bits != null) found[`${action} ${policy.name}`] = bits;
    }
  }
  return found;
}
