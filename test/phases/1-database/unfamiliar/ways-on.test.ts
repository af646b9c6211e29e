import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inCi } from '../../../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { type App, org, user, users } from '../sign-up/schemas.ts';
import { whole } from './whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** How many rows a user finds or changes, null for a request without a login; of several statements the last one counts. */
async function does(app: App, who: number | null, ...statements: readonly string[]): Promise<number> {
  const claims = who === null ? { role: 'anon' } : { role: 'authenticated', sub: user(who) };
  const rows = await app.all(
    `select set_config('request.jwt.claims', '${JSON.stringify(claims)}', true)`,
    `set local role ${who === null ? 'anon' : 'authenticated'}`,
    ...statements,
  );
  return rows.length;
}

const directory = `
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table members (organization_id uuid not null references organizations, user_id uuid not null references auth.users, role text, primary key (organization_id, user_id));
  insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  alter table members enable row level security; create policy own on members for select using (user_id = auth.uid());`;
const notes = `
  create table notes (id bigint generated always as identity primary key, organization_id uuid not null references organizations, body text);
  insert into notes (organization_id, body) values ('${org(1)}', 'a'), ('${org(2)}', 'b');
  alter table notes enable row level security;`;

describe('what the app says about its users', () => {
  it('a header says which organization is meant, so that a member of two reaches both', async () => {
    const header = (n: number): string => `select set_config('request.headers', '{"x-org": "${org(n)}"}', true)`;
    const { reached, left } = await whole(
      server,
      `${users(2)}${directory}${notes}
      insert into members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(1)}', 'member'), ('${org(2)}', '${user(2)}', 'owner');
      create function named() returns uuid language sql stable as $$ select nullif(current_setting('request.headers', true)::json ->> 'x-org', '')::uuid $$;
      create function belongs(o uuid) returns boolean language sql stable security definer set search_path = public as $$ select exists (select 1 from members where organization_id = o and user_id = auth.uid()) $$;
      create policy n on notes using (organization_id = named() and belongs(organization_id));`,
      { decisions: { ambiguousMemberships: 'oldest' } },
      async (app) => {
        const read = 'select body from public.notes';
        expect(await does(app, 1, header(1), read)).toBe(1);
        expect(await does(app, 1, header(2), read)).toBe(1);
        expect(await does(app, 2, header(2), read)).toBe(1);
        expect(await does(app, 2, header(1), read)).toBe(0);
      },
    );
    expect({ reached, left }).toEqual({ reached: '1.7', left: [] });
  });

  it('owners whom no membership names keep what they own, and manage its members, nobody else’s', async () => {
    const { reached, left } = await whole(
      server,
      `${users(4)}
      create table teams (id uuid primary key default gen_random_uuid(), name text not null, owner_id uuid not null references auth.users);
      create table team_members (team_id uuid not null references teams on delete cascade, user_id uuid not null references auth.users, role text not null default 'member', primary key (team_id, user_id));
      create table boards (id int primary key, team_id uuid not null references teams, name text);
      insert into teams values ('${org(1)}', 'A', '${user(1)}'), ('${org(2)}', 'B', '${user(2)}'), ('${org(3)}', 'C', '${user(2)}');
      insert into team_members values ('${org(1)}', '${user(3)}', 'member'), ('${org(2)}', '${user(4)}', 'member');
      insert into boards values (1, '${org(1)}', 'x'), (2, '${org(2)}', 'y'), (3, '${org(3)}', 'z');
      create function owns(t uuid) returns boolean language sql stable security definer set search_path = public as $$ select exists (select 1 from teams where id = t and owner_id = auth.uid()) $$;
      alter table teams enable row level security; create policy s on teams for select using (owner_id = auth.uid() or id in (select team_id from team_members where user_id = auth.uid()));
      create policy u on teams for update using (owner_id = auth.uid());
      alter table team_members enable row level security; create policy s on team_members for select using (user_id = auth.uid()); create policy w on team_members for all using (owns(team_id));
      alter table boards enable row level security; create policy b on boards using (owns(team_id) or team_id in (select team_id from team_members where user_id = auth.uid()));`,
      { decisions: { isolation: 'all', ambiguousMemberships: 'oldest' } },
      async (app) => {
        expect(await does(app, 1, 'select * from public.boards')).toBe(1);
        expect(await does(app, 2, 'select * from public.boards')).toBe(2);
        expect(await does(app, 1, `update public.teams set name = 'q' returning 1`)).toBe(1);
        expect(
          await does(app, 1, `update public.team_members set role = 'admin' where role = 'member' returning 1`),
        ).toBe(1);
        expect(await does(app, 3, 'select * from public.boards')).toBe(1);
        expect(await does(app, 3, `update public.team_members set role = 'owner' returning 1`)).toBe(0);
        expect(await does(app, 3, `update public.teams set name = 'q' returning 1`)).toBe(0);
      },
    );
    expect({ reached, left }).toEqual({ reached: '1.7', left: [] });
  });

  it('an owner whom only the row of the organization lets in gets no more than that by the rollout', async () => {
    const { reached, left } = await whole(
      server,
      `${users(3)}
      create table teams (id uuid primary key default gen_random_uuid(), name text not null, owner_id uuid not null references auth.users);
      create table team_members (team_id uuid not null references teams on delete cascade, user_id uuid not null references auth.users, role text not null default 'member', primary key (team_id, user_id));
      create table boards (id int primary key, team_id uuid not null references teams, name text);
      insert into teams values ('${org(1)}', 'A', '${user(1)}'), ('${org(2)}', 'B', '${user(2)}');
      insert into team_members values ('${org(1)}', '${user(3)}', 'owner'), ('${org(2)}', '${user(2)}', 'owner'), ('${org(2)}', '${user(1)}', 'member');
      insert into boards values (1, '${org(1)}', 'x'), (2, '${org(2)}', 'y');
      alter table teams enable row level security; create policy s on teams for select using (owner_id = auth.uid() or id in (select team_id from team_members where user_id = auth.uid()));
      alter table team_members enable row level security; create policy s on team_members for select using (user_id = auth.uid());
      alter table boards enable row level security; create policy b on boards using (team_id in (select team_id from team_members where user_id = auth.uid()));`,
      { decisions: { isolation: 'all' } },
      async (app) => {
        expect(await does(app, 1, 'select * from public.boards where id = 1')).toBe(0);
        expect(await does(app, 1, 'select * from public.boards where id = 2')).toBe(1);
        expect(await does(app, 1, `select * from public.teams where name = 'A'`)).toBe(1);
      },
    );
    expect({ reached, left }).toEqual({ reached: '1.7', left: [] });
  });

  it('names with brackets are names', async () => {
    const { reached, left } = await whole(
      server,
      `${users(2)}
      create table "teams (all)" (id uuid primary key default gen_random_uuid(), name text not null, owner_id uuid references auth.users);
      create table "people (all" (id uuid primary key references auth.users, "team (now)" uuid references "teams (all)");
      create table "members +" (team_id uuid not null references "teams (all)", user_id uuid not null references auth.users, role text not null default 'member', primary key (team_id, user_id));
      create table "boards [x" (id int primary key, team_id uuid not null references "teams (all)", name text);
      insert into "teams (all)" values ('${org(1)}', 'A', '${user(1)}'), ('${org(2)}', 'B', '${user(2)}');
      insert into "members +" values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'owner');
      insert into "people (all" values ('${user(1)}', '${org(1)}'), ('${user(2)}', '${org(2)}');
      insert into "boards [x" values (1, '${org(1)}', 'x'), (2, '${org(2)}', 'y');
      create function "mine (all"() returns setof uuid language sql stable security definer set search_path = public as $$ select team_id from "members +" where user_id = auth.uid() $$;
      alter table "boards [x" enable row level security; create policy b on "boards [x" using (team_id in (select "mine (all"()));
      alter table "members +" enable row level security; create policy s on "members +" for select using (user_id = auth.uid());
      alter table "teams (all)" enable row level security; create policy s on "teams (all)" for select using (id in (select "mine (all"()));
      alter table "people (all" enable row level security; create policy own on "people (all" for select using (id = auth.uid());`,
      {},
      async (app) => expect(await does(app, 1, 'select * from public."boards [x"')).toBe(1),
    );
    expect({ reached, left }).toEqual({ reached: '1.7', left: [] });
  });

  it('colleagues go on reading each other’s profiles where everybody could read everybody’s, although no column names an organization', async () => {
    const { reached, left } = await whole(
      server,
      `${users(4)}${directory}${notes}
      insert into members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(1)}', '${user(3)}', 'member'), ('${org(2)}', '${user(2)}', 'owner');
      create policy n on notes using (organization_id in (select m.organization_id from members m where m.user_id = auth.uid()));
      create table profiles (id uuid primary key references auth.users, full_name text); insert into profiles select id, email from auth.users;
      alter table profiles enable row level security; create policy everybody on profiles for select using (auth.uid() is not null);
      create policy own on profiles for update using (id = auth.uid());`,
      { decisions: { orphans: 'leave' } },
      async (app) => {
        const read = 'select * from public.profiles';
        expect(await does(app, 1, read)).toBe(2);
        expect(await does(app, 3, read)).toBe(2);
        expect(await does(app, 2, read)).toBe(1);
        expect(await does(app, 4, read)).toBe(1);
        expect(await does(app, 1, `update public.profiles set full_name = 'x' returning 1`)).toBe(1);
      },
    );
    expect({ reached, left }).toEqual({ reached: '1.7', left: [] });
  });
});

