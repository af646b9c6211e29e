import { afterAll, beforeAll, expect, test } from 'vitest';
import { step as survey } from '../../../phases/1-database/1-survey.ts';
import { step as oneName } from '../../../phases/1-database/2-one-name.ts';
import { step as keys } from '../../../phases/1-database/3-keys.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { asAdmin } from '../../helpers/admin.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget } from '../../helpers/target.ts';

const { signal } = new AbortController();
let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const log = `
  create table public.ddl_log (at timestamptz default now(), tag text); alter table public.ddl_log owner to postgres;
  create function public.log_ddl() returns event_trigger language plpgsql security definer set search_path = public as
    $$ begin insert into public.ddl_log (tag) values (tg_tag); end $$;
  create event trigger log_ddl on ddl_command_end execute function public.log_ddl();
  create function public.no_drop() returns event_trigger language plpgsql as
    $$ begin if tg_tag = 'DROP TABLE' then raise exception 'ask first'; end if; end $$;
  create event trigger no_drop on ddl_command_start execute function public.no_drop();`;

test('an event trigger that logs each statement is named before, and what it writes is not ours', async () => {
  await loadDatabase(server, 'tiny', 'events');
  await asAdmin(server, 'events', log);
  await using at = await makeTarget(server, 'events');
  const steps = [survey, oneName, keys];
  const { plan } = await at.rollout(steps).plan('1.1');
  const note = plan.notes.find((one) => one.text.includes('event trigger'));
  expect(note?.text).toContain(
    '2 event triggers of the app will run with the statements of this rollout: log_ddl, no_drop.',
  );
  expect(note?.detail).toContain('log_ddl on ddl_command_end: public.log_ddl(), writes rows');
  expect(note?.detail).toContain('no_drop on ddl_command_start: public.no_drop(), may refuse a statement');

  const rollout = at.rollout([oneName, keys]);
  const checks: CheckResult[] = [];
  rollout.listen((event) => {
    if (event.type === 'check') checks.push(event.result);
  });
  for (const id of ['1.2', '1.3'] as const) {
    expect(await rollout.apply(id, signal)).toBeGreaterThan(0);
    expect((await rollout.verify(id, signal)).failed).toBe(0);
  }
  const [logged] = await at.sql<{ n: number }>('select count(*)::int as n from ddl_log');
  expect(logged?.n).toBeGreaterThan(0);
  expect(checks.filter((one) => one.id.includes('untouched')).map((one) => [one.id, one.verdict])).toEqual([
    ['1.2/untouched', 'passed'],
    ['1.3/untouched', 'passed'],
  ]);
  for (const id of ['1.3', '1.2'] as const) {
    const back = await rollout.rollback(id, signal);
    expect([back.proven, back.differences, back.unchecked]).toEqual([true, [], []]);
  }
});

test('a table that is left out is not counted, whatever writes to it', async () => {
  await loadDatabase(server, 'tiny', 'events_out');
  await asAdmin(
    server,
    'events_out',
    `create table public.ddl_count (n int); insert into public.ddl_count values (0); alter table public.ddl_count owner to postgres;
     create function public.count_ddl() returns event_trigger language plpgsql security definer set search_path = public as
       $$ begin update public.ddl_count set n = n + 1; end $$;
     create event trigger count_ddl on ddl_command_end execute function public.count_ddl();`,
  );
  for (const [exclude, unchecked] of [
    [[], 1],
    [['public.ddl_count'], 0],
  ] as const) {
    await using at = await makeTarget(server, 'events_out', { exclude });
    const rollout = at.rollout([oneName]);
    const checks: CheckResult[] = [];
    rollout.listen((event) => {
      if (event.type === 'check') checks.push(event.result);
    });
    await rollout.apply('1.2', signal);
    expect((await rollout.verify('1.2', signal)).failed).toBe(0);
    expect(checks.filter((one) => one.id === '1.2/untouched/not-compared')).toHaveLength(unchecked);
    await rollout.rollback('1.2', signal);
  }
});

test('rows that nobody can have added still fail', async () => {
  await loadDatabase(server, 'tiny', 'events_none');
  await using at = await makeTarget(server, 'events_none');
  await at.sql('create table lonely (id int primary key); insert into lonely values (1)');
  const rollout = at.rollout([
    {
      ...oneName,
      plan: async () => ({
        changes: [
          {
            kind: 'sql',
            id: 'x',
            title: 'x',
            mode: 'transaction',
            up: 'insert into public.lonely values (2)',
            down: 'select 1',
          },
        ],
        blockers: [],
        notes: [],
      }),
      checks: async function* () {
        yield* [];
      },
    },
  ]);
  const checks: CheckResult[] = [];
  rollout.listen((event) => {
    if (event.type === 'check') checks.push(event.result);
  });
  await rollout.apply('1.2', signal);
  await rollout.verify('1.2', signal);
  expect(checks.find((one) => one.id === '1.2/untouched')?.observed).toContain('lonely: 1 row before, 2 now');
});
