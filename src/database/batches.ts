import type { ClientBase } from 'pg';
import type { BatchChange } from '../rollout/change.ts';

/** What one batch did: rows walked, rows written, and the key after which the next one starts (null: the end). */
export type BatchOutcome = { readonly walked: number; readonly written: number; readonly next: string | null };

/** What a batch writes wakes defaults, checks and triggers of the app: they find their tables as they do when the API writes. */
const appPath = 'set local search_path = pg_catalog, public, extensions;';

/** Run first in each transaction that writes for a change: whose triggers stay silent, where they must. */
export const beforeBatch = (quiet: boolean): string =>
  quiet ? `${appPath} set local session_replication_role = 'replica';` : appPath;

/**
 * Tells the sign-up functions, until the end of the transaction, that a batch writes: stamps and profiles are batches of
 * their own, with their old values kept, and must not follow what this one does. Deletes never run as on a replica, where
 * no foreign key would hold.
 */
const ownBatch = `pg_catalog.set_config('voxanne_rollout.batch', 'on', true)`;

/** Ends what a batch says to triggers, where the same transaction goes on with something else. */
export const afterBatch = (change: BatchChange): string =>
  `set local voxanne_rollout.batch = 'off'; set local search_path = '';${change.quiet ? ` set local session_replication_role = 'origin';` : ''}`;

/** The last key at the start: rows inserted later are beyond it, so that the walk ends under constant inserts. */
export async function lastKey(client: ClientBase, change: BatchChange): Promise<string | null> {
  const { rows } = await client.query<{ k: string }>(
    `select s.k::text as k from (select ${walked(change)}.${cursorOf(change)} as k from ${walkedFrom(change)} order by 1 desc limit 1) s`,
  );
  return rows[0]?.k ?? null;
}

/** How many rows still need a value; reads the whole table once. */
export async function remaining(client: ClientBase, change: BatchChange): Promise<number> {
  const { write } = change;
  const { rows } = await client.query<{ n: number }>(
    write.kind === 'update'
      ? `select count(*)::float8 as n from ${change.table} t where ${write.where}`
      : `select count(*)::float8 as n from (${write.source}) s`,
  );
  return rows[0]?.n ?? 0;
}

/** Does one batch inside the caller's transaction: writes, and keeps old and new values under `entry`. */
export async function applyBatch(
  client: ClientBase,
  change: BatchChange,
  entry: number,
  from: string | null,
  to: string,
  limit: number,
): Promise<BatchOutcome> {
  const { rows } = await client.query<{ walked: number; written: number; next: string | null }>(
    change.write.kind === 'update' ? updateSql(change, change.write) : insertSql(change, change.write),
    [from, to, limit, entry],
  );
  const row = rows[0];
  return { walked: row?.walked ?? 0, written: row?.written ?? 0, next: row?.next ?? null };
}

/**
 * The same over all rows, as one statement without parameters, for a script that a person runs. `entry` is SQL for the
 * journal row under which old and new values are kept.
 */
export function allAtOnce(change: BatchChange, entry: string): string {
  const sql = change.write.kind === 'update' ? updateSql(change, change.write) : insertSql(change, change.write);
  const column = `${walked(change)}.${cursorOf(change)}`;
  return sql
    .replace(range(change, walked(change)), () => `${column} is not null`)
    .replace(' limit $3', () => '')
    .replace('$4::bigint', () => entry);
}

type Update = Extract<BatchChange['write'], { kind: 'update' }>;
type Insert = Extract<BatchChange['write'], { kind: 'insert' }>;

const walked = (change: BatchChange): string => (change.write.kind === 'update' ? 't' : 's');
const walkedFrom = (change: BatchChange): string =>
  change.write.kind === 'update' ? `${change.table} t` : `(${change.write.source}) s`;

const cursorOf = (change: BatchChange): string =>
  (change.write.kind === 'insert' ? change.write.cursor : undefined) ?? change.key.column;

const range = (change: BatchChange, alias: string): string => {
  const column = `${alias}.${cursorOf(change)}`;
  return `($1::text is null or ${column} > $1::text::${change.key.type}) and ${column} <= $2::text::${change.key.type}`;
};

function updateSql(change: BatchChange, write: Update): string {
  const { column: key } = change.key;
  const { column, jsonKey } = write;
  // Of a jsonb document only one key is ours: the rest may be rewritten by its owner at any time.
  const old = jsonKey === undefined ? `to_jsonb(t.${column})` : `t.${column} -> '${jsonKey}'`;
  const assigned =
    jsonKey === undefined
      ? `p.value`
      : `coalesce(t.${column}, '{}'::jsonb) || jsonb_build_object('${jsonKey}', p.value)`;
  return `
with picked as materialized (
  select t.${key} as k, ${old} as old, t.${column} is null as was_null, (${write.value}) as value
  from ${change.table} t where ${range(change, 't')} and (${write.where}) order by t.${key} limit $3 for no key update of t
), written as (
  update ${change.table} t set ${column} = ${assigned} from picked p where t.${key} = p.k and ${write.clears === true ? 'true' : 'p.value is not null'}
  returning p.k, p.old, to_jsonb(p.value) as new, p.was_null
), kept as (
  insert into voxanne_rollout.kept (entry, rows)
  select $4::bigint, jsonb_agg(jsonb_build_array(k, old, new, was_null)) from written having count(*) > 0
)
select (select count(*)::float8 from picked) as walked, (select count(*)::float8 from written) as written,
  (select k::text from picked order by k desc limit 1) as next, ${ownBatch}`;
}

