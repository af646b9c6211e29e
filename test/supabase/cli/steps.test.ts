import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { differences } from '../../../src/rollout/fingerprint.ts';
import type { Entry } from '../../../src/rollout/journal.ts';
import { historyChecks } from '../../../src/supabase/cli/index.ts';
import { migrationOf } from '../../../src/supabase/cli/migration-file.ts';
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

/** What a program that fails says. */
const failureOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => expect.unreachable('it succeeded'),
    (reason: unknown) => String(reason),
  );

const titles = (entries: readonly Entry[]): readonly string[] =>
  entries.filter((one) => one.state === 'applied').map((one) => one.change.title);

/** One file stands for the step, in the history and in the folder, and it holds what the journal has in force. */
async function expectOneFile(run: CliTarget): Promise<void> {
  const history = await run.history();
  expect(history).toHaveLength(1);
  expect(await run.files()).toEqual(history.map((row) => `${row.version}_${row.name}.sql`));
  await expectInStep(run);
}

/** Every change in force is in the history and in a file, and none that is not. */
async function expectInStep({ at, executor, workspace, files, history }: CliTarget): Promise<void> {
  const entries = await executor.entries();
  // Whoever wrote the rows, the chain of the journal holds; else this is refused.
  await executor.standing();
  const checks = await historyChecks({ session: at.session, workspace, entries });
  expect(checks.map((one) => one.verdict)).toEqual(['passed', 'passed', 'passed']);
  const names = (await files()).filter((name) => name.includes('voxanne'));
  const texts = await Promise.all(names.map((name) => readFile(join(workspace, 'supabase/migrations', name), 'utf8')));
  const marks = (text: string) => text.match(/^-- voxanne-rollout entry /gm)?.length ?? 0;
  const live = entries.filter((one) => one.state === 'applied' && one.change.kind === 'sql').length;
  expect(texts.map(marks).reduce((sum, one) => sum + one, 0)).toBe(live);
  expect((await history()).map((row) => marks(row.statements)).reduce((sum, one) => sum + one, 0)).toBe(live);
}

const addNote = makeTable('calls.note', {
  up: 'alter table public.calls add column note text;',
  down: 'alter table public.calls drop column note;',
});

test('the changes of a step are one file, and each is a transaction of its own that lets go of its locks', async () => {
  await using run = await makeCliTarget(server, 'one_file');
  const applied = run.applyStep([addNote, slowTable('slow', 2), makeTable('last')]);
  await running(run);
  // The table that the first change locked is free while the second one runs, and the first one is in the journal.
  await run.at.sql('begin; set local lock_timeout = 1; lock table public.calls in access exclusive mode; commit');
  expect(titles(await run.executor.entries())).toEqual([addNote.title]);
  const entries = await applied;
  expect(entries.map((one) => one.change.title)).toEqual([addNote.title, 'Create public.slow', 'Create public.last']);
  expect(await run.executor.entries()).toEqual(entries);
  expect(
    await run.at.sql('select count(distinct xmin::text)::int as transactions from voxanne_rollout.entries'),
  ).toEqual([{ transactions: 3 }]);
  expect(run.pids).toHaveLength(1);
  await expectOneFile(run);
});