describe('a way on', () => {
  const one = `insert into members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'owner');`;

  it('from a view that keeps organizations apart by itself: it may stay as it was', async () => {
    const schema = `${users(2)}${directory}${notes}${one}
      create view live_notes as select id, organization_id, body from notes where organization_id in (select organization_id from members where user_id = auth.uid());
      grant select on live_notes to authenticated;`;
    const asked = await whole(server, schema);
    expect(asked.reached).toBeNull();
    expect(asked.said).toContain('--accept-view public.live_notes');
    const { reached, left } = await whole(
      server,
      schema,
      { decisions: { acceptView: ['public.live_notes'] } },
      async (app) => expect(await does(app, 1, 'select * from public.live_notes')).toBe(1),
    );
    expect({ reached, left }).toEqual({ reached: '1.7', left: [] });
  });

  it('from a view over a materialized view, which API roles lose', async () => {
    const { reached, said } = await whole(
      server,
      `${users(2)}${directory}${notes}${one}
      create policy n on notes using (organization_id in (select m.organization_id from members m where m.user_id = auth.uid()));
      create materialized view totals as select count(*) as n from notes; create view shown as select n from totals;
      grant select on totals, shown to authenticated;`,
      { decisions: { acceptAccess: ['1.7/access/public.totals/kept'] } },
    );
    expect(reached).toBeNull();
    expect(said).toMatch(/public\.shown: .*permission denied.*--accept-view public\.shown/);
  });

  it('from a public page that asks a table which is isolated: what is kept is lost by no one unsaid', async () => {
    const schema = (policy: string): string => `${users(2)}
      create table shops (id uuid primary key default gen_random_uuid(), name text, is_active boolean default true);
      create table shop_members (shop_id uuid references shops, user_id uuid references auth.users, role text, primary key (shop_id, user_id));
      create table dishes (id int primary key, shop_id uuid not null references shops, name text);
      insert into shops (id, name) values ('${org(1)}', 'A'), ('${org(2)}', 'B');
      insert into shop_members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'owner');
      insert into dishes values (1, '${org(1)}', 'x'), (2, '${org(2)}', 'y');
      create function is_open(s uuid) returns boolean language sql stable security definer set search_path = public as $$ select coalesce((select is_active from shops where id = s), false) $$;
      alter table dishes enable row level security; create policy staff on dishes using (shop_id in (select m.shop_id from shop_members m where m.user_id = auth.uid()));
      create policy page on dishes for select using (${policy});`;
    const settings = { decisions: { keepPolicy: ['public.dishes: page'] } };
    const dead = await whole(
      server,
      schema('exists (select 1 from shops s where s.id = shop_id and s.is_active)'),
      settings,
    );
    expect(dead.reached).toBeNull();
    expect(dead.said).toContain('Policy "page" is kept, and asks public.shops');
    const { reached, left } = await whole(server, schema('is_open(shop_id)'), settings, async (app) => {
      expect(await does(app, null, 'select * from public.dishes')).toBe(2);
      expect(await does(app, 1, `update public.dishes set name = 'q' returning 1`)).toBe(1);
    });
    expect({ reached, left }).toEqual({ reached: '1.7', left: [] });
  });

  it.each(
    inCi(
      [
        ['text', 'id text primary key', 'text', `'u1'`, `'u2'`],
        ['bigint', 'id bigint primary key generated by default as identity', 'bigint', '101', '102'],
        ['uuid of their own', 'id uuid primary key default gen_random_uuid()', 'uuid', `'${org(8)}'`, `'${org(9)}'`],
      ],
      1,
    ),
  )(
    'from users whom the app signed in by itself, with ids that are %s: once each is connected, their sessions are theirs alone',
    async (_, key, type, one, two) => {
      const { reached, left, said } = await whole(
        server,
        `${users(2)}
      create table organizations (id text primary key, name text not null);
      create table "user" (${key}, name text not null, email text not null unique, auth_user_id uuid unique references auth.users);
      create table member (id bigint generated always as identity primary key, "organizationId" text not null references organizations, "userId" ${type} not null references "user", role text not null default 'member', unique ("organizationId", "userId"));
      create table session (id text primary key, token text not null, "userId" ${type} not null references "user");
      create table project (id text primary key, "organizationId" text not null references organizations);
      insert into organizations values ('o1', 'A'), ('o2', 'B'); insert into "user" values (${one}, 'a', 'u1@example.test', '${user(1)}'), (${two}, 'b', 'u2@example.test', '${user(2)}');
      insert into member ("organizationId", "userId", role) values ('o1', ${one}, 'owner'), ('o2', ${two}, 'owner'); insert into session values ('s1', 'x', ${one}), ('s2', 'y', ${two}); insert into project values ('p1', 'o1'), ('p2', 'o2');`,
        { decisions: { newUsers: 'as-today' } },
        async (app) => {
          expect(await does(app, 1, 'select * from public.project')).toBe(1);
          expect(await does(app, 1, 'select * from public.session')).toBe(1);
          expect(await does(app, 2, 'select * from public.session')).toBe(1);
          expect(await does(app, 1, 'select * from public.member')).toBe(1);
        },
      );
      expect({ reached, left, said: reached === null ? said : '' }).toEqual({ reached: '1.7', left: [], said: '' });
    },
  );

  it('from users who have no profile yet when the server puts them into an organization', async () => {
    const { reached, left, said } = await whole(
      server,
      `${users(2)}
      create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
      create table profiles (id uuid primary key references auth.users on delete cascade, email text);
      create table members (organization_id uuid not null references organizations, user_id uuid not null references profiles on delete cascade, role text not null default 'member', primary key (organization_id, user_id));
      create table notes (id int primary key, organization_id uuid not null references organizations);
      insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B'); insert into profiles select id, email from auth.users;
      insert into members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'owner'); insert into notes values (1, '${org(1)}'), (2, '${org(2)}');
      alter table profiles enable row level security; create policy own on profiles using (id = auth.uid());`,
      { decisions: { newUsers: 'as-today' } },
    );
    expect({ reached, left, said: reached === null ? said : '' }).toEqual({ reached: '1.7', left: [], said: '' });
  });
});
