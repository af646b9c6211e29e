import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import type { Change } from '../../../src/rollout/change.ts';
import { differences } from '../../../src/rollout/fingerprint.ts';
import type { Entry } from '../../../src/rollout/journal.ts';
import { historyChecks } from '../../../src/supabase/cli/index.ts';
import { full } from '../../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import {
  backends,
  concurrentIndex,
  exists,
  expectReplay,
  failure,
  running,
  secondExecutor,
  slowTable,
  supabase,
} from './looks.ts';
import { type CliTarget, makeCliTarget, makeTable } from './setup.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

/** Nothing of a change is anywhere. */
async function expectNothing(run: CliTarget, relation: string): Promise<void> {
  expect(await exists(run, relation)).toBe(false);
  expect(await run.executor.entries()).toEqual([]);
  if (await exists(run, 'supabase_migrations.schema_migrations')) expect(await run.history()).toEqual([]);
  expect(await run.files()).toEqual([]);
}

test('preview leaves no trace and says the way; a push carries one file and nothing of the app; both are taken back', async () => {
  await using run = await makeCliTarget(server, 'vertical');
  const { at, executor, workspace } = run;
  await mkdir(join(workspace, 'supabase/migrations'), { recursive: true });
  await writeFile(join(workspace, 'supabase/migrations/20200101000000_app.sql'), 'create table public.of_the_app ();');
  const change = makeTable('pushed');
  const start = await executor.fingerprint();

  const previews = [];
  for await (const one of executor.preview([change], run.context())) previews.push(one);
  expect(previews).toMatchObject([
    {
      outcome: 'ran',
      reason:
        'by supabase db push, in supabase/migrations/<time>_voxanne_1_1_make_tables.sql; pending migrations of the app stay pending: 20200101000000_app.sql',
    },
  ]);
  expect(differences(start, await executor.fingerprint())).toEqual([]);
  expect(run.pids).toEqual([]);

  const [entry] = (await run.applyStep([change])) as [Entry];
  expect(entry).toMatchObject({ state: 'applied', step: '1.1', change });
  expect(await executor.entries()).toEqual([entry]);
  const [row, ...rest] = await run.history();
  expect(rest).toEqual([]);
  expect(row?.name).toBe('voxanne_1_1_make_tables');
  expect(await run.files()).toEqual(['20200101000000_app.sql', `${row?.version}_${row?.name}.sql`]);
  expect(await exists(run, 'public.of_the_app')).toBe(false);
  expect(await exists(run, 'public.pushed')).toBe(true);
  // One transaction for the change and its journal row.
  expect(
    await at.sql(
      `select distinct x.xmin::text = e.xmin::text as same from pg_class x, voxanne_rollout.entries e where x.relname = 'pushed'`,
    ),
  ).toEqual([{ same: true }]);

  // The app's own next push sees its own file as pending, and ours as done.
  expect(
    await supabase(workspace, 'db', 'push', '--dry-run', '--include-all', `--remote=${run.url}?sslmode=disable`),
  ).toMatchObject({ migrations: ['20200101000000_app.sql'] });

  expect(await executor.revert(entry, run.context())).toEqual({ stayed: [] });
  await run.record('rolled back');
  expect(differences(start, await executor.fingerprint())).toEqual([]);
  expect(await run.history()).toEqual([]);
  expect(await run.files()).toEqual(['20200101000000_app.sql']);
});

test('a statement that fails in the middle of a change leaves nothing of it, and the error has the last lines', async () => {
  await using run = await makeCliTarget(server, 'failing');
  const bad = makeTable('half', {
    up: 'create table public.half (id int);\nselect 1 / 0;\ncreate table public.rest ();',
  });
  const error = await failure(run.executor.apply(bad, run.context()));
  expect(error.kind).toBe('outside');
  expect(error.problem).toBe(
    'The Supabase CLI could not apply "Create public.half": division by zero (SQLSTATE 22012).',
  );
  expect(error.detail).toContain('select 1 / 0');
  expect(error.detail).not.toContain('voxanne_rollout');
  await expectNothing(run, 'public.half');
});

