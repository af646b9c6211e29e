import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { org, signUp, user, users } from '../sign-up/schemas.ts';
import { whole } from './whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const own = { decisions: { orphans: 'own-organization', trustProfiles: true } };

it('defaults of the app find their tables when rows are filled in, as when the API writes', async () => {
  const { reached, said, left } = await whole(
    server,
    `${users(3)}
     create table plans (id int primary key); insert into plans values (1);
     create function first_plan() returns int language sql as 'select min(id) from plans';
     create table organizations (id uuid primary key default gen_random_uuid(), name text not null, plan_id int not null default first_plan() references plans);
     create table org_members (organization_id uuid references organizations, user_id uuid references auth.users, role text, primary key (organization_id, user_id));
     insert into organizations (id, name) values ('${org(1)}', 'A'); insert into org_members values ('${org(1)}', '${user(1)}', 'owner');`,
    own,
  );
  expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
});

/** Short ids and short columns, and a user column of profiles that nothing makes unique. */
const short = `${users(3)}
  create table roles (id smallint primary key, name text); insert into roles values (1, 'owner'), (2, 'coach');
  create table teams (id varchar(26) primary key, name varchar(12) not null, code varchar(14) not null unique, country char(2) not null);
  create table users (id varchar(26) primary key, supabase_user_id uuid not null, team_id varchar(26) not null references teams,
    email text not null check (email ~* '^[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,}$'), name varchar(10) not null);
  create table events (id int primary key, team_id varchar(26) not null references teams, body text);
  insert into teams values ('01A', 'A', 'a', 'de'), ('01B', 'B', 'b', 'fr');
  insert into users values ('u1', '${user(1)}', '01A', 'a@example.test', 'one'), ('u2', '${user(2)}', '01B', 'b@example.test', 'two');
  insert into events values (1, '01A', 'a'), (2, '01B', 'b');
  alter table events enable row level security;
  create policy mine on events using (team_id in (select u.team_id from users u where u.supabase_user_id = auth.uid()));`;

it('what a sign-up makes fits its columns, and the value that a refusal shows fits as well', async () => {
  const refused = await whole(server, short, own);
  expect(refused.said).toMatch(/signUp\.values\.teams\.country .*"country": "left\(new\.id::text, 2\)"/s);
  const given = { ...own, signUp: { values: { teams: { country: `left(new.id::text, 2)` } } } };
  const { reached, said, left } = await whole(server, short, given, async (app) => {
    expect(await app.one(`select count(*)::int from pg_trigger where tgname = 'on_auth_user_created'`)).toBe(1);
    await app.all(...signUp(user(7), 'somebody.with.a.long.name@example.test'));
    expect(
      await app.all(
        `select length(t.id) as id, length(t.code) as code, u.name from users u join teams t on t.id = u.org_id where u.supabase_user_id = '${user(7)}'`,
      ),
    ).toEqual([{ id: 26, code: 14, name: 'somebody.w' }]);
    await app.all(`delete from auth.users where id = '${user(7)}'`);
    await app.all(`delete from users where supabase_user_id = '${user(7)}'`);
    await app.all(`delete from teams where country not in ('de', 'fr', 'b0') or name like 'somebody%'`);
  });
  expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
});

it('a value that does not fit is refused by its name before the first change', async () => {
  const { reached, said } = await whole(server, short, { ...own, signUp: { values: { teams: { country: `'xyz'` } } } });
  expect(reached).toBeNull();
  expect(said).toMatch(
    /signUp\.values\.teams\.country gives a value that teams\.country \(character\(2\)\) does not take/,
  );
});

it('profiles are not created where a table of that name is', async () => {
  const { said } = await whole(
    server,
    `create table organizations (id uuid primary key, name text); create table profiles (code text primary key, label text);
     create table notes (id int primary key, organization_id uuid references organizations);`,
    { decisions: { createProfiles: true } },
  );
  expect(said).toContain('public.profiles is there, and is taken with --profiles public.profiles');
});

/** Roles none of which runs an organization by its name. */
const crews = `${users(2)}
  create type crew_role as enum ('leader', 'officer', 'crew');
  create table gyms (id uuid primary key default gen_random_uuid(), name text not null);
  create table gym_memberships (gym_id uuid not null references gyms on delete cascade, user_id uuid not null references auth.users on delete cascade,
    role crew_role not null default 'crew', primary key (gym_id, user_id));
  insert into gyms values ('${org(1)}', 'A'); insert into gym_memberships values ('${org(1)}', '${user(1)}', 'leader');`;

