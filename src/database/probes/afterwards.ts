import { qualified } from '../quote.ts';
import { type Family, findFilter } from './rows.ts';
import type { Act } from './script.ts';
import type { Former } from './stale.ts';
import { type Judgement, type Try, unproven } from './verdict.ts';
import { claims, type World } from './world.ts';

const prefix = 'afterwards-';
export const isAfterwards = ({ name }: Act): boolean => name.startsWith(prefix);

/**
 * What A's user reads of B after a call that they did not read before: a function may make them one of B, by their
 * profile or by a membership. With the token that they have, with one that names no organization yet, and with those
 * that name B. A membership that waits for B's consent opens nothing, and is none.
 */
export function readAfterwards(world: World, family: Family, call: string, former: Former): readonly Act[] {
  const { ids } = family;
  const counts = family.rows.flatMap((row) => {
    const filter = row.person === 'b' ? findFilter(world, row) : null;
    const readable =
      world.surroundings.usable.has(row.table.schema) &&
      row.table.columns.every(({ grants }) => grants.includes('authenticated.select'));
    return filter === null || !readable || row.table === world.users
      ? []
      : [`(select count(*) from ${qualified(row.table.schema, row.table.name)} where ${filter})`];
  });
  if (counts.length === 0) return [];
  const all = counts.join(' + ');
  const [token] = former.tokens;
  const tokens = [
    claims(ids, 'a', { org: ids.org.a }),
    claims(ids, 'a', { org: null }),
    ...(token === undefined ? [] : [token]),
  ];
  const ways = [
    ...tokens.map((one) => ({ claims: one, before: [] as readonly string[] })),
    ...former.memberships.flatMap((before) => tokens.map((one) => ({ claims: one, before }))),
  ];
  return ways.map(({ claims: given, before }, at) => ({
    name: `${prefix}${at}`,
    role: 'authenticated',
    claims: given,
    before,
    sql: [
      `select set_config('voxanne_probe.reach', (${all})::text, true)`,
      `select count(*) from ${call} r`,
      `select ${all} - current_setting('voxanne_probe.reach')::int8`,
    ],
    measure: 'value',
  }));
}

/** A refusal, too, opens nothing; what the call itself came to is judged beside it. */
export const judgeAfterwards = ({ outcome }: Try): Judgement =>
  unproven(outcome) ??
  (outcome.stage === 'done' && Number(outcome.result) > 0
    ? {
        verdict: 'failed',
        observed: 'whoever calls it reads rows of another organization afterwards',
        advice:
          'Look up the caller’s membership of that organization in its body, or their invitation, before it writes where they belong.',
      }
    : { verdict: 'passed', observed: 'nothing of another organization' });