test('a lock that is held is waited for in short tries that name the holder', async () => {
  await using run = await makeCliTarget(server, 'blocked');
  const holder = new pg.Client({ connectionString: run.url, application_name: 'nightly report' });
  await holder.connect();
  await holder.query('begin; select from public.calls');
  const change = makeTable('calls.note', {
    up: 'alter table public.calls add column note text;',
    down: 'alter table public.calls drop column note;',
  });
  const waited = run.context();
  const applied = run.executor.apply(change, {
    ...waited,
    emit: (event) => {
      waited.emit(event);
      if (event.type === 'change-waiting') void holder.query('commit');
    },
  });
  expect((await applied).state).toBe('applied');
  await holder.end();
  const waits = run.events.filter((event) => event.type === 'change-waiting');
  expect(waits[0]).toMatchObject({
    reason: expect.stringContaining('lock timeout'),
    holders: [{ application: 'nightly report' }],
  });
  expect(await run.history()).toHaveLength(1);
});

test.runIf(full)(
  'the way through the CLI and the way through pg with registering end in equal history and files, and back',
  async () => {
    const changes: readonly Change[] = [
      makeTable('first'),
      concurrentIndex,
      makeTable('last', { title: "Create public.last, the one with an 'odd' $journal$ title" }),
    ];
    const ends = [];
    for (const register of [false, true]) {
      await using run = await makeCliTarget(server, `both_${register}`, { register });
      const { executor } = run;
      const start = await executor.fingerprint();
      const entries = await run.applyStep(changes);
      const history = await run.history();
      const files = await run.files();
      expect(files).toEqual(history.map((row) => `${row.version}_${row.name}.sql`));
      const after = await executor.fingerprint();
      const checks = await historyChecks({
        session: run.at.session,
        workspace: run.workspace,
        entries: await executor.entries(),
      });
      expect(checks.map((one) => one.verdict)).toEqual(['passed', 'passed', 'passed']);
      expect(files).toHaveLength(1);
      // The CLI is called for what precedes the index and for what follows it, and then for the one file that stands for
      // all three and for the part that it takes the place of; or once a step.
      expect(run.pids).toHaveLength(register ? 1 : 4);

      if (register) await expectReplay(server, run, 'replayed');

      for (const entry of entries.toReversed()) await executor.revert(entry, run.context());
      await run.record('rolled back');
      expect(run.pids).toHaveLength(register ? 2 : 5);
      expect(differences(start, await executor.fingerprint())).toEqual([]);
      expect(await run.history()).toEqual([]);
      expect(await run.files()).toEqual([]);
      ends.push({ after, history: history.map(({ name, statements }) => ({ name, statements })) });
    }
    expect(ends[0]?.history).toHaveLength(1);
    expect(ends[0]).toEqual(ends[1]);
  },
);

describe('interrupted', () => {
  test('the CLI is killed in the middle of a push: nothing is left, and the same change goes through again', async () => {
    await using run = await makeCliTarget(server, 'killed');
    const applied = failure(run.executor.apply(slowTable('slow', 60), run.context()));
    await running(run);
    process.kill(-(run.pids[0] ?? 0), 'SIGKILL');
    const error = await applied;
    expect(error.detail).toContain('SIGKILL');
    expect(await backends(run)).toEqual([]);
    await expectNothing(run, 'public.slow');

    expect((await run.applyStep([slowTable('slow', 0)]))[0]?.state).toBe('applied');
    expect(await run.history()).toHaveLength(1);
  });

  test('a cancelled run ends the CLI and its statement on the server; no process shows the password', async () => {
    await using run = await makeCliTarget(server, 'cancelled');
    const operator = new AbortController();
    const applied = run.executor.apply(slowTable('slow', 60), run.context(operator.signal)).then(
      () => expect.unreachable('it succeeded'),
      (reason: unknown) => reason,
    );
    await running(run);
    const lines = await commandLines(run.pids[0] ?? 0);
    // The launcher of the package and the program itself.
    expect(lines.filter((line) => line.includes('--remote=')).length).toBeGreaterThanOrEqual(2);
    const { password } = new URL(run.url);
    expect(password.length).toBeGreaterThan(8);
    expect(lines.filter((line) => line.includes(password))).toEqual([]);
    expect(run.executor.passwordWay).toContain('PGPASSWORD');

    const began = performance.now();
    operator.abort();
    expect(await applied).toMatchObject({ name: 'AbortError' });
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(await backends(run)).toEqual([]);
    expect(await commandLines(run.pids[0] ?? 0)).toEqual([]);
    await expectNothing(run, 'public.slow');
  });

  test('a run that ended after a push and before its file was written writes it again', async () => {
    await using run = await makeCliTarget(server, 'lost');
    await run.applyStep([makeTable('one')]);
    const folder = join(run.workspace, 'supabase/migrations');
    const [name = ''] = await run.files();
    const text = await readFile(join(folder, name), 'utf8');
    await rm(join(folder, name));

    await using again = await secondExecutor(server, run);
    await again.record('applied');
    expect(await run.files()).toEqual([name]);
    expect(await readFile(join(folder, name), 'utf8')).toBe(text);
  });
});

