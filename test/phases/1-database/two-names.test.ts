import { afterAll, beforeAll, expect, test } from 'vitest';
import { step } from '../../../phases/1-database/2-one-name.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { roundTrip } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
let count = 0;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

async function stage(sql: string, overrides: Readonly<Record<string, unknown>> = {}): Promise<TestTarget> {
  const name = `two_names_${count++}`;
  await loadDatabase(server, 'tiny', name);
  const at = await makeTarget(server, name, overrides);
  await at.sql(sql);
  return at;
}

const table = `
  create table visits (id int primary key, organization_id uuid references organizations,
    tenant_id uuid not null references organizations, body text, unique (tenant_id, body));
  insert into visits select 1, id, id, 'agrees' from organizations limit 1;
  insert into visits select 2, null, id, 'one is empty' from organizations limit 1;`;

const dependents = `
  alter table visits enable row level security;
  create policy own on visits using (tenant_id = (select organization_id from profiles where id = auth.uid()));
  comment on policy own on visits is 'of the clinic';
  create view narrow as select id, tenant_id from visits where tenant_id is not null;
  create view wide with (security_invoker = true) as select * from visits;
  grant select on wide to authenticated; comment on view wide is 'all of it'; comment on column wide.tenant_id is 'whose';
  create materialized view totals as select tenant_id, count(*) as n from visits group by 1;
  create unique index totals_key on totals (tenant_id);
  create rule narrow_insert as on insert to narrow do instead
    insert into visits (id, tenant_id, organization_id) values (new.id, new.tenant_id, new.tenant_id);
  create function wide_insert() returns trigger language plpgsql as
    $$ begin insert into visits (id, tenant_id, body) values (new.id, new.tenant_id, new.body); return new; end $$;
  create trigger wide_insert instead of insert on wide for each row execute function wide_insert();
  create function both_of(p uuid) returns bigint language sql as
    $$ select count(*) from visits where tenant_id = p and organization_id = p $$;
  create function put(p uuid) returns void language plpgsql as $$ begin
    insert into visits (id, organization_id, tenant_id, body) values (9, p, p, 'put') on conflict (tenant_id, body) do nothing;
    update visits set tenant_id = p, organization_id = p where id = 9; end $$;`;

test('two old names on one table become one, with views, rules, policies and triggers over both', async () => {
  await using at = await stage(table + dependents);
  await roundTrip(at, at.rollout([step]), '1.2');
  const [org] = await at.sql<{ id: string }>('select org_id as id from visits limit 1');
  await at.sql(`select put('${org?.id}'); select put('${org?.id}')`);
  await at.sql(`insert into wide (id, tenant_id, body) values (10, '${org?.id}', 'through the view')`);
  await at.sql(`insert into narrow (id, org_id) values (11, '${org?.id}')`);
  await at.sql('refresh materialized view totals');
  const all = { visits: 5, narrow: 5, wide: 5 };
  for (const [name, rows] of Object.entries(all)) {
    const [row] = await at.sql<{ n: number }>(`select count(*)::int as n from ${name} where org_id = '${org?.id}'`);
    expect([name, row?.n]).toEqual([name, rows]);
  }
  expect(await at.sql('select org_id, n::int from totals')).toEqual([{ org_id: org?.id, n: 5 }]);
  expect(await at.sql(`select both_of('${org?.id}')::int as n`)).toEqual([{ n: 5 }]);
});

test('two old names without anything that reads them need no trigger', async () => {
  await using at = await stage(table.replace(', unique (tenant_id, body)', ''));
  await roundTrip(at, at.rollout([step]), '1.2');
  expect(await at.sql(`select from pg_trigger where tgrelid = 'visits'::regclass and not tgisinternal`)).toEqual([]);
});

test('rows that disagree are decided as for an old and the new name', async () => {
  const torn = `${table} insert into visits select 3, min(id::text)::uuid, max(id::text)::uuid, 'torn' from organizations;`;
  await using undecided = await stage(torn);
  const { plan } = await undecided.rollout([step]).plan('1.2');
  expect(plan.blockers.map((one) => one.problem)).toEqual([
    '1 row of public.visits holds different values in organization_id and tenant_id.',
  ]);
  await using decided = await stage(torn, { decisions: { disagreeingColumns: 'keep-old' } });
  await roundTrip(decided, decided.rollout([step]), '1.2');
  expect(
    await decided.sql(
      `select org_id::text = (select max(id::text) from organizations) as old from visits where id = 3`,
    ),
  ).toEqual([{ old: true }]);
});

test('a column that holds no organization is never merged over, and the remedy is enough', async () => {
  const directory = `
    create table visits (id int primary key, organization_id uuid not null references organizations, tenant_id uuid not null);
    insert into visits select row_number() over (), id, gen_random_uuid() from organizations;`;
  const names = { from: ['organization_id', 'tenant_id'] };
  await using at = await stage(directory, { names, decisions: { disagreeingColumns: 'keep-old' } });
  const { plan } = await at.rollout([step]).plan('1.2');
  expect(plan.changes).toEqual([]);
  expect(plan.blockers[0]?.problem).toContain('No value of public.visits.tenant_id is an organization');
  expect(plan.blockers[0]?.remedy).toContain('names.keys: {"public.visits": "organization_id"}');
  await using told = await stage(directory, { names: { ...names, keys: { 'public.visits': 'organization_id' } } });
  await roundTrip(told, told.rollout([step]), '1.2');
  const columns = await told.sql<{ name: string }>(
    `select column_name as name from information_schema.columns where table_name = 'visits' order by 1`,
  );
  expect(columns.map((one) => one.name)).toEqual(['id', 'org_id', 'tenant_id']);
});
