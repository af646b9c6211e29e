import { readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fingerprint } from '../../../src/database/fingerprint.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { differences } from '../../../src/rollout/fingerprint.ts';
import { applyDatabase, buildCli, type Cli, clinicDecisions, tinyDecisions } from '../../helpers/cli.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { supabase } from './looks.ts';

// Four times a whole phase, forward and back, takes minutes and belongs to the full mode. Every mechanism that it uses is
// tested one by one in executor.test.ts and steps.test.ts.
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

/** What the files alone make of the schema of the app without its rows, as `supabase db reset` has it. */
async function replay(workspace: string, name: 'tiny' | 'clinic', database: string): Promise<ReturnType<typeof look>> {
  await loadDatabase(server, name, database);
  const client = new pg.Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    await client.query('set session_replication_role = replica');
    await client.query(`do $empty$ declare name text; begin
      for name in select format('%I.%I', schemaname, tablename) from pg_tables
        where schemaname in ('public', 'auth') and tablename !~ 'migrations' loop
        execute 'truncate ' || name || ' cascade';
      end loop; end $empty$`);
  } finally {
    await client.end();
  }
  await supabase(workspace, 'db', 'push', '--yes', `--remote=${server.url(database)}?sslmode=disable`);
  return look(database);
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
      // One file for each step that has changes of the schema, and no other.
      const files = readdirSync(join(workspace, 'supabase/migrations')).map((file) => file.slice(15, -'.sql'.length));
      expect(files).toEqual(ends[way]?.history);
      expect(new Set(files.map((file) => /^voxanne_1_\d/.exec(file)?.[0])).size).toBe(files.length);
      expect(files.length).toBeGreaterThan(3);
      expect(files.length).toBeLessThanOrEqual(7);
      const replayed = await replay(workspace, name, `${database}_replayed`);
      expect(differences(ends[way]?.state ?? {}, replayed.state)).toEqual([]);
      expect(replayed.history).toEqual(ends[way]?.history);
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
