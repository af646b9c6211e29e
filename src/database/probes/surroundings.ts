import type { ClientBase } from 'pg';
import type { DbFunction } from '../catalog/types.ts';
import type { Types } from './json-keys.ts';

/** What of the database around the app's catalog a probe has to know. */
export type Surroundings = {
  /** Functions that the app has put among those of the platform: `auth.org_id()`. */
  readonly functions: readonly Pick<DbFunction, 'name' | 'body' | 'returns' | 'arguments'>[];
  /** Composite types, by name. */
  readonly types: Types;
  /** Tables whose statements a rule makes into others, by oid. */
  readonly ruled: ReadonlySet<number>;
  /** What API roles may do through views, `authenticated.insert` and so on, by oid; by triggers alone is told apart. */
  readonly writable: ReadonlyMap<number, { readonly all: readonly string[]; readonly plain: readonly string[] }>;
  /** Schemas that whoever signs in may use. */
  readonly usable: ReadonlySet<string>;
};

const writes = (triggers: string): string => `(select coalesce(jsonb_agg(r.name || '.' || lower(p.name)), '[]')
  from (values ('anon'), ('authenticated')) r(name), (values ('UPDATE', 4), ('INSERT', 8), ('DELETE', 16)) p(name, bit)
  where pg_catalog.pg_relation_is_updatable(c.oid, ${triggers}) & p.bit > 0
    and (pg_catalog.has_table_privilege(pg_catalog.to_regrole(r.name)::oid, c.oid, p.name)
      or p.name <> 'DELETE' and pg_catalog.has_any_column_privilege(pg_catalog.to_regrole(r.name)::oid, c.oid, p.name)))`;

const sql = `
  select
    (select coalesce(jsonb_agg(jsonb_build_object('name', p.proname, 'body', p.prosrc, 'returns', pg_catalog.format_type(p.prorettype, null),
        'arguments', (select coalesce(jsonb_agg(jsonb_build_object('name', null, 'type', pg_catalog.format_type(t, null), 'mode', 'i')), '[]')
          from unnest(p.proargtypes::oid[]) t))), '[]')
      from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
      where n.nspname in ('auth', 'extensions', 'storage') and p.prosrc ~* 'jwt'
        and not (n.nspname = 'auth' and p.proname in ('uid', 'role', 'email', 'jwt'))) as functions,
    (select coalesce(jsonb_agg(jsonb_build_array(c.relname, (select jsonb_agg(jsonb_build_object('name', a.attname, 'type',
        pg_catalog.format_type(a.atttypid, null)) order by a.attnum) from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))), '[]')
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'c' and n.nspname = any ($1)) as types,
    (select coalesce(jsonb_agg(distinct r.ev_class::int8), '[]') from pg_catalog.pg_rewrite r
      join pg_catalog.pg_class c on c.oid = r.ev_class where c.relkind in ('r', 'p', 'f')) as ruled,
    (select coalesce(jsonb_agg(jsonb_build_array(c.oid::int8, jsonb_build_object('all', ${writes('true')}, 'plain', ${writes('false')}))), '[]')
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'v' and n.nspname = any ($1)) as writable,
    (select coalesce(jsonb_agg(n.nspname), '[]') from pg_catalog.pg_namespace n
      where pg_catalog.has_schema_privilege(pg_catalog.to_regrole('authenticated')::oid, n.oid, 'USAGE')) as usable`;

export async function loadSurroundings(client: ClientBase, schemas: readonly string[]): Promise<Surroundings> {
  type Found = {
    readonly functions: Surroundings['functions'];
    readonly types: readonly [string, { readonly name: string; readonly type: string }[]][];
    readonly ruled: readonly number[];
    readonly writable: readonly [number, { all: string[]; plain: string[] }][];
    readonly usable: readonly string[];
  };
  const { rows } = await client.query<Found>(sql, [schemas]);
  const [found] = rows;
  return {
    functions: found?.functions ?? [],
    types: new Map(found?.types.map(([name, columns]) => [name.toLowerCase(), columns])),
    ruled: new Set(found?.ruled),
    writable: new Map(found?.writable),
    usable: new Set(found?.usable),
  };
}
