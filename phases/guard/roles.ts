import type { ClientBase } from 'pg';
import { appSchema } from '../../src/database/catalog/platform.ts';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import { finding, type Since } from './changed.ts';

type Row = { readonly kind: string; readonly object: string; readonly reason: string; readonly instruction: string };

/**
 * What makes row security count for nothing, whatever its policies say: a role of the API that bypasses it, owns
 * tables, may become somebody who does, or reads what is not the app's at all.
 */
export async function fromRoles(
  client: ClientBase,
  exposed: readonly string[],
  since: Since,
): Promise<readonly GuardFinding[]> {
  const { rows } = await client.query<Row>(rolesSql);
  const { rows: settings } = await client.query<{ setting: string }>(
    `select s as setting from pg_catalog.pg_db_role_setting d join pg_catalog.pg_roles r on r.oid = d.setrole, unnest(d.setconfig) s
     where r.rolname = 'authenticator' and d.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()))`,
  );
  return [...rows, ...settings.flatMap(({ setting }) => servedBy(setting, exposed))].map(({ kind, ...one }) =>
    finding(since, { kind, ...one, key: one.reason }),
  );
}

/** Schemas that the API serves beside those that the rollout looked at. */
function servedBy(setting: string, exposed: readonly string[]): readonly Row[] {
  const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(setting) ?? [];
  if (name === 'pgrst.db_anon_role' && value !== 'anon')
    return [
      {
        kind: 'role',
        object: 'role authenticator',
        reason: `The API acts as ${value} for a request without a login, by a setting of the role authenticator.`,
        instruction: 'alter role authenticator reset pgrst.db_anon_role;',
      },
    ];
  if (name === 'pgrst.db_pre_request' && value !== '')
    return [
      {
        kind: 'role',
        object: 'role authenticator',
        reason: `The API runs ${value}() before every request, by a setting of the role authenticator: it may change the role and the claims of the request, and no check asks what it does.`,
        instruction: `Look at the function; accept this finding in the baseline where it is meant, or: alter role authenticator reset pgrst.db_pre_request;`,
      },
    ];
  if (name !== 'pgrst.db_schemas') return [];
  const known = [...exposed, 'graphql_public', 'storage'];
  return value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && !known.includes(one))
    .map((one) => ({
      kind: 'exposed-schema',
      object: `schema ${one}`,
      reason: `The API serves the schema ${one}, which the rollout was not told of: its functions were not checked.`,
      instruction: `Add it to exposedSchemas in the configuration file and run guard again; or take it out of pgrst.db_schemas of the role authenticator.`,
    }));
}

const api = `(values ('anon'), ('authenticated')) as api(name)`;
const rolesSql = `
with api as (select r.oid, r.rolname::text as name, r.rolbypassrls, r.rolsuper, r.rolcreaterole from pg_catalog.pg_roles r join ${api} on api.name = r.rolname),
called as (select oid, name from api union all select 0, 'public')
select 'role' as kind, 'role ' || name as object,
  'The role ' || name || ' ' || case when rolsuper then 'is a superuser' when rolbypassrls then 'bypasses row security' else 'may make and change roles' end || '.' as reason,
  'alter role ' || name || ' nosuperuser nobypassrls nocreaterole;' as instruction
from api where rolsuper or rolbypassrls or rolcreaterole
union all
select 'role', 'role ' || api.name,
  'The role ' || api.name || ' is a member of ' || r.rolname || ', which ' ||
    case when r.rolsuper then 'is a superuser' when r.rolbypassrls then 'bypasses row security'
      when r.rolname like 'pg\\_%' then 'reaches what nobody granted to it' else 'owns tables of the app, and an owner passes row security by' end || '.',
  pg_catalog.format('revoke %I from %I;', r.rolname, api.name)
from api join pg_catalog.pg_roles r on r.oid <> api.oid and pg_catalog.pg_has_role(api.oid, r.oid, 'MEMBER') and not api.rolsuper
where r.rolsuper or r.rolbypassrls or r.rolname like 'pg\\_%' or exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relowner = r.oid and c.relkind in ('r', 'p', 'v', 'm') and ${appSchema('n.nspname')})
union all
select 'owner', n.nspname || '.' || c.relname,
  n.nspname || '.' || c.relname || ' belongs to ' || api.name || ', whose requests pass its row security by.',
  pg_catalog.format('alter table %I.%I owner to postgres;', n.nspname, c.relname)
from api join pg_catalog.pg_class c on c.relowner = api.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')
join pg_catalog.pg_namespace n on n.oid = c.relnamespace where ${appSchema('n.nspname')}
union all
select 'owner', p.oid::pg_catalog.regprocedure::text,
  'Function ' || p.oid::pg_catalog.regprocedure::text || ' belongs to ' || api.name || ', whose requests may replace it.',
  'alter function … owner to postgres;'
from api join pg_catalog.pg_proc p on p.proowner = api.oid join pg_catalog.pg_namespace n on n.oid = p.pronamespace where ${appSchema('n.nspname')}
union all
select 'grant', 'schema ' || n.nspname,
  'The role ' || called.name || ' may create objects in the schema ' || n.nspname || ', where they stand beside those that policies and functions mean.',
  pg_catalog.format('revoke create on schema %I from %s;', n.nspname, called.name)
from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) g join called on called.oid = g.grantee
where g.privilege_type = 'CREATE' and called.name <> 'public' and (${appSchema('n.nspname')} or n.nspname in ('auth', 'storage', 'extensions', 'voxanne_rollout'))
union all
select 'grant', 'schema voxanne_rollout',
  'The role ' || called.name || ' has been given the journal of the rollout.',
  pg_catalog.format('revoke all on schema voxanne_rollout from %1$s; revoke all on all tables in schema voxanne_rollout from %1$s;', called.name)
from called where exists (select from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) g where n.nspname = 'voxanne_rollout' and g.grantee = called.oid)
  or exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace, pg_catalog.aclexplode(c.relacl) g
    where n.nspname = 'voxanne_rollout' and g.grantee = called.oid)
union all
select distinct 'trigger', n.nspname || '.' || c.relname,
  'A foreign key of ' || n.nspname || '.' || c.relname || ' is no longer enforced: its triggers are disabled.',
  pg_catalog.format('alter table %I.%I enable trigger all;', n.nspname, c.relname)
from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where t.tgisinternal and t.tgenabled in ('D', 'R') and t.tgconstraint <> 0 and ${appSchema('n.nspname')}
union all
select distinct 'grant', n.nspname || '.' || c.relname,
  'The role ' || called.name || ' may read ' || n.nspname || '.' || c.relname || ', and no row security limits it there.',
  pg_catalog.format('revoke all on %I.%I from %s;', n.nspname, c.relname, called.name)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral (select g.grantee, g.privilege_type from pg_catalog.aclexplode(c.relacl) g
  union all select g.grantee, g.privilege_type from pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) g where a.attrelid = c.oid) g
join called on called.oid = g.grantee
where g.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE') and not c.relrowsecurity
  and ((n.nspname = 'auth' and c.relname in ('users', 'identities', 'sessions', 'refresh_tokens', 'one_time_tokens', 'mfa_factors', 'flow_state', 'sso_providers', 'saml_providers'))
    or (n.nspname = 'vault' and c.relname in ('secrets', 'decrypted_secrets')))`;
