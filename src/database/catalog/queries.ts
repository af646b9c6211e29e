import { appSchema, notFromExtension } from './platform.ts';
import type { Column, Constraint, Index, Table } from './types.ts';

/*
 * Rows are flat and put together by `assemble`: as JSON, put together by a subquery for each table, they take twice the
 * time.
 */

export const versionSql = `select current_setting('server_version_num')::int as v`;

/** A record by the number of its table, with column numbers instead of names. */
export type ColumnRow = Column & { readonly relation: number };
export type ConstraintRow = Omit<Constraint, 'columns' | 'references'> & {
  readonly relation: number;
  readonly columns: readonly number[] | null;
  /** Number and name of the table that a foreign key refers to, and the numbers of its columns there. */
  readonly target: number;
  readonly schema: string | null;
  readonly table: string | null;
  readonly targetColumns: readonly number[] | null;
};
export type IndexRow = Omit<Index, 'columns'> & { readonly relation: number; readonly columns: readonly number[] };
export type TableRow = Omit<Table, 'columns' | 'constraints' | 'indexes'>;

const fields = (list: Readonly<Record<string, string>>): string =>
  Object.entries(list)
    .map(([name, sql]) => `${sql} as "${name}"`)
    .join(', ');

const ours = (owner: string): string => `pg_catalog.pg_has_role(${owner}, 'USAGE')`;

const number = (oid: string): string => `${oid}::int8::float8`;

/** A query like col_description's own, without the cost of calling a function for every column. */
const comment = (oid: string, column: string): string =>
  `(select e.description from pg_catalog.pg_description e where e.objoid = ${oid} and e.objsubid = ${column}
    and e.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass)`;

/** The app's tables, for joining by `rel.oid`. */
const rel = `rel as materialized (
    select c.*, n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f') and ${appSchema('n.nspname')} and ${notFromExtension('pg_class', 'c.oid')}
  )`;

const columnFields: Record<keyof ColumnRow, string> = {
  relation: number('a.attrelid'),
  number: 'a.attnum',
  name: 'a.attname',
  type: 'pg_catalog.format_type(a.atttypid, a.atttypmod)',
  base: 'coalesce(b.base, pg_catalog.format_type(a.atttypid, a.atttypmod))',
  notNull: 'a.attnotnull',
  default: `case when a.attgenerated = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end`,
  generated: `a.attgenerated <> ''`,
  identity: `a.attidentity <> ''`,
  local: 'a.attislocal',
  comment: comment('a.attrelid', 'a.attnum'),
};

/** Columns of the app's tables and of those that their foreign keys refer to. */
export const columnsSql = `
  with recursive ${rel}, named as (
    select oid from rel union select k.confrelid from pg_catalog.pg_constraint k join rel on rel.oid = k.conrelid where k.contype = 'f'
  ), domains as (
    select t.oid, t.typbasetype as base, t.typtypmod as modifier from pg_catalog.pg_type t where t.typtype = 'd'
    union all
    select d.oid, t.typbasetype, case when t.typtypmod = -1 then d.modifier else t.typtypmod end
    from domains d join pg_catalog.pg_type t on t.oid = d.base and t.typtype = 'd'
  ), based as (
    select d.oid, pg_catalog.format_type(d.base, d.modifier) as base from domains d
    where not exists (select from pg_catalog.pg_type t where t.oid = d.base and t.typtype = 'd')
  )
  select ${fields(columnFields)}
  from named join pg_catalog.pg_attribute a on a.attrelid = named.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  left join based b on b.oid = a.atttypid
  order by a.attrelid, a.attnum`;

const constraintFields: Record<keyof ConstraintRow, string> = {
  relation: number('k.conrelid'),
  name: 'k.conname',
  type: 'k.contype',
  columns: 'k.conkey',
  target: number('k.confrelid'),
  schema: 'rn.nspname',
  table: 'r.relname',
  targetColumns: 'k.confkey',
  validated: 'k.convalidated',
  definition: 'pg_catalog.pg_get_constraintdef(k.oid)',
};

export const constraintsSql = `
  with ${rel}
  select ${fields(constraintFields)}
  from rel join pg_catalog.pg_constraint k on k.conrelid = rel.oid
  left join pg_catalog.pg_class r on r.oid = k.confrelid left join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
  order by k.conrelid, k.conname`;

