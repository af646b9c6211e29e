import type { ClientBase } from 'pg';
import type { Column } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { rolledBack } from '../../../src/database/rolled-back.ts';
import { primaryColumn, type Survey } from '../survey.ts';
import { rulesOf } from './rules.ts';

/** Rows of a table that are read for it, ids that are taken from a column of them, and columns asked about at once. */
const most = { rows: 500, ids: 1000, columns: 100 };

/**
 * Columns of tables without an organization, by oid, whose values are ids of organizations, of users or of rows that
 * belong to an organization, or users' addresses: in texts, JSON and lists no foreign key says so. Only tables that
 * would become everybody's to read are looked at, the first rows of each.
 */
export async function pointingColumns(
  client: ClientBase,
  found: Survey,
): Promise<ReadonlyMap<number, readonly string[]>> {
  const asked = rulesOf(found).filter(({ kind, table }) => kind === 'lookup' && table.ours && !table.rowSecurity);
  const columns = asked.flatMap(({ table, sql }) =>
    table.columns.filter(holdsIds).map((column) => ({ table, sql, column })),
  );
  const pointing = new Map<number, string[]>();
  const known = targetsOf(found);
  for (let at = 0; at < columns.length; at += most.columns) {
    // One question for many columns: the server may be far away.
    const questions = columns
      .slice(at, at + most.columns)
      .map(
        ({ table, sql, column }) =>
          `select ${table.oid}::int8::float8 as oid, ${literal(column.name)} as name, (${pointsSql(sql, column, known)}) as points`,
      );
    const rows = await rolledBack(
      client,
      async () => {
        await client.query(`set local search_path = ''`);
        return (await client.query<{ oid: number; name: string; points: boolean }>(questions.join('\nunion all\n')))
          .rows;
      },
      'read only',
    );
    for (const { oid, name, points } of rows) if (points) pointing.set(oid, [...(pointing.get(oid) ?? []), name]);
  }
  return pointing;
}

const holdsIds = ({ base }: Column): boolean =>
  /^(text|character varying(\(\d+\))?|json|jsonb|uuid\[\]|text\[\]|character varying\[\])$/.test(base);

/** Where an id may be at home: quoted table and column, each of type uuid. */
function targetsOf(found: Survey): readonly string[] {
  const tables = [found.organizations, found.profiles, ...found.tenants.map((one) => one.table)];
  const own = tables.flatMap((table) => {
    const key = primaryColumn(table);
    return table === null || key?.base !== 'uuid'
      ? []
      : [`select 1 from ${qualified(table.schema, table.name)} t where t.${identifier(key.name)} = any (ids.list)`];
  });
  return [...new Set(['select 1 from auth.users t where t.id = any (ids.list)', ...own])];
}

const pointsSql = (table: string, column: Column, targets: readonly string[]): string => `
  with picked as materialized (
    select t.${identifier(column.name)}::text as v from ${table} t where t.${identifier(column.name)} is not null limit ${most.rows}
  ), ids as materialized (
    select array(select distinct pg_catalog.lower(m[1])::uuid from picked,
      pg_catalog.regexp_matches(v, '\\m[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\\M', 'gi') m limit ${most.ids}) as list
  ), addresses as materialized (
    select array(select distinct pg_catalog.lower(v) from picked where v like '%_@_%' and v !~ '\\s' limit ${most.ids}) as list
  )
  select ${targets.map((target) => `exists (${target})`).join('\n    or ')}
    or exists (select 1 from auth.users t where t.email = any (addresses.list)) as points
  from ids, addresses`;
