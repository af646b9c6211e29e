import type { ClientBase } from 'pg';
import { appSchema } from '../../src/database/catalog/platform.ts';
import { literal } from '../../src/database/quote.ts';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import type { Since } from './changed.ts';
import { fromCatalog, reached } from './standing.ts';

/** Rights of a request that no policy limits: to create, to read what is not the app's, to reach the server. */
export const fromGrants = (client: ClientBase, since: Since): Promise<readonly GuardFinding[]> =>
  fromCatalog(client, grantsSql, since);

const among = (names: readonly string[]): string => `(${names.map((one) => literal(one)).join(', ')})`;

/** What PostgreSQL keeps of every table's values and of every role's password; nobody but a superuser reads them. */
const catalogs = among(['pg_authid', 'pg_statistic', 'pg_statistic_ext_data', 'pg_user_mapping', 'pg_largeobject']);
/** What reads and writes files of the server, and is granted to nobody. */
const ofTheServer = among([
  'pg_read_file',
  'pg_read_binary_file',
  'pg_ls_dir',
  'pg_stat_file',
  'lo_import',
  'lo_export',
  'pg_reload_conf',
  'pg_rotate_logfile',
]);
const secret = `((r.nspname = 'auth' and r.relname in ('users', 'identities', 'sessions', 'refresh_tokens', 'one_time_tokens', 'mfa_factors', 'flow_state', 'sso_providers', 'saml_providers'))
    or (r.nspname = 'vault' and r.relname in ('secrets', 'decrypted_secrets')))`;