const indexFields: Record<keyof IndexRow, string> = {
  relation: number('i.indrelid'),
  name: 'ic.relname',
  columns: '(i.indkey::int2[])[0:i.indnkeyatts - 1]',
  unique: 'i.indisunique',
  primary: 'i.indisprimary',
  valid: 'i.indisvalid',
  partial: 'i.indpred is not null',
  method: 'am.amname',
  definition: 'pg_catalog.pg_get_indexdef(i.indexrelid)',
};

export const indexesSql = `
  with ${rel}
  select ${fields(indexFields)}
  from rel join pg_catalog.pg_index i on i.indrelid = rel.oid join pg_catalog.pg_class ic on ic.oid = i.indexrelid
  left join pg_catalog.pg_am am on am.oid = ic.relam
  order by i.indrelid, ic.relname`;

const tableFields: Record<keyof TableRow, string> = {
  oid: number('c.oid'),
  schema: 'c.nspname',
  name: 'c.relname',
  kind: `case c.relkind when 'r' then 'table' when 'p' then 'partitioned' else 'foreign' end`,
  owner: 'pg_catalog.pg_get_userbyid(c.relowner)',
  ours: ours('c.relowner'),
  rowSecurity: 'c.relrowsecurity',
  forceRowSecurity: 'c.relforcerowsecurity',
  parents: `coalesce((select array_agg(${number('h.inhparent')} order by h.inhseqno) from pg_catalog.pg_inherits h where h.inhrelid = c.oid), '{}')`,
  isPartition: 'c.relispartition',
  ofType: 'case when c.reloftype <> 0 then pg_catalog.format_type(c.reloftype, null) end',
  estimatedRows: 'c.reltuples::float8',
  comment: comment('c.oid', '0'),
};

export const tablesSql = `
  with ${rel}
  select ${fields(tableFields)}
  from rel c
  order by c.nspname, c.relname`;

export const viewsSql = `
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
export const functionsSql = `
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

export const triggersSql = `
  select n.nspname as schema, c.relname as table, t.tgname as name, t.tgenabled::text as fires,
    t.tgfoid::pg_catalog.regprocedure::text as function,
    -- Arguments are stored with a zero byte after each, which text cannot hold: the bytes are split in the hex form.
    coalesce((select array_agg(convert_from(decode(m[1], 'hex'), 'UTF8') order by o)
      from regexp_matches(encode(t.tgargs, 'hex'), '((?:[0-9a-f]{2})*?)00', 'g') with ordinality s(m, o)), '{}') as arguments,
    pg_catalog.pg_get_triggerdef(t.oid) as definition
  from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where not t.tgisinternal and (${appSchema('n.nspname')} or (n.nspname = 'auth' and c.relname = 'users'))
  order by n.nspname, c.relname, t.tgname`;

export const policiesSql = `
  select n.nspname as schema, c.relname as table, p.polname as name, p.polpermissive as permissive,
    case p.polcmd when '*' then 'ALL' when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' else 'DELETE' end as command,
    (select array_agg(case r when 0 then 'public' else pg_catalog.pg_get_userbyid(r) end::text order by r) from unnest(p.polroles) r) as roles,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using, pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check,
    pg_catalog.obj_description(p.oid, 'pg_policy') as comment
  from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where ${appSchema('n.nspname')} or n.nspname in ('storage', 'realtime')
  order by n.nspname, c.relname, p.polname`;

export const publicationsSql = `
  select p.pubname as publication, n.nspname as schema, c.relname as table,
    (select array_agg(a.attname order by a.attnum) from unnest(pr.prattrs::int2[]) u(c)
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = u.c) as columns,
    pg_catalog.pg_get_expr(pr.prqual, pr.prrelid) as filter
  from pg_catalog.pg_publication_rel pr join pg_catalog.pg_publication p on p.oid = pr.prpubid
  join pg_catalog.pg_class c on c.oid = pr.prrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where ${appSchema('n.nspname')}
  order by 1, 2, 3`;

/** Of every enum type, the platform's as well: a column of the app may have one. */
export const enumsSql = `
  select pg_catalog.format_type(e.enumtypid, null) as name, array_agg(e.enumlabel::text order by e.enumsortorder) as labels
  from pg_catalog.pg_enum e group by e.enumtypid order by e.enumtypid`;
