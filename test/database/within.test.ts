import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import type { SqlChange } from '../../src/rollout/change.ts';
import type { Context, WithinWork } from '../../src/rollout/executor.ts';
import { asAdmin } from '../helpers/admin.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget } from '../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'tiny', 'within');
});
afterAll(() => server.stop());

const context = (): Context => ({
  run: '00000000-0000-4000-8000-000000000000',
  step: '1.2',
  emit: () => undefined,
  signal: new AbortController().signal,
});

const change = (id: string, up: string, mode: SqlChange['mode'] = 'transaction'): SqlChange => ({
  kind: 'sql',
  id,
  title: `Change ${id}`,
  mode,
  up,
  down: '',
});

const made = (from: number, to: number): SqlChange[] =>
  Array.from({ length: to - from }, (_, at) =>
    change(`${from + at}`, `create table public.made_${from + at} (id int); -- the last word of this one`),
  );

const running = <R>(changes: readonly SqlChange[], then: () => Promise<R>): WithinWork<R> => ({
  title: 'Testing',
  body: async ({ run }) => {
    await run(changes);
    return then();
  },
});

const count = `select count(*)::int as made from pg_class where relname like 'made!_%' escape '!'`;

test('many statements are few messages; all are there, and then none', async () => {
  await using at = await makeTarget(server, 'within');
  const client = await at.session.work();
  const query = client.query.bind(client) as (...given: unknown[]) => unknown;
  let messages = 0;
  client.query = ((...given: unknown[]) => {
    messages++;
    return query(...given);
  }) as typeof client.query;
  const index = change('index', 'create index concurrently made_index on public.made_3 (id);', 'autocommit');
  const done = await at.executor.within(
    running([...made(0, 120), index, change('nothing', '')], async () => (await client.query(count)).rows[0]),
    context(),
  );
  expect(done).toMatchObject({ outcome: 'ran', result: { made: 121 } });
  expect(messages).toBeLessThan(12);
  expect(await at.sql(count)).toEqual([{ made: 0 }]);
});

test('the statement that is refused among many is the one that is told', async () => {
  await using at = await makeTarget(server, 'within');
  const wrong = change('wrong', 'alter table public.contacts add column nothing public.no_such_type;');
  // What PostgreSQL runs only outside a transaction comes later, and does not hide it.
  const outside = change('outside', 'vacuum public.contacts;', 'autocommit');
  const refused = at.executor.within(
    running([...made(0, 70), wrong, ...made(70, 80), outside], async () => null),
    context(),
  );
  await expect(refused).rejects.toMatchObject({
    problem: expect.stringContaining('public.no_such_type'),
    detail: expect.stringContaining('alter table public.contacts add column nothing'),
  });
  await expect(refused).rejects.not.toMatchObject({ detail: expect.stringContaining('made_') });
  expect(await at.sql(count)).toEqual([{ made: 0 }]);
});

test('what PostgreSQL runs only outside a transaction is said', async () => {
  await using at = await makeTarget(server, 'within');
  const outside = change('outside', 'vacuum public.contacts;', 'autocommit');
  expect(
    await at.executor.within(
      running([...made(0, 3), outside], async () => null),
      context(),
    ),
  ).toEqual({
    outcome: 'not executed',
    reason: 'Change outside: PostgreSQL runs this only outside a transaction',
  });
});

test.each([
  ['sees what others wait for', 'within_seen', ''],
  ['may not see it', 'within_unseen', 'revoke pg_monitor from postgres'],
])('gives way to whoever waits: a role that %s', async (_, name, sql) => {
  await server.createDatabase(name, 'within');
  if (sql !== '') await asAdmin(server, name, sql);
  try {
    await using at = await makeTarget(server, name);
    const reads: Promise<unknown>[] = [];
    let began = 0;
    const done = await at.executor.within(
      {
        title: 'Testing',
        body: async ({ run }) => {
          await run([change('lock', 'lock table public.contacts in access exclusive mode;')]);
          expect(await at.session.longestWaiter()).toBe(0);
          began = performance.now();
          reads.push(at.sql('select count(*) from public.contacts').then(() => performance.now() - began));
          await run([change('long', 'select pg_catalog.pg_sleep(20);')]);
        },
      },
      context(),
    );
    expect(done).toMatchObject({ outcome: 'busy' });
    for (const waited of await Promise.all(reads)) expect(waited).toBeLessThan(5_000);
  } finally {
    if (sql !== '') await asAdmin(server, name, 'grant pg_monitor to postgres');
  }
});
