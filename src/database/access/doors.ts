import type { ClientBase } from 'pg';
import type { Action, DoorKind } from '../../isolation/rights.ts';
import type { ApiRole } from '../probes/facts.ts';

/** A table of more rows than this is looked at in a sample. */
export const exactRows = 1_000;

/** A table, view or function to look at, and SQL that says whose its rows are. */
export type DoorScope = {
  readonly schema: string;
  readonly name: string;
  readonly kind: DoorKind;
  /** Expressions over a row called `t`, both `text[]`: organizations, and users, that it belongs to. */
  readonly organizations: string;
  readonly users: string;
  /** The column that names the organization, where rows can be picked by it. */
  readonly key: string | null;
  readonly keyType: string | null;
  /** Its rows name no users but those who made or changed them. */
  readonly makersAlone?: boolean;
  /** Of rows that name a user and no organization, `text[]` as well: where that user belongs; null where nothing says it. */
  readonly colleagues?: string | null;
  /** The rule shows such rows to those who belong to the same organization. */
  readonly showsColleagues?: boolean;
};

export type PolicyFacts = {
  readonly name: string;
  readonly permissive: boolean;
  readonly command: 'ALL' | 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';
  readonly using: string | null;
  readonly check: string | null;
  readonly roles: readonly ApiRole[];
};

/** What the server says of a relation: its key, its policies and who may do what with it at all. */
export type RelationFacts = {
  readonly schema: string;
  readonly name: string;
  readonly kind: 'r' | 'p' | 'f' | 'v' | 'm';
  readonly rowSecurity: boolean;
  readonly estimatedRows: number;
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly policies: readonly PolicyFacts[];
  /** `authenticated.read`, `anon.insert` … */
  readonly grants: readonly `${ApiRole}.${Action}`[];
  /** Roles that may read the columns of the key. */
  readonly keyReaders: readonly ApiRole[];
};

export async function relationFacts(
  client: ClientBase,
  names: readonly string[],
): Promise<ReadonlyMap<string, RelationFacts>> {
  const { rows } = await client.query<RelationFacts>(factsSql, [names]);
  return new Map(rows.map((one) => [`${one.schema}.${one.name}`, one]));
}

// A role that is not there has no oid, and what is asked about null is null.
const factsSql = `
  with api as (select r.name, pg_catalog.to_regrole(r.name)::oid as oid from (values ('anon'), ('authenticated')) r(name))
  select n.nspname as schema, c.relname as name, c.relkind as kind, c.relrowsecurity as "rowSecurity",
    coalesce((select sum(greatest(x.reltuples, 0)) from pg_catalog.pg_class x
      where x.oid = c.oid or x.oid in (select i.inhrelid from pg_catalog.pg_inherits i where i.inhparent = c.oid)), 0)::float8 as "estimatedRows",
    coalesce(k.key, '[]') as key,
    (select coalesce(jsonb_agg(a.attname order by a.attnum), '[]') from pg_catalog.pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select coalesce(jsonb_agg(jsonb_build_object('name', p.polname, 'permissive', p.polpermissive,
        'command', case p.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE' else 'ALL' end,
        'using', pg_catalog.pg_get_expr(p.polqual, p.polrelid), 'check', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid),
        'roles', (select coalesce(jsonb_agg(api.name), '[]') from api
          where 0::oid = any (p.polroles) or exists (select from unnest(p.polroles) o(oid)
            where o.oid <> 0 and pg_catalog.pg_has_role(api.oid, o.oid, 'USAGE')))) order by p.polname), '[]')
      from pg_catalog.pg_policy p where p.polrelid = c.oid) as policies,
    (select coalesce(jsonb_agg(api.name || '.' || m.name), '[]')
      from api, (values ('read', 'SELECT'), ('insert', 'INSERT'), ('update', 'UPDATE'), ('delete', 'DELETE')) m(name, privilege)
      where pg_catalog.has_schema_privilege(api.oid, n.oid, 'USAGE') and (pg_catalog.has_table_privilege(api.oid, c.oid, m.privilege)
        or (m.privilege <> 'DELETE' and pg_catalog.has_any_column_privilege(api.oid, c.oid, nullif(m.privilege, 'DELETE'))))) as grants,
    (select coalesce(jsonb_agg(api.name), '[]') from api
      where pg_catalog.has_table_privilege(api.oid, c.oid, 'SELECT') or (k.key is not null and (select bool_and(
        pg_catalog.has_column_privilege(api.oid, c.oid, v.name, 'SELECT')) from jsonb_array_elements_text(k.key) v(name)))) as "keyReaders"
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join lateral (select jsonb_agg(a.attname order by u.n) as key
    from pg_catalog.pg_index i cross join lateral unnest(i.indkey::int2[]) with ordinality u(c, n)
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = u.c
    where i.indrelid = c.oid and i.indisprimary) k on true
  where n.nspname || '.' || c.relname = any ($1) and c.relkind in ('r', 'p', 'f', 'v', 'm')`;
