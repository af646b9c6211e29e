import { randomUUID } from 'node:crypto';
import type { CheckResult } from '../../rollout/check.ts';
import { markerOf } from './marker.ts';
import { conclude, type Judgement, judgeForeign, notServed, type Outcome, perform, skipped } from './outcome.ts';
import { rowKey } from './rows.ts';
import { type Json, type LiveFunction, otherSide, type Side, sides } from './types.ts';
import type { World } from './world.ts';

/**
 * Calls a function with the other's ids. Only what PostgreSQL is told not to write (STABLE, IMMUTABLE) is called, and
 * by GET, which the API runs in a read-only transaction: on a live project a function may send a mail.
 *
 * An answer that shows the other's ids or marker is a leak. So is one that equals what the other user gets, while a
 * random organization gives something else: a sum has no marker.
 */
export async function probeFunction(world: World, fn: LiveFunction, blocks: Map<string, number>): Promise<CheckResult> {
  const id = `${fn.signature}/call`;
  const title = `${fn.signature}: calling it with the other's ids reaches nothing of theirs`;
  const reason = whyNot(world, fn);
  if (reason !== null) return skipped(id, title, reason);
  const began = performance.now();
  const judgements: Judgement[] = [];
  for (const side of sides) {
    const other = otherSide(side);
    const stranger = { org: randomUUID(), marker: 'nobody' };
    const foreign = await call(world, fn, side, argumentsFor(world, fn, other));
    if (notServed(foreign) || foreign.code === 'PGRST202') {
      return skipped(id, title, `The API does not serve it (${foreign.code}).`);
    }
    if (foreign.code !== null) {
      judgements.push(judgeForeign(foreign, 'answer'));
      continue;
    }
    const shown = signsOf(world, other).find((sign) => JSON.stringify(foreign.rows).includes(sign));
    const owner = await call(world, fn, other, argumentsFor(world, fn, other));
    const nobody = await call(world, fn, side, argumentsFor(world, fn, other, stranger));
    world.options.signal.throwIfAborted();
    const same = (one: Outcome, two: Outcome): boolean => JSON.stringify(one.rows) === JSON.stringify(two.rows);
    if (shown !== undefined && !echoes(fn, argumentsFor(world, fn, other), shown)) {
      judgements.push({ verdict: 'failed', observed: "200, the answer shows the other's rows" });
    } else if (owner.code === null && nobody.code === null && same(foreign, owner) && !same(foreign, nobody)) {
      judgements.push({ verdict: 'failed', observed: '200, the same answer as the other user gets' });
    } else judgements.push({ verdict: 'passed', observed: "200, nothing of the other's", block: 'no rows' });
  }
  for (const { block } of judgements) if (block !== undefined) blocks.set(block, (blocks.get(block) ?? 0) + 1);
  return conclude(
    {
      id,
      title,
      expected: "refused, or nothing of the other's",
      advice:
        'The function believes the organization it is given: compare it with current_org_id(), or revoke EXECUTE.',
      evidence: `curl -H "apikey: $SUPABASE_ANON_KEY" -H "Authorization: Bearer $TOKEN_A" "$SUPABASE_URL/rest/v1/rpc/${fn.name}?…"`,
    },
    judgements,
    performance.now() - began,
  );
}

/** What the API can call and a signed-in user may; triggers and what nobody was granted are no way in. */
export const isCallable = (fn: LiveFunction): boolean =>
  fn.kind === 'function' &&
  !/trigger$/.test(fn.returns) &&
  fn.executors.some((role) => role === 'PUBLIC' || role === 'authenticated');

const inputs = (fn: LiveFunction) => fn.arguments.filter(({ mode }) => mode === 'i' || mode === 'b');

function whyNot(world: World, fn: LiveFunction): string | null {
  if (fn.volatility === 'volatile') return 'It may write; step 1.7 calls it in a transaction that is rolled back.';
  if (inputs(fn).some(({ name }) => name === null))
    return 'An argument without a name cannot be given through the API.';
  if (sides.some((side) => world.people[side].orgId === null)) return 'A probe user has no organization to ask for.';
  if (argumentsFor(world, fn, 'a') === null) return 'No value is known for one of its arguments.';
  return null;
}

function argumentsFor(
  world: World,
  fn: LiveFunction,
  side: Side,
  stranger?: { readonly org: string; readonly marker: string },
): Readonly<Record<string, Json>> | null {
  const person = world.people[side];
  const values: Record<string, Json> = {};
  for (const { name, type } of inputs(fn)) {
    if (name === null) return null;
    const isUser = /user|profile|member/.test(name);
    const known: Json | undefined =
      type === 'uuid'
        ? (stranger?.org ?? (isUser ? person.id : person.orgId))
        : type === 'text'
          ? (stranger?.marker ?? markerOf(world.nonce, side))
          : /^(integer|bigint|smallint|numeric)$/.test(type)
            ? 1
            : type === 'boolean'
              ? true
              : /^(timestamp|date)/.test(type)
                ? '2001-01-01'
                : undefined;
    if (known === undefined) return null;
    values[name] = known;
  }
  return values;
}

const call = (
  world: World,
  fn: LiveFunction,
  side: Side,
  args: Readonly<Record<string, Json>> | null,
): Promise<Outcome> => perform(world.people[side].api.schema(fn.schema).rpc(fn.name, args ?? {}, { get: true }));

const signsOf = (world: World, side: Side): readonly string[] => {
  const person = world.people[side];
  const keys = [...world.tables.values()].flatMap((table) =>
    Object.values(world.rows.get(rowKey(side, table))?.key ?? {}).filter(
      (value): value is string => typeof value === 'string' && value.length >= 36,
    ),
  );
  return [markerOf(world.nonce, side), person.id, ...(person.orgId === null ? [] : [person.orgId]), ...keys];
};

/** A function that gives back what it was given shows nothing. */
const echoes = (fn: LiveFunction, given: Readonly<Record<string, Json>> | null, sign: string): boolean =>
  !/SETOF|TABLE|json|record/i.test(fn.returns) && Object.values(given ?? {}).includes(sign);
