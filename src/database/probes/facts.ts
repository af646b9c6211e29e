import type { ClientBase } from 'pg';
import { rolledBack } from '../rolled-back.ts';

/** The roles that PostgREST switches to for requests without and with a login. */
export const apiRoles = ['anon', 'authenticated'] as const;
export type ApiRole = (typeof apiRoles)[number];

/** What a generator of rows and a prober of privileges must know of a column, beyond the catalog. */
export type ColumnFacts = {
  readonly name: string;
  /** Qualified and with its modifier, ready for a cast: `character varying(64)`, `public.status`. */
  readonly type: string;
  /** Of a domain the type below it, else the type itself, without a modifier. */
  readonly base: string;
  readonly kind: 'base' | 'enum' | 'array' | 'range' | 'composite';
  /** The limit of `varchar(n)`, `char(n)` and `bit(n)`; for others null. */
  readonly length: number | null;
  readonly labels: readonly string[];
  /** The column or its domain refuses NULL. */
  readonly notNull: boolean;
  readonly default: string | null;
  readonly generated: boolean;
  /** CHECK expressions of its domains, over `VALUE`. */
  readonly domainChecks: readonly string[];
  /** What an API role may do with it, `anon.select` and so on. */
  readonly grants: readonly string[];
};

export type ForeignKey = {
  readonly columns: readonly string[];
  readonly schema: string;
  readonly table: string;
  readonly references: readonly string[];
};

export type TableFacts = {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'r' | 'p' | 'f';
  readonly isPartition: boolean;
  readonly columns: readonly ColumnFacts[];
  readonly primary: readonly string[];
  /** Column lists of the complete unique indexes over plain columns, the primary key's among them. */
  readonly unique: readonly (readonly string[])[];
  readonly checks: readonly { readonly columns: readonly string[]; readonly expression: string }[];
  readonly foreignKeys: readonly ForeignKey[];
  /** Of a partition: what its rows satisfy. Of a partitioned table: what the rows of each of its leaves do. */
  readonly bounds: readonly string[];
};

/**
 * Reads the facts of every table of the schemas and of `auth.users`, in one query. Expressions come out qualified,
 * whatever the session's search_path.
 */
export async function loadFacts(client: ClientBase, schemas: readonly string[]): Promise<readonly TableFacts[]> {
  return rolledBack(
    client,
    async () => {
      await client.query(`set local search_path = ''`);
      // pg_get_expr takes a lock on its table: behind an ALTER TABLE that does not end it would wait for ever.
      await client.query(`set local lock_timeout = '1s'`);
      return (await client.query<TableFacts>(factsSql, [schemas])).rows;
    },
    'read only',
  );
}

const names = (numbers: string, relation: string): string => `(select coalesce(jsonb_agg(x.attname order by u.n), '[]')
  from unnest(${numbers}) with ordinality u(c, n) join pg_catalog.pg_attribute x on x.attrelid = ${relation} and x.attnum = u.c)`;

// A role that does not exist has no grants: to_regrole gives null, and so does has_column_privilege.
const grants = `(select coalesce(jsonb_agg(r.name || '.' || lower(p.name)), '[]')
  from (values ('anon'), ('authenticated')) r(name), (values ('SELECT'), ('INSERT'), ('UPDATE')) p(name)
  where pg_catalog.has_column_privilege(pg_catalog.to_regrole(r.name)::oid, c.oid, a.attnum, p.name))`;

