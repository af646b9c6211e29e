import type { ClientBase } from 'pg';
import type { Fingerprint } from '../rollout/journal.ts';
import { appSchema, notFromExtension } from './catalog/platform.ts';
import { rolledBackAtOnce } from './rolled-back.ts';

/**
 * Hashes every object that a rollout could touch: `column public.calls.org_id -> md5 of its definition`.
 *
 * What an object is, and what is said about it, are two entries: a comment changes nothing that holds.
 *
 * Left out on purpose: column positions and internal numbers (a renamed or restored column is the same column),
 * `attoptions` (PostgreSQL keeps its own `pg_attver` there), statistics, and the journal's own schema, which stays as
 * history after a rollback. ACLs are compared exploded and sorted, because GRANT followed by REVOKE writes down the
 * default that a null stood for.
 */
export async function fingerprint(client: ClientBase): Promise<Fingerprint> {
  const rows = await rolledBackAtOnce<{ object: string; hash: string }>(
    client,
    [`set local search_path = ''`, `set local lock_timeout = '5s'`, fingerprintSql],
    'isolation level repeatable read read only',
  );
  return Object.fromEntries(rows.map((row) => [row.object, row.hash]));
}

/** The ACL as it is in force: PostgreSQL stores null for what it grants by default. */
const acl = (column: string, kind: string, owner: string): string =>
  `coalesce(${column}, pg_catalog.acldefault(${kind}, ${owner}))`;

const relationAcl = acl('relacl', `case relkind when 'S' then 's' else 'r' end::"char"`, 'relowner');
const functionAcl = acl('p.proacl', `'f'`, 'p.proowner');
const schemaAcl = acl('nspacl', `'n'`, 'nspowner');

/**
 * An expression as PostgreSQL prints it once it was parsed again: `role IN ('a', 'b')` over a varchar is printed with one
 * cast of the array, and what is made from that text with a cast of each value. Both mean the same.
 */
const settled = (expression: string): string =>
  String.raw`pg_catalog.regexp_replace(pg_catalog.regexp_replace(${expression}, '\(ARRAY\[([^][]*)\]\)::text\[\]', 'ARRAY[\1]', 'g'),
    '\((''(?:[^'']|'''')*''::character varying)\)::text', '\1', 'g')`;

const row = (...parts: readonly string[]): string => `pg_catalog.md5(row(${parts.join(', ')})::text)`;

