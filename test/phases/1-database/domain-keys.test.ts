import { afterAll, beforeAll, expect, test } from 'vitest';
import { step as oneName } from '../../../phases/1-database/2-one-name.ts';
import { step as keys } from '../../../phases/1-database/3-keys.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

test('keys of a domain over uuid and over text are renamed, typed and referred like any other, and come back', async () => {
  await loadDatabase(server, 'tiny', 'domains');
  await using at = await makeTarget(server, 'domains');
  await at.sql(`
    create domain org_ref as uuid check (value <> '00000000-0000-0000-0000-000000000000');
    create domain org_text as text;
    create table tickets (id uuid primary key default gen_random_uuid(), organization_id org_ref not null);
    create table letters (id uuid primary key default gen_random_uuid(), organization_id org_text not null);
    comment on column tickets.organization_id is 'whose';
    insert into tickets (organization_id) select id from organizations;
    insert into letters (organization_id) select id::text from organizations;`);
  const { signal } = new AbortController();
  const rollout = at.rollout([oneName, keys]);
  for (const id of ['1.2', '1.3'] as const) {
    await rollout.apply(id, signal);
    expect((await rollout.verify(id, signal)).failed).toBe(0);
  }
  const [row] = await at.sql<{ n: number }>(
    `select count(*)::int as n from pg_constraint where contype = 'f' and confrelid = 'organizations'::regclass and conrelid in ('tickets'::regclass, 'letters'::regclass)`,
  );
  expect(row?.n).toBe(2);
  for (const id of ['1.3', '1.2'] as const) {
    const back = await rollout.rollback(id, signal);
    expect([back.proven, back.differences, back.stayed]).toEqual([true, [], []]);
  }
});