test('a second database of the same workspace takes the files of the first, after what a killed run left is ended', async () => {
  await using staging = await makeCliTarget(server, 'staging');
  const changes = [makeTable('one'), concurrentIndex];
  await staging.applyStep(changes);
  const files = await staging.files();
  await loadDatabase(server, 'tiny', 'production');
  await using production = await makeCliTarget(server, 'production', { workspace: staging.workspace });
  // A file that a killed run left on its way does not run beside ours.
  const orphan = new pg.Client({
    connectionString: production.url,
    application_name: 'voxanne-rollout supabase-cli 0',
  });
  // Its connection is ended under it.
  orphan.on('error', () => undefined);
  await orphan.connect();
  const left = orphan
    .query('create table public.one (); select pg_sleep(60)')
    .catch((error: pg.DatabaseError) => error.code);
  const entries = await production.applyStep(changes);
  expect(entries.map((one) => one.change)).toEqual(changes);
  expect(await production.files()).toEqual(files);
  expect(await production.history()).toEqual(await staging.history());
  expect(await left).toBe('57P01');
  await orphan.end();
  const { executor, at, workspace } = production;
  const checks = await historyChecks({ session: at.session, workspace, entries: await executor.entries() });
  expect(checks.map((one) => one.verdict)).toEqual(['passed', 'passed', 'passed']);
});

test('two runs at once: the second says who is at work and pushes nothing', async () => {
  await using run = await makeCliTarget(server, 'twice');
  await run.at.session.lock();
  await using other = await secondExecutor(server, run, true);
  const error = await failure(other.executor.apply(makeTable('two'), run.context()));
  expect(error.problem).toContain('Another rollout holds the run lock');
  expect(other.pids).toEqual([]);
  await expectNothing(run, 'public.two');
});

test('an applied file that somebody edited is noticed, is not run again, and is kept on rollback', async () => {
  await using run = await makeCliTarget(server, 'edited');
  const [entry] = (await run.applyStep([makeTable('one')])) as [Entry];
  const folder = join(run.workspace, 'supabase/migrations');
  const [name = ''] = await run.files();
  const edited = `${await readFile(join(folder, name), 'utf8')}drop table public.calls;\n`;
  await writeFile(join(folder, name), edited);
  const given = { session: run.at.session, workspace: run.workspace, entries: await run.executor.entries() };
  expect((await historyChecks(given)).map((one) => one.verdict)).toEqual(['passed', 'passed', 'failed']);

  await run.executor.revert(entry, run.context());
  await run.record('rolled back');
  expect(await exists(run, 'public.one')).toBe(false);
  expect(await exists(run, 'public.calls')).toBe(true);
  expect(await run.history()).toEqual([]);
  expect(await readdir(folder)).toEqual([`${name}.rolled-back`]);
  expect(await readFile(join(folder, `${name}.rolled-back`), 'utf8')).toBe(edited);
  expect((await run.executor.records()).at(-1)?.detail).toContain(`${name}.rolled-back`);
});

/** The command lines of every process of a group. */
async function commandLines(group: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      const member = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === group;
      if (member) lines.push((await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' '));
    } catch (error) {
      // It ended between the listing and the look.
      if (!(error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH'].includes(String(error.code)))) throw error;
    }
  }
  return lines.filter((line) => line !== '');
}