const grantsSql = `
with ${reached},
relations as materialized (
  select c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relowner, g.grantee, g.privilege_type, g.column
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  cross join lateral (select g.grantee, g.privilege_type, null::text as column from pg_catalog.aclexplode(c.relacl) g
    union all select g.grantee, g.privilege_type, a.attname::text from pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) g
      where a.attrelid = c.oid and a.attacl is not null and not a.attisdropped) g
  where g.grantee in (select oid from reached))
select 'grant' as kind, 'schema ' || n.nspname as object,
  'The role ' || reached.label || ' may create objects in the schema ' || n.nspname || ', where they stand beside those that policies and functions mean.' as reason,
  pg_catalog.format('revoke create on schema %I from %s;', n.nspname, reached.name) as instruction,
  -- A project of the time before PostgreSQL 15 was made with it.
  case when reached.oid = 0 and ${appSchema('n.nspname')} then 'schema ' || n.nspname end as about
from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) g join reached on reached.oid = g.grantee
where g.privilege_type = 'CREATE' and g.grantee <> n.nspowner
  and (${appSchema('n.nspname')} or n.nspname in ('auth', 'storage', 'extensions', 'voxanne_rollout'))
union all
select 'grant', 'schema voxanne_rollout',
  'The role ' || reached.label || ' has been given the journal of the rollout.',
  pg_catalog.format('revoke all on schema voxanne_rollout from %1$s; revoke all on all tables in schema voxanne_rollout from %1$s;', reached.name), null
from reached where exists (select from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) g where n.nspname = 'voxanne_rollout' and g.grantee = reached.oid)
  or exists (select from relations where nspname = 'voxanne_rollout' and grantee = reached.oid)
union all
select distinct 'trigger', n.nspname || '.' || c.relname,
  'A foreign key of ' || n.nspname || '.' || c.relname || ' is no longer enforced: its triggers are disabled.',
  pg_catalog.format('alter table %I.%I enable trigger all;', n.nspname, c.relname), null
from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where t.tgisinternal and t.tgenabled in ('D', 'R') and t.tgconstraint <> 0 and ${appSchema('n.nspname')}
union all
select distinct 'grant', r.nspname || '.' || r.relname,
  'The role ' || reached.label || ' may read ' || r.nspname || '.' || r.relname || ', and no row security limits it there.',
  pg_catalog.format('revoke all on %I.%I from %s;', r.nspname, r.relname, reached.name), null
from relations r join reached on reached.oid = r.grantee
where r.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE') and not r.relrowsecurity and ${secret}
union all
-- A policy of the platform's own tables: one's own row may be read, nothing else.
select distinct 'policy', n.nspname || '.' || c.relname,
  'Policy ' || pg_catalog.quote_ident(p.polname) || ' of ' || n.nspname || '.' || c.relname || ' lets ' || reached.label || ' ' ||
    case p.polcmd when 'r' then 'read' else 'read or write' end || ' rows of the platform, and more than one’s own row alone to read.',
  pg_catalog.format('drop policy %1$I on %2$I.%3$I; revoke all on %2$I.%3$I from %4$s; and show what is needed of it by a function of the app that asks who is calling.', p.polname, n.nspname, c.relname, reached.name), null
from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join relations g on g.oid = c.oid join reached on reached.oid = g.grantee
where n.nspname in ('auth', 'vault') and p.polpermissive and c.relrowsecurity
  and (p.polroles && array[0::pg_catalog.oid, reached.oid] or (reached.oid = 0 and p.polroles && (select array_agg(oid) from api)))
  and case p.polcmd when 'r' then g.privilege_type = 'SELECT' when 'a' then g.privilege_type = 'INSERT' when 'w' then g.privilege_type = 'UPDATE'
    when 'd' then g.privilege_type = 'DELETE' else g.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE') end
  and not (g.privilege_type = 'SELECT' and pg_catalog.regexp_replace(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '\\s+|[()]', '', 'g')
    ~ '^(?:(?:user_)?id=(?:SELECT)?(?:auth\\.)?uid(?:ASuid)?|(?:SELECT)?(?:auth\\.)?uid(?:ASuid)?=(?:user_)?id)$')
union all
select distinct 'grant', 'pg_catalog.' || r.relname,
  'The role ' || reached.label || ' may read pg_catalog.' || r.relname || ', which keeps values of every table or passwords.',
  pg_catalog.format('revoke all on pg_catalog.%I from %s;', r.relname, reached.name), null
from relations r join reached on reached.oid = r.grantee
where r.nspname = 'pg_catalog' and r.relname in ${catalogs} and r.privilege_type <> 'MAINTAIN'
union all
select distinct 'grant', p.oid::pg_catalog.regprocedure::text,
  'The role ' || reached.label || ' may call ' || p.oid::pg_catalog.regprocedure::text || ', which reaches the files or the settings of the server.',
  pg_catalog.format('revoke execute on function %s from %s;', p.oid::pg_catalog.regprocedure, reached.name), null
from pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) g join reached on reached.oid = g.grantee
where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and p.proname in ${ofTheServer} and g.grantee <> p.proowner
union all
select distinct 'grant', 'cron.job',
  'The role ' || reached.label || ' may plan jobs: what a job does runs without a token, with claims that it sets itself.',
  pg_catalog.format('revoke all on schema cron from %s;', reached.name), null
from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) g join reached on reached.oid = g.grantee
where n.nspname = 'cron' and g.grantee <> n.nspowner
union all
select distinct 'grant', r.nspname || '.' || r.relname,
  'The role ' || reached.label || ' has REFERENCES on columns of ' || r.nspname || '.' || r.relname || ': a foreign key looks at every row.',
  pg_catalog.format('revoke references on table %I.%I from %s;', r.nspname, r.relname, reached.name), null
from relations r join reached on reached.oid = r.grantee
where r.column is not null and r.privilege_type = 'REFERENCES' and r.relkind in ('r', 'p') and ${appSchema('r.nspname')}
  and not exists (select from relations w where w.oid = r.oid and w.grantee = r.grantee and w.column is null and w.privilege_type = 'REFERENCES')
union all
select distinct 'foreign-table', r.nspname || '.' || r.relname,
  'The role ' || reached.label || ' may use the foreign table ' || r.nspname || '.' || r.relname || ', which knows no row security.',
  pg_catalog.format('revoke all on %I.%I from %s; or accept this finding in the baseline where its rows are everybody’s.', r.nspname, r.relname, reached.name),
  'table ' || r.nspname || '.' || r.relname
from relations r join reached on reached.oid = r.grantee where r.relkind = 'f' and ${appSchema('r.nspname')} and r.grantee <> r.relowner
  and r.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
union all
-- A privilege on one column: who has it on the whole is found by step 1.7.
select distinct 'materialized-view', r.nspname || '.' || r.relname,
  'The role ' || reached.label || ' may read the materialized view ' || r.nspname || '.' || r.relname || ', which holds a copy of rows that row security guards, or of rows of the platform.',
  pg_catalog.format('revoke all on %I.%I from %s;', r.nspname, r.relname, reached.name),
  case when r.column is null then 'materialized view ' || r.nspname || '.' || r.relname end
from relations r join reached on reached.oid = r.grantee
where r.relkind = 'm' and ${appSchema('r.nspname')} and r.privilege_type = 'SELECT' and exists (
  with recursive read(oid) as (
    select r.oid union
    select d.refobjid from read join pg_catalog.pg_rewrite w on w.ev_class = read.oid
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = w.oid and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass)
  select from read join pg_catalog.pg_class t on t.oid = read.oid join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
  where t.relkind in ('r', 'p') and (tn.nspname in ('auth', 'vault', 'storage', 'realtime', 'net', 'cron')
    or (r.column is not null and t.relrowsecurity and not exists (select from pg_catalog.pg_policy p where p.polrelid = t.oid and p.polpermissive and p.polcmd in ('r', '*')
      and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true' and p.polroles && array[0::pg_catalog.oid, reached.oid]))))
union all
select distinct 'default-privileges', 'default privileges' || case when d.defaclnamespace = 0 then '' else ' in schema ' || d.defaclnamespace::pg_catalog.regnamespace end,
  'Every ' || case d.defaclobjtype when 'r' then 'table' when 'n' then 'schema' else 'sequence' end || ' that ' || pg_catalog.pg_get_userbyid(d.defaclrole) || ' makes ' ||
    case when d.defaclnamespace = 0 then 'in any schema' else 'in ' || d.defaclnamespace::pg_catalog.regnamespace end ||
    ' from now on is granted to ' || reached.label || ', by default privileges.',
  pg_catalog.format('alter default privileges for role %I%s revoke all on %s from %s;', pg_catalog.pg_get_userbyid(d.defaclrole),
    case when d.defaclnamespace = 0 then '' else ' in schema ' || d.defaclnamespace::pg_catalog.regnamespace end,
    case d.defaclobjtype when 'r' then 'tables' when 'n' then 'schemas' else 'sequences' end, reached.name), null
from pg_catalog.pg_default_acl d left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace, pg_catalog.aclexplode(d.defaclacl) g
join reached on reached.oid = g.grantee
where d.defaclobjtype in ('r', 'n') and g.grantee <> d.defaclrole
  -- Projects made before 2026 grant what is new in public to the roles of the API, and storage does.
  and (g.grantee = 0 or d.defaclnamespace = 0 or n.nspname in ('auth', 'vault', 'cron', 'net', 'voxanne_rollout'))`;
