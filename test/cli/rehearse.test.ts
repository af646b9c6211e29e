import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../src/demo/server.ts';
import { planHash, type SavedPlan } from '../../src/rollout/saved-plan.ts';
import { buildCli, type Cli, tinyDecisions } from '../helpers/cli.ts';
import { runMain } from '../helpers/in-process.ts';
import { full } from '../helpers/seeded.ts';

/** One way of a plan, from test to test: made and rehearsed on staging, asked for by production, killed there, resumed. */
let staging: EmbeddedServer;
let production: EmbeddedServer;
let cli: Cli;
let folder: string;
let file: string;
beforeAll(async () => {
  [staging, production, cli] = await Promise.all([startServer(), startServer(), buildCli()]);
  folder = mkdtempSync(join(tmpdir(), 'voxanne-rehearse-'));
  file = join(folder, 'plan.json');
  cpSync('test/fixtures/apps/fastify', folder, { recursive: true });
  await Promise.all([loadDatabase(staging, 'tiny', 'app'), loadDatabase(production, 'tiny', 'app')]);
  await loadDatabase(production, 'tiny', 'second');
  configure({
    staging: { is: [`127.0.0.1:${staging.port}`], url: 'STAGING_DB_URL' },
    production: { is: [`127.0.0.1:${production.port}`], after: ['staging'], url: 'PROD_DB_URL' },
    preview: { is: ['preview.example.test'], url: 'PREVIEW_DB_URL' },
  });
});
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  await Promise.all([staging?.stop(), production?.stop(), cli?.[Symbol.asyncDispose]()]);
  rmSync(folder, { recursive: true, force: true });
});

const configure = (environments: unknown): void =>
  writeFileSync(join(folder, 'voxanne-rollout.config.json'), JSON.stringify({ environments }));
const sql = async (
  server: EmbeddedServer,
  database: string,
  text: string,
): Promise<readonly Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
};
const read = (): SavedPlan => JSON.parse(readFileSync(file, 'utf8')) as SavedPlan;
const on = (database = 'app'): readonly string[] => ['--db-url', production.url(database), '--workspace', folder];
const untouched = async (database = 'app'): Promise<void> => {
  const rows = await sql(production, database, `select to_regclass('voxanne_rollout.entries') is null as none`);
  expect(rows).toEqual([{ none: true }]);
};

test('an environment that asks for a rehearsal takes no rollout without one', async () => {
  for (const args of [['--yes'], ['plan', '--sql']]) {
    const refused = await runMain([...args, ...tinyDecisions, ...on()]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('takes only a plan that was rehearsed') });
  }
  const made = await runMain(['plan', '--out', file, ...tinyDecisions, ...on()]);
  expect(made.code, made.stderr).toBe(0);
  // A name given for the run does not make another environment of it.
  for (const more of [[], ['--environment', 'staging']]) {
    const refused = await runMain(['--yes', '--plan', file, ...more, ...on()]);
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('was not rehearsed or rolled out on staging'),
    });
  }
  const rehearsal = await runMain([
    'rehearse',
    '--on',
    production.url('app'),
    '--load',
    'none',
    '--out',
    `${file}.2`,
    '--workspace',
    folder,
  ]);
  expect(rehearsal).toMatchObject({ code: 2, stderr: expect.stringContaining('counts as production') });
  await untouched();
});

