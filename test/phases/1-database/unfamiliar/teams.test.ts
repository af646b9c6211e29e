import { afterAll, beforeAll, expect, it } from 'vitest';
import { phase } from '../../../../phases/1-database/phase.ts';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { type App, makeApp, org, user, users } from '../sign-up/schemas.ts';
import { whole } from './whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const mine = 'select m.team_id from team_members m where m.user_id = auth.uid()';
const ours = `select t.organization_id from teams t where t.id in (${mine})`;

/** Organizations own teams, and users are in teams alone; some rows belong to a team, some to the organization. */
const app = `${users(3)}
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table teams (id uuid primary key default gen_random_uuid(), organization_id uuid not null references organizations, name text not null);
  create table team_members (team_id uuid not null references teams on delete cascade, user_id uuid not null references auth.users on delete cascade, role text not null default 'member', primary key (team_id, user_id));
  create table projects (id int primary key, organization_id uuid not null references organizations, name text);
  create table tasks (id int primary key, team_id uuid not null references teams, name text);
  insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  insert into teams values ('${org(3)}', '${org(1)}', 'T1'), ('${org(4)}', '${org(1)}', 'T2'), ('${org(5)}', '${org(2)}', 'T3');
  insert into team_members values ('${org(3)}', '${user(1)}', 'owner'), ('${org(4)}', '${user(3)}', 'member'), ('${org(5)}', '${user(2)}', 'owner');
  insert into projects values (1, '${org(1)}', 'x'), (2, '${org(2)}', 'y');
  insert into tasks values (1, '${org(3)}', 'x'), (2, '${org(4)}', 'y'), (3, '${org(5)}', 'z');
  alter table organizations enable row level security; create policy o on organizations for select using (id in (${ours}));
  alter table teams enable row level security; create policy t on teams for select using (id in (${mine}));
  alter table team_members enable row level security; create policy m on team_members for select using (user_id = auth.uid());
  alter table projects enable row level security; create policy p on projects using (organization_id in (${ours}));
  alter table tasks enable row level security; create policy t on tasks using (team_id in (${mine}));`;

const reads = async ({ all }: App, who: number, table: string): Promise<string> => {
  const rows = await all(
    `select set_config('request.jwt.claims', '${JSON.stringify({ role: 'authenticated', sub: user(who) })}', true)`,
    'set local role authenticated',
    `select name from public.${table} order by 1`,
  );
  return rows.map((row) => String(row.name)).join('');
};

it('organizations that own the teams of users: which of the two isolates is asked', async () => {
  const { reached, said } = await whole(server, app);
  expect(reached).toBeNull();
  expect(said).toContain('2 tables could be the directory of organizations: public.teams, public.organizations.');
});

it('where it is the organization, memberships of it come out of the SQL, and follow the teams', async () => {
  await using asked = await makeApp(server, app, { names: { organizations: 'public.organizations' } });
  const [blocker, ...others] = (await asked.at.rollout([phase]).plan('1.1')).plan.blockers;
  expect(others).toEqual([]);
  expect(blocker?.problem).toContain('Nothing in the database says which organization a user belongs to');
  const sql = blocker?.detail ?? '';
  const settings = { names: { organizations: 'public.organizations' }, decisions: { newUsers: 'as-today' } };
  const { reached, left, said } = await whole(server, app + sql, settings, async (one) => {
    expect([await reads(one, 1, 'projects'), await reads(one, 2, 'projects')]).toEqual(['x', 'y']);
    expect([await reads(one, 1, 'tasks'), await reads(one, 2, 'tasks'), await reads(one, 3, 'tasks')]).toEqual([
      'x',
      'z',
      'y',
    ]);
    await one.all(`update public.team_members set team_id = '${org(5)}' where user_id = '${user(3)}'`);
    expect([await reads(one, 3, 'projects'), await reads(one, 3, 'tasks')]).toEqual(['y', 'z']);
    await one.all(`delete from public.team_members where user_id = '${user(3)}'`);
    expect([await reads(one, 3, 'projects'), await reads(one, 3, 'organizations')]).toEqual(['', '']);
  });
  expect({ reached, left, said }).toEqual({ reached: '1.7', left: [], said: '' });
});

it('where it is the team, it goes on with that', async () => {
  const settings = { names: { organizations: 'public.teams' }, decisions: { newUsers: 'as-today' } };
  const { reached, left, said } = await whole(server, app, settings, async (one) => {
    expect([await reads(one, 1, 'tasks'), await reads(one, 2, 'tasks')]).toEqual(['x', 'z']);
    expect([await reads(one, 1, 'projects'), await reads(one, 2, 'projects')]).toEqual(['x', 'y']);
  });
  expect({ reached, left, said }).toEqual({ reached: '1.7', left: [], said: '' });
});

/** Groups own organizations, and name only who made them. */
const grouped = (sees: string): string => `${users(4)}
  create table groups (id int primary key, name text not null, created_by uuid not null references auth.users);
  create table organizations (id uuid primary key default gen_random_uuid(), group_id int references groups, name text not null);
  create table org_members (organization_id uuid not null references organizations, user_id uuid not null references auth.users, role text not null default 'member', primary key (organization_id, user_id));
  insert into groups values (1, 'g', '${user(1)}'), (2, 'h', '${user(2)}');
  insert into organizations values ('${org(1)}', 1, 'A'), ('${org(2)}', 2, 'B');
  insert into org_members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'owner'), ('${org(1)}', '${user(3)}', 'member'), ('${org(2)}', '${user(4)}', 'member');
  create function sees_group(g int) returns boolean language sql stable security definer set search_path = public as
    $$ select exists (select from organizations o join org_members m on m.organization_id = o.id where ${sees} m.user_id = auth.uid()) $$;
  alter table groups enable row level security; create policy ours on groups for select using (sees_group(id));`;

it('a group is read by the members of its organizations, not by those of others', async () => {
  const { reached, left, said } = await whole(server, grouped('o.group_id = g and'));
  expect({ reached, left, said }).toEqual({ reached: '1.7', left: [], said: '' });
  const open = await whole(server, grouped(''));
  expect(open.reached).toBeNull();
  expect(open.said).toContain('public.groups: no user reaches another organization');
});
