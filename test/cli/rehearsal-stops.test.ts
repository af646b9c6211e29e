import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/database/fingerprint.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { differences } from '../../src/rollout/fingerprint.ts';
import { planHash, readSavedPlan, type SavedPlan } from '../../src/rollout/saved-plan.ts';
import { createTreeReader } from '../../src/workspace/tree.ts';
import { buildCli, type Cli, type CliResult, tinyDecisions } from '../helpers/cli.ts';
import { runMain } from '../helpers/in-process.ts';
import { rowChecksumsOf } from '../helpers/row-checksums.ts';
import { inCi } from '../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

/** A rehearsal that does not come to its end: what is left then, what it says, and how one gets past it. */
let server: EmbeddedServer;
let cli: Cli;
let folder: string;
let app: string;
let hook: string;
/** A folder without code, where only the database is of interest. */
let empty: string;
beforeAll(async () => {
  [server, cli] = await Promise.all([startServer(), buildCli()]);
  folder = mkdtempSync(join(tmpdir(), 'voxanne-rehearsal-stops-'));
  app = join(folder, 'desk');
  empty = join(folder, 'empty');
  mkdirSync(empty);
  cpSync('test/fixtures/apps/fastify', app, { recursive: true });
  hook = join(folder, 'kill-hook.mjs');
  const source = readFileSync('test/safety/kill-hook.ts', 'utf8');
  writeFileSync(hook, transformSync(source, { loader: 'ts', format: 'esm' }).code);
});
afterAll(async () => {
  await Promise.all([server?.stop(), cli?.[Symbol.asyncDispose]()]);
  rmSync(folder, { recursive: true, force: true });
});

const withClient = async <T>(database: string, body: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    return await body(client);
  } finally {
    await client.end();
  }
};
const state = (database: string) =>
  withClient(database, async (client) => ({
    catalog: await fingerprint(client),
    rows: await rowChecksumsOf(client),
  }));
const on = (database: string, workspace = empty): readonly string[] => [
  ...['--db-url', server.url(database), '--workspace', workspace],
];
const rehearse = (database: string, out: string, workspace = empty): readonly string[] => [
  ...['rehearse', '--on', server.url(database), '--out', out, '--load', 'none'],
  ...tinyDecisions,
  ...['--workspace', workspace],
];
/** Sessions of a killed process; what they were doing, the server does to its end. */
const idle = (database: string): Promise<void> =>
  withClient('postgres', async (client) => {
    await expect
      .poll(
        async () => (await client.query('select 1 from pg_stat_activity where datname = $1', [database])).rows.length,
        { timeout: 30_000, interval: 20 },
      )
      .toBe(0);
  });
const plans = (): readonly string[] => readdirSync(folder).filter((name) => /\.(json|md)$/.test(name));
const read = (file: string): SavedPlan => {
  const text = readFileSync(file, 'utf8');
  return readSavedPlan(text, file, (JSON.parse(text) as SavedPlan).made.tool);
};
const kill = async (database: string, args: readonly string[], at: string, nth = 1): Promise<CliResult> => {
  const killed = await cli.run(args, {
    url: server.url(database),
    node: ['--import', hook],
    env: { KILL_AT: at, KILL_NTH: String(nth) },
  });
  expect(killed.signal, killed.stdout + killed.stderr).toBe('SIGKILL');
  await idle(database);
  return killed;
};

