import { afterAll, beforeAll, expect, it } from 'vitest';
import { appOf, throughPhaseOne } from '../../../helpers/phase-one.ts';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import type { TestTarget } from '../../../helpers/target.ts';
import { org, user, users } from '../sign-up/schemas.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

const grants = `grant all on all tables in schema public to anon, authenticated, service_role;
  grant usage on all sequences in schema public to authenticated;`;

/** Names of the rows that a user reads, with the token that they would get now. */
async function reads(at: TestTarget, n: number, table: string): Promise<unknown> {
  const [token] = await at.sql<{ claims: unknown }>(
    'select raw_app_meta_data as claims from auth.users where id = $1',
    [user(n)],
  );
  const sql = `select coalesce(string_agg(name, ' ' order by name), '') as names from ${table}`;
  return (await at.as('authenticated', { sub: user(n), app_metadata: token?.claims }, sql))[0]?.names;
}

it('goes on by a list of organizations, by a slug, and by rows that refer to what a slug names', async () => {
  await using at = await appOf(
    server,
    'lists_and_slugs',
    `create table organizations (id uuid primary key, name text not null, slug text unique not null);
     create table profiles (id uuid primary key references auth.users on delete cascade, org_id uuid references organizations, name text);
     create table posts (id serial primary key, org_id uuid not null references organizations, shared_with uuid[] not null default '{}', name text);
     create table logs (id serial primary key, org_slug text not null references organizations (slug), name text);
     create table log_lines (id serial primary key, log_id int not null references logs, name text);
     create function my_org() returns uuid language sql stable security definer set search_path = public as $$ select org_id from profiles where id = auth.uid() $$;
     alter table profiles enable row level security; alter table posts enable row level security;
     alter table logs enable row level security; alter table log_lines enable row level security;
     create policy a on profiles for select to authenticated using (org_id = my_org());
     create policy a on posts for select to authenticated using (org_id = my_org() or my_org() = any (shared_with));
     create policy a on logs for all to authenticated using (org_slug = (select slug from organizations where id = my_org()));
     create policy a on log_lines for select to authenticated using (true);
     ${grants} ${users(3)}
     insert into organizations values ('${org(1)}', 'A', 'a'), ('${org(2)}', 'B', 'b');
     insert into profiles values ('${user(1)}', '${org(1)}', '1'), ('${user(2)}', '${org(2)}', '2'), ('${user(3)}', '${org(2)}', '3');
     insert into posts (org_id, shared_with, name) values ('${org(1)}', '{}', 'a'), ('${org(1)}', '{${org(2)}}', 'ab'), ('${org(2)}', '{}', 'b');
     insert into logs (org_slug, name) values ('a', 'a'), ('b', 'b');
     insert into log_lines (log_id, name) values (1, 'a'), (2, 'b');`,
  );
  const { stopped, said } = await throughPhaseOne(at);
  expect([stopped, stopped === null ? [] : said]).toEqual([null, []]);
  const all = async (table: string): Promise<unknown> => [await reads(at, 1, table), await reads(at, 2, table)];
  expect(await all('posts')).toEqual(['a ab', 'ab b']);
  expect(await all('logs')).toEqual(['a', 'b']);
  expect(await all('log_lines')).toEqual(['a', 'b']);
});

it('makes members of those whose tokens name their organization under the app’s own key', async () => {
  await using at = await appOf(
    server,
    'own_claim',
    `create table tenants (id uuid primary key, name text not null);
     create table items (id serial primary key, tenant_id uuid not null references tenants, name text);
     alter table items enable row level security;
     create policy a on items for all to authenticated using (tenant_id = ((auth.jwt() -> 'app_metadata') ->> 'company')::uuid);
     ${grants} ${users(3)}
     insert into tenants values ('${org(1)}', 'A'), ('${org(2)}', 'B');
     insert into items (tenant_id, name) values ('${org(1)}', 'a'), ('${org(2)}', 'b');
     set role supabase_auth_admin;
     update auth.users set raw_app_meta_data = raw_app_meta_data || jsonb_build_object('alias', gen_random_uuid(), 'company', case when id = '${user(1)}' then '${org(1)}' else '${org(2)}' end) where id <> '${user(3)}';`,
    { decisions: { createProfiles: true, orphans: 'leave' } },
  );
  const { stopped, said } = await throughPhaseOne(at);
  expect([stopped, stopped === null ? [] : said]).toEqual([null, []]);
  expect([await reads(at, 1, 'items'), await reads(at, 2, 'items'), await reads(at, 3, 'items')]).toEqual([
    'a',
    'b',
    '',
  ]);
});

it('keeps the platform’s own people by their role, which no synthetic user has and nobody gets who signs up', async () => {
  await using at = await appOf(
    server,
    'platform_role',
    `create table schools (id uuid primary key default gen_random_uuid(), name text not null);
     create table profiles (id uuid primary key references auth.users, school_id uuid references schools, name text,
       role text not null check (role in ('superadmin', 'admin', 'teacher')));
     create table students (id serial primary key, school_id uuid not null references schools, name text);
     create function is_super() returns boolean language sql stable security definer set search_path = public as $$ select exists (select 1 from profiles where id = auth.uid() and role = 'superadmin') $$;
     create function my_school() returns uuid language sql stable security definer set search_path = public as $$ select school_id from profiles where id = auth.uid() $$;
     alter table profiles enable row level security; alter table students enable row level security; alter table schools enable row level security;
     create policy a on profiles for select to authenticated using (school_id = my_school());
     create policy a on schools for select to authenticated using (id = my_school());
     create policy own on students for all to authenticated using (school_id = my_school());
     create policy super on students for all to authenticated using (is_super());
     ${grants} ${users(3)}
     insert into schools values ('${org(1)}', 'A'), ('${org(2)}', 'B');
     insert into profiles values ('${user(1)}', '${org(1)}', '1', 'admin'), ('${user(2)}', '${org(2)}', '2', 'teacher'), ('${user(3)}', '${org(1)}', '3', 'superadmin');
     insert into students (school_id, name) values ('${org(1)}', 'a'), ('${org(2)}', 'b');`,
    { decisions: { keepPolicy: ['public.students: super'] } },
  );
  const { stopped, said } = await throughPhaseOne(at);
  expect([stopped, stopped === null ? [] : said]).toEqual([null, []]);
  expect([await reads(at, 1, 'students'), await reads(at, 2, 'students'), await reads(at, 3, 'students')]).toEqual([
    'a',
    'b',
    'a b',
  ]);
  await at.sql(`insert into auth.users (id, email) values ('${user(9)}', 'new@example.test')`);
  expect(await at.sql(`select role from profiles where id = '${user(9)}'`)).toEqual([{ role: 'admin' }]);
});
