import type { ClientBase } from 'pg';
import type { Fingerprint } from '../rollout/journal.ts';
import { byOwner, type StateByOwner } from '../rollout/plan-reads.ts';
import { fingerprint } from './fingerprint.ts';

/** Every object of the app as it is now, by the table, view or function that it belongs to. */
export async function appState(client: ClientBase): Promise<StateByOwner> {
  const state = await fingerprint(client);
  return byOwner(state, await indexTables(client));
}

/** A state that was kept, by owner. Indexes that are gone by now are found under `known`. */
export const keptState = async (client: ClientBase, state: Fingerprint, known: StateByOwner): Promise<StateByOwner> => {
  const before = Object.entries(known).flatMap(([owner, objects]) =>
    Object.keys(objects).flatMap((object) => (object.startsWith('index ') ? [[object, owner] as const] : [])),
  );
  return byOwner(state, { ...(await indexTables(client)), ...Object.fromEntries(before) });
};

/** `index public.i -> public.calls`, as the fingerprint names both. */
async function indexTables(client: ClientBase): Promise<Readonly<Record<string, string>>> {
  const { rows } = await client.query<{ object: string; owner: string }>(
    `select 'index ' || n.nspname || '.' || ic.relname as object, n.nspname || '.' || c.relname as owner
     from pg_catalog.pg_index i join pg_catalog.pg_class ic on ic.oid = i.indexrelid
     join pg_catalog.pg_class c on c.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace`,
  );
  return Object.fromEntries(rows.map((row) => [row.object, row.owner]));
}

/** `15.8`: the server's version, without what its packager adds. */
export async function serverVersion(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ version: string }>(
    `select pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) as version`,
  );
  return rows[0]?.version ?? 'unknown';
}