describe('a file that ends before its end', () => {
  test('a change that fails: what precedes it is applied and told, and the next file carries the rest', async () => {
    await using run = await makeCliTarget(server, 'middle');
    const done: Entry[] = [];
    const bad = makeTable('second', { up: 'create table public.second (id int); select 1 / 0' });
    const error = await failure(run.applyStep([makeTable('first'), bad, makeTable('third')], done));
    expect(error.problem).toBe(
      'The Supabase CLI could not apply "Create public.second": division by zero (SQLSTATE 22012).',
    );
    expect(titles(done)).toEqual(['Create public.first']);
    expect(await run.executor.entries()).toEqual(done);
    expect(await exists(run, 'public.second')).toBe(false);
    expect(await exists(run, 'public.third')).toBe(false);
    await run.record('failed');
    await expectOneFile(run);
    const [part] = await run.files();

    await run.applyStep([makeTable('second'), makeTable('third')]);
    expect(titles(await run.executor.entries())).toEqual(
      ['first', 'second', 'third'].map((one) => `Create public.${one}`),
    );
    await expectOneFile(run);
    // Other databases may have the part as it was: what holds more has another version.
    expect(await run.files()).not.toContain(part);
    await expectReplay(server, run, 'middle_replayed');
  });

  test('a lock timeout: the wait names the change and the holder, and only the rest is tried again', async () => {
    await using run = await makeCliTarget(server, 'middle_lock');
    const holder = new pg.Client({ connectionString: run.url, application_name: 'nightly report' });
    await holder.connect();
    await holder.query('begin; select from public.calls');
    const told: string[] = [];
    const context = run.context();
    await run.executor.applyAll?.(
      [makeTable('first'), addNote, makeTable('third')],
      {
        ...context,
        emit: (event) => {
          if (event.type !== 'change-waiting') return;
          // A try may be over before anybody could look who stood in its way; the holder stays until it is named.
          if (event.holders.length === 0) return;
          told.push(`waits: ${event.change} for ${event.holders.map((one) => one.application).join()}`);
          void holder.query('commit');
        },
      },
      (entry) => told.push(entry.change.title),
    );
    await holder.end();
    expect(told[0]).toBe('Create public.first');
    expect(told[1]).toBe(`waits: ${addNote.id} for nightly report`);
    expect(told.slice(-2)).toEqual([addNote.title, 'Create public.third']);
    await run.record('applied');
    expect(await run.executor.entries()).toHaveLength(3);
    await expectOneFile(run);
  });

  test('the CLI is killed: the journal says what is applied, and another run carries the rest', async () => {
    await using run = await makeCliTarget(server, 'middle_killed');
    const done: Entry[] = [];
    const applied = failure(run.applyStep([makeTable('first'), slowTable('slow', 60), makeTable('third')], done));
    await running(run);
    process.kill(-(run.pids[0] ?? 0), 'SIGKILL');
    expect((await applied).problem).toContain('could not apply "Create public.slow"');
    expect(await backends(run)).toEqual([]);
    expect(titles(done)).toEqual(['Create public.first']);
    expect(await run.executor.entries()).toEqual(done);
    expect(await exists(run, 'public.slow')).toBe(false);
    expect(await run.files()).toEqual([]);

    await using again = await secondExecutor(server, run);
    await again.applyStep([slowTable('slow', 0), makeTable('third')]);
    expect(titles(await again.executor.entries())).toEqual(
      ['first', 'slow', 'third'].map((one) => `Create public.${one}`),
    );
    await expectOneFile(again);
    await expectReplay(server, again, 'killed_replayed');
  });

  test('the run is cancelled: what was applied is told, and is put into the history when the run ends', async () => {
    await using run = await makeCliTarget(server, 'middle_cancelled');
    const operator = new AbortController();
    const done: Entry[] = [];
    const applied = run
      .applyStep([makeTable('first'), slowTable('slow', 60)], done, operator.signal)
      .catch((reason: unknown) => reason);
    await running(run);
    operator.abort();
    expect(await applied).toMatchObject({ name: 'AbortError' });
    expect(titles(done)).toEqual(['Create public.first']);
    expect(await backends(run)).toEqual([]);
    await run.executor.finish();
    await expectOneFile(run);
  });
});

