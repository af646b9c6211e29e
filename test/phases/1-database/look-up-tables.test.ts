import { afterAll, beforeAll, expect, it } from 'vitest';
import { step } from '../../../phases/1-database/7-isolation.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { renamedKeys } from '../../helpers/renames.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget } from '../../helpers/target.ts';
import { org, user, users } from './sign-up/schemas.ts';
import { whole } from './unfamiliar/whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

it('a table without an organization is nobody’s to read where its texts, lists or JSON say whose its rows are', async () => {
  await loadDatabase(server, 'tiny', 'pointing_tables');
  await using at = await makeTarget(server, 'pointing_tables', {});
  await renamedKeys(at);
  await at.sql(`
    create table public.comments (id serial primary key, subject_id text, body text);
    create table public.events (id serial primary key, payload jsonb);
    create table public.tags (id serial primary key, label text, contact_ids uuid[]);
    create table public.reminders (id serial primary key, recipient text);
    create table public.plans (code text primary key, label text, features jsonb, contact text);
    create table public.stickers (id uuid primary key default gen_random_uuid(), parts jsonb);
    insert into public.comments (subject_id, body) select id::text, 'x' from public.organizations limit 1;
    insert into public.events (payload) select jsonb_build_object('deep', jsonb_build_array(jsonb_build_object('user', id))) from auth.users limit 1;
    insert into public.tags (label, contact_ids) select 'vip', array[id] from public.organizations limit 1;
    insert into public.reminders (recipient) select upper(email) from auth.users limit 1;
    insert into public.plans values ('pro', 'Pro', '{"seats": 5}', 'sales@shop.example');
    insert into public.stickers (parts) select jsonb_build_array(gen_random_uuid());`);
  const { plan } = await at.rollout([step]).plan('1.7');
  const whose = plan.blockers.map((one) => one.problem).filter((text) => text.startsWith('Nothing says whose'));
  expect(
    whose.map((text) => /rows public\.(\w+) holds: .* and (\w+) holds ids/.exec(text)?.slice(1).join('.')),
  ).toEqual(['comments.subject_id', 'events.payload', 'reminders.recipient', 'tags.contact_ids']);
  expect(plan.blockers.find(({ problem }) => problem.includes('comments'))?.remedy).toContain(
    '--shared-table public.comments',
  );
});

/** Templates of everybody beside those of each organization, news that name only who has read them, rates that name nobody, flags that all name who set them. */
const everybodys = `${users(2)}
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table org_members (organization_id uuid not null references organizations, user_id uuid not null references auth.users, role text not null default 'member', primary key (organization_id, user_id));
  create table templates (id int primary key, organization_id uuid references organizations, name text);
  create table parts (id int primary key, template_id int references templates, name text);
  create table news (id int primary key, name text, reviewed_by uuid references auth.users);
  create table rates (id int primary key, name text, created_by uuid references auth.users);
  create table flags (id int primary key, name text, updated_by uuid references auth.users);
  insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  insert into org_members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'owner');
  insert into templates values (1, null, 'x'), (2, '${org(1)}', 'a'), (3, '${org(2)}', 'b');
  insert into parts values (1, 1, 'x'), (2, 2, 'a'), (3, 3, 'b');
  insert into news values (1, 'x', null), (2, 'y', '${user(2)}');
  insert into rates values (1, 'x', null);
  insert into flags values (1, 'x', '${user(2)}');
  alter table flags enable row level security; create policy "all read" on flags for select to authenticated using (true);
  alter table rates enable row level security; create policy "all read" on rates for select to authenticated using (true);
  alter table templates enable row level security; create policy "all read" on templates for select to authenticated using (true);
  alter table parts enable row level security; create policy "all read" on parts for select to authenticated using (true);`;
const tables = ['public.flags', 'public.news', 'public.parts', 'public.rates', 'public.templates'];

it('rows of nobody that everybody read are lost by a decision alone, and may stay everybody’s', async () => {
  const refused = await whole(server, everybodys);
  expect(refused.reached).toBeNull();
  for (const table of tables) expect(refused.said).toContain(`--shared-table ${table} that rows which belong to no`);
  const settings = { decisions: { sharedTable: tables } };
  const { reached, said, left } = await whole(server, everybodys, settings, async ({ at }) => {
    const names = async (table: string): Promise<unknown> => {
      const query = `select string_agg(name, '' order by name) as names from public.${table}`;
      return (await at.as<{ names: string }>('authenticated', { sub: user(1) }, query))[0]?.names;
    };
    const read = [
      await names('templates'),
      await names('parts'),
      await names('news'),
      await names('rates'),
      await names('flags'),
    ];
    expect(read).toEqual(['ax', 'ax', 'xy', 'x', 'x']);
  });
  expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
});