describe('a rehearsal that is killed', () => {
  /** Where, and what `status` and another rehearsal then say. */
  const index = 'outside create index concurrently contacts_org_id_idx on public.contacts';
  const kills: readonly (readonly [string, string, number, RegExp, RegExp | null])[] = [
    ['before its first change', 'before create the journal', 1, /^· 1\.2 .* pending/m, null],
    [
      'on its way forward',
      'after commit rename public.calls',
      1,
      /^! 1\.2 .* interrupted .*1 change in force/m,
      /Step 1\.2 .*was interrupted here/,
    ],
    ['while an index is made', `unanswered ${index}`, 1, /^! 1\.3 .* interrupted/m, /Step 1\.2 is in force here/],
    ['while rows are written', 'after commit kept', 3, /^! 1\.5 .* interrupted/m, /Step 1\.2 is in force here/],
    ['on its way back', 'after commit reverted 43', 1, /^! 1\.7 .* interrupted/m, /Step 1\.2 is in force here/],
    [
      'on its second way forward',
      'after commit trigger auth.users.on_auth_user_created',
      2,
      /^! 1\.4 .* interrupted/m,
      /Step 1\.2 is in force here/,
    ],
  ];

  test.each(inCi(kills, 2))('%s, is no rehearsal, and one gets past it', async (when, at, nth, status, again) => {
    const database = `killed_${when.replace(/\W/g, '_')}`;
    await loadDatabase(server, 'tiny', database);
    const start = await state(database);
    const out = join(folder, 'killed.json');
    await kill(database, rehearse(database, out), at, nth);
    expect(plans()).toEqual([]);
    const now = await runMain(['status', ...on(database)]);
    expect(now).toMatchObject({ code: 0, stdout: expect.stringMatching(status) });
    if (again !== null) {
      expect(now.stdout).toContain('the next --yes or rollback looks at the target and settles it');
      const refused = await runMain(rehearse(database, out));
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(again) });
      expect(refused.stderr).toContain('"voxanne-rollout rollback --all"');
      const back = await runMain(['rollback', '--all', '--yes', ...on(database)]);
      expect(back.code, back.stdout + back.stderr).toBe(0);
    }
    const end = await state(database);
    expect(differences(start.catalog, end.catalog)).toEqual([]);
    expect(end.rows).toEqual(start.rows);
    expect(plans()).toEqual([]);
  });

  test('again on its way back, is followed by one that counts', async () => {
    const database = 'killed_twice';
    await loadDatabase(server, 'tiny', database);
    const out = join(folder, 'killed.json');
    await kill(database, rehearse(database, out), 'after commit rename public.contacts');
    await kill(database, ['rollback', '--all', '--yes', '--workspace', empty], 'after commit reverted 2');
    expect((await runMain(['rollback', '--all', '--yes', ...on(database)])).code).toBe(0);
    const done = await runMain(rehearse(database, out));
    expect(done.code, done.stdout + done.stderr).toBe(0);
    expect(read(out).carriedOut).toMatchObject([{ kind: 'rehearsal' }]);
  });

  test('in the copy of the code, it leaves the checkout as it was and no plan that claims a rehearsal', async () => {
    const database = 'killed_in_the_code';
    await loadDatabase(server, 'tiny', database);
    const files = await createTreeReader(app)();
    const out = join(folder, 'code.json');
    const running = cli.start(rehearse(database, out, app));
    await running.seen('The code, back');
    running.child.kill('SIGKILL');
    expect(await running.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(existsSync(out)).toBe(false);
    expect(await createTreeReader(app)()).toEqual(files);
    // Phase 1 is whole there by then, and says so.
    const now = await runMain(['status', ...on(database, app)]);
    expect(now.stdout).toMatch(/^✓ 1\.7 .* verified/m);
    expect(now.stdout).toMatch(/^· 2\.1 .* pending/m);
    expect(now.stdout).not.toContain('interrupted');
  });

  test('leaves the plan that it was given without one, so that production takes it only after another', async () => {
    const [staging, production] = ['plan_staging', 'plan_production'];
    await loadDatabase(server, 'tiny', staging);
    await loadDatabase(server, 'tiny', production);
    writeFileSync(
      join(empty, 'voxanne-rollout.config.json'),
      JSON.stringify({
        environments: {
          staging: { is: [`127.0.0.1:${server.port}/${staging}`] },
          production: { is: [`127.0.0.1:${server.port}/${production}`], after: ['staging'] },
        },
      }),
    );
    const plan = join(folder, 'plan.json');
    const made = await runMain(['plan', '--out', plan, ...tinyDecisions, ...on(production)]);
    expect(made.code, made.stderr).toBe(0);
    const text = readFileSync(plan, 'utf8');
    const rehearsal = ['rehearse', '--on', server.url(staging), '--plan', plan, '--load', 'none', '--workspace', empty];
    await kill(production, rehearsal, 'after commit policy public.calls select');
    expect(readFileSync(plan, 'utf8')).toBe(text);
    const apply = ['--yes', '--plan', plan, ...on(production)];
    expect(await runMain(apply)).toMatchObject({ code: 2, stderr: expect.stringContaining('was not rehearsed') });
    expect((await runMain(['rollback', '--all', '--yes', ...on(staging)])).code).toBe(0);
    const done = await runMain([...rehearsal, '--db-url', server.url(production)]);
    expect(done.code, done.stdout + done.stderr).toBe(0);

    // Between the rehearsal and the first change, and after it.
    const rehearsed = readFileSync(plan, 'utf8');
    await kill(production, apply, 'before create the journal');
    const [before] = await withClient(
      production,
      async (client) =>
        (await client.query(`select pg_catalog.to_regclass('voxanne_rollout.entries') as journal`)).rows,
    );
    expect(before).toEqual({ journal: null });
    await kill(production, apply, 'after commit rename public.calls');
    expect(readFileSync(plan, 'utf8')).toBe(rehearsed);
    expect((await runMain(['status', ...on(production)])).stdout).toMatch(/^! 1\.2 .* interrupted/m);
    const applied = await runMain(apply);
    expect(applied.code, applied.stdout + applied.stderr).toBe(0);
    expect(planHash(read(plan))).toBe(planHash(JSON.parse(text) as SavedPlan));
    expect(read(plan).carriedOut.map((one) => one.kind)).toEqual(['rehearsal', 'rollout']);
  });
});