test.runIf(full)(
  'a part before a migration of the app stays a file of its own, since what follows may build upon it',
  async () => {
    await using run = await makeCliTarget(server, 'between');
    const start = await run.executor.fingerprint();
    await failure(run.applyStep([makeTable('first'), makeTable('second', { up: 'select 1 / 0' })]));
    await run.record('failed');
    const folder = join(run.workspace, 'supabase/migrations');
    await mkdir(folder, { recursive: true });
    const app = `${Number((await run.files())[0]?.slice(0, 14)) + 1}_app.sql`;
    await writeFile(join(folder, app), 'alter table public.first add column of_the_app int;');
    await supabase(run.workspace, 'db', 'push', '--yes', `--remote=${run.url}?sslmode=disable`);

    const more = makeTable('second', {
      up: 'alter table public.first add column ours int',
      down: 'alter table public.first drop column ours',
    });
    await run.applyStep([more]);
    const files = await run.files();
    expect(files.map((name) => name.slice(15))).toEqual([
      'voxanne_1_1_make_tables.sql',
      'app.sql',
      'voxanne_1_1_make_tables.sql',
    ]);
    await expectInStep(run);
    await expectReplay(server, run, 'between_replayed');

    await run.at.sql('alter table public.first drop column of_the_app');
    for (const entry of (await run.executor.entries()).toReversed()) await run.executor.revert(entry, run.context());
    await run.record('rolled back');
    expect(differences(start, await run.executor.fingerprint())).toEqual([]);
    expect(await run.files()).toEqual([app]);
  },
);

test.runIf(full)(
  'what a step does later is a file of its own; a rollback that stops half-way leaves what is in force',
  async () => {
    await using run = await makeCliTarget(server, 'later');
    await run.applyStep([makeTable('first'), concurrentIndex]);
    const [file = ''] = await run.files();
    const text = await readFile(join(run.workspace, 'supabase/migrations', file), 'utf8');
    await run.applyStep([makeTable('second'), makeTable('third')]);
    const files = await run.files();
    expect(files).toHaveLength(2);
    expect(files[0]).toBe(file);
    expect(await readFile(join(run.workspace, 'supabase/migrations', file), 'utf8')).toBe(text);
    await expectInStep(run);

    const entries = await run.executor.entries();
    await run.executor.revert(entries.at(-1) as Entry, run.context());
    await run.record('failed');
    expect(await run.files()).toEqual(files);
    expect(titles(await run.executor.entries())).toEqual([
      'Create public.first',
      concurrentIndex.title,
      'Create public.second',
    ]);
    await expectInStep(run);

    for (const entry of entries.slice(0, -1).toReversed()) await run.executor.revert(entry, run.context());
    await run.record('rolled back');
    expect(await run.history()).toEqual([]);
    expect(await run.files()).toEqual([]);
  },
);

test('a file that a person edited and that has to be written anew is kept beside it', async () => {
  await using run = await makeCliTarget(server, 'edited_part', { register: true });
  const [, second] = (await run.applyStep([makeTable('first'), makeTable('second')])) as [Entry, Entry];
  const [name = ''] = await run.files();
  const file = join(run.workspace, 'supabase/migrations', name);
  const edited = `${await readFile(file, 'utf8')}select 1;\n`;
  await writeFile(file, edited);
  await run.executor.revert(second, run.context());
  await run.record('failed');
  expect(await run.files()).toEqual([name, `${name}.replaced`]);
  expect(await readFile(`${file}.replaced`, 'utf8')).toBe(edited);
  expect((await run.executor.records()).at(-1)?.detail).toContain(`${name}.replaced`);
  expect(await readFile(file, 'utf8')).not.toContain('public.second');
});

test.runIf(full)(
  'what pg applied and no CLI could record is recorded as one file for each step by the next run',
  async () => {
    await using run = await makeCliTarget(server, 'unrecorded', { register: true });
    // Through pg alone, as a run without --register.
    const made = [makeTable('first'), concurrentIndex, makeTable('second')];
    for (const change of made) await run.at.executor.apply(change, run.context());
    const later = { ...run.context(), step: '1.2' } as const;
    for (const change of [makeTable('third'), makeTable('fourth')]) await run.at.executor.apply(change, later);
    await run.executor.register(run.context().signal);
    expect((await run.files()).map((name) => name.slice(15))).toEqual([
      'voxanne_1_1_make_tables.sql',
      'voxanne_1_2.sql',
    ]);
    expect(run.pids).toHaveLength(1);
    await expectInStep(run);
    await expectReplay(server, run, 'unrecorded_replayed');
  },
);

