import type { ClientBase } from 'pg';
import type { Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { rolledBack } from '../../../src/database/rolled-back.ts';
import type { Survey, TenantTable } from '../survey.ts';

/** Runs `read` in a transaction that only looks, with an empty search_path, so that every name comes out qualified. */
export async function looking<T>(client: ClientBase, read: () => Promise<T>): Promise<T> {
  return rolledBack(
    client,
    async () => {
      await client.query(`set local search_path = ''`);
      return read();
    },
    'isolation level repeatable read read only',
  );
}

/** How many rows, but no more than `limit`: a big table is not counted to its end. */
export async function countUpTo(client: ClientBase, table: string, limit: number): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select count(*)::float8 as n from (select 1 from ${table} limit ${limit}) s`,
  );
  return rows[0]?.n ?? 0;
}

/** Whether rows hold what they should not, how many, and three of the values. */
export type Found = { readonly count: number; readonly sample: readonly string[] };

export async function findValues(client: ClientBase, from: string, where: string, value: string): Promise<Found> {
  const { rows } = await client.query<{ count: number; sample: string[] | null }>(
    `with found as (select ${value}::text as v from ${from} where ${where})
     select (select count(*)::float8 from found) as count,
       (select array_agg(v) from (select distinct v from found order by v limit 3) s) as sample`,
  );
  return { count: rows[0]?.count ?? 0, sample: rows[0]?.sample ?? [] };
}

/** As uuid_in reads it, but for hyphens in unusual places. */
export const uuidPattern =
  '^([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|\\{[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\\})$';

/** A name that no relation of the schema has: `calls_org_id_idx`, then `calls_org_id_idx1`. */
export function freeName(survey: Survey, schema: string, table: string, suffix: string, taken: Set<string>): string {
  const { tables, views } = survey.catalog;
  const there = new Set([
    ...tables
      .filter((one) => one.schema === schema)
      .flatMap((one) => [one.name, ...one.indexes.map((index) => index.name)]),
    ...views.filter((one) => one.schema === schema).map((one) => one.name),
  ]);
  for (let n = 0; ; n++) {
    const end = `_${suffix}${n === 0 ? '' : n}`;
    const name = `${shorten(table, 63 - Buffer.byteLength(end))}${end}`;
    const id = `${schema}.${name}`;
    if (there.has(name) || taken.has(id)) continue;
    taken.add(id);
    return name;
  }
}

/** The longest beginning of at most so many bytes. */
function shorten(text: string, bytes: number): string {
  let short = text;
  while (Buffer.byteLength(short) > bytes) short = short.slice(0, -1);
  return short;
}

/** A quoted column by which a table can be walked: unique, complete, never NULL. */
export function walkingKey(table: Table): { readonly column: string; readonly type: string } | null {
  const usable = [...table.indexes]
    .sort((a, b) => Number(b.primary) - Number(a.primary))
    .filter((index) => index.unique && index.valid && !index.partial && index.columns.length === 1);
  for (const index of usable) {
    const column = table.columns.find((one) => one.name === index.columns[0]);
    if (column?.notNull === true) return { column: identifier(column.name), type: column.type };
  }
  return null;
}

/** Columns that a table is partitioned by, over all its levels; their type cannot be changed. */
export async function partitionColumns(client: ClientBase, tenant: TenantTable): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select a.attname as name from pg_catalog.pg_partitioned_table p
     join pg_catalog.pg_attribute a on a.attrelid = p.partrelid and a.attnum = any (p.partattrs::int2[])
     where p.partrelid = any (select relid from pg_catalog.pg_partition_tree(${literal(tenant.sql)}::pg_catalog.regclass))`,
  );
  return rows.map((row) => row.name);
}

/** Direct children in the sense of partitions, then theirs, deepest first; the table itself last. */
export function partitionsDeepestFirst(survey: Survey, table: Table): readonly Table[] {
  const children = survey.catalog.tables.filter((one) => one.isPartition && one.parents.includes(table.oid));
  return [...children.flatMap((one) => partitionsDeepestFirst(survey, one)), table];
}

export const sqlOf = (table: { readonly schema: string; readonly name: string }): string =>
  qualified(table.schema, table.name);
