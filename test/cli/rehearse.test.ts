import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../src/demo/server.ts';
import type { SavedPlan } from '../../src/rollout/saved-plan.ts';
import { tinyDecisions } from '../helpers/cli.ts';
import { runMain } from '../helpers/in-process.ts';

let staging: EmbeddedServer;
let production: EmbeddedServer;
let folder: string;
let file: string;
beforeAll(async () => {
  [staging, production] = await Promise.all([startServer(), startServer()]);
  folder = mkdtempSync(join(tmpdir(), 'voxanne-rehearse-'));
  file = join(folder, 'plan.json');
  await Promise.all([loadDatabase(staging, 'tiny', 'app'), loadDatabase(production, 'tiny', 'app')]);
});
afterAll(async () => {
  await Promise.all([staging?.stop(), production?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

const sql = async (server: EmbeddedServer, text: string): Promise<readonly Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: server.url('app') });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
};
const read = (): SavedPlan => JSON.parse(readFileSync(file, 'utf8')) as SavedPlan;
const here = ['--workspace'] as const;

test('a rehearsal goes there, back and there again beside a load, and tells what it measured', async () => {
  const load = join(folder, 'load.sql');
  writeFileSync(load, 'begin;\nselect organization_id from public.calls limit 1; -- by its old name\ncommit;\n');
  const done = await runMain([
    'rehearse',
    '--on',
    staging.url('app'),
    '--db-url',
    production.url('app'),
    '--out',
    file,
    '--load',
    load,
    ...tinyDecisions,
    ...here,
    folder,
  ]);
  expect(done.code, done.stdout + done.stderr).toBe(0);
  const plan = read();
  expect(plan.target).toMatchObject({ host: '127.0.0.1', port: production.port });
  const [rehearsal] = plan.carriedOut;
  expect(rehearsal).toMatchObject({ kind: 'rehearsal', on: { port: staging.port } });
  const changes = plan.steps.flatMap((step) => step.changes);
  expect(rehearsal?.changes.map((one) => one.change)).toEqual(changes.map((one) => one.change.id));
  expect(rehearsal?.changes.some((one) => one.walBytes > 0)).toBe(true);
  expect(rehearsal?.changes.some((one) => (one.held ?? 0) > 0)).toBe(true);
  expect(rehearsal?.changes.some((one) => one.longestRead !== null)).toBe(true);
  expect(rehearsal?.changes.some((one) => one.rows > 0)).toBe(true);
  expect(rehearsal?.steps.every((one) => one.forward > 0 && one.verified > 0)).toBe(true);
  expect(rehearsal?.reader?.errors).toBe(0);
  // The load uses a column that step 1.2 renames: that is what the deployed code of production will meet.
  expect(rehearsal?.load?.errors.length).toBeGreaterThan(0);
  expect(rehearsal?.load?.errors.every((one) => one.step !== '1.1' && one.message.startsWith('Statement 2'))).toBe(
    true,
  );
  const page = readFileSync(join(folder, 'plan.md'), 'utf8');
  expect(page).toContain('# What production will see');
  expect(page).toContain('Longest lock');
  // Nothing was done to the database that it is for.
  expect(await sql(production, `select to_regclass('voxanne_rollout.entries') is null as none`)).toEqual([
    { none: true },
  ]);
  const shown = await runMain(['show', file]);
  expect(shown.stdout).toContain('rehearsed');
});

test('what was rehearsed on the copy is applied to production as it is', async () => {
  const done = await runMain(['--yes', '--plan', file, '--db-url', production.url('app'), ...here, folder]);
  expect(done.code, done.stdout + done.stderr).toBe(0);
});

test('refused before anything is changed', async () => {
  const out = join(folder, 'other.json');
  const on = (...args: readonly string[]) =>
    runMain(['rehearse', '--out', out, ...args, ...tinyDecisions, ...here, folder]);
  expect(await on()).toMatchObject({ code: 2, stderr: expect.stringContaining('has to be named') });
  expect(await on('--on', staging.url('app'))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('in force here already'),
  });
  expect(await on('--on', staging.url('app'), '--environment', 'production')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('counts as production'),
  });
  const load = join(folder, 'meta.sql');
  writeFileSync(load, '\\set id random(1, 10)\nselect :id;\n');
  expect(await on('--on', staging.url('app'), '--load', load)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('pgbench'),
  });
});