test('a rehearsal goes there, back and there again beside a load, and tells what it measured', async () => {
  const load = join(folder, 'load.sql');
  writeFileSync(
    load,
    '\\set id random(1, 3)\nbegin;\nselect organization_id from public.calls where id = :id; -- by its old name\ncommit;\n',
  );
  vi.stubEnv('STAGING_DB_URL', staging.url('app'));
  const done = await runMain([
    ...['rehearse', '--on', 'staging', '--out', file, '--overwrite', '--load', load],
    ...tinyDecisions,
    ...on(),
  ]);
  expect(done.code, done.stdout + done.stderr).toBe(0);
  const plan = read();
  expect(plan.target).toMatchObject({ port: production.port, environment: 'production' });
  const [rehearsal] = plan.carriedOut;
  expect(rehearsal).toMatchObject({ kind: 'rehearsal', on: { port: staging.port, environment: 'staging' } });
  const changes = plan.steps.flatMap((step) => step.changes);
  expect(rehearsal?.changes.map((one) => one.change)).toEqual(changes.map((one) => one.change.id));
  expect(rehearsal?.changes.some((one) => one.walBytes > 0)).toBe(true);
  expect(rehearsal?.changes.some((one) => (one.held ?? 0) > 0)).toBe(true);
  expect(rehearsal?.changes.some((one) => one.longestRead !== null)).toBe(true);
  expect(rehearsal?.changes.some((one) => one.rows > 0)).toBe(true);
  expect(rehearsal?.steps.every((one) => one.forward > 0 && one.verified > 0)).toBe(true);
  expect(rehearsal?.reader?.errors).toBe(0);
  // The load uses a column that step 1.2 renames: that is what the deployed code of production will meet.
  const errors = rehearsal?.load?.errors ?? [];
  expect(errors.length).toBeGreaterThan(0);
  expect(errors.every((one) => one.step !== '1.1' && one.message.startsWith('Statement 2'))).toBe(true);
  const page = readFileSync(join(folder, 'plan.md'), 'utf8');
  expect(page).toContain('# What production will see');
  expect(page).toContain('Longest lock');
  // The code is planned for the names that the copy has by then, and nothing of the checkout is touched.
  expect(plan.uncovered).toEqual([]);
  expect(plan.code?.steps.flatMap((one) => one.changes.map(({ change }) => change.path))).toContain(
    'src/services/org-membership.ts',
  );
  expect(existsSync(join(folder, 'src/services'))).toBe(false);
  // It is carried out as well, in a copy: there, back to the same bytes, there again.
  const steps = plan.code?.steps.map((one) => one.step);
  expect(rehearsal?.code).toMatchObject({ stopped: null, files: expect.any(Number) });
  expect(rehearsal?.code?.steps.map((one) => one.step)).toEqual(steps);
  expect(rehearsal?.code?.files).toBeGreaterThan(1);
  expect(done.stdout).toContain('The code, back, byte by byte');
  expect(page).toContain('back to the same bytes, forward again');
  // Nothing was done to the database that it is for.
  await untouched();
  expect((await runMain(['show', file])).stdout).toContain('rehearsed');
});

test('killed in the middle, it goes on with the same plan; what was predicted stands beside what came', async () => {
  const name = planHash(read());
  const hook = join(folder, 'kill-hook.mjs');
  const source = readFileSync(new URL('../safety/kill-hook.ts', import.meta.url), 'utf8');
  writeFileSync(hook, transformSync(source, { loader: 'ts', format: 'esm' }).code);
  const rename = read().steps[1]?.changes[1]?.change.id;
  const killed = await cli.run(['--yes', '--plan', file, '--workspace', folder], {
    url: production.url('app'),
    node: ['--import', hook],
    env: { KILL_AT: `after commit ${rename}` },
  });
  expect(killed.signal, killed.stdout + killed.stderr).toBe('SIGKILL');
  const left = await sql(production, 'app', `select step from voxanne_rollout.entries where state = 'applied'`);
  expect(left).toEqual([{ step: '1.2' }, { step: '1.2' }]);
  const done = await runMain(['--yes', '--plan', file, ...on()]);
  expect(done.code, done.stdout + done.stderr).toBe(0);
  expect(done.stdout).toContain('Predicted and observed');
  expect(existsSync(join(folder, 'src/services/org-membership.ts'))).toBe(true);
  expect(planHash(read())).toBe(name);
  expect(read().carriedOut.map((one) => [one.kind, one.on.environment])).toEqual([
    ['rehearsal', 'staging'],
    ['rollout', 'production'],
  ]);
  const report = await runMain(['report', '--plan', file, ...on()]);
  expect(report.stdout).toContain('## Predicted and observed');
  expect(report.stdout).toMatch(/\| 1\.2 [^|]+ \| 3 \| 3 \| \d/);
  expect(report.stdout).toContain(`plan ${name.slice(0, 12)}`);
});

