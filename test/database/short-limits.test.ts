import { afterAll, beforeAll, expect, test } from 'vitest';
import { step as oneName } from '../../phases/1-database/2-one-name.ts';
import { step as keys } from '../../phases/1-database/3-keys.ts';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { asAdmin } from '../helpers/admin.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget } from '../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

test('short limits of the role do not hold for a run, which has its own', async () => {
  await loadDatabase(server, 'tiny', 'limits');
  await using at = await makeTarget(server, 'limits');
  await asAdmin(
    server,
    'limits',
    [
      'statement_timeout = 5',
      'lock_timeout = 1',
      'idle_in_transaction_session_timeout = 50',
      'idle_session_timeout = 100',
    ]
      .map((one) => `alter role postgres in database limits set ${one};`)
      .join('\n') +
      `create table public.readings (id bigint generated always as identity primary key, organization_id text, v int);
       insert into public.readings (organization_id, v) select o.id::text, i from public.organizations o, generate_series(1, 1500) i;
       alter table public.readings owner to postgres;`,
  );
  const { signal } = new AbortController();
  const rollout = at.rollout([oneName, keys]);
  await at.session.work();
  await at.session.observe('select 1');
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (const id of ['1.2', '1.3'] as const) {
    expect(await rollout.apply(id, signal)).toBeGreaterThan(0);
    expect((await rollout.verify(id, signal)).failed).toBe(0);
  }
  expect((await rollout.rollback('1.3', signal)).proven).toBe(true);
});
