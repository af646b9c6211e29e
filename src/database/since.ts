import type { ClientBase } from 'pg';

/** More transactions than this are not looked up one by one: reading the state again is then cheaper. */
const limit = 20_000;

/**
 * True when everything that was committed since a snapshot is this rollout's own bookkeeping (its records and the
 * states it keeps), so that a state read then is the state of now. Exact: every transaction since is looked up; one
 * that was rolled back, as every probe is, left nothing. `snapshot` is the text of `pg_current_snapshot()`.
 */
export async function nothingSince(client: ClientBase, snapshot: string): Promise<boolean> {
  const journal = await client.query<{ there: boolean }>(
    `select pg_catalog.to_regclass('voxanne_rollout.fingerprints') is not null as there`,
  );
  if (journal.rows[0]?.there !== true) return false;
  const { rows } = await client.query<{ quiet: boolean }>(
    `with moments as (select $1::pg_catalog.pg_snapshot as was, pg_catalog.pg_current_snapshot() as now),
     bounds as (select pg_catalog.pg_snapshot_xmax(was)::text::int8 as first, pg_catalog.pg_snapshot_xmax(now)::text::int8 as next, was from moments),
     since as (
       select x from bounds, pg_catalog.generate_series(first, least(next, first + ${limit}) - 1) x
       union all select x::text::int8 from bounds, pg_catalog.pg_snapshot_xip(was) x),
     own as (select xmin::text as x from voxanne_rollout.records union all select xmin::text from voxanne_rollout.fingerprints)
     select next - first < ${limit} and not exists (
       select from since where pg_catalog.pg_xact_status(x::text::pg_catalog.xid8) = 'committed'
         and (x % 4294967296)::text not in (select o.x from own o)) as quiet
     from bounds`,
    [snapshot],
  );
  return rows[0]?.quiet === true;
}

/** What is committed at this moment, for `nothingSince`. */
export async function snapshotOf(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ snapshot: string }>(
    'select pg_catalog.pg_current_snapshot()::text as snapshot',
  );
  return rows[0]?.snapshot ?? '';
}

/** Wraps a reader of the database so that it gives its last answer again for as long as that is still true. */
export function remembering<A extends unknown[], T>(
  read: (client: ClientBase, ...given: A) => Promise<T>,
): (client: ClientBase, ...given: A) => Promise<T> {
  let last: { readonly snapshot: string; readonly asked: string; readonly answer: T } | null = null;
  return async (client, ...given) => {
    const asked = JSON.stringify(given);
    if (last !== null && last.asked === asked && (await nothingSince(client, last.snapshot))) return last.answer;
    // Taken before reading: what is committed meanwhile then counts as new, even if the answer has seen it.
    const snapshot = await snapshotOf(client);
    const answer = await read(client, ...given);
    last = { snapshot, asked, answer };
    return answer;
  };
}