test('going without a rehearsal is typed, and stays in the report', async () => {
  const done = await runMain(['--yes', '--to', '1.2', '--without-rehearsal', ...tinyDecisions, ...on('second')]);
  expect(done.code, done.stdout + done.stderr).toBe(0);
  const report = await runMain(['report', ...on('second')]);
  expect(report.stdout).toMatch(/1\.2 applied .*without requiring a rehearsal/);
  vi.stubEnv('VOXANNE_ROLLOUT_WITHOUT_REHEARSAL', 'true');
  expect(await runMain(['--yes', ...tinyDecisions, ...on('second')])).toMatchObject({ code: 2 });
});

test('status --all shows the environments side by side, and says which it could not look at', async () => {
  vi.stubEnv('STAGING_DB_URL', staging.url('app'));
  vi.stubEnv('PROD_DB_URL', staging.url('app'));
  const wrong = await runMain(['status', '--all', '--workspace', folder]);
  expect(wrong).toMatchObject({
    code: 2,
    stdout: expect.stringContaining('PROD_DB_URL names the database of staging'),
  });
  vi.stubEnv('PROD_DB_URL', production.url('second'));
  const both = await runMain(['status', '--all', '--workspace', folder]);
  expect(both.code).toBe(0);
  expect(both.stdout).toMatch(/^step +staging +production +preview +this checkout$/m);
  // The rollout of this test changed the code of this checkout, which says nothing of what runs on staging.
  expect(both.stdout).toMatch(/^2\.3 [^\n]*[a-z] {20,}verified \S+$/m);
  expect(both.stdout).toMatch(/^1\.7 .+ +verified \S+ +pending +not checked/m);
  expect(both.stdout).toContain('PREVIEW_DB_URL is not exported');
  expect(both.stdout).not.toContain(new URL(staging.url('app')).password);
});

test('refused before anything is changed', async () => {
  const rehearse = (...args: readonly string[]) =>
    runMain(['rehearse', '--out', join(folder, 'other.json'), ...args, ...tinyDecisions, '--workspace', folder]);
  expect(await rehearse()).toMatchObject({ code: 2, stderr: expect.stringContaining('has to be named') });
  expect(await rehearse('--on', 'nowhere')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('nowhere is neither'),
  });
  expect(await rehearse('--on', 'staging')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('STAGING_DB_URL of environment'),
  });
  vi.stubEnv('STAGING_DB_URL', production.url('second'));
  expect(await rehearse('--on', 'staging')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('names the database of production'),
  });
  const begun = await rehearse('--on', staging.url('app'));
  expect(begun).toMatchObject({ code: 1, stderr: expect.stringContaining('in force here already') });
  const load = join(folder, 'meta.sql');
  writeFileSync(load, '\\gset\nselect 1;\n');
  const meta = await rehearse('--on', staging.url('app'), '--load', load);
  expect(meta).toMatchObject({ code: 2, stderr: expect.stringContaining('pgbench') });
});

test.each([
  ['an unknown name', { a: { is: ['x'], after: ['b'] } }, 'there is no b'],
  ['a circle', { a: { is: ['x'], after: ['b'] }, b: { is: ['y'], after: ['a'] } }, 'would wait for itself'],
  ['one mark for two', { a: { is: ['x'] }, b: { is: ['X'] } }, 'is X too'],
  ['a connection string', { a: { is: ['x'], url: 'postgresql://u:p@h/d' } }, 'never a connection string'],
])('environments with %s are refused', async (_, environments, problem) => {
  configure(environments);
  const refused = await runMain(['status', '--all', '--workspace', folder]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(problem) });
});

test.runIf(full)(
  'the demo rehearses out of the box, beside reads and sign-ups, and again from its file',
  async () => {
    const out = join(folder, 'demo.json');
    const done = await runMain(['rehearse', '--on', 'demo', '--out', out, '--page', join(folder, 'demo.html')]);
    expect(done.code, done.stdout + done.stderr).toBe(0);
    const plan = JSON.parse(readFileSync(out, 'utf8')) as SavedPlan;
    expect(plan.carriedOut[0]?.load?.statements).toBeGreaterThan(0);
    expect(readFileSync(join(folder, 'demo.html'), 'utf8')).toContain('<h1>What production will see</h1>');
    const again = await runMain(['rehearse', '--on', 'demo', '--plan', out, '--load', 'none']);
    expect(again.code, again.stdout + again.stderr).toBe(0);
  },
  1_800_000,
);
