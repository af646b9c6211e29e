import type { ClientBase } from 'pg';
import * as z from 'zod';
import { splitName } from '../config/names.ts';
import type { BatchChange, Change } from '../rollout/change.ts';
import type { Untouched } from '../rollout/executor.ts';
import { plural } from '../rollout/text.ts';
import { appSchema, notFromExtension } from './catalog/platform.ts';
import { identifier, literal, qualified } from './quote.ts';

/**
 * The rows of every table of the app and of `auth.users` at one moment: their number, and per column a sum of hashes
 * that does not depend on the order of the rows. The hash of a value is seeded with that of its row's key, so that two
 * values which change places are noticed. Equal sums: the column was not changed (to 2^-64, safe against accident, not
 * against intent).
 */
export type RowState = z.infer<typeof rowStateSchema>;

const tableStateSchema = z.object({
  name: z.string(),
  /** Why its rows were not read, or null. */
  unread: z.string().nullable(),
  rows: z.number(),
  /** Rows that anyone has deleted since statistics began. */
  deleted: z.number(),
  /** By column number, which survives a rename. A sum of null: every value is NULL, or there is no row. */
  columns: z.record(z.string(), z.object({ name: z.string(), type: z.string(), sum: z.string().nullable() })),
});
export const rowStateSchema = z.object({
  /** `pg_current_snapshot()`: what was committed at that moment. */
  snapshot: z.string(),
  /** By oid, which survives a rename. */
  tables: z.record(z.string(), tableStateSchema),
});
type TableState = z.infer<typeof tableStateSchema>;

/** A change of rows with its journal entry, where it has one already. */
export type Written = { readonly change: Change; readonly entry: number | null };

/** Bytes of tables that one look reads, smallest first: what is left out is reported, and a look takes seconds. */
const budget = 256 * 1024 * 1024;

type Found = {
  readonly oid: string;
  readonly name: string;
  readonly bare: string;
  readonly kind: string;
  readonly bytes: number;
  readonly empty: boolean;
  readonly readable: boolean;
  readonly deleted: number;
  readonly key: readonly string[];
  readonly columns: readonly (readonly [number: number, name: string, type: string])[];
};

const textForms = `set local search_path = ''; set local lock_timeout = '5s'; set local timezone = 'UTC';
  set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres'; set local extra_float_digits = 1; set local bytea_output = 'hex'`;

/** Looks at all rows but those that batches of `written` inserted, in one snapshot. Memory stays flat on both sides. */
export async function measureRows(
  client: ClientBase,
  written: readonly Written[],
  exclude: readonly string[] = [],
): Promise<RowState> {
  // Sent at once: statistics of this very session would else arrive up to a second late.
  await client.query('select pg_catalog.pg_stat_force_next_flush()');
  await client.query('begin transaction isolation level repeatable read read only');
  try {
    // Text forms depend on these; the state may be compared with that of another connection.
    await client.query(textForms);
    const left = new Set(exclude.map((name) => splitName(name)).map(({ schema, name }) => qualified(schema, name)));
    const all = (await client.query<Found & { snapshot: string }>(tablesSql)).rows;
    const found = all.filter((table) => !left.has(table.name));
    const tables: Record<string, TableState> = {};
    const queries: string[] = [];
    const batches = await batchesOf(client, written);
    let read = 0;
    for (const table of found) {
      read += table.bytes;
      const unread = !table.readable
        ? 'this role may not read all of its rows'
        : read > budget
          ? `too large (${Math.round(table.bytes / 1024 / 1024)} MB)`
          : null;
      const columns = table.columns.map(([number, name, type]) => [String(number), { name, type, sum: null }] as const);
      const { oid, name, deleted } = table;
      tables[oid] = { name, unread, rows: 0, deleted, columns: Object.fromEntries(columns) };
      const own = batches.filter((batch) => batch.oid === oid);
      if (unread === null && !table.empty) queries.push(sumsSql(table, own));
    }
    if (queries.length > 0) {
      const { rows } = await client.query<{ oid: string; rows: number; sums: (string | null)[] }>(
        queries.join('\nunion all\n'),
      );
      for (const { oid, rows: count, sums } of rows) {
        const table = tables[oid];
        if (table === undefined) continue;
        table.rows = count;
        for (const [index, column] of Object.values(table.columns).entries()) column.sum = sums[index] ?? null;
      }
    }
    return { snapshot: all[0]?.snapshot ?? '', tables };
  } finally {
    await client.query('rollback');
  }
}

