import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedServer, startServer } from '../../../src/demo/server.ts';
import { makeCliTarget, makeTable } from './setup.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

test('a change is pushed with its journal row, is there, and is taken back from database, history and folder', async () => {
  await using run = await makeCliTarget(server, 'vertical');
  const { at, executor } = run;
  const change = makeTable('pushed');
  const entry = await executor.apply(change, run.context());
  expect(entry).toMatchObject({ state: 'applied', step: '1.1', change });
  expect(await executor.entries()).toEqual([entry]);
  expect(await at.sql(`select to_regclass('public.pushed') is not null as there`)).toEqual([{ there: true }]);
  const [row] = await run.history();
  expect(row?.name).toBe('voxanne_1_1_create_public_pushed');
  expect(await run.files()).toEqual([`${row?.version}_${row?.name}.sql`]);
  // One transaction for the change, its journal row and the history row.
  expect(
    await at.sql(
      `select distinct x.xmin::text = e.xmin::text and e.xmin::text = m.xmin::text as same
       from pg_class x, voxanne_rollout.entries e, supabase_migrations.schema_migrations m where x.relname = 'pushed'`,
    ),
  ).toEqual([{ same: true }]);

  expect(await executor.revert(entry, run.context())).toEqual({ stayed: [] });
  await executor.record({
    run: entry.run,
    step: '1.1',
    state: 'rolled back',
    detail: '',
    passed: 0,
    failed: 0,
    skipped: 0,
    milliseconds: 1,
  });
  expect(await at.sql(`select to_regclass('public.pushed') is not null as there`)).toEqual([{ there: false }]);
  expect(await run.history()).toEqual([]);
  expect(await run.files()).toEqual([]);
});
