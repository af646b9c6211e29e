import type { Client } from 'pg';
import { toRolloutError } from '../../database/errors.ts';
import { exitCodes, RolloutError } from '../../rollout/errors.ts';
import { type ConnectionDescription, insteadOfTransaction } from './describe.ts';
import { detectPoolMode, type OpenAnother, type PoolMode } from './pooler.ts';
import { type Privilege, privileges } from './privileges.ts';

/** The oldest server that every statement of a rollout is tested on. */
export const oldestServer = 150_000;

/** What a connection turned out to be. Reading it changes nothing. */
export type Inspection = {
  readonly mode: PoolMode;
  /** `150018` for 15.18, and as text. */
  readonly serverVersion: number;
  readonly serverVersionText: string;
  /** Why nothing can be written here; null on a writable primary. */
  readonly readOnly: 'a replica' | 'read-only by setting' | null;
  /** What a Supabase database has and this one lacks: `schema auth`, `role authenticated`. */
  readonly missing: readonly string[];
  readonly role: string;
  readonly superuser: boolean;
  readonly privileges: readonly Privilege[];
};

/**
 * Looks at a fresh connection: pooler, version, replica, Supabase shape and privileges.
 *
 * @throws {RolloutError} when a query fails or the pooler has no second connection.
 */
export async function inspectConnection(client: Client, openAnother: OpenAnother): Promise<Inspection> {
  try {
    const mode = await detectPoolMode(client, openAnother);
    return {
      mode,
      ...(await facts(client)),
      missing: await missingParts(client),
      privileges: await privileges(client),
    };
  } catch (error) {
    throw toRolloutError(error);
  }
}

async function facts(
  client: Client,
): Promise<Pick<Inspection, 'serverVersion' | 'serverVersionText' | 'readOnly' | 'role' | 'superuser'>> {
  const { rows } = await client.query<{
    version: number;
    text: string;
    recovery: boolean;
    read_only: string;
    role: string;
    superuser: boolean;
  }>(
    `select current_setting('server_version_num')::int as version, current_setting('server_version') as text,
       pg_is_in_recovery() as recovery, current_setting('transaction_read_only') as read_only, current_user::text as role,
       coalesce((select rolsuper from pg_roles where rolname = current_user), false) as superuser`,
  );
  const [row] = rows;
  if (row === undefined) throw new RolloutError('The server answered nothing.', 'Try again.', { kind: 'outside' });
  return {
    serverVersion: row.version,
    serverVersionText: row.text,
    readOnly: row.recovery ? 'a replica' : row.read_only === 'on' ? 'read-only by setting' : null,
    role: row.role,
    superuser: row.superuser,
  };
}

async function missingParts(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ part: string }>(
    // Looked up by oid: `to_regclass` fails for a role that may not use the schema.
    `with auth as (select oid from pg_namespace where nspname = 'auth'),
       users as (select c.oid from pg_class c join auth on auth.oid = c.relnamespace where c.relname = 'users'),
       functions as (select p.proname from pg_proc p join auth on auth.oid = p.pronamespace where p.pronargs = 0)
     select part from (values
       (1, 'schema auth', exists (select from auth)),
       (2, 'table auth.users', exists (select from users)),
       (3, 'column auth.users.raw_app_meta_data', exists (select from pg_attribute
          where attrelid = (select oid from users) and attname = 'raw_app_meta_data' and not attisdropped)),
       (4, 'function auth.jwt()', exists (select from functions where proname = 'jwt')),
       (5, 'function auth.uid()', exists (select from functions where proname = 'uid')),
       (6, 'role anon', exists (select from pg_roles where rolname = 'anon')),
       (7, 'role authenticated', exists (select from pg_roles where rolname = 'authenticated')),
       (8, 'role service_role', exists (select from pg_roles where rolname = 'service_role'))
     ) parts (n, part, there) where not there order by n`,
  );
  return rows.map((row) => row.part);
}

/**
 * Why a rollout may not use this connection, worst first; null when it may. Nothing has been changed by then.
 */
export function refusal(inspection: Inspection, connection: ConnectionDescription): RolloutError | null {
  const { missing } = inspection;
  const no = (problem: string, remedy: string, detail?: string) =>
    new RolloutError(problem, remedy, { exitCode: exitCodes.connection, detail });
  if (inspection.mode === 'transaction') {
    return no(
      `${connection.label} is a pooler in transaction mode, where locks and settings of a session leak to other clients.`,
      `${insteadOfTransaction(connection)}.`,
    );
  }
  if (inspection.readOnly !== null) {
    return no(
      `${connection.label} only allows reading: it is ${inspection.readOnly}.`,
      'Use the connection string of the primary database; a project that ran out of disk becomes writable again in its dashboard.',
    );
  }
  if (inspection.serverVersion < oldestServer) {
    return no(
      `The server is PostgreSQL ${inspection.serverVersionText}, and a rollout needs 15 or newer.`,
      'Upgrade the project in its dashboard (Settings, Infrastructure) first.',
    );
  }
  if (missing.length > 0) {
    return no(
      `Database ${connection.database} is not a Supabase database: ${missing[0]} is not there${missing.length > 1 ? `, and ${missing.length - 1} more` : ''}.`,
      'Check the connection string; on Supabase the database is postgres.',
      missing.join('\n'),
    );
  }
  const lacking = inspection.privileges.filter((privilege) => privilege.required && !privilege.held);
  if (lacking.length > 0) {
    return no(
      `Role ${inspection.role} may not ${lacking[0]?.what}${lacking.length > 1 ? `, and lacks ${lacking.length - 1} more privileges` : ''}.`,
      'Connect as the role postgres of the project.',
      lacking.map((privilege) => `${privilege.what} (for ${privilege.why})`).join('\n'),
    );
  }
  return null;
}