/** A look without the tables that the operator leaves out, whenever that was decided. */
export function without(state: RowState, exclude: readonly string[]): RowState {
  const left = new Set(exclude.map((name) => splitName(name)).map(({ schema, name }) => qualified(schema, name)));
  return {
    ...state,
    tables: Object.fromEntries(Object.entries(state.tables).filter(([, one]) => !left.has(one.name))),
  };
}

/** What of a look was there at an earlier one: what the step made itself, its rollback takes away. */
export function restrictTo(origin: RowState, state: RowState): RowState {
  const tables = Object.entries(state.tables).flatMap(([oid, table]) => {
    const known = origin.tables[oid];
    if (known === undefined) return [];
    const names = new Set(Object.values(known.columns).map((column) => column.name));
    const columns = Object.entries(table.columns).filter(
      ([number, { name }]) => known.columns[number] !== undefined || names.has(name),
    );
    return [[oid, { ...table, columns: Object.fromEntries(columns) }] as const];
  });
  return { ...state, tables: Object.fromEntries(tables) };
}

/** Compares two looks; what others wrote between them is told apart from what nobody can answer for. */
export async function compareRows(
  client: ClientBase,
  before: RowState,
  after: RowState,
  written: readonly Written[],
): Promise<Untouched> {
  const batches = await batchesOf(client, written);
  const changed: string[] = [];
  const unchecked: string[] = [];
  const compared = { tables: 0, rows: 0, columns: 0 };
  for (const [oid, was] of Object.entries(before.tables)) {
    const is = after.tables[oid];
    const unread = was.unread ?? is?.unread ?? null;
    if (unread !== null) {
      unchecked.push(`${was.name}: ${unread}`);
      continue;
    }
    const own = batches.filter((batch) => batch.oid === oid);
    const { lines, columns } = differ(was, is, new Set(own.flatMap((batch) => batch.writes)));
    if (lines.length > 0 && is !== undefined && is.rows > was.rows && (await onlyAdded(client, oid, was, before))) {
      compared.tables++;
      compared.rows += was.rows;
      compared.columns += columns;
      continue;
    }
    if (lines.length > 0 && is !== undefined) {
      const others =
        (await writtenByOthers(client, is, before.snapshot)) ??
        (await deletedMeanwhile(client, was, is)) ??
        (await writtenByEvents(client, is));
      if (others !== null) {
        unchecked.push(`${was.name}: ${others}`);
        continue;
      }
    }
    compared.tables++;
    compared.rows += was.rows;
    compared.columns += columns;
    changed.push(...lines);
  }
  return { ...compared, changed, unchecked };
}

function differ(was: TableState, is: TableState | undefined, written: ReadonlySet<string>) {
  if (is === undefined) return { lines: [`${was.name}: the table is gone`], columns: 0 };
  const lines: string[] = [];
  if (was.rows !== is.rows) lines.push(`${was.name}: ${plural(Number(was.rows), 'row')} before, ${is.rows} now`);
  const names = new Set(Object.values(is.columns).map((column) => column.name));
  let columns = 0;
  for (const [number, column] of Object.entries(was.columns)) {
    const now = is.columns[number];
    if (written.has(column.name) || (now !== undefined && written.has(now.name))) continue;
    // A column of another type, in place or under the same name, is one that the step converted.
    if (now === undefined ? names.has(column.name) : now.type !== column.type) continue;
    columns++;
    if (now === undefined) lines.push(`${was.name}.${column.name}: the column is gone`);
    else if (was.rows === is.rows && now.sum !== column.sum) lines.push(`${was.name}.${now.name}: other values`);
  }
  return { lines, columns };
}

/**
 * True when every row from before is there unchanged and what came since has an author: others, or a trigger of the app
 * (an event trigger that logs each statement) that wrote in a transaction of ours.
 */
