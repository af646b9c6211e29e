import { afterAll, beforeAll, expect, it } from 'vitest';
import { throughPhaseOne } from '../../../helpers/phase-one.ts';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { makeApp, org, user, users } from '../sign-up/schemas.ts';
import { whole } from './whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

it.each([
  [
    'no organizations at all',
    `create table notes (id int primary key, author uuid references auth.users, body text); create table tags (id int primary key, name text);`,
    'No table of organizations was found',
  ],
  [
    'nothing that says who belongs where',
    `create table organizations (id uuid primary key default gen_random_uuid(), name text);
     create table profiles (id uuid primary key references auth.users, full_name text);
     create table notes (id int primary key, organization_id uuid references organizations, body text);`,
    'Nothing in the database says which organization a user belongs to',
  ],
  [
    'organizations without a key of one column',
    `create table organizations (region text, code text, name text, primary key (region, code));
     create table org_members (user_id uuid references auth.users, organization_key uuid, role text, primary key (user_id, organization_key));`,
    'Organizations have no primary key of one column',
  ],
  [
    'organizations that rows refer to by another column than their key',
    `create table organizations (id bigint generated always as identity primary key, public_id uuid not null unique default gen_random_uuid(), name text);
     create table org_members (organization_id uuid not null references organizations (public_id), user_id uuid references auth.users, role text, primary key (organization_id, user_id));`,
    '1 table refers to organizations by public_id',
  ],
  [
    'organizations that another system keeps',
    `create table tenant_members (tenant_id uuid not null, user_id uuid not null references auth.users, role text, primary key (tenant_id, user_id));
     create table projects (id uuid primary key, tenant_id uuid not null); create table project_members (project_id uuid references projects, user_id uuid references auth.users, primary key (project_id, user_id));
     create table tasks (id int primary key, project_id uuid references projects);
     insert into projects values (gen_random_uuid(), gen_random_uuid());`,
    'public.tenant_members joins users with organizations by tenant_id, and no table holds these',
  ],
  [
    'organizations that only an owner is known of',
    `create table shops (id uuid primary key default gen_random_uuid(), owner_id uuid not null references auth.users, name text);
     create table products (id int primary key, shop_id uuid references shops);
     insert into auth.users (id, email) values ('b0000000-0000-4000-8000-000000000001', 'a@example.test'); insert into shops (owner_id) select id from auth.users;`,
    'Nothing in the database says which organization a user belongs to',
  ],
  [
    'users whom the app signs in by itself',
    `create table organizations (id text primary key, name text not null);
     create table "user" (id text primary key, name text not null, email text not null unique);
     create table member (id text primary key, "organizationId" text not null references organizations, "userId" text not null references "user", role text not null, unique ("organizationId", "userId"));
     create table session (id text primary key, token text not null, "userId" text not null references "user");
     create table project (id text primary key, "organizationId" text not null references organizations);
     insert into auth.users (id, email, email_confirmed_at) select ('b0000000-0000-4000-8000-00000000000' || n)::uuid, 'U' || n || '@example.test', now() from generate_series(1, 2) n;
     insert into organizations values ('o1', 'A'), ('o2', 'B'); insert into "user" values ('u1', 'a', 'u1@example.test'), ('u2', 'b', 'u2@example.test');
     insert into member values ('m1', 'o1', 'u1', 'owner'), ('m2', 'o2', 'u2', 'owner'); insert into session values ('s1', 'x', 'u1'), ('s2', 'y', 'u2'); insert into project values ('p1', 'o1');`,
    'The app keeps its users itself: public.member joins organizations with public.user',
  ],
])('the refusal of %s holds the SQL with which the next run gets past', async (_, sql, problem) => {
  const settings = { names: { organizations: sql.includes('table organizations') ? 'public.organizations' : null } };
  await using app = await makeApp(server, sql, settings);
  const steps = (await import('../../../../phases/1-database/phase.ts')).phase.steps.filter((one) => one.id === '1.1');
  const refused = async (): Promise<readonly { readonly problem: string; readonly detail?: string }[]> =>
    (await app.at.rollout(steps).plan('1.1')).plan.blockers;
  const before = await refused();
  const [first] = before.filter((one) => one.problem.startsWith(problem));
  expect(first?.detail).toBeDefined();
  await app.at.sql(first?.detail ?? '');
  expect((await refused()).filter((one) => one.problem.startsWith(problem))).toEqual([]);
});