const columns = `(select jsonb_agg(jsonb_build_object(
    'name', a.attname,
    'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
    'base', pg_catalog.format_type(b.oid, null),
    'kind', case when b.typtype = 'e' then 'enum' when b.typcategory = 'A' then 'array' when b.typtype in ('r', 'm') then 'range'
      when b.typtype = 'c' then 'composite' else 'base' end,
    'length', case when b.typname in ('varchar', 'bpchar') and d.typmod > 4 then d.typmod - 4
      when b.typname in ('bit', 'varbit') and d.typmod > 0 then d.typmod
      when b.typname = 'vector' and d.typmod > 0 then d.typmod end,
    'labels', (select coalesce(jsonb_agg(e.enumlabel order by e.enumsortorder), '[]') from pg_catalog.pg_enum e where e.enumtypid = b.oid),
    'notNull', a.attnotnull or d.not_null,
    'default', case when a.attgenerated = '' then coalesce(
      (select pg_catalog.pg_get_expr(f.adbin, f.adrelid) from pg_catalog.pg_attrdef f where f.adrelid = a.attrelid and f.adnum = a.attnum),
      d.fallback) end,
    'generated', a.attgenerated <> '',
    'domainChecks', d.checks,
    'grants', ${grants}) order by a.attnum)
  from pg_catalog.pg_attribute a
  cross join lateral (
    with recursive chain as (
      select t.oid, t.typtype, t.typbasetype, a.atttypmod as typmod, t.typnotnull, t.typdefault, 0 as depth
      from pg_catalog.pg_type t where t.oid = a.atttypid
      union all
      select t.oid, t.typtype, t.typbasetype, o.typtypmod, t.typnotnull, t.typdefault, chain.depth + 1
      from chain join pg_catalog.pg_type o on o.oid = chain.oid join pg_catalog.pg_type t on t.oid = chain.typbasetype
      where chain.typtype = 'd')
    select (select oid from chain order by depth desc limit 1) as base, (select typmod from chain order by depth desc limit 1) as typmod,
      (select bool_or(typnotnull) from chain) as not_null,
      (select typdefault from chain where typtype = 'd' and typdefault is not null order by depth limit 1) as fallback,
      (select coalesce(jsonb_agg(pg_catalog.pg_get_expr(k.conbin, 0)), '[]') from pg_catalog.pg_constraint k
        where k.contypid in (select oid from chain) and k.contype = 'c') as checks
  ) d
  join pg_catalog.pg_type b on b.oid = d.base
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)`;

const factsSql = `
  select c.oid::int8::float8 as oid, n.nspname as schema, c.relname as name, c.relkind as kind, c.relispartition as "isPartition",
    coalesce(${columns}, '[]') as columns,
    coalesce((select ${names('i.indkey::int2[]', 'c.oid')} from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisprimary), '[]') as primary,
    (select coalesce(jsonb_agg(${names('i.indkey::int2[]', 'c.oid')}), '[]') from pg_catalog.pg_index i
      where i.indrelid = c.oid and i.indisunique and i.indexprs is null and i.indpred is null) as unique,
    (select coalesce(jsonb_agg(jsonb_build_object('columns', ${names('k.conkey', 'c.oid')},
      'expression', pg_catalog.pg_get_expr(k.conbin, k.conrelid)) order by k.conname), '[]')
      from pg_catalog.pg_constraint k where k.conrelid = c.oid and k.contype = 'c') as checks,
    (select coalesce(jsonb_agg(jsonb_build_object('columns', ${names('k.conkey', 'c.oid')}, 'schema', rn.nspname, 'table', r.relname,
      'references', ${names('k.confkey', 'k.confrelid')}) order by k.conname), '[]')
      from pg_catalog.pg_constraint k join pg_catalog.pg_class r on r.oid = k.confrelid join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
      where k.conrelid = c.oid and k.contype = 'f') as "foreignKeys",
    case when c.relkind = 'p' then
      (select coalesce(jsonb_agg(pg_catalog.pg_get_partition_constraintdef(l.relid) order by l.relid)
        filter (where pg_catalog.pg_get_partition_constraintdef(l.relid) is not null), '[]')
        from pg_catalog.pg_partition_tree(c.oid) l where l.isleaf)
      when c.relispartition then jsonb_build_array(pg_catalog.pg_get_partition_constraintdef(c.oid))
      else '[]' end as bounds
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'f') and (n.nspname = any ($1) or (n.nspname = 'auth' and c.relname = 'users'))
  order by n.nspname, c.relname`;