async function onlyAdded(client: ClientBase, oid: string, was: TableState, before: RowState): Promise<boolean> {
  await client.query('begin transaction isolation level repeatable read read only');
  try {
    await client.query(textForms);
    const table = (await client.query<Found>(tablesSql)).rows.find((one) => one.oid === oid);
    if (table === undefined || table.empty) return was.rows === 0;
    const { rows } = await client.query<{ rows: number; sums: (string | null)[] }>(
      sumsSql(table, [], `not ${writtenSince(literal(before.snapshot))}`),
    );
    const [old] = rows;
    const sums = table.columns.map(([number], index) => [String(number), old?.sums[index] ?? null] as const);
    const intact = old?.rows === was.rows && sums.every(([number, sum]) => (was.columns[number]?.sum ?? null) === sum);
    if (!intact) return false;
    const author = await client.query<{ known: boolean }>(
      `select not exists (select from ${table.name} t where ${writtenSince('$1')} and t.xmin::text in (${ourTransactions}))
         or exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
           where ${appSchema('n.nspname')} and p.prosrc ~* ('\\m' || pg_catalog.regexp_replace($2, '(\\W)', '\\\\\\1', 'g') || '\\M')) as known`,
      [before.snapshot, table.bare],
    );
    return author.rows[0]?.known === true;
  } finally {
    await client.query('rollback');
  }
}

/** An event trigger that counts statements in a row, or replaces a row, leaves nothing to tell it from us by. */
async function writtenByEvents(client: ClientBase, table: TableState): Promise<string | null> {
  const { rows } = await client.query<{ name: string }>(
    `select e.evtname as name from pg_catalog.pg_event_trigger e join pg_catalog.pg_proc p on p.oid = e.evtfoid
     join pg_catalog.pg_class c on c.oid = $1::pg_catalog.regclass
     where e.evtenabled <> 'D' and p.prosrc ~* ('\\m' || pg_catalog.regexp_replace(c.relname, '(\\W)', '\\\\\\1', 'g') || '\\M') limit 1`,
    [table.name],
  );
  return rows[0] === undefined ? null : `event trigger ${rows[0].name} writes to it with every statement`;
}

/** A row's xmin is the transaction that wrote it; each of ours wrote to the journal too. */
const ourTransactions =
  'select xmin::text from voxanne_rollout.entries union select xmin::text from voxanne_rollout.kept';

/** SQL condition over a row `t`: it was written after the snapshot was taken. */
const writtenSince = (snapshot: string): string => `exists (
  select from (select (pg_catalog.pg_snapshot_xmax(s)::text::numeric % 4294967296)::text::pg_catalog.xid as first,
      array(select (x::text::numeric % 4294967296)::text from pg_catalog.pg_snapshot_xip(s) x) as open
    from (select ${snapshot}::pg_catalog.pg_snapshot as s) one) since
  where (t.xmin::text::int8 > 2 and pg_catalog.age(t.xmin) <= pg_catalog.age(since.first)) or t.xmin::text = any(since.open))`;