describe('a rehearsal that stops', () => {
  const openRoute = `import type { FastifyInstance } from 'fastify';
import { supabase } from '../supabase';

export async function openRoutes(app: FastifyInstance) {
  app.get('/open', async (request) => {
    const { orgId } = request.query as { orgId: string };
    return (await supabase.from('calls').select('id').eq('org_id', orgId)).data;
  });
}
`;

  test('at a step of the code that needs a person says which and what to do, and claims nothing beyond it', async () => {
    const database = 'stops_in_the_code';
    await loadDatabase(server, 'tiny', database);
    const checkout = join(folder, 'open');
    cpSync('test/fixtures/apps/fastify', checkout, { recursive: true });
    writeFileSync(join(checkout, 'src/routes/open.ts'), openRoute);
    const out = join(folder, 'open.json');
    const done = await runMain(rehearse(database, out, checkout));
    expect(done.code, done.stdout + done.stderr).toBe(0);
    // What is wrong and what to do stands with the check; the end says what is rehearsed by now.
    expect(done.stdout).toMatch(/✗ src\/routes\/open\.ts:6: .*\n.*\n +Give the route .* Or: voxanne-rollout waive /);
    expect(done.stdout).toContain('That is phase 1 and the code before 2.3; 2.3 needs somebody first, as said above.');
    const [rehearsal] = read(out).carriedOut;
    expect(rehearsal?.code?.steps.map((one) => one.step)).toEqual(['2.1', '2.2']);
    expect(rehearsal?.code?.stopped).toEqual({
      step: '2.3',
      reason: expect.stringMatching(/^1 check failed: src\/routes\/open\.ts:6: /),
    });
    for (const text of [(await runMain(['show', out])).stdout, readFileSync(join(folder, 'open.md'), 'utf8')])
      expect(text).toMatch(/2\.3 and what comes after it was not: 1 check failed/);
    // Applied, it ends at the same step, and says no more of the file than what holds.
    const applied = await runMain(['--yes', '--plan', out, ...on(database, checkout)]);
    expect(applied).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('Stopped at 2.3: 1 of its checks failed'),
    });
    expect(applied.stdout).toContain('now says that phase 1 was rolled out on local');
    expect((await runMain(['show', out])).stdout).toMatch(/✓ phase 1 rolled out on .*stops_in_the_code/);
  });

  test('at a check of the database names it, writes no plan, and says how to begin again', async () => {
    const database = 'stops_in_the_database';
    await loadDatabase(server, 'tiny', database);
    const begun = plans();
    const stopped = await runMain(
      rehearse(database, join(folder, 'check.json')).filter((one) => one !== '--trust-profiles'),
    );
    expect(stopped.code).toBe(1);
    expect(stopped.stdout).toContain('--trust-profiles  Each of them becomes a member');
    expect(stopped.stderr).toContain('The rehearsal stopped: step 1.1 (Survey the database)');
    expect(stopped.stderr).toContain(
      'Nothing was changed. Fix what the checks above name, or give the decisions they ask for',
    );
    expect(plans()).toEqual(begun);
  });
});
