import type { ClientBase } from 'pg';
import { appSchema } from '../../../src/database/catalog/platform.ts';
import { rolledBack } from '../../../src/database/rolled-back.ts';

/** What step 1.7 must know of views, beyond the catalog. */
export type ViewFacts = {
  readonly oid: number;
  /** The option `security_invoker` as it is written down, or null when it is not. */
  readonly invoker: string | null;
  /** Oids of the tables that it reads, through other views as well. */
  readonly reads: readonly number[];
  /** GRANT of every privilege that an API role or PUBLIC has. */
  readonly grants: readonly { readonly role: string; readonly privilege: string; readonly grantable: boolean }[];
};

export async function viewFacts(client: ClientBase): Promise<readonly ViewFacts[]> {
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
    (select o.option_value from pg_catalog.pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker') as invoker,
    coalesce((select array_agg(deep.relation::int8::float8) from deep where deep.view = c.oid), '{}') as reads,
    coalesce((select jsonb_agg(jsonb_build_object('role', case g.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(g.grantee) end,
        'privilege', g.privilege_type, 'grantable', g.is_grantable) order by g.grantee, g.privilege_type)
      from pg_catalog.aclexplode(c.relacl) g
      where g.grantee = 0 or pg_catalog.pg_get_userbyid(g.grantee) in ('anon', 'authenticated')), '[]') as grants
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('v', 'm') and ${appSchema('n.nspname')}
  order by c.oid`;
