import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fingerprint } from '../../../src/database/fingerprint.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../../src/demo/server.ts';
import { differences } from '../../../src/rollout/fingerprint.ts';
import { applyDatabase, buildCli, type Cli, clinicDecisions, tinyDecisions } from '../../helpers/cli.ts';

// The CLI is started once per file, one to three seconds each: the whole phase takes minutes, and belongs to the full
// mode. Every mechanism it uses is tested one by one in executor.test.ts.
const full = process.env.FULL !== undefined;

let server: EmbeddedServer;
let cli: Cli;
beforeAll(async () => {
  [server, cli] = await Promise.all([startServer(), buildCli()]);
});
afterAll(async () => {
  await server.stop();
  await cli[Symbol.asyncDispose]();
});

async function look(database: string) {
  const client = new pg.Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    const state = await fingerprint(client);
    const { rows } = await client.query<{ name: string }>(
      `select name from supabase_migrations.schema_migrations order by version`,
    );
    return { state, history: rows.map((row) => row.name) };
  } finally {
    await client.end();
  }
}

test.runIf(full).each([
  ['tiny', tinyDecisions],
  ['clinic', clinicDecisions],
] as const)(
  'phase 1 of %s through the CLI and through pg with registering end in equal catalogs and history, and back',
  {
    timeout: 2_400_000,
  },
  async (name, decisions) => {
    const start: string[][] = [];
    const ways = { cli: '--executor=supabase-cli', pg: '--register' } as const;
    const ends: Record<string, Awaited<ReturnType<typeof look>>> = {};
    for (const [way, flag] of Object.entries(ways)) {
      const database = `whole_${name}_${way}`;
      await loadDatabase(server, name, database);
      const workspace = cli.folder(database);
      symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(workspace, 'node_modules'));
      const options = { url: server.url(database), cwd: workspace };
      const applied = await cli.run([...applyDatabase, flag, ...decisions], options);
      expect(applied.stderr).toBe('');
      expect(applied.code).toBe(0);
      ends[way] = await look(database);
      const back = await cli.run(['rollback', '--all', '--yes', flag], options);
      expect(back.stdout).toContain('Rolled back, and proven step by step.');
      start.push((await look(database)).history as string[]);
    }
    const [cliEnd, pgEnd] = [ends.cli, ends.pg];
    expect(differences(cliEnd?.state ?? {}, pgEnd?.state ?? {})).toEqual([]);
    expect([...(cliEnd?.history ?? [])].sort()).toEqual([...(pgEnd?.history ?? [])].sort());
    expect(start).toEqual([[], []]);
  },
);
