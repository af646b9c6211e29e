import pg from 'pg';
import type { EmbeddedServer } from '../../src/demo/server.ts';

/** Runs SQL as the superuser, for what a platform or an extension would have made. */
export async function asAdmin(server: EmbeddedServer, database: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.adminUrl(database) });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
