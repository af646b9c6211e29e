import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { type App, membershipsAlone, org, profilesAlone, user, users } from './sign-up/schemas.ts';
import { whole } from './unfamiliar/whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** What a signed-in user counts, or how they are refused. */
async function does({ at }: App, who: number, sql: string): Promise<number | string> {
  try {
    return (await at.as('authenticated', { sub: user(who) }, sql)).length;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}

/** How many rows of this table each user reads. */
async function seen(app: App, table: string): Promise<readonly (number | string)[]> {
  const all: (number | string)[] = [];
  for (const who of [1, 2, 3, 4, 5]) all.push(await does(app, who, `select from public.${table}`));
  return all;
}

/** 1 and 3 are in the first organization, 2 in the second, 4 was in the first and is not any more, 5 is in none. */
const members = `${users(5)}${membershipsAlone}
  alter table org_members add column removed_at timestamptz;
  insert into organizations values ('${org(1)}', 'One'), ('${org(2)}', 'Two');
  insert into profiles select id, email from auth.users where id <> '${user(3)}';
  insert into org_members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(1)}', '${user(3)}', 'member'),
    ('${org(2)}', '${user(2)}', 'owner'), ('${org(1)}', '${user(4)}', 'member');
  update org_members set removed_at = now() where user_id = '${user(4)}';
  alter table organizations enable row level security; alter table org_members enable row level security; alter table profiles enable row level security;
  create function my_orgs() returns setof uuid language sql stable security definer set search_path = public as
    $$ select organization_id from org_members where user_id = auth.uid() and removed_at is null $$;
  create policy o on organizations for select to authenticated using (id in (select my_orgs()));
  create policy m on org_members for select to authenticated using (user_id = auth.uid());
  create policy p on profiles for select to authenticated using (id = auth.uid());
  create table notes (id serial primary key, organization_id uuid not null references organizations);
  alter table notes enable row level security; create policy n on notes for all to authenticated using (organization_id in (select my_orgs()));
  insert into notes (organization_id) select id from organizations;`;

/** A table of users' own rows under this policy, one row for each user. */
const personal = (name: string, column: string, policy: string): string => `
  create table ${name} (id serial primary key, ${column}, role text not null default 'x');
  insert into ${name} (${column.split(' ')[0]}) select id from auth.users;
  alter table ${name} enable row level security; ${policy}`;

/** Rows that name a profile by a key of its own, which everybody reads; of profiles each reads what this condition says. */
const byProfile = (profiles: string): string => `${users(5)}
      create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
      create table profiles (id uuid primary key default gen_random_uuid(), user_id uuid not null unique references auth.users, full_name text);
      create table org_members (organization_id uuid not null references organizations, profile_id uuid not null references profiles, role text not null default 'member', primary key (organization_id, profile_id));
      insert into organizations values ('${org(1)}', 'One'), ('${org(2)}', 'Two'); insert into profiles (user_id) select id from auth.users;
      insert into org_members select ('a0000000-0000-4000-8000-00000000000' || case when u.user_id = '${user(2)}' then 2 else 1 end)::uuid, u.id, 'owner' from profiles u where u.user_id in ('${user(1)}', '${user(2)}', '${user(3)}');
      alter table organizations enable row level security; alter table org_members enable row level security; alter table profiles enable row level security;
      create policy p on profiles for select to authenticated using (${profiles});
      create policy m on org_members for select to authenticated using (profile_id in (select id from profiles where user_id = auth.uid()));
      create table badges (id serial primary key, profile_id uuid references profiles); insert into badges (profile_id) select id from profiles;
      alter table badges enable row level security; create policy b on badges for select to authenticated using (true);`;

const settings = { decisions: { orphans: 'leave' } };

describe('rows that name a user and no organization, which whoever signs in could read', () => {
  it.each([
    ['user_roles', 'user_id uuid references auth.users', `create policy r on user_roles for select using (true);`],
    ['user_settings', 'user_id uuid', `create policy r on user_settings for all to authenticated using (true);`],
    [
      'presence',
      'owner uuid references auth.users',
      `create policy r on presence for select to authenticated using (auth.uid() is not null); create policy w on presence for update to authenticated using (owner = auth.uid());`,
    ],
    [
      'preferences',
      'created_for uuid references auth.users',
      `create policy r on preferences for select to authenticated using (created_for = auth.uid() or auth.role() = 'authenticated');`,
    ],
  ])('stay readable to colleagues alone: %s', async (table, column, policy) => {
    const sql = members + personal(table, column, policy);
    const { reached, said, left } = await whole(server, sql, settings, async (app) => {
      expect(await seen(app, table)).toEqual([2, 1, 2, 1, 1]);
      if (!policy.includes('for all') && !policy.includes('for update')) return;
      expect(await does(app, 1, `update public.${table} set role = 'y' returning 1`)).toBe(1);
    });
    expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
  });

  it('stay so where they name a profile, whose key is not what its user signs in with', async () => {
    const { reached, said, left } = await whole(server, byProfile('true'), settings, async (app) => {
      expect(await seen(app, 'badges')).toEqual([2, 1, 2, 1, 1]);
    });
    expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
  });

  it('are asked about by name, before anything changes, where no rule finds whose profile they name', async () => {
    const sql = byProfile('user_id = auth.uid()');
    const { reached, said, left } = await whole(server, sql, settings);
    expect({ reached, left }).toEqual({ reached: null, left: [] });
    expect(said).toMatch(
      /public\.badges: every user keeps access.*can no longer read 1 row .*acceptAccess: \["1\.7\/access\/public\.badges\/kept"\]/s,
    );
    const accepted = { decisions: { ...settings.decisions, acceptAccess: ['1.7/access/public.badges/kept'] } };
    expect(await whole(server, sql, accepted)).toMatchObject({ reached: '1.7', said: '', left: [] });
  });

  it('stay so where profiles alone say who belongs where, although a user reads no profile but their own', async () => {
    const sql = `${users(5)}${profilesAlone}
      insert into organizations values ('${org(1)}', 'One'), ('${org(2)}', 'Two');
      insert into profiles (id, organization_id) select id, case when id in ('${user(1)}', '${user(3)}') then '${org(1)}'::uuid when id = '${user(2)}' then '${org(2)}' end from auth.users;
      create policy p on profiles for select to authenticated using (id = auth.uid());
      ${personal('user_roles', 'user_id uuid references auth.users', 'create policy r on user_roles for select using (true);')}`;
    const { reached, said, left } = await whole(server, sql, settings, async (app) => {
      expect(await seen(app, 'user_roles')).toEqual([2, 1, 2, 1, 1]);
    });
    expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
  });

  it('stay the own user’s alone where a policy said so, or none was there', async () => {
    const own = personal(
      'tokens',
      'user_id uuid references auth.users',
      'create policy r on tokens for select using (user_id = auth.uid());',
    );
    const unguarded = personal(
      'drafts',
      'user_id uuid references auth.users',
      'alter table drafts disable row level security;',
    );
    const { reached, said, left } = await whole(server, members + own + unguarded, settings, async (app) => {
      expect(await seen(app, 'tokens')).toEqual([1, 1, 1, 1, 1]);
      expect(await seen(app, 'drafts')).toEqual([1, 1, 1, 1, 1]);
      expect(await app.one(`select to_regprocedure('public.my_colleagues()')::text`)).toBeNull();
    });
    expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
  });
});
