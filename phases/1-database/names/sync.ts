import type { ClientBase } from 'pg';
import type { Column } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import type { Survey, TenantTable } from '../survey.ts';

/** SQL that joins the transaction in which a table's columns change their names. */
export type Sync = { readonly table: string; readonly up: string; readonly down: string };

/**
 * Views, materialized views, rules, policies, constraints and generated columns follow a column that is put aside, and
 * would read values that nobody writes any more. Where there are such, a trigger keeps the column equal to the one that
 * stays: each of them then goes on saying what it says, without being made again.
 *
 * @returns null where nothing reads the column.
 */
export async function syncOf(
  client: ClientBase,
  found: Survey,
  one: TenantTable,
  column: Column,
  aside: string,
): Promise<Sync | null> {
  const { rows } = await client.query<{ used: boolean }>(
    `select exists (
       select from pg_catalog.pg_depend d
       where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = ${literal(one.sql)}::pg_catalog.regclass and d.refobjsubid = $1
         and (d.classid in ('pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_policy'::pg_catalog.regclass, 'pg_catalog.pg_attrdef'::pg_catalog.regclass,
             'pg_catalog.pg_publication_rel'::pg_catalog.regclass)
           or exists (select from pg_catalog.pg_constraint k where d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and k.oid = d.objid and k.contype in ('c', 'u', 'p', 'x'))
           or exists (select from pg_catalog.pg_index i where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and i.indexrelid = d.objid and i.indisunique))) as used`,
    [column.number],
  );
  if (rows[0]?.used !== true) return null;
  const name = identifier(`zz_keep_${aside}`.slice(0, 63));
  const routine = qualified(one.table.schema, `zz_keep_${one.table.oid}_${column.number}`);
  return {
    table: one.sql,
    up: [
      `create function ${routine}() returns trigger language plpgsql set search_path = '' as $function$
begin
  new.${identifier(aside)} := new.${identifier(found.to)}::text::${column.type};
  return new;
end
$function$;`,
      `revoke all on function ${routine}() from public, anon, authenticated, service_role;`,
      `create trigger ${name} before insert or update on ${one.sql} for each row execute function ${routine}();`,
    ].join('\n'),
    down: [`drop trigger ${name} on ${one.sql};`, `drop function ${routine}();`].join('\n'),
  };
}
