import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import type { BatchChange, Change, SqlChange } from '../../src/rollout/change.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget, type TestTarget } from '../helpers/target.ts';

let server: EmbeddedServer;
let at: TestTarget;
let databases = 0;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const calls = `create table calls_2 (id text primary key, organization_id uuid, caller text, at timestamptz default '2026-01-01');
  insert into calls_2 values ('A', null, 'x'), ('b', null, 'y'), ('c', null, null);
  create table parts (id int, note text) partition by list (id);
  create table parts_1 partition of parts for values in (1, 2);
  insert into parts values (1, 'one'), (2, 'two');`;

async function fresh(): Promise<TestTarget> {
  const name = `untouched_${databases++}`;
  await loadDatabase(server, 'tiny', name);
  at = await makeTarget(server, name);
  await at.sql(calls);
  return at;
}

const sql = (id: string, up: string, down = ''): SqlChange => ({
  kind: 'sql',
  id,
  title: id,
  mode: 'transaction',
  up,
  down,
});

const fill: BatchChange = {
  kind: 'batches',
  id: 'fill',
  title: 'fill',
  table: 'public.calls_2',
  key: { column: 'id', type: 'text' },
  write: {
    kind: 'update',
    column: 'organization_id',
    type: 'uuid',
    where: 't.organization_id is null',
    value: `'a0000000-0000-4000-8000-000000000001'::uuid`,
  },
  quiet: true,
};
const add: BatchChange = {
  kind: 'batches',
  id: 'add',
  title: 'add',
  table: 'public.calls_2',
  key: { column: 'id', type: 'text' },
  write: {
    kind: 'insert',
    columns: ['id', 'caller'],
    source: `select 'new ' || n as id, 'z' as caller from generate_series(1, 5) n`,
  },
  quiet: true,
};

/** Applies these changes as one step, and gives what the guard has to say at its verification. */
async function applied(changes: readonly Change[]) {
  const rollout = at.rollout([
    {
      id: '1.2',
      title: 'Step',
      why: '',
      plan: async () => ({ changes, blockers: [], notes: [] }),
      checks: async function* () {
        yield* [];
      },
    },
  ]);
  const results: CheckResult[] = [];
  rollout.listen((event) => {
    if (event.type === 'check') results.push(event.result);
  });
  const signal = new AbortController().signal;
  await rollout.apply('1.2', signal);
  await rollout.verify('1.2', signal);
  return { results, back: () => rollout.rollback('1.2', signal) };
}

test('a step may rename, convert and fill what it names, and add rows: all else is as before, and after its rollback too', async () => {
  await using _ = await fresh();
  const { results, back } = await applied([
    fill,
    add,
    sql(
      'rename',
      'alter table public.calls_2 rename organization_id to org_id',
      'alter table public.calls_2 rename org_id to organization_id',
    ),
    sql(
      'convert',
      'alter table public.calls_2 alter caller type varchar(50); alter table public.calls_2 add column extra text',
      'alter table public.calls_2 drop column extra; alter table public.calls_2 alter caller type text',
    ),
  ]);
  expect(results).toMatchObject([{ id: '1.2/untouched', verdict: 'passed' }]);
  expect(results[0]?.observed).toMatch(/^\d+ tables, \d+ rows and \d+ columns compared: all as before$/);
  expect(await back()).toMatchObject({ proven: true, differences: [], unchecked: [] });
});

test.each([
  ['another value', `update public.calls_2 set caller = 'w' where id = 'b'`, 'public.calls_2.caller: other values'],
  ['NULL for a value', `update public.calls_2 set caller = null where id = 'b'`, 'public.calls_2.caller: other values'],
  [
    'two values that change places',
    `update public.calls_2 set caller = case id when 'A' then 'y' else 'x' end where id in ('A', 'b')`,
    'public.calls_2.caller: other values',
  ],
  ['a row more', `insert into public.parts values (2, 'more')`, 'public.parts: 2 rows before, 3 now'],
  ['a row of a partition', `update public.parts set note = '' where id = 1`, 'public.parts.note: other values'],
  ['a column less', `alter table public.calls_2 drop column at`, 'public.calls_2.at: the column is gone'],
  ['a table less', `drop table public.calls_2`, 'public.calls_2: the table is gone'],
])('%s fails the step, with the place', async (_, up, line) => {
  await using _at = await fresh();
  const { results } = await applied([sql('harmless', 'create table public.other ()'), sql('harm', up)]);
  expect(results).toMatchObject([{ id: '1.2/untouched', verdict: 'failed' }]);
  expect(results[0]?.observed).toContain(`compared: ${line}`);
});

test('a rollback that loses a value is not proven', async () => {
  await using _ = await fresh();
  const { back } = await applied([
    sql(
      'harm',
      'create table public.other ()',
      `drop table public.other; update public.parts set note = '' where id = 2`,
    ),
  ]);
  expect(await back()).toMatchObject({ proven: false, differences: ['public.parts.note: other values'] });
});

test('what others write meanwhile is told apart: not compared, and everything else still is', async () => {
  await using _ = await fresh();
  const end = await at.executor.guard('1.2', crypto.randomUUID(), []);
  await at.sql(`update calls_2 set caller = 'their own' where id = 'b'`);
  await at.sql(`delete from parts where id = 1`);
  const found = await end();
  expect(found?.changed).toEqual([]);
  expect(found?.unchecked).toEqual([
    'public.calls_2: others wrote 1 of its rows meanwhile',
    'public.parts: 2 rows before, 1 now; rows were deleted meanwhile, and PostgreSQL does not say by whom',
  ]);
  expect(found?.tables).toBeGreaterThan(2);
});

test('a step that goes on after a crash is compared with the look from before its first change', async () => {
  await using _ = await fresh();
  await at.executor.guard('1.2', crypto.randomUUID(), []);
  const { results } = await applied([sql('harm', `select 1`)]);
  expect(results).toMatchObject([{ verdict: 'passed' }]);
  await at.executor.guard('1.3', crypto.randomUUID(), []);
  await at.executor.apply(sql('harm', `update public.parts set note = ''`), {
    run: crypto.randomUUID(),
    step: '1.3',
    emit: () => undefined,
    signal: new AbortController().signal,
  });
  const end = await at.executor.guard('1.3', crypto.randomUUID(), []);
  expect((await end())?.changed).toEqual(['public.parts.note: other values']);
});
