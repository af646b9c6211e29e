import type { ClientBase } from 'pg';
import { appSchema, notFromExtension } from './platform.ts';
import type {
  Catalog,
  Column,
  Constraint,
  DbFunction,
  Index,
  Policy,
  PublicationTable,
  Table,
  Trigger,
  View,
} from './types.ts';

/**
 * Reads the app's part of the catalog, and the triggers on `auth.users`, in seven queries.
 *
 * Runs in a transaction of its own with an empty search_path, so that every type and function name comes out
 * qualified; a caller that is in a transaction already passes `inTransaction`.
 */
export async function loadCatalog(client: ClientBase, options: { inTransaction?: boolean } = {}): Promise<Catalog> {
  const own = options.inTransaction !== true;
  await client.query(own ? 'begin transaction isolation level repeatable read read only' : 'savepoint catalog');
  try {
    // Definitions are printed under a weak lock on their tables; a reader that waits behind an exclusive lock says so.
    await client.query(`set local search_path = ''; set local lock_timeout = '2s'`);
    const read = async <T>(sql: string): Promise<T[]> => (await client.query(sql)).rows as T[];
    const version = await read<{ v: number }>(`select current_setting('server_version_num')::int as v`);
    return {
      serverVersion: version[0]?.v ?? 0,
      tables: await read<Table>(tablesSql),
      views: await read<View>(viewsSql),
      functions: await read<DbFunction>(functionsSql),
      triggers: await read<Trigger>(triggersSql),
      policies: await read<Policy>(policiesSql),
      publications: await read<PublicationTable>(publicationsSql),
    };
  } finally {
    // A savepoint brings the caller's search_path back; a read-only transaction leaves nothing.
    await client.query(own ? 'rollback' : 'rollback to savepoint catalog; release savepoint catalog');
  }
}

const columnsJson: Record<keyof Column, string> = {
  number: 'a.attnum',
  name: 'a.attname',
  type: 'pg_catalog.format_type(a.atttypid, a.atttypmod)',
  notNull: 'a.attnotnull',
  default: `case when a.attgenerated = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end`,
  generated: `a.attgenerated <> ''`,
  identity: `a.attidentity <> ''`,
  local: 'a.attislocal',
  comment: 'pg_catalog.col_description(a.attrelid, a.attnum)',
};

const constraintJson: Record<keyof Constraint, string> = {
  name: 'k.conname',
  type: 'k.contype',
  columns: `coalesce((select array_agg(a.attname order by u.n) from unnest(k.conkey) with ordinality u(c, n)
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.c), '{}')`,
  references: `case when k.contype = 'f' then (select jsonb_build_object('schema', rn.nspname, 'table', r.relname, 'columns',
    (select jsonb_agg(a.attname order by u.n) from unnest(k.confkey) with ordinality u(c, n)
      join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.c))
    from pg_catalog.pg_class r join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace where r.oid = k.confrelid) end`,
  validated: 'k.convalidated',
  definition: 'pg_catalog.pg_get_constraintdef(k.oid)',
};

const indexJson: Record<keyof Index, string> = {
  name: 'ic.relname',
  columns: `(select jsonb_agg((select a.attname from pg_catalog.pg_attribute a where a.attrelid = i.indrelid and a.attnum = u.c) order by u.n)
    from unnest(i.indkey::int2[]) with ordinality u(c, n) where u.n <= i.indnkeyatts)`,
  unique: 'i.indisunique',
  primary: 'i.indisprimary',
  valid: 'i.indisvalid',
  partial: 'i.indpred is not null',
  method: '(select am.amname from pg_catalog.pg_am am where am.oid = ic.relam)',
  definition: 'pg_catalog.pg_get_indexdef(i.indexrelid)',
};

/** `jsonb_build_object` takes at most 100 arguments, far more than any record here has. */
const object = (fields: Readonly<Record<string, string>>): string =>
  `jsonb_build_object(${Object.entries(fields)
    .map(([name, sql]) => `'${name}', ${sql}`)
    .join(', ')})`;

const ours = (owner: string): string => `pg_catalog.pg_has_role(${owner}, 'USAGE')`;

const tablesSql = `
  select c.oid::int8::float8 as oid, n.nspname as schema, c.relname as name,
    case c.relkind when 'r' then 'table' when 'p' then 'partitioned' else 'foreign' end as kind,
    pg_catalog.pg_get_userbyid(c.relowner) as owner, ${ours('c.relowner')} as ours,
    c.relrowsecurity as "rowSecurity", c.relforcerowsecurity as "forceRowSecurity",
    coalesce((select array_agg(h.inhparent::int8::float8 order by h.inhseqno) from pg_catalog.pg_inherits h where h.inhrelid = c.oid), '{}') as parents,
    c.relispartition as "isPartition",
    case when c.reloftype <> 0 then pg_catalog.format_type(c.reloftype, null) end as "ofType",
    c.reltuples::float8 as "estimatedRows",
    coalesce((select jsonb_agg(${object(columnsJson)} order by a.attnum) from pg_catalog.pg_attribute a
      left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
    coalesce((select jsonb_agg(${object(constraintJson)} order by k.conname) from pg_catalog.pg_constraint k
      where k.conrelid = c.oid), '[]') as constraints,
    coalesce((select jsonb_agg(${object(indexJson)} order by ic.relname) from pg_catalog.pg_index i
      join pg_catalog.pg_class ic on ic.oid = i.indexrelid where i.indrelid = c.oid), '[]') as indexes,
    pg_catalog.obj_description(c.oid, 'pg_class') as comment
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'f') and ${appSchema('n.nspname')} and ${notFromExtension('pg_class', 'c.oid')}
  order by n.nspname, c.relname`;

