import pg from 'pg';
import { loadCatalog } from '../../../src/database/catalog/load.ts';
import { type ColumnRename, planRename, type RenamePlan } from '../../../src/database/rename/index.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import type { EmbeddedServer } from '../../../src/demo/server.ts';

let count = 0;

/** A database of the Supabase shape with some SQL of an app in it, as role postgres. */
export async function database(server: EmbeddedServer, sql: string): Promise<pg.Client> {
  count += 1;
  const name = `rename_${count}`;
  await loadDatabase(server, 'base', name);
  const client = new pg.Client({ connectionString: server.url(name) });
  await client.connect();
  await client.query(sql);
  return client;
}

export const renamed = (table: string, from = 'organization_id', to = 'org_id', schema = 'public'): ColumnRename => ({
  schema,
  table,
  from,
  to,
});

/** The rows of a query, for comparing before and after. */
export const rows = async (client: pg.Client, sql: string): Promise<unknown> =>
  (await client.query({ text: sql, rowMode: 'array' })).rows;

/** Every definition that a rename can touch, as text: equal before and after a round trip. */
export async function state(client: pg.Client): Promise<unknown> {
  const catalog = await loadCatalog(client);
  const plain = JSON.parse(JSON.stringify(catalog)) as { tables: { estimatedRows?: number }[] };
  for (const table of plain.tables) delete table.estimatedRows;
  const access = await rows(
    client,
    `select oid::regprocedure::text, proacl::text, proowner::regrole::text, obj_description(oid) from pg_proc
      where pronamespace::regnamespace::text !~ '^pg_|information_schema' order by 1`,
  );
  return { plain, access };
}

export async function inTransaction(client: pg.Client, sql: string): Promise<void> {
  await client.query('begin');
  try {
    await client.query(sql);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

export async function plan(
  client: pg.Client,
  renames: readonly ColumnRename[],
  renameClaims = false,
): Promise<RenamePlan> {
  return planRename(await loadCatalog(client), renames, { renameClaims });
}

export const up = async (client: pg.Client, made: RenamePlan): Promise<void> => {
  for (const group of made.groups) await inTransaction(client, group.up);
};

export const down = async (client: pg.Client, made: RenamePlan): Promise<void> => {
  for (const group of [...made.groups].reverse()) await inTransaction(client, group.down);
};
