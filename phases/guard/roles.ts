import type { ClientBase } from 'pg';
import { appSchema } from '../../src/database/catalog/platform.ts';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import type { Since } from './changed.ts';
import { fromCatalog, reached } from './standing.ts';

/**
 * What makes row security count for nothing, whatever its policies say: a role of the API that bypasses it, owns
 * tables, or may become somebody who does.
 */
export const fromRoles = (client: ClientBase, since: Since): Promise<readonly GuardFinding[]> =>
  fromCatalog(client, rolesSql, since);

/** Schemas whose objects decide what a request reaches. */
const deciding = (column: string): string =>
  `(${appSchema(column)} or ${column} in ('auth', 'storage', 'realtime', 'extensions', 'vault', 'cron', 'voxanne_rollout'))`;

const rolesSql = `
with ${reached},
roles as (select r.*, r.rolname::text as name from pg_catalog.pg_roles r where r.rolname in ('anon', 'authenticated', 'authenticator'))
select 'role' as kind, 'role ' || name as object,
  'The role ' || name || ' ' || case when rolsuper then 'is a superuser' when rolbypassrls then 'bypasses row security' else 'may make and change roles' end || '.' as reason,
  'alter role ' || name || ' nosuperuser nobypassrls nocreaterole;' as instruction, null::text as about
from roles where rolsuper or rolbypassrls or rolcreaterole
union all
select 'role', 'role ' || name,
  'The role ' || name || ' may log in to the database, where whoever does sets the claims that policies ask, and so is any user.',
  'alter role ' || name || ' nologin;', null
from roles where rolcanlogin and name <> 'authenticator'
union all
select 'role', 'role anon',
  'The role anon has the rights of authenticated: policies for signed-in users let visitors in.',
  'revoke authenticated from anon;', null
from api anon join api authenticated on authenticated.name = 'authenticated'
where anon.name = 'anon' and not anon.rolsuper and pg_catalog.pg_has_role(anon.oid, authenticated.oid, 'USAGE')
union all
select 'role', 'role ' || api.name,
  'The role ' || api.name || ' is a member of ' || r.rolname || ', which ' ||
    case when r.rolsuper then 'is a superuser' when r.rolbypassrls then 'bypasses row security'
      when r.rolname like 'pg\\_%' then 'reaches what nobody granted to it' else 'owns tables of the app, and an owner passes row security by' end || '.',
  pg_catalog.format('revoke %I from %I;', r.rolname, api.name), null
from roles api join pg_catalog.pg_roles r on r.oid <> api.oid and pg_catalog.pg_has_role(api.oid, r.oid, 'MEMBER') and not api.rolsuper
-- The API becomes the service role, and by way of it whatever that may become, for whoever has its key.
where not (api.name = 'authenticator' and (r.rolname in ('anon', 'authenticated', 'service_role') or r.rolname ~ '^supabase_'
    or exists (select from pg_catalog.pg_roles s where s.rolname = 'service_role' and pg_catalog.pg_has_role(s.oid, r.oid, 'MEMBER'))))
  and (r.rolsuper or r.rolbypassrls or r.rolname like 'pg\\_%' or exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relowner = r.oid and c.relkind in ('r', 'p', 'v', 'm') and ${appSchema('n.nspname')}))
union all
select 'role', 'role ' || api.name,
  'The role ' || api.name || ' has the rights of ' || r.rolname || ', which has policies of its own or reaches what row security does not limit: neither was checked for ' || api.name || '.',
  pg_catalog.format('revoke %I from %I;', r.rolname, api.name), null
from api join pg_catalog.pg_roles r on r.rolname not in ('anon', 'authenticated') and not api.rolsuper and pg_catalog.pg_has_role(api.oid, r.oid, 'USAGE')
where not r.rolsuper and not r.rolbypassrls and (
  exists (select from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where p.polpermissive and r.oid = any (p.polroles) and ${deciding('n.nspname')})
  or exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace, pg_catalog.aclexplode(c.relacl) g
    where g.grantee = r.oid and ${appSchema('n.nspname')} and case when c.relkind in ('r', 'p') and c.relrowsecurity
      then g.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE') else c.relkind in ('r', 'p', 'f', 'v', 'm') end
      and not exists (select from pg_catalog.pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker' and lower(o.option_value) in ('true', 'on', 'yes', '1')))
  or exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace, pg_catalog.aclexplode(p.proacl) g
    where g.grantee = r.oid and g.grantee <> p.proowner and p.prosecdef and ${appSchema('n.nspname')}))
union all
select 'owner', n.nspname || '.' || c.relname,
  n.nspname || '.' || c.relname || ' belongs to ' || reached.label || ', whose requests pass its row security by.',
  pg_catalog.format('alter table %I.%I owner to postgres;', n.nspname, c.relname), null
from reached join pg_catalog.pg_class c on c.relowner = reached.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')
join pg_catalog.pg_namespace n on n.oid = c.relnamespace where ${deciding('n.nspname')}
union all
select 'owner', p.oid::pg_catalog.regprocedure::text,
  'Function ' || p.oid::pg_catalog.regprocedure::text || ' belongs to ' || reached.label || ', whose requests may replace it.',
  'alter function … owner to postgres;', null
from reached join pg_catalog.pg_proc p on p.proowner = reached.oid join pg_catalog.pg_namespace n on n.oid = p.pronamespace where ${deciding('n.nspname')}
union all
select 'owner', 'schema ' || n.nspname,
  'The schema ' || n.nspname || ' belongs to ' || reached.label || ', whose requests may drop what is in it and create objects there.',
  pg_catalog.format('alter schema %I owner to postgres;', n.nspname), null
from reached join pg_catalog.pg_namespace n on n.nspowner = reached.oid where ${deciding('n.nspname')}`;
