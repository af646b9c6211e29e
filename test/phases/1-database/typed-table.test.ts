import { afterAll, beforeAll, expect, test } from 'vitest';
import { step } from '../../../phases/1-database/2-one-name.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

test('what stands in the way of a typed table is enough to get past it', async () => {
  await loadDatabase(server, 'tiny', 'typed');
  await using at = await makeTarget(server, 'typed');
  await at.sql(`
    create type stamped as (organization_id uuid, at timestamptz, note text);
    create table journal of stamped;
    insert into journal select id, now(), name from organizations;
    create function last_entry() returns stamped language sql stable as
      $$ select organization_id, at, note from journal order by at desc limit 1 $$;
    create function unrelated(organization_id uuid) returns uuid language sql as $$ select organization_id $$;`);
  const { plan } = await at.rollout([step]).plan('1.2');
  const remedy = plan.blockers.find((one) => one.problem.includes('typed table'))?.remedy ?? '';
  expect(remedy).toContain('in the same transaction give public.last_entry() the new name');
  expect(remedy).not.toContain('unrelated');

  const sql = /`(alter type [^`]+)`/.exec(remedy)?.[1];
  const definition = `create or replace function last_entry() returns stamped language sql stable as
    $$ select org_id, at, note from journal order by at desc limit 1 $$`;
  await at.sql(`begin; ${sql}; ${definition}; commit`);
  expect((await at.rollout([step]).plan('1.2')).plan.blockers).toEqual([]);
  await at.rollout([step]).apply('1.2', new AbortController().signal);
  const rows = await at.sql('select (last_entry()).org_id is not null as there');
  expect(rows).toEqual([{ there: true }]);
});
