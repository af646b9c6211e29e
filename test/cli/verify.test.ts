import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { applyDatabase, tinyDecisions } from '../helpers/cli.ts';
import { runHere } from '../helpers/in-process.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
}, 120_000);
afterAll(async () => {
  await server?.stop();
});

test('a check on which isolation depends and that could not be run is no success of verify', async () => {
  await loadDatabase(server, 'tiny', 'verify');
  const url = server.url('verify');
  const applied = await runHere([...applyDatabase, ...tinyDecisions], { url });
  expect(applied.code, applied.stdout + applied.stderr).toBe(0);
  const good = await runHere(['verify'], { url });
  expect(good.code, good.stdout).toBe(0);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      `create function public.slow(p uuid) returns void language plpgsql security definer as $$ begin perform pg_sleep(9); perform from public.profiles where id = p; end $$`,
    );
  } finally {
    await client.end();
  }
  const { code, stdout } = await runHere(['verify'], { url });
  expect(code, stdout).toBe(1);
  expect(stdout).toContain('Not verified: 1 check on which isolation depends could not be run.');
  expect(stdout).not.toContain('Every check that ran passed');
});
