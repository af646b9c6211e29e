import type { Client } from 'pg';

/** Something the role needs and whether it has it. */
export type Privilege = {
  /** `create schemas in the database` */
  readonly what: string;
  /** What of the rollout needs it. */
  readonly why: string;
  readonly held: boolean;
  /** False: the rollout goes without it, and says less. */
  readonly required: boolean;
};

// Looked up by oid: `to_regclass` fails for a role that may not use the schema, and saying that is the point here.
const query = `
with users as (
  select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'auth' and c.relname = 'users' and c.relkind in ('r', 'p')
)
select what, why, held, required from (
  select 1 as n, 'create schemas in the database' as what, 'the journal' as why,
    has_database_privilege(current_database(), 'create') as held, true as required
  union all select 2, 'create in schema public', 'functions and tables',
    coalesce((select has_schema_privilege(oid, 'create') from pg_namespace where nspname = 'public'), false), true
  union all select 3, 'use schema auth', 'everything that reads users',
    coalesce((select has_schema_privilege(oid, 'usage') from pg_namespace where nspname = 'auth'), false), true
  union all select 4, 'read auth.users', 'the survey and the backfill',
    coalesce((select has_table_privilege(oid, 'select') from users), false), true
  union all select 5, 'update auth.users', 'the stamp in raw_app_meta_data',
    coalesce((select has_table_privilege(oid, 'update') from users), false), true
  union all select 6, 'insert into auth.users', 'the probe sign-up, always rolled back',
    coalesce((select has_table_privilege(oid, 'insert') from users), false), true
  union all select 7, 'create triggers on auth.users', 'the sign-up trigger',
    coalesce((select has_table_privilege(oid, 'trigger') from users), false), true
  union all select 8, 'act as role authenticated', 'the two-org probe',
    coalesce((select pg_has_role(oid, 'member') from pg_roles where rolname = 'authenticated'), false), true
  union all select 9, 'act as role anon', 'the probe as a visitor',
    coalesce((select pg_has_role(oid, 'member') from pg_roles where rolname = 'anon'), false), true
  union all select 10, 'see every row despite row security', 'the backfill and its proof',
    coalesce((select rolsuper or rolbypassrls from pg_roles where rolname = current_user), false), true
  union all select 11, 'see the activity of other roles', 'the readout of who blocks',
    coalesce((select pg_has_role(oid, 'usage') from pg_roles where rolname = 'pg_read_all_stats'), false), false
  union all select 12, 'alter every table of public', 'tables of another owner are reported and left out',
    not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'public' and c.relkind in ('r', 'p') and not pg_has_role(c.relowner, 'usage')
        and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')), false
) privileges order by n`;

/** What the present role needs for the database phase, as the catalog answers. Reads only. */
export async function privileges(client: Client): Promise<readonly Privilege[]> {
  const { rows } = await client.query<{ what: string; why: string; held: boolean; required: boolean }>(query);
  return rows;
}
