import type { ClientBase } from 'pg';
import { appSchema } from '../../../src/database/catalog/platform.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import { rolledBack } from '../../../src/database/rolled-back.ts';
import { primaryColumn, type Survey } from '../survey.ts';
import { brokenDirectory } from './broken-today.ts';
import { type PlatformFacts, platformFacts } from './platform-policies.ts';
import { pointingColumns } from './pointing.ts';
import { type ReportingRole, reportingRoles } from './reporting-roles.ts';
import { rulesOf } from './rules.ts';

/** What step 1.7 must know of views, beyond the catalog. */
export type ViewFacts = {
  readonly oid: number;
  /** The option `security_invoker` as it is written down, or null when it is not. */
  readonly invoker: string | null;
  /** Oids of the tables that it reads, through other views as well. */
  readonly reads: readonly number[];
  /** Relations that it reads itself, and that signed-in users may not, although they may read the view. */
  readonly hidden: readonly string[];
  /** GRANT of every privilege that an API role or PUBLIC has. */
  readonly grants: readonly { readonly role: string; readonly privilege: string; readonly grantable: boolean }[];
};

/** A privilege on a table that row security does not limit, as an API role or PUBLIC has it. */
export type TableGrant = {
  readonly table: number;
  readonly role: string;
  readonly privilege: string;
  readonly grantable: boolean;
  /** Its owner granted it, so that its owner can revoke it. */
  readonly byOwner: boolean;
};

/** Everything that step 1.7 must know beyond the catalog. */
export type IsolationFacts = {
  readonly views: readonly ViewFacts[];
  readonly grants: readonly TableGrant[];
  readonly reporting: readonly ReportingRole[];
  readonly platform: PlatformFacts;
  /** Columns of tables without an organization whose values point at somebody's rows, by oid. */
  readonly pointing: ReadonlyMap<number, readonly string[]>;
  /** Tables that say who belongs where and that nobody can read today: `schema.name`. */
  readonly broken: ReadonlySet<string>;
};

export async function isolationFacts(client: ClientBase, found: Survey): Promise<IsolationFacts> {
  const tables = rulesOf(found).map((rule) => rule.table);
  const views = await viewFacts(client);
  const { rows } = await client.query<TableGrant>(grantsSql, [tables.map((one) => one.oid)]);
  const { organizations } = found;
  const key = primaryColumn(organizations)?.name;
  const directory =
    organizations === null || key === undefined
      ? null
      : `(select ${identifier(key)} as id from ${qualified(organizations.schema, organizations.name)})`;
  return {
    views,
    grants: rows,
    reporting: await reportingRoles(client, found, tables),
    platform: await platformFacts(client, directory),
    pointing: await pointingColumns(client, found),
    broken: await brokenDirectory(client, found),
  };
}

const grantsSql = `
  select c.oid::int8::float8 as "table", case g.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(g.grantee) end as role,
    g.privilege_type as privilege, g.is_grantable as grantable, g.grantor = c.relowner as "byOwner"
  from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) g
  where c.oid = any ($1::pg_catalog.oid[]) and g.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    and (g.grantee = 0 or pg_catalog.pg_get_userbyid(g.grantee) in ('anon', 'authenticated'))
  order by c.oid, role, privilege`;

async function viewFacts(client: ClientBase): Promise<readonly ViewFacts[]> {
  return rolledBack(
    client,
    async () => {
      await client.query(`set local search_path = ''`);
      return (await client.query<ViewFacts>(viewFactsSql)).rows;
    },
    'read only',
  );
}

const viewFactsSql = `
  with recursive direct as (
    select distinct w.ev_class as view, d.refobjid as relation
    from pg_catalog.pg_rewrite w join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      and d.objid = w.oid and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> w.ev_class
  ), deep as (
    select view, relation from direct
    union
    select deep.view, direct.relation from deep join direct on direct.view = deep.relation
  )
  select c.oid::int8::float8 as oid,
    coalesce((select array_agg(r.oid::pg_catalog.regclass::text order by 1) from direct join pg_catalog.pg_class r on r.oid = direct.relation
      where direct.view = c.oid and r.relkind in ('r', 'p', 'v', 'm', 'f') and pg_catalog.has_table_privilege('authenticated', c.oid, 'SELECT')
        and not pg_catalog.has_any_column_privilege('authenticated', r.oid, 'SELECT')), '{}') as hidden,
    (select o.option_value from pg_catalog.pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker') as invoker,
    coalesce((select array_agg(deep.relation::int8::float8) from deep where deep.view = c.oid), '{}') as reads,
    coalesce((select jsonb_agg(jsonb_build_object('role', case g.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(g.grantee) end,
        'privilege', g.privilege_type, 'grantable', g.is_grantable) order by g.grantee, g.privilege_type)
      from pg_catalog.aclexplode(c.relacl) g
      where g.grantee = 0 or pg_catalog.pg_get_userbyid(g.grantee) in ('anon', 'authenticated')), '[]') as grants
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('v', 'm') and ${appSchema('n.nspname')}
  order by c.oid`;