const viewsSql = `
  select c.oid::int8::float8 as oid, n.nspname as schema, c.relname as name, c.relkind = 'm' as materialized,
    ${ours('c.relowner')} as ours,
    coalesce((select lower(o.option_value) in ('true', 'on', 'yes', '1') from pg_catalog.pg_options_to_table(c.reloptions) o
      where o.option_name = 'security_invoker'), false) as "securityInvoker",
    (select jsonb_agg(jsonb_build_object('number', a.attnum, 'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod)) order by a.attnum)
      from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    pg_catalog.pg_get_viewdef(c.oid) as definition,
    coalesce((select array_agg(distinct case g.grantee when 0 then 'PUBLIC' else pg_catalog.pg_get_userbyid(g.grantee) end::text)
      from pg_catalog.aclexplode(c.relacl) g where g.privilege_type = 'SELECT' and g.grantee <> c.relowner), '{}') as readers
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('v', 'm') and ${appSchema('n.nspname')} and ${notFromExtension('pg_class', 'c.oid')}
  order by n.nspname, c.relname`;

// PostgreSQL grants EXECUTE to PUBLIC on every new function, which a null ACL stands for: hence acldefault.
const functionsSql = `
  select p.oid::int8::float8 as oid, n.nspname as schema, p.proname as name,
    case p.prokind when 'f' then 'function' when 'p' then 'procedure' when 'a' then 'aggregate' else 'window' end as kind,
    l.lanname as language, ${ours('p.proowner')} as ours, p.prosecdef as "securityDefiner",
    case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end as volatility,
    coalesce(p.proconfig, '{}') as settings,
    coalesce((select jsonb_agg(jsonb_build_object('name', nullif(p.proargnames[u.n], ''), 'type', pg_catalog.format_type(u.t, null),
      'mode', coalesce(p.proargmodes[u.n]::text, 'i')) order by u.n)
      from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality u(t, n)), '[]') as arguments,
    coalesce(pg_catalog.pg_get_function_result(p.oid), 'void') as returns, p.proretset as "returnsSet",
    p.prosqlbody is not null as atomic, p.prosrc as body,
    case when p.prokind in ('f', 'p') then pg_catalog.pg_get_functiondef(p.oid) end as definition,
    p.oid::pg_catalog.regprocedure::text as signature,
    coalesce((select array_agg(distinct case g.grantee when 0 then 'PUBLIC' else pg_catalog.pg_get_userbyid(g.grantee) end::text)
      from pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) g
      where g.privilege_type = 'EXECUTE' and g.grantee <> p.proowner), '{}') as executors
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace join pg_catalog.pg_language l on l.oid = p.prolang
  where ${appSchema('n.nspname')} and ${notFromExtension('pg_proc', 'p.oid')}
  order by n.nspname, p.proname, p.oid`;

const triggersSql = `
  select n.nspname as schema, c.relname as table, t.tgname as name, t.tgenabled <> 'D' as enabled,
    t.tgfoid::pg_catalog.regprocedure::text as function,
    -- Arguments are stored with a zero byte after each, which text cannot hold: the bytes are split in the hex form.
    coalesce((select array_agg(convert_from(decode(m[1], 'hex'), 'UTF8') order by o)
      from regexp_matches(encode(t.tgargs, 'hex'), '((?:[0-9a-f]{2})*?)00', 'g') with ordinality s(m, o)), '{}') as arguments,
    pg_catalog.pg_get_triggerdef(t.oid) as definition
  from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where not t.tgisinternal and (${appSchema('n.nspname')} or (n.nspname = 'auth' and c.relname = 'users'))
  order by n.nspname, c.relname, t.tgname`;

const policiesSql = `
  select n.nspname as schema, c.relname as table, p.polname as name, p.polpermissive as permissive,
    case p.polcmd when '*' then 'ALL' when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' else 'DELETE' end as command,
    (select array_agg(case r when 0 then 'public' else pg_catalog.pg_get_userbyid(r) end::text order by r) from unnest(p.polroles) r) as roles,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using, pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check
  from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where ${appSchema('n.nspname')} or n.nspname in ('storage', 'realtime')
  order by n.nspname, c.relname, p.polname`;

const publicationsSql = `
  select p.pubname as publication, n.nspname as schema, c.relname as table,
    (select array_agg(a.attname order by a.attnum) from unnest(pr.prattrs::int2[]) u(c)
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = u.c) as columns,
    pg_catalog.pg_get_expr(pr.prqual, pr.prrelid) as filter
  from pg_catalog.pg_publication_rel pr join pg_catalog.pg_publication p on p.oid = pr.prpubid
  join pg_catalog.pg_class c on c.oid = pr.prrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where ${appSchema('n.nspname')}
  order by 1, 2, 3`;