const odd = (type: string, a: string, b: string, written = a): string => `
  create extension if not exists citext schema extensions; set search_path = public, extensions;
  insert into auth.users (id, email) select ('b0000000-0000-4000-8000-00000000000' || n)::uuid, 'u' || n || '@example.test' from generate_series(1, 2) n;
  create table organizations (id ${type} primary key, name text not null);
  insert into organizations values (${a}, 'A'), (${b}, 'B');
  create table organization_members (organization_id ${type} not null references organizations on delete cascade, user_id uuid not null references auth.users, role text not null default 'member', primary key (organization_id, user_id));
  insert into organization_members values (${a}, 'b0000000-0000-4000-8000-000000000001', 'owner'), (${b}, 'b0000000-0000-4000-8000-000000000002', 'owner');
  create table boards (organization_id ${type} not null references organizations, number int, primary key (organization_id, number)); insert into boards values (${written}, 1);
  create table notes (id int primary key, organization_id ${type} not null references organizations, board int, body text, foreign key (organization_id, board) references boards);
  create index on notes (organization_id);
  insert into notes values (1, ${written}, 1, 'a'), (2, ${b}, null, 'b');
  create view noted with (security_invoker) as select n.organization_id, n.body, o.name from notes n join organizations o on o.id = n.organization_id;
  alter table notes enable row level security;
  create policy "ours, and 'theirs'" on notes using (organization_id in (select m.organization_id from organization_members m where m.user_id = auth.uid()));`;

it.each([
  ['citext', odd('extensions.citext', "'Acme'", "'beta'", "'ACME'")],
  ['char(6)', odd('char(6)', "'acme'", "'beta'")],
  ['numeric', odd('numeric', '1001', '1002', '1001.0')],
  ['numeric that is no whole number', odd('numeric', '1.5', '2.5')],
])(
  'the refusal of ids that are %s holds SQL that foreign keys, policies and views let through, and all goes on',
  async (_, sql) => {
    await using app = await makeApp(server, sql, { decisions: { newUsers: 'as-today' } });
    const phaseOne = (await import('../../../../phases/1-database/phase.ts')).phase;
    const [first] = (await app.at.rollout([phaseOne]).plan('1.1')).plan.blockers;
    expect(first?.problem).toContain('Organizations are known by id');
    await app.at.sql(first?.detail ?? '');
    const done = await throughPhaseOne(app.at);
    expect(done.said.filter((one) => /^(blocker|failed|error)/.test(one))).toEqual([]);
    expect(done.stopped).toBeNull();
    const read = async (n: number): Promise<readonly { body: string }[]> =>
      app.at.as('authenticated', { sub: `b0000000-0000-4000-8000-00000000000${n}` }, 'select body from public.noted');
    expect([await read(1), await read(2)]).toEqual([[{ body: 'a' }], [{ body: 'b' }]]);
  },
);

const workspaces = `${users(2)}
  create table workspaces (id uuid primary key default gen_random_uuid(), owner_user_id uuid not null references auth.users, name text not null);
  create table invoices (id int primary key, workspace_id uuid not null references workspaces on delete cascade, total int);
  create function handle_new_user() returns trigger language plpgsql security definer as $$ begin
    insert into public.workspaces (owner_user_id, name) values (new.id, 'mine'); return new; end $$;
  create trigger on_auth_user_created after insert on auth.users for each row execute function handle_new_user();
  insert into workspaces values ('${org(1)}', '${user(1)}', 'A'), ('${org(2)}', '${user(2)}', 'B');
  insert into invoices values (1, '${org(1)}', 5), (2, '${org(2)}', 6);
  alter table workspaces enable row level security; create policy own on workspaces using (owner_user_id = auth.uid());
  alter table invoices enable row level security;
  create policy own on invoices using (exists (select from workspaces w where w.id = workspace_id and w.owner_user_id = auth.uid()));`;

it('organizations that name their owner alone get memberships that follow the owner, also at sign-up', async () => {
  await using app = await makeApp(server, workspaces);
  const phaseOne = (await import('../../../../phases/1-database/phase.ts')).phase;
  const [first] = (await app.at.rollout([phaseOne]).plan('1.1')).plan.blockers;
  // Memberships that nothing keeps: the next sign-up's owner would reach nothing.
  const [table = '', owners = ''] = (first?.detail ?? '').split('create function');
  const { said } = await whole(server, `${workspaces} ${table}`, { decisions: { newUsers: 'as-today' } });
  expect(said).toMatch(
    /says nowhere that they belong to it, which is read from public\.org_members: .* trigger on public\.workspaces/,
  );
  await app.at.sql(`${table} create function${owners}`);
  const done = await throughPhaseOne(app.at);
  expect(done.said.filter((one) => /^(blocker|failed|error)/.test(one))).toEqual([]);
  expect(done.stopped).toBeNull();
  await app.at.sql(`update public.workspaces set owner_user_id = '${user(2)}' where id = '${org(1)}'`);
  const members = `select user_id from public.org_members where org_id = '${org(1)}'`;
  expect(await app.at.sql(members)).toEqual([{ user_id: user(2) }]);
});
