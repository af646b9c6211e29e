import { readdir, readFile } from 'node:fs/promises';
import { sha256 } from '../../workspace/hash.ts';
import { orAbsent, resolveState } from '../../workspace/paths.ts';
import type { Opened } from '../open.ts';

/** The folder that keeps requests; without a workspace there is nowhere else to keep one. */
export const rootOf = ({ target, config }: Pick<Opened, 'target' | 'config'>): string =>
  target.workspace?.root ?? config.workspace;

/** What the checks of the code go by beside the code: who may write to the checkout could make them pass with these. */
async function judgedBy(root: string): Promise<readonly unknown[]> {
  const names = (await readdir(await resolveState(root)).catch(orAbsent)) ?? [];
  const kept = names.filter((name) => /^(?:waivers|baseline-.+)\.json$/.test(name)).sort();
  return Promise.all(
    kept.map(async (name) => [name, sha256((await readFile(await resolveState(root, name)).catch(orAbsent)) ?? '')]),
  );
}

/**
 * What a request is for: the database, recognised by its address, its own number and its journal's id, the checkout, and
 * the settings, decisions and waivers that were in force. Whatever of it changes makes it another target.
 */
export async function targetOf({ connection, session, config, target }: Opened): Promise<string> {
  const [database] = await session.observe<{ oid: string; created: string | null; journal: string | null }>(
    `select d.oid::text as oid,
       case when pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute')
         then (select s.system_identifier::text from pg_catalog.pg_control_system() s) end as created,
       pg_catalog.to_regclass('voxanne_rollout.meta')::text as journal
     from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()`,
  );
  const journal =
    database?.journal == null
      ? null
      : (await session.observe<{ id: string }>('select m.id::text as id from voxanne_rollout.meta m limit 1'))[0]?.id;
  const { host, port, database: name, user, project } = connection;
  const parts = [host, port, name, user, project, database?.oid, database?.created, journal, target.workspace?.root];
  return sha256(JSON.stringify([parts.map((one) => one ?? null), config, await judgedBy(rootOf({ target, config }))]));
}