/** What others did to a table since a snapshot, or null when it was nobody but this rollout. */
async function writtenByOthers(client: ClientBase, table: TableState, snapshot: string): Promise<string | null> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::float8 as count from ${table.name} t
     where ${writtenSince('$1')} and t.xmin::text not in (${ourTransactions})`,
    [snapshot],
  );
  const count = rows[0]?.count ?? 0;
  return count > 0 ? `others wrote ${count} of its rows meanwhile` : null;
}

/** Fewer rows than before, where statistics count deletions: a row that is gone does not say who took it. */
async function deletedMeanwhile(client: ClientBase, was: TableState, is: TableState): Promise<string | null> {
  if (is.rows >= was.rows) return null;
  // Other sessions report what they deleted with a delay of a second, an idle one of ten.
  for (let tries = 0; tries < 12; tries++) {
    const { rows } = await client.query<{ deleted: number }>(
      `select ${deletedSql('c.oid', 'c.relkind')} as deleted, pg_catalog.pg_sleep($1)
       from pg_catalog.pg_class c where c.oid = ${literal(is.name)}::pg_catalog.regclass`,
      [tries === 0 ? 0 : 1],
    );
    if ((rows[0]?.deleted ?? 0) > was.deleted) {
      return `${was.rows} rows before, ${is.rows} now; rows were deleted meanwhile, and PostgreSQL does not say by whom`;
    }
  }
  return null;
}

type Batch = {
  readonly oid: string;
  readonly writes: readonly string[];
  readonly inserts: { readonly key: string; readonly type: string; readonly entry: number } | null;
};

/** The batches among the changes, with the oid of the table that they write. */
async function batchesOf(client: ClientBase, written: readonly Written[]): Promise<readonly Batch[]> {
  const batches = written.flatMap(({ change, entry }) => (change.kind === 'batches' ? [{ change, entry }] : []));
  if (batches.length === 0) return [];
  const { rows } = await client.query<{ oid: string | null; writes: string[] }>(
    `select pg_catalog.to_regclass(t.name)::pg_catalog.oid::text as oid, (pg_catalog.parse_ident(t.col))[1:1] as writes
     from unnest($1::text[], $2::text[]) with ordinality t (name, col, n) order by t.n`,
    [batches.map(({ change }) => change.table), batches.map(({ change }) => columnOf(change))],
  );
  return batches.flatMap(({ change, entry }, index): Batch[] => {
    const row = rows[index];
    // A table that the step makes is not there yet: nothing of it can be lost.
    if (row === undefined || row.oid === null) return [];
    const { oid } = row;
    if (change.write.kind === 'update') return [{ oid, writes: row.writes, inserts: null }];
    const inserts = entry === null ? null : { key: change.key.column, type: change.key.type, entry };
    return [{ oid, writes: [], inserts }];
  });
}

const columnOf = (change: BatchChange): string =>
  change.write.kind === 'update' ? change.write.column : change.key.column;

function sumsSql(table: Found, batches: readonly Batch[], condition?: string): string {
  const written = new Set(batches.flatMap((batch) => batch.writes));
  const key = table.key.filter((name) => !written.has(name)).map((name) => `t.${identifier(name)}::text`);
  // In lower case: a key that becomes a uuid is written so.
  const seed =
    key.length === 0 ? '0' : `pg_catalog.hashtextextended(pg_catalog.lower(array[${key.join(', ')}]::text), 0)`;
  const sums = table.columns.map(
    ([, name]) => `sum(pg_catalog.hashtextextended(t.${identifier(name)}::text, k.seed))::text`,
  );
  const inserts = batches.flatMap((batch) => (batch.inserts === null ? [] : [batch.inserts]));
  // The column by which a batch goes may stand in several rows, as a user does in memberships: the whole key tells them.
  const whole = table.key
    .map((name) => ` and pg_catalog.to_jsonb(t.${identifier(name)}) = r -> 2 -> ${literal(name)}`)
    .join('');
  const without = inserts.map(
    (
      own,
    ) => `not exists (select from voxanne_rollout.kept b cross join lateral pg_catalog.jsonb_array_elements(b.rows) r
  where b.entry = ${own.entry} and (r ->> 0)::${own.type} = t.${own.key}${whole})`,
  );
  if (condition !== undefined) without.push(condition);
  return `select ${literal(table.oid)} as oid, count(*)::float8 as rows, array[${sums.join(', ')}]::text[] as sums
from ${table.kind === 'p' ? '' : 'only '}${table.name} t cross join lateral (select ${seed} as seed) k${without.length === 0 ? '' : ` where ${without.join(' and ')}`}`;
}

const tree = `pg_catalog.pg_partition_tree(c.oid)`;
const deletedSql = (oid: string, kind: string): string =>
  `case ${kind} when 'p' then (select sum(pg_catalog.pg_stat_get_tuples_deleted(p.relid)) from pg_catalog.pg_partition_tree(${oid}) p)
    else pg_catalog.pg_stat_get_tuples_deleted(${oid}) end::float8`;
const tablesSql = `select c.oid::text as oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as name, c.relname::text as bare, c.relkind::text as kind,
  case c.relkind when 'p' then (select sum(pg_catalog.pg_table_size(p.relid)) from ${tree} p) else pg_catalog.pg_table_size(c.oid) end::float8 as bytes,
  e.empty,
  pg_catalog.has_table_privilege(c.oid, 'select') and (not c.relrowsecurity or u.rolbypassrls or u.rolsuper
    or (pg_catalog.pg_has_role(c.relowner, 'usage') and not c.relforcerowsecurity)) as readable,
  ${deletedSql('c.oid', 'c.relkind')} as deleted,
  array(select a.attname::text from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
    where i.indrelid = c.oid and i.indisprimary order by a.attnum) as key,
  case when e.empty then '[]' else (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)) order by a.attnum), '[]')
    from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') end as columns,
  pg_catalog.pg_current_snapshot()::text as snapshot
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace join pg_catalog.pg_roles u on u.rolname = current_user
cross join lateral (select case c.relkind when 'p' then (select sum(pg_catalog.pg_relation_size(p.relid)) from ${tree} p)
  else pg_catalog.pg_relation_size(c.oid) end = 0 as empty) e
where c.relkind in ('r', 'p') and not c.relispartition and (${appSchema('n.nspname')} or (n.nspname = 'auth' and c.relname = 'users'))
  and ${notFromExtension('pg_class', 'c.oid')}
order by bytes, name`;
