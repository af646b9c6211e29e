import pg, { type ClientBase } from 'pg';
import type { Catalog, DbFunction } from '../../../src/database/catalog/types.ts';
import { identifier } from '../../../src/database/quote.ts';
import type { Job, RenameOptions } from '../../../src/database/rename/index.ts';
import { rolledBackAtOnce } from '../../../src/database/rolled-back.ts';
import type { Note } from '../../../src/rollout/step.ts';

/** What a rename has to know of the server beyond the app's catalog. */
export async function askServer(
  client: ClientBase,
  catalog: Catalog,
): Promise<Required<Pick<RenameOptions, 'relations' | 'failsToday' | 'jobs'>> & { readonly notes: readonly Note[] }> {
  const { rows } = await client.query<{ name: string }>(
    `select n.nspname || '.' || c.relname as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')`,
  );
  const { jobs, notes } = await scheduled(client);
  const schemas = [...new Set(['public', 'extensions', 'auth', ...catalog.functions.map((one) => one.schema)])];
  return {
    relations: new Set(rows.map((row) => row.name)),
    jobs,
    notes,
    failsToday: (routine) => failsToday(client, routine, schemas),
  };
}

/** Errors that no rename takes away: a relation, function, type or column that is not there, and what is no SQL. */
const lasting = new Set(['42P01', '42883', '42704', '42601', '42703', '3F000']);

/**
 * PostgreSQL's own validation, in a transaction that is rolled back: the analysis of a sql body, the syntax of a plpgsql
 * one. A function without a path of its own is tried with every schema of the app in sight, so that only what is found
 * nowhere counts.
 */
async function failsToday(client: ClientBase, routine: DbFunction, schemas: readonly string[]): Promise<string | null> {
  const { definition } = routine;
  if (definition === null || !routine.ours) return null;
  try {
    await rolledBackAtOnce(client, [
      'set local check_function_bodies = on',
      `set local lock_timeout = '2s'`,
      `set local search_path = ${schemas.map(identifier).join(', ')}`,
      definition,
    ]);
    return null;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const { code, message } = error;
    return code !== undefined && lasting.has(code) ? message : null;
  }
}

async function scheduled(
  client: ClientBase,
): Promise<{ readonly jobs: readonly Job[]; readonly notes: readonly Note[] }> {
  const { rows: facts } = await client.query<{ there: boolean; readable: boolean; alterable: boolean }>(
    `select c.oid is not null as there, coalesce(pg_catalog.has_schema_privilege(c.relnamespace, 'usage') and pg_catalog.has_table_privilege(c.oid, 'select'), false) as readable,
       coalesce((select bool_or(pg_catalog.has_function_privilege(p.oid, 'execute')) from pg_catalog.pg_proc p
         where p.pronamespace = c.relnamespace and p.proname = 'alter_job'), false) as alterable
     from (select pg_catalog.to_regclass('cron.job') as job) one left join pg_catalog.pg_class c on c.oid = one.job`,
  );
  const [fact] = facts;
  if (fact?.there !== true) return { jobs: [], notes: [] };
  if (!fact.readable) {
    return {
      jobs: [],
      notes: [{ text: 'Not checked: the commands of scheduled jobs, which this role may not read (cron.job).' }],
    };
  }
  const { rows } = await client.query<{ id: string; name: string | null; command: string; own: boolean }>(
    `select j.jobid::text as id, j.jobname as name, j.command, j.username = current_user or u.rolsuper as own
     from cron.job j join pg_catalog.pg_roles u on u.rolname = current_user where j.database = pg_catalog.current_database() order by j.jobid`,
  );
  return {
    jobs: rows.map(({ own, ...job }) => ({ ...job, ours: own && fact.alterable })),
    notes: [],
  };
}
