import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import type { SqlChange } from '../../src/rollout/change.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget, type TestTarget } from '../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'tiny', 'journal');
});
afterAll(() => server.stop());

const change: SqlChange = {
  kind: 'sql',
  id: 'one',
  title: 'Add a column',
  mode: 'transaction',
  up: 'alter table public.contacts add column one int;',
  down: 'alter table public.contacts drop column one;',
};

async function apply(at: TestTarget): Promise<void> {
  await at.executor.apply(change, {
    run: '00000000-0000-4000-8000-000000000000',
    step: '1.2',
    emit: () => undefined,
    signal: new AbortController().signal,
  });
}

function counting(client: pg.Client): () => number {
  const query = client.query.bind(client) as (...given: unknown[]) => unknown;
  let messages = 0;
  client.query = ((...given: unknown[]) => {
    messages++;
    return query(...given);
  }) as typeof client.query;
  return () => messages;
}

test('a journal that was read is read again without asking whether it is there; one that went meanwhile is none', async () => {
  await using at = await makeTarget(server, 'journal');
  const { executor } = at;
  expect(await executor.standing()).toEqual([]);
  await apply(at);
  expect(await executor.standing()).toMatchObject([{ step: '1.2', state: 'applied', count: 1 }]);

  const messages = counting(await at.session.work());
  expect(await executor.records()).toEqual([]);
  expect(await executor.entries('1.2')).toHaveLength(1);
  expect(await executor.keptFingerprint('1.2', 'before')).toBeNull();
  expect(messages()).toBe(3);

  await at.sql('drop schema voxanne_rollout cascade');
  expect(await executor.standing()).toEqual([]);
  expect(await executor.entries('1.2')).toEqual([]);
  expect(await executor.records()).toEqual([]);
  expect(await executor.head()).toBeNull();
});

test('a part of the journal that is missing is an error, not an empty journal', async () => {
  await server.createDatabase('part', 'journal');
  await using at = await makeTarget(server, 'part');
  await at.sql('alter table public.contacts drop column if exists one');
  await apply(at);
  await at.executor.records();
  await at.sql('drop table voxanne_rollout.records');
  await expect(at.executor.records()).rejects.toMatchObject({ code: '42P01' });
});