function insertSql(change: BatchChange, write: Insert): string {
  const { column: key } = change.key;
  const cursor = cursorOf(change);
  return `
with picked as materialized (
  select s.* from (${write.source}) s where ${range(change, 's')} order by s.${cursor} limit $3
), written as (
  insert into ${change.table} as t (${write.columns.join(', ')}) select ${write.columns.map((c) => `p.${c}`).join(', ')} from picked p
  on conflict do nothing returning t.${key} as k, to_jsonb(t) as new
), kept as (
  insert into voxanne_rollout.kept (entry, rows)
  select $4::bigint, jsonb_agg(jsonb_build_array(k, null, new, false)) from written having count(*) > 0
)
select (select count(*)::float8 from picked) as walked, (select count(*)::float8 from written) as written,
  (select ${cursor}::text from picked order by ${cursor} desc limit 1) as next, ${ownBatch}`;
}

/** Batches of an entry that still hold values to restore, newest first. */
export async function keptBatches(client: ClientBase, entry: number): Promise<readonly string[]> {
  const { rows } = await client.query<{ batch: string }>(
    'select batch::text as batch from voxanne_rollout.kept where entry = $1 and not restored order by kept.batch desc',
    [entry],
  );
  return rows.map((row) => row.batch);
}

/**
 * Restores one kept batch inside the caller's transaction, and marks it. Returns the keys of rows that somebody changed
 * since, which stay as they are.
 */
export async function restoreBatch(
  client: ClientBase,
  change: BatchChange,
  entry: number,
  batch: string,
  /** False: for a trial that is taken back, whose kept row belongs to no entry of the journal. */
  mark = true,
): Promise<readonly string[]> {
  const { column: key, type } = change.key;
  const kept = `kept as materialized (
    select (r ->> 0)::${type} as k, r -> 1 as old, r ->> 1 as old_text, r -> 2 as new, (r ->> 3)::boolean as was_null
    from voxanne_rollout.kept b, jsonb_array_elements(b.rows) r where b.entry = $1 and b.batch = $2)`;
  const unused = change.write.kind === 'insert' ? await unusedSql(client, change, kept, [entry, batch]) : '';
  const marked = `, marked as (update voxanne_rollout.kept set restored = true where entry = $1 and batch = $2 returning ${ownBatch})`;
  if (!mark) await client.query(`select ${ownBatch}`);
  const { rows } = await client.query<{ k: string }>(
    `with ${kept}, restored as (${restoreSql(change, key, unused)})${mark ? marked : ''}
     select k::text as k from kept where k not in (select k from restored)`,
    [entry, batch],
  );
  return rows.map((row) => row.k);
}

/**
 * Condition on `t`: no row of any table refers to it. Without it a foreign key ON DELETE CASCADE would take along what
 * users have put under a row that the rollout made. The rows are locked first, so that nothing new comes to refer to
 * them between the look and the delete.
 */
async function unusedSql(client: ClientBase, change: BatchChange, kept: string, values: unknown[]): Promise<string> {
  const { column: key } = change.key;
  await client.query(
    `with ${kept} select from ${change.table} t where t.${key} in (select k from kept) order by t.${key} for update of t`,
    values,
  );
  const { rows } = await client.query<{ relation: string; own: string[]; theirs: string[] }>(
    `select pg_catalog.format('%I.%I', n.nspname, o.relname) as relation, array_agg(pg_catalog.quote_ident(a.attname) order by u.n) as own,
       array_agg(pg_catalog.quote_ident(f.attname) order by u.n) as theirs
     from pg_catalog.pg_constraint c cross join lateral unnest(c.conkey, c.confkey) with ordinality u (own, theirs, n)
     join pg_catalog.pg_class o on o.oid = c.conrelid join pg_catalog.pg_namespace n on n.oid = o.relnamespace
     join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = u.own
     join pg_catalog.pg_attribute f on f.attrelid = c.confrelid and f.attnum = u.theirs
     where c.contype = 'f' and c.conparentid = 0 and c.confrelid = $1::pg_catalog.regclass group by c.oid, n.nspname, o.relname`,
    [change.table],
  );
  return (
    rows
      // With its schema: a table of the app may be called what this statement calls a part of its own.
      .map(({ relation, own, theirs }) => {
        const same = own.map((column, index) => `r.${column} = t.${theirs[index]}`).join(' and ');
        return `and not exists (select from ${relation} r where ${same})`;
      })
      .join(' ')
  );
}

function restoreSql(change: BatchChange, key: string, unused: string): string {
  const { write } = change;
  if (write.kind === 'insert') {
    // A row that users extended or edited since is theirs now.
    return `delete from ${change.table} t using kept where t.${key} = kept.k and to_jsonb(t) @> kept.new ${unused} returning t.${key} as k`;
  }
  const { column, jsonKey } = write;
  if (jsonKey === undefined) {
    return `update ${change.table} t set ${column} = kept.old_text::${write.type} from kept
      where t.${key} = kept.k and to_jsonb(t.${column}) is not distinct from nullif(kept.new, 'null') returning t.${key} as k`;
  }
  return `update ${change.table} t set ${column} = case
      when kept.was_null and t.${column} - '${jsonKey}' = '{}'::jsonb then null
      when kept.old is null or kept.old = 'null'::jsonb then t.${column} - '${jsonKey}'
      else t.${column} || jsonb_build_object('${jsonKey}', kept.old) end
    from kept where t.${key} = kept.k and t.${column} -> '${jsonKey}' = kept.new returning t.${key} as k`;
}
