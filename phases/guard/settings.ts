import type { ClientBase } from 'pg';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import type { Since } from './changed.ts';
import { type Standing, standing } from './standing.ts';

/** A setting that a role of the API, or every role of this database, begins with. */
type Setting = { readonly role: string; readonly database: string; readonly setting: string };

/** Settings of roles and of the database with which a request is no longer what the checks of the rollout made. */
export async function fromSettings(
  client: ClientBase,
  exposed: readonly string[],
  since: Since,
): Promise<readonly GuardFinding[]> {
  const { rows } = await client.query<Setting>(
    `select coalesce(r.rolname, '') as role, pg_catalog.current_database() as database, s as setting
     from pg_catalog.pg_db_role_setting d left join pg_catalog.pg_roles r on r.oid = d.setrole, unnest(d.setconfig) s
     where (d.setrole = 0 or r.rolname in ('anon', 'authenticated', 'authenticator'))
       and d.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()))`,
  );
  return standing(
    rows.flatMap((one) => judge(one, exposed)),
    since,
  );
}

function judge({ role, database, setting }: Setting, exposed: readonly string[]): readonly Standing[] {
  const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(setting) ?? [];
  const whose = role === '' ? `database ${database}` : `role ${role}`;
  const found = (reason: string, instruction = `alter ${whose} reset ${name};`): Standing => ({
    kind: role === '' ? 'setting' : 'role',
    object: whose,
    reason,
    instruction,
  });
  const by = `by a setting of the ${whose}`;
  if (name === 'session_replication_role' && value !== 'origin')
    return [found(`Triggers and foreign keys do not fire for a request, ${by}: nothing guards what it writes.`)];
  if (name === 'row_security' && !/^(?:on|true|yes|1)$/i.test(value))
    return [found(`Every query of a table with row security fails for a request, ${by}.`)];
  if (name === 'role') return [found(`A request begins as the role ${value}, ${by}.`)];
  if (/^request\./.test(name))
    return [found(`A request has ${name} without a token, ${by}: policies take it for whoever that names.`)];
  if (name === 'search_path') {
    const first = before(value, exposed);
    return first.length === 0
      ? []
      : [found(`Names in a request mean what is in ${first.join(', ')} before what is in the app's schemas, ${by}.`)];
  }
  return role === 'authenticator' ? ofTheApi(name, value, exposed, found) : [];
}

/** Schemas in which a name is looked for before those that the rollout looked at. */
function before(path: string, exposed: readonly string[]): readonly string[] {
  const known = ['$user', 'pg_catalog', 'extensions', ...exposed];
  const schemas = path.split(',').map((one) => one.trim().replace(/^"(.*)"$/, '$1'));
  const at = schemas.findIndex((one) => exposed.includes(one));
  return schemas.slice(0, at === -1 ? undefined : at).filter((one) => one !== '' && !known.includes(one));
}

/** What the API reads of the settings of its own role. */
function ofTheApi(
  name: string,
  value: string,
  exposed: readonly string[],
  found: (reason: string, instruction?: string) => Standing,
): readonly Standing[] {
  if (name === 'pgrst.db_anon_role' && value !== 'anon')
    return [
      found(
        `The API acts as ${value} for a request without a login, by a setting of the role authenticator.`,
        'alter role authenticator reset pgrst.db_anon_role;',
      ),
    ];
  if (name === 'pgrst.jwt_role_claim_key' && value.includes('user_metadata'))
    return [
      found(
        `The API takes the role of a request from ${value}, which users write themselves, by a setting of the role authenticator.`,
      ),
    ];
  if (name === 'pgrst.db_pre_request' && value !== '')
    return [
      found(
        `The API runs ${value}() before every request, by a setting of the role authenticator: it may change the role and the claims of the request, and no check asks what it does.`,
        `Look at the function; accept this finding in the baseline where it is meant, or: alter role authenticator reset pgrst.db_pre_request;`,
      ),
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
