import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { execa } from 'execa';
import { expect } from 'vitest';
import type { EmbeddedServer } from '../../../src/demo/server.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import { RolloutError } from '../../../src/rollout/errors.ts';
import { differences } from '../../../src/rollout/fingerprint.ts';
import { type CliTarget, environment, makeCliTarget, makeTable } from './setup.ts';

export const failure = async (work: Promise<unknown>): Promise<RolloutError> => {
  const error: unknown = await work.then(
    () => expect.unreachable('it succeeded'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RolloutError)) throw error;
  return error;
};

export const exists = async ({ at }: CliTarget, relation: string): Promise<boolean> =>
  (await at.sql<{ there: boolean }>('select to_regclass($1) is not null as there', [relation]))[0]?.there === true;

/** Waits until the file of a change runs on the server. */
export async function running(run: CliTarget): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const rows = await run.at.sql(
      `select from pg_stat_activity where application_name like 'voxanne-rollout supabase-cli %' and wait_event = 'PgSleep'`,
    );
    if (rows.length > 0) return;
    await pause(20);
  }
  expect.unreachable('the push never ran');
}

export const backends = ({ at }: CliTarget) =>
  at.sql(`select from pg_stat_activity where application_name like 'voxanne-rollout supabase-cli %'`);

export const concurrentIndex: SqlChange = {
  kind: 'sql',
  id: 'index',
  title: 'Index public.calls (caller)',
  mode: 'autocommit',
  up: 'create index concurrently calls_caller on public.calls (caller)',
  down: 'drop index concurrently public.calls_caller',
  applied: `select pg_catalog.to_regclass('public.calls_caller') is not null`,
};

export const slowTable = (name: string, seconds: number) =>
  makeTable(name, { up: `create table public.${name} (id int);\nselect pg_catalog.pg_sleep(${seconds});` });

/** The files alone make the same database elsewhere, where no journal is: a local stack, a preview branch. */
export async function expectReplay(server: EmbeddedServer, run: CliTarget, database: string): Promise<void> {
  const after = await run.executor.fingerprint();
  await using elsewhere = await makeCliTarget(server, database);
  await supabase(run.workspace, 'db', 'push', '--yes', '--include-all', `--remote=${elsewhere.url}?sslmode=disable`);
  expect(differences(after, await elsewhere.executor.fingerprint())).toEqual([]);
  expect(await exists(elsewhere, 'voxanne_rollout.entries')).toBe(false);
}

/** The CLI as the operator calls it, in the workspace. */
export async function supabase(workspace: string, ...args: readonly string[]): Promise<unknown> {
  const { stdout } = await execa('supabase', [...args, '--output-format', 'json'], {
    cwd: workspace,
    env: { ...environment, DO_NOT_TRACK: '1', SUPABASE_HOME: join(workspace, '.home') },
    extendEnv: false,
    stdin: 'ignore',
  });
  return JSON.parse(stdout);
}

/** Another run on the same database and workspace, as a second process would be. */
export async function secondExecutor(server: EmbeddedServer, run: CliTarget, keepFirst = false): Promise<CliTarget> {
  if (!keepFirst) await run.at.session.close();
  return makeCliTarget(server, new URL(run.url).pathname.slice(1), { workspace: run.workspace });
}
