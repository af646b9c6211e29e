import { afterAll, beforeAll, expect, test } from 'vitest';
import { planReportingRoles, reportingRoles } from '../../../phases/1-database/isolation/reporting-roles.ts';
import { survey } from '../../../phases/1-database/survey.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { asAdmin } from '../../helpers/admin.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
let at: TestTarget;
beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'tiny', 'readers');
  await asAdmin(
    server,
    'readers',
    `create role bi_reader login; create role bi_group; create role bi_member login in role bi_group;
     create role bi_all login bypassrls; create role bi_view login; create role bi_guarded login;
     create role bi_columns login; grant bi_reader to postgres`,
  );
  at = await makeTarget(server, 'readers');
  await at.sql(`
    create table orders (id int primary key, organization_id uuid references organizations, cents int);
    insert into orders select row_number() over (), id, 7 from organizations;
    create table shut (id int primary key, organization_id uuid references organizations);
    alter table shut enable row level security;
    create policy own on shut using (organization_id = auth.uid());
    create table seen (id int primary key, organization_id uuid references organizations);
    alter table seen enable row level security;
    create policy all_of_them on seen for select to bi_guarded using (true);
    create view daily as select organization_id, sum(cents) as cents from orders group by 1;
    grant usage on schema public to bi_reader, bi_group, bi_all, bi_view, bi_guarded, bi_columns;
    grant select on orders, shut to bi_reader, bi_group, bi_all;
    grant select (cents) on orders to bi_columns;
    grant select on daily to bi_view;
    grant select on seen, shut to bi_guarded;`);
});
afterAll(async () => {
  await at.close();
  await server.stop();
});

const found = async () => {
  const all = await survey(at.target);
  const guarded = all.tenants.map((one) => one.table).filter((one) => ['orders', 'shut', 'seen'].includes(one.name));
  return { all, roles: await reportingRoles(await at.session.work(), all, guarded) };
};

test('names who reads all rows today and would read none, and nobody else', async () => {
  const { roles } = await found();
  expect(roles.map((one) => [one.name, one.tables.map((table) => table.name), one.views])).toEqual([
    ['bi_columns', ['orders'], []],
    ['bi_group', ['orders'], []],
    ['bi_guarded', ['seen'], []],
    ['bi_reader', ['orders'], []],
    ['bi_view', [], ['public.daily']],
  ]);
});

test('stops until somebody decides, and says what each answer does', async () => {
  const { roles } = await found();
  const undecided = planReportingRoles(roles, null);
  expect(undecided.changes).toEqual([]);
  expect(undecided.blockers).toHaveLength(4);
  expect(undecided.blockers[3]?.problem).toContain('Role bi_reader reads all rows of public.orders');
  expect(undecided.blockers[3]?.remedy).toContain('--reporting-roles keep');
  expect(undecided.notes[0]?.text).toContain('Role bi_view reads public.daily');
  const closed = planReportingRoles(roles, 'close');
  expect([closed.changes, closed.blockers]).toEqual([[], []]);
  expect(closed.notes[0]?.text).toContain('as decided');
});

test('lets a kept role read on behind row security, and takes the policy back', async () => {
  const { roles } = await found();
  const { changes, blockers } = planReportingRoles(roles, 'keep');
  expect(blockers).toEqual([]);
  await at.sql('begin');
  for (const one of changes) await at.sql(one.up);
  await at.sql('alter table orders enable row level security; set local role bi_reader');
  const [row] = await at.sql<{ count: number }>('select count(*)::int as count from orders');
  expect(row?.count).toBeGreaterThan(0);
  await at.sql('reset role');
  for (const one of changes) await at.sql(one.down);
  await at.sql('set local role bi_reader');
  const [after] = await at.sql<{ count: number }>('select count(*)::int as count from orders');
  expect(after?.count).toBe(0);
  await at.sql('rollback');
});

test('asks no more once the policies are there', async () => {
  const before = await found();
  for (const one of planReportingRoles(before.roles, 'keep').changes) await at.sql(one.up);
  const { roles } = await found();
  expect(roles.filter((one) => one.tables.length > 0)).toEqual([]);
});