test('a file of the other database that does more than this one needs is left alone', async () => {
  await using staging = await makeCliTarget(server, 'more_staging');
  await staging.applyStep([makeTable('one'), makeTable('two')]);
  const files = await staging.files();
  await loadDatabase(server, 'tiny', 'more_production');
  await using production = await makeCliTarget(server, 'more_production', { workspace: staging.workspace });
  await production.applyStep([makeTable('one')]);
  expect(await exists(production, 'public.two')).toBe(false);
  const own = (await production.files()).filter((name) => !files.includes(name));
  expect(own).toHaveLength(1);
  expect((await production.history()).map((row) => `${row.version}_${row.name}.sql`)).toEqual(own);
  expect((await staging.history()).map((row) => `${row.version}_${row.name}.sql`)).toEqual(files);
});

/** What is left of a killed run: the CLI, alone with a file of many changes, each of which takes a moment. */
async function leaveOrphan(run: CliTarget): Promise<{ readonly said: Promise<string> }> {
  const rows = Array.from({ length: 400 }, (_, at) => ({
    id: randomUUID(),
    run: randomUUID(),
    change: makeTable(`left_${at}`, { up: `create table public.left_${at} ();\nselect pg_catalog.pg_sleep(0.1);` }),
  }));
  const file = migrationOf('30000101000000', { step: '1.1', rows }, { lockTimeout: 1000, statementTimeout: 60_000 });
  const elsewhere = join(run.workspace, 'elsewhere');
  await mkdir(join(elsewhere, 'supabase/migrations'), { recursive: true });
  for (const name of await run.files()) await writeFile(join(elsewhere, 'supabase/migrations', name), '');
  await writeFile(join(elsewhere, 'supabase/migrations', file.fileName), file.text);
  const said = failureOf(supabase(elsewhere, 'db', 'push', '--yes', `--remote=${run.url}?sslmode=disable`));
  await vi.waitFor(async () => expect(await exists(run, 'public.left_3')).toBe(true), {
    timeout: 20_000,
    interval: 20,
  });
  return { said };
}
const left = `select count(*)::int as made from pg_class where relname like 'left\\_%'`;

test('the file of a run that was killed with kill -9 is ended before anything else is read or done', async () => {
  await using run = await makeCliTarget(server, 'orphaned');
  await run.applyStep([makeTable('first')]);
  const { said } = await leaveOrphan(run);

  // As the second process would, through pg as well as through the CLI.
  await using again = await secondExecutor(server, run);
  await again.at.session.lock();
  expect(await backends(again)).toEqual([]);
  const before = await again.at.sql(left);
  expect(await said).toMatch(/terminating connection|connection|has ended/i);
  expect(await again.at.sql(left)).toEqual(before);
  expect(await again.history()).toHaveLength(1);
});

test('a CLI whose session ends between two statements does nothing more in the one that it opens then', async () => {
  await using run = await makeCliTarget(server, 'reopened');
  const { said } = await leaveOrphan(run);
  // It has no statement for a moment only: looked for on the server, without a trip between look and end.
  await run.at.sql(`do $$ begin
    loop
      perform pg_stat_clear_snapshot();
      exit when (select bool_or(pg_terminate_backend(pid)) from pg_stat_activity
        where application_name like 'voxanne-rollout supabase-cli %' and state = 'idle');
    end loop; end $$`);
  const before = await run.at.sql(left);
  expect(await said).toContain('The session in which this file began has ended');
  expect(await run.at.sql(left)).toEqual(before);
  expect(await run.history()).toEqual([]);
});
