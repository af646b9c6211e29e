import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/database/fingerprint.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import type { Fingerprint } from '../../src/rollout/journal.ts';
import { applyDatabase, buildCli, type Cli, clinicDecisions, jsonLines, tell, tinyDecisions } from '../helpers/cli.ts';
import { runHere } from '../helpers/in-process.ts';
import { full } from '../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

let server: EmbeddedServer;
let cli: Cli;
beforeAll(async () => {
  [server, cli] = await Promise.all([startServer(), buildCli()]);
});
afterAll(async () => {
  await server?.stop();
  await cli?.[Symbol.asyncDispose]();
});

async function catalogOf(database: string): Promise<Fingerprint> {
  const client = new pg.Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    return await fingerprint(client);
  } finally {
    await client.end();
  }
}

describe.sequential('on one database', () => {
  const check = async (): Promise<number | null> =>
    (await runHere(['plan', '--check', ...tinyDecisions], { url: server.url('checked') })).code;
  const apply = () => runHere([...applyDatabase, ...tinyDecisions], { url: server.url('checked') });
  beforeAll(() => loadDatabase(server, 'tiny', 'checked'));

  test('plan --check: 3 while anything is pending, 0 afterwards', async () => {
    expect(await check()).toBe(3);
    expect((await apply()).code).toBe(0);
    expect(await check()).toBe(0);
  });

  test('--yes twice: the second run changes nothing and says so', async () => {
    const before = await catalogOf('checked');
    const again = await apply();
    expect(again.code).toBe(0);
    expect(again.stdout).toContain('nothing to do');
    expect(differences(before, await catalogOf('checked'))).toEqual([]);
  });

  test('plan --check: again 3 after a rollback', async () => {
    expect((await runHere(['rollback', '--yes'], { url: server.url('checked') })).code).toBe(0);
    expect(await check()).toBe(3);
  });
});

test('--to applies up to that step; rollback --to keeps it; each is told by status', async () => {
  await loadDatabase(server, 'tiny', 'stepwise');
  const url = server.url('stepwise');
  expect((await runHere(['--yes', '--to', '1.4', ...tinyDecisions], { url })).code).toBe(0);
  expect((await runHere(['rollback', '--to', '1.2', '--yes'], { url })).code).toBe(0);
  const { stdout } = await runHere(['status'], { url });
  expect(stdout).toMatch(/✓ 1\.2 Rename to org_id +verified/);
  expect(stdout).toMatch(/· 1\.3 Add foreign keys and indexes +rolled back/);
  expect(stdout).toMatch(/· 1\.5 Assign existing users +pending/);
});

test('--json: every line of every command fits the documented schema and names its target', async () => {
  await loadDatabase(server, 'tiny', 'machine');
  const url = server.url('machine');
  const runs = [
    ['plan', ...tinyDecisions],
    [...applyDatabase, ...tinyDecisions],
    ['verify'],
    ['status'],
    ['doctor'],
    ['rollback', '--all', '--yes'],
  ];
  for (const args of runs) {
    const { stdout } = await runHere([...args, '--json'], { url });
    const lines = jsonLines(stdout);
    expect(lines[0]?.type, args.join(' ')).toBe('version');
    expect(lines.at(-1)).toMatchObject({ type: 'end' });
    const unnamed = lines.filter((line) => line.target?.database !== 'machine').map((line) => line.type);
    expect(unnamed.filter((type) => type !== 'version' && !(args[0] === 'doctor'))).toEqual([]);
  }
});

const psql = spawnSync('psql', ['--version']).status === 0;
if (!psql) tell('skipped: running plan --sql needs psql (Debian: apt-get install postgresql-client)');

describe.skipIf(!psql)('plan --sql', () => {
  test.for([
    ['tiny', tinyDecisions, []] as const,
    // With concurrent indexes, as psql sends each statement by itself.
    ['tiny', tinyDecisions, ['--psql']] as const,
    ...(full ? [['clinic', clinicDecisions, []] as const] : []),
  ])('run by psql on a copy of %s gives the same catalog as --yes', async ([name, decisions, how]) => {
    const [tool, script] = ['tool', 'script'].map((one) => `${name}_${one}_${how.length}`) as [string, string];
    await loadDatabase(server, name, tool);
    await loadDatabase(server, name, script);
    const start = await catalogOf(script);
    const made = await runHere(['plan', '--sql', ...how, ...decisions], { url: server.url(script) });
    expect(made.code, made.stderr).toBe(0);
    expect(/^create (?:unique )?index concurrently/im.test(made.stdout)).toBe(how.length > 0);
    expect(differences(start, await catalogOf(script))).toEqual([]);
    const file = join(cli.folder('sql'), `${name}.sql`);
    writeFileSync(file, made.stdout);
    const ran = spawnSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', file, server.url(script)], {
      encoding: 'utf8',
    });
    expect(ran.status, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/Phase 1 was applied as tested +\| ok/);
    expect(ran.stdout).not.toContain('failed');
    const applied = await runHere([...applyDatabase, ...decisions], { url: server.url(tool) });
    expect(applied.code, applied.stderr).toBe(0);
    expect(differences(await catalogOf(tool), await catalogOf(script))).toEqual([]);
    // What the script did counts as done: the tool finds nothing left to change, and every check passes.
    const after = await runHere(['plan', '--check', ...decisions], { url: server.url(script) });
    expect(after.stdout).not.toMatch(/^ {2}\+ /m);
  });
});

describe('what a command loads', () => {
  /** Prints every module that node resolves, so that a test can look for those that only the wizard needs. */
  const spy = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(
      "import{writeSync}from'node:fs';export async function load(url,context,next){writeSync(2,'loads '+url+'\\\\n');return next(url,context)}"));`;
  const loaded = async (args: readonly string[], url?: string): Promise<string> => {
    const file = join(cli.folder('spy'), 'spy.mjs');
    writeFileSync(file, spy);
    const result = await cli.run(args, { url, node: ['--import', file] });
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).toContain('loads file:');
    return result.stderr;
  };

  test('--help, --version, status and --yes load neither Ink nor React, and status no SQL parser', async () => {
    await loadDatabase(server, 'tiny', 'lean');
    const url = server.url('lean');
    const { readFileSync } = await import('node:fs');
    for (const [args, at] of [
      [['--help'], undefined],
      [['--version'], undefined],
      [['status'], url],
      [['--yes', '--to=1.2', ...tinyDecisions], url],
    ] as const) {
      const files = [...(await loaded(args, at)).matchAll(/loads file:\/\/(\S+)/g)].map((match) => match[1] ?? '');
      const named = files.filter((file) => /node_modules\/(ink|react|@inkjs|yoga)/.test(file));
      // Bundled, they are chunks: known by what no other code says.
      const bundled = files.filter((file) => /react\.transitional\.element/.test(readFileSync(file, 'utf8')));
      expect([...named, ...bundled], args.join(' ')).toEqual([]);
      // Sixty languages in which zod could speak, and this program does not.
      const languages = files.filter(
        (file) => !file.includes('/node_modules/') && /Eingabe: erwartet/.test(readFileSync(file, 'utf8')),
      );
      expect(languages, args.join(' ')).toEqual([]);
      if (args[0] === 'status') expect(files.filter((file) => file.includes('libpg-query'))).toEqual([]);
    }
  });

  test('--help and --version do not load the database driver either', async () => {
    for (const args of [['--help'], ['--version']]) {
      const files = await loaded(args);
      expect(files).not.toMatch(/node_modules\/pg|libpg-query|open-/);
    }
  });
});