it('the role that runs an organization is asked for where no label says it, and nobody who joins gets it', async () => {
  const refused = await whole(server, crews, own);
  expect(refused.said).toMatch(/leader, officer, crew, and nothing tells .*signUp\.values\.gym_memberships\.role/s);
  const given = { ...own, signUp: { values: { gym_memberships: { role: `'leader'` } } } };
  const { reached, said, left } = await whole(server, crews, given, async (app) => {
    const role = (n: number): Promise<unknown> =>
      app.one(`select string_agg(role::text, ', ') from gym_memberships where user_id = '${user(n)}'`);
    expect(await role(2)).toBe('leader');
    await app.all(...signUp(user(7), 'new@example.test'));
    await app.all(...signUp(user(8), 'joins@example.test', `{"org_id": "${org(1)}"}`));
    expect([await role(7), await role(8)]).toEqual(['leader', 'crew']);
    await app.all(
      `delete from auth.users where id in ('${user(7)}', '${user(8)}')`,
      `delete from gyms where name = 'new'`,
    );
  });
  expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
});

it('an optional value that a rule of the app refuses is left out, and nobody is kept from signing up by it', async () => {
  const { reached, said, left } = await whole(
    server,
    `${users(2)}
     create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
     create table users (id uuid primary key references auth.users on delete cascade, organization_id uuid not null references organizations,
       first_name text not null, last_name text not null, specialty text not null, name text check (length(name) < 30), phone text check (phone is null or phone ~ '^\\+[1-9]'), role text not null default 'member');
     alter table users enable row level security;
     create policy ours on users for select using (organization_id = (select u.organization_id from users u where u.id = auth.uid()));
     create function make_user(new auth.users) returns void language plpgsql as $$ begin
       insert into public.users (id, specialty) values (new.id, coalesce(new.raw_user_meta_data->>'specialty', 'general')); end $$;
     insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
     insert into users values ('${user(1)}', '${org(1)}', 'A', 'A', 'x', 'a', '+49301234', 'owner'), ('${user(2)}', '${org(2)}', 'B', 'B', 'x', 'b', null, 'owner');`,
    own,
    async (app) => {
      const sign = (id: string, name: string, phone: string): Promise<unknown> =>
        app.all(
          `insert into auth.users (id, phone, raw_user_meta_data) values ('${id}', '${phone}', '{"name": "${name}"}')`,
        );
      await sign(user(7), 'Ann de Vries', '49301234');
      await sign(user(8), 'x'.repeat(40), '+49305678');
      expect(
        await app.all(
          `select first_name, last_name, specialty, name, phone from users where id in ('${user(7)}', '${user(8)}') order by id`,
        ),
      ).toEqual([
        { first_name: 'Ann', last_name: 'de Vries', specialty: 'general', name: 'Ann de Vries', phone: null },
        { first_name: 'x'.repeat(40), last_name: '', specialty: 'general', name: null, phone: '+49305678' },
      ]);
      await app.all(
        `delete from auth.users where id in ('${user(7)}', '${user(8)}')`,
        `delete from organizations where id not in ('${org(1)}', '${org(2)}')`,
      );
    },
  );
  expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
});

it('a name that everybody has for themselves is as long as a rule of the app wants it', async () => {
  const { reached, said } = await whole(
    server,
    `${users(2)}
     create table gyms (id uuid primary key default gen_random_uuid(), name text not null);
     create table profiles (id uuid primary key references auth.users on delete cascade,
       username text not null unique check (char_length(username) between 3 and 24));
     create table gym_members (gym_id uuid references gyms, user_id uuid references profiles on delete cascade, role text not null default 'member', primary key (gym_id, user_id));
     insert into gyms values ('${org(1)}', 'A'); insert into profiles values ('${user(1)}', 'one'), ('${user(2)}', 'two');
     insert into gym_members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(1)}', '${user(2)}', 'member');`,
    { decisions: { orphans: 'leave' } },
    async (app) => {
      await app.all(...signUp(user(7), 'x@example.test'));
      await app.all(...signUp(user(8), 'somebody.with.quite.a.long.name@example.test'));
      expect(
        await app.all(
          `select length(username) as n from profiles where id in ('${user(7)}', '${user(8)}') order by id`,
        ),
      ).toEqual([{ n: 10 }, { n: 15 }]);
    },
  );
  expect({ reached, said }).toEqual({ reached: '1.7', said: '' });
});
