import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { step } from '../../../phases/1-database/7-isolation.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { asAdmin } from '../../helpers/admin.ts';
import { renamedKeys } from '../../helpers/renames.ts';
import { roundTrip } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

const org = (number: number): string => `a0000000-0000-4000-8000-00000000000${number}`;
const user = (number: number): string => `b0000000-0000-4000-8000-00000000000${number}`;

let server: EmbeddedServer;
let at: TestTarget;
const database = 'last_owner';

beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'tiny', database);
  at = await makeTarget(server, database);
  await renamedKeys(at);
  await at.sql(`
    create table public.memberships (user_id uuid references auth.users on delete cascade, org_id uuid references public.organizations on delete cascade,
      role text not null check (role in ('owner', 'admin', 'member')), status text not null default 'active' check (status in ('active', 'removed')), primary key (user_id, org_id));
    insert into public.memberships select id, org_id, case full_name when 'Bob' then 'member' else 'owner' end from public.profiles where org_id is not null;
    alter table public.memberships enable row level security;
    create policy managed on public.memberships using (org_id in (select org_id from public.profiles where id = auth.uid()));`);
  await roundTrip(at, at.rollout([step]), '1.7');
});
afterAll(async () => {
  await at?.close();
  await server?.stop();
});

/** Both owners of the first organization, as they stand before each case. */
const again = (): Promise<unknown> =>
  at.sql(`insert into public.memberships (user_id, org_id, role) values ('${user(1)}', '${org(1)}', 'owner'), ('${user(2)}', '${org(1)}', 'owner')
    on conflict (user_id, org_id) do update set role = 'owner', status = 'active'`);

const owners = async (): Promise<number> =>
  (await at.sql(`select from public.memberships where org_id = '${org(1)}' and role = 'owner' and status = 'active'`))
    .length;

const open = async (role: string, number: number, orgId = org(1)): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: server.adminUrl(database) });
  await client.connect();
  await client.query('begin');
  await client.query(`select set_config('request.jwt.claims', $1, true)`, [
    JSON.stringify({ sub: user(number), role, app_metadata: { org_id: orgId } }),
  ]);
  await client.query(`set local role ${role}`);
  return client;
};

const done = (query: Promise<pg.QueryResult>): Promise<number | string> =>
  query.then(
    ({ rowCount }) => rowCount ?? 0,
    (error: Error) => error.message,
  );

/** Does something as an API role and keeps it. */
async function act(role: string, number: number, sql: string, orgId = org(1)): Promise<number | string> {
  const client = await open(role, number, orgId);
  const result = await done(client.query(sql));
  await client.query(typeof result === 'string' ? 'rollback' : 'commit');
  await client.end();
  return result;
}

const refused = 'An organization keeps its last owner.';
const of = (number: number): string => `where user_id = '${user(number)}' and org_id = '${org(1)}'`;

describe('two owners at the same moment', () => {
  it.each([
    ['delete each other', (other: number) => `delete from public.memberships ${of(other)}`],
    ['demote each other', (other: number) => `update public.memberships set role = 'member' ${of(other)}`],
    ['remove each other', (other: number) => `update public.memberships set status = 'removed' ${of(other)}`],
  ])('who %s leave one', async (_, sql) => {
    await again();
    const [ann, bob] = [await open('authenticated', 1), await open('authenticated', 2)];
    expect(await done(ann.query(sql(2)))).toBe(1);
    const second = done(bob.query(sql(1)));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await ann.query('commit');
    expect(await second).toBe(refused);
    await bob.query('rollback');
    await Promise.all([ann.end(), bob.end()]);
    expect(await owners()).toBe(1);
  });
});

describe('the last owner', () => {
  it('stays whatever an API role does, and may go once there is another', async () => {
    await again();
    expect(await act('authenticated', 1, `delete from public.memberships ${of(2)}`)).toBe(1);
    await at.sql(`insert into public.memberships values ('${user(3)}', '${org(1)}', 'owner', 'removed')`);
    await at.sql(
      `create policy leave on public.memberships to authenticated using (user_id = auth.uid()) with check (true)`,
    );
    for (const sql of [
      `delete from public.memberships ${of(1)}`,
      `update public.memberships set role = 'admin' ${of(1)}`,
    ]) {
      expect(await act('authenticated', 1, sql), sql).toBe(refused);
    }
    await again();
    expect(await act('authenticated', 1, `delete from public.memberships ${of(1)}`)).toBe(1);
  });

  it('goes with the service role, with the user and with the organization', async () => {
    await again();
    expect(await act('service_role', 1, `delete from public.memberships where org_id = '${org(1)}'`)).toBe(3);
    await again();
    await at.sql(`create policy closes on public.organizations for delete to authenticated using (true)`);
    await asAdmin(server, database, `delete from auth.users where id = '${user(2)}'`);
    expect(await owners()).toBe(1);
    await at.sql(`insert into public.organizations (id, name) values ('${org(7)}', 'Short-lived');
      insert into public.memberships values ('${user(1)}', '${org(7)}', 'owner', 'active')`);
    expect(await act('authenticated', 1, `delete from public.organizations where id = '${org(7)}'`, org(7))).toBe(1);
    expect(await at.sql(`select from public.memberships where org_id = '${org(7)}'`)).toEqual([]);
  });
});