// Most objects have the same few ACLs, so each different one is spelled out once, and joined.
export const fingerprintSql = `
with app as materialized (select oid, nspname, nspowner, ${schemaAcl} as acl from pg_catalog.pg_namespace n where ${appSchema('n.nspname')}),
rel as materialized (select c.*, n.nspname, ${relationAcl} as acl from pg_catalog.pg_class c join app n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'c') and ${notFromExtension('pg_class', 'c.oid')}),
fn as materialized (select p.oid, p.prokind, p.proowner, ${functionAcl} as acl
  from pg_catalog.pg_proc p join app n on n.oid = p.pronamespace where ${notFromExtension('pg_proc', 'p.oid')}),
grants as materialized (select acl, (
    select string_agg(pg_catalog.format('%s=%s%s', case g.grantee when 0 then 'PUBLIC' else pg_catalog.pg_get_userbyid(g.grantee) end,
      g.privilege_type, case when g.is_grantable then '*' else '' end), ',' order by g.grantee, g.privilege_type)
    from pg_catalog.aclexplode(acl) g) as list
  from (select acl from app union select acl from rel union select acl from fn) a)
select 'schema ' || nspname as object, ${row('pg_catalog.pg_get_userbyid(nspowner)', 'grants.list')} as hash
from app left join grants using (acl)
union all
select case relkind when 'v' then 'view ' when 'm' then 'materialized view ' when 'S' then 'sequence ' when 'c' then 'type ' else 'table ' end
    || nspname || '.' || relname,
  ${row(
    'relkind',
    'pg_catalog.pg_get_userbyid(relowner)',
    'relrowsecurity',
    'relforcerowsecurity',
    'relreplident',
    'relpersistence',
    'reloptions',
    `case when relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(rel.oid) end`,
    'grants.list',
    `(select string_agg(i.inhparent::pg_catalog.regclass::text, ',' order by i.inhseqno) from pg_catalog.pg_inherits i where i.inhrelid = rel.oid)`,
    'pg_catalog.pg_get_expr(relpartbound, rel.oid)',
  )}
from rel left join grants using (acl)
union all
select 'column ' || rel.nspname || '.' || rel.relname || '.' || a.attname,
  ${row(
    'pg_catalog.format_type(a.atttypid, a.atttypmod)',
    'a.attnotnull',
    'a.attidentity',
    'a.attgenerated',
    'a.attcollation',
    'a.attislocal',
    'pg_catalog.pg_get_expr(d.adbin, d.adrelid)',
    `case when a.attacl is not null then (select string_agg(g::text, ',' order by g::text) from pg_catalog.aclexplode(a.attacl) g) end`,
  )}
from rel join pg_catalog.pg_attribute a on a.attrelid = rel.oid and a.attnum > 0 and not a.attisdropped
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where rel.relkind <> 'S'
union all
select 'constraint ' || rel.nspname || '.' || rel.relname || '.' || k.conname,
  ${row(settled('pg_catalog.pg_get_constraintdef(k.oid)'), 'k.convalidated', 'k.condeferrable')}
from rel join pg_catalog.pg_constraint k on k.conrelid = rel.oid
union all
select 'index ' || rel.nspname || '.' || ic.relname,
  ${row('pg_catalog.pg_get_indexdef(i.indexrelid)', 'i.indisvalid', 'i.indisclustered', 'i.indisreplident')}
from rel join pg_catalog.pg_index i on i.indrelid = rel.oid join pg_catalog.pg_class ic on ic.oid = i.indexrelid
union all
select 'function ' || p.oid::pg_catalog.regprocedure::text,
  ${row(
    `case when p.prokind in ('f', 'p') then pg_catalog.pg_get_functiondef(p.oid) end`,
    'pg_catalog.pg_get_userbyid(p.proowner)',
    'grants.list',
  )}
from fn p left join grants using (acl)
union all
select 'trigger ' || n.nspname || '.' || c.relname || '.' || t.tgname,
  ${row('pg_catalog.pg_get_triggerdef(t.oid)', 't.tgenabled')}
from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where not t.tgisinternal and (n.oid in (select oid from app) or (n.nspname = 'auth' and c.relname = 'users'))
union all
select 'policy ' || n.nspname || '.' || c.relname || '.' || p.polname,
  ${row(
    'p.polcmd',
    'p.polpermissive',
    `(select string_agg(case r when 0 then 'public' else pg_catalog.pg_get_userbyid(r)::text end, ',' order by r) from unnest(p.polroles) r)`,
    settled('pg_catalog.pg_get_expr(p.polqual, p.polrelid)'),
    settled('pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)'),
  )}
from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.oid in (select oid from app) or n.nspname in ('storage', 'realtime')
union all
select 'type ' || t.oid::pg_catalog.regtype::text,
  ${row(
    't.typtype',
    'pg_catalog.pg_get_userbyid(t.typowner)',
    't.typnotnull',
    't.typdefault',
    `(select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid)`,
    `(select string_agg(pg_catalog.pg_get_constraintdef(k.oid), ',' order by k.conname) from pg_catalog.pg_constraint k where k.contypid = t.oid)`,
  )}
from pg_catalog.pg_type t join app n on n.oid = t.typnamespace where t.typtype in ('e', 'd') and ${notFromExtension('pg_type', 't.oid')}
union all
select 'publication ' || p.pubname || ' ' || n.nspname || '.' || c.relname,
  ${row(
    `(select string_agg(a.attname, ',' order by a.attname) from unnest(pr.prattrs::int2[]) u(c) join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = u.c)`,
    'pg_catalog.pg_get_expr(pr.prqual, pr.prrelid)',
  )}
from pg_catalog.pg_publication_rel pr join pg_catalog.pg_publication p on p.oid = pr.prpubid
join pg_catalog.pg_class c on c.oid = pr.prrelid join app n on n.oid = c.relnamespace
union all
select 'rule ' || rel.nspname || '.' || rel.relname || '.' || r.rulename, ${row('pg_catalog.pg_get_ruledef(r.oid)')}
from pg_catalog.pg_rewrite r join rel on rel.oid = r.ev_class where r.rulename <> '_RETURN'
union all
select 'statistics ' || n.nspname || '.' || s.stxname, ${row('pg_catalog.pg_get_statisticsobjdef(s.oid)')}
from pg_catalog.pg_statistic_ext s join app n on n.oid = s.stxnamespace
union all
select 'comment ' || pg_catalog.pg_describe_object(d.classoid, d.objoid, d.objsubid), pg_catalog.md5(d.description)
from pg_catalog.pg_description d
left join pg_catalog.pg_proc p on d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass and p.oid = d.objoid
left join pg_catalog.pg_trigger t on d.classoid = 'pg_catalog.pg_trigger'::pg_catalog.regclass and t.oid = d.objoid
left join pg_catalog.pg_policy y on d.classoid = 'pg_catalog.pg_policy'::pg_catalog.regclass and y.oid = d.objoid
left join pg_catalog.pg_constraint k on d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and k.oid = d.objoid
left join pg_catalog.pg_class c on c.oid = coalesce(t.tgrelid, y.polrelid, k.conrelid, case d.classoid when 'pg_catalog.pg_class'::pg_catalog.regclass then d.objoid end)
join pg_catalog.pg_namespace n on n.oid = coalesce(p.pronamespace, c.relnamespace)
where not exists (select from pg_catalog.pg_depend x where x.classid = d.classoid and x.objid = d.objoid and x.deptype = 'e')
  and (n.oid in (select oid from app) or (y.oid is not null and n.nspname in ('storage', 'realtime')) or (t.oid is not null and n.nspname = 'auth' and c.relname = 'users'))`;
