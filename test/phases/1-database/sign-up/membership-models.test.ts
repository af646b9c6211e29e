import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { makeApp, membershipsAlone, org, profilesAlone, signUp, user, users } from './schemas.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const stampOf = (n: number): string => `select raw_app_meta_data ->> 'org_id' from auth.users where id = '${user(n)}'`;

describe('sign-up fits the app that is there', () => {
  const apps: readonly (readonly [name: string, sql: string])[] = [
    ['memberships alone', membershipsAlone],
    ['profiles alone', profilesAlone],
    [
      'both',
      `${profilesAlone} create table memberships (id bigint generated always as identity primary key, organization_id uuid not null references organizations,
         user_id uuid not null references auth.users, role text not null, unique (user_id, organization_id));`,
    ],
    ['neither', 'create table organizations (id uuid primary key default gen_random_uuid(), name text not null);'],
    [
      'memberships without profiles and without a role',
      `create table organizations (id uuid primary key, name text not null);
       create table org_members (organization_id uuid not null references organizations, user_id uuid not null references auth.users, primary key (organization_id, user_id));`,
    ],
    [
      'a profile whose user is neither its key nor unique',
      `create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
       create table profiles (id uuid primary key default gen_random_uuid(), user_id uuid references auth.users, organization_id uuid references organizations);`,
    ],
    [
      'members known by the key of a profile that is not the user',
      `create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
       create table profiles (id uuid primary key default gen_random_uuid(), user_id uuid not null unique references auth.users);
       create table org_members (organization_id uuid not null references organizations, profile_id uuid not null references profiles, role text not null default 'member', unique (organization_id, profile_id));`,
    ],
    [
      'numbers for ids',
      `create table organizations (id bigint generated always as identity primary key, name text not null);
       create table profiles (id uuid primary key references auth.users, full_name text);
       create table org_members (organization_id bigint not null references organizations, user_id uuid not null references auth.users, role text not null, primary key (organization_id, user_id));`,
    ],
    [
      'text for ids',
      `create table organizations (id text primary key default 'org_' || replace(gen_random_uuid()::text, '-', ''), name text not null);
       create table profiles (id uuid primary key references auth.users, organization_id text references organizations);
       alter table profiles enable row level security;`,
    ],
    [
      'a domain over uuid',
      `create domain org_key as uuid;
       create table organizations (id org_key primary key default gen_random_uuid(), name text not null);
       create table profiles (id uuid primary key references auth.users);
       create table org_members (organization_id org_key not null references organizations, user_id uuid not null references auth.users, role text not null, primary key (organization_id, user_id));`,
    ],
    [
      'organizations owned by a profile',
      `create table profiles (id uuid primary key references auth.users, full_name text);
       create table organizations (id uuid primary key default gen_random_uuid(), name text not null, owner_id uuid not null references profiles);
       alter table profiles add organization_id uuid references organizations;
       create table org_members (organization_id uuid not null references organizations, user_id uuid not null references profiles, role text not null, primary key (organization_id, user_id));`,
    ],
    [
      'organizations owned by a profile that names none',
      `create table profiles (id uuid primary key references auth.users, full_name text);
       create table organizations (id uuid primary key default gen_random_uuid(), name text not null, slug text not null unique, owner_id uuid not null references profiles);
       create table org_members (organization_id uuid not null references organizations, user_id uuid not null references profiles, role text not null, primary key (organization_id, user_id));`,
    ],
  ];

  it.each(apps)('%s', async (_, sql) => {
    await using app = await makeApp(server, sql);
    const { failed, blockers, checks } = await app.apply('1.2', '1.4');
    expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
    expect(checks.filter((one) => one.id.startsWith('1.4/sign-up/')).length).toBeGreaterThan(7);
    expect(await app.all(...signUp(user(1), 'ann@example.test'), stampOf(1))).not.toEqual([{ '?column?': null }]);
  });
});

describe('the app runs inside sign-up as it runs today', () => {
  it('finds its tables from defaults, checks and triggers, and makes unique slugs', async () => {
    await using app = await makeApp(
      server,
      `create table plans (id int primary key, name text); insert into plans values (1, 'free');
       create function default_plan() returns int language sql stable as 'select id from plans where name = ''free''';
       create table organizations (id uuid primary key default gen_random_uuid(), name text not null, slug text not null unique,
         plan_id int not null default default_plan() references plans, created_by uuid not null default auth.uid());
       create table settings (organization_id uuid not null references organizations, theme text not null default 'light');
       create function add_settings() returns trigger language plpgsql as 'begin insert into settings (organization_id) values (new.id); return new; end';
       create trigger add_settings after insert on organizations for each row execute function add_settings();
       create table profiles (id uuid primary key references auth.users, full_name text);
       create table org_members (organization_id uuid not null references organizations, user_id uuid not null references auth.users, role text not null, primary key (organization_id, user_id));`.replace(
        'values (new.id); return',
        'values (new.id); return',
      ),
    );
    const { failed, blockers } = await app.apply('1.2', '1.4');
    expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
    await app.all(...signUp(user(1), 'ann@example.test'), ...signUp(user(2), 'ann@another.test'));
    expect(await app.one('select count(distinct slug)::int from organizations')).toBe(2);
    expect(await app.one(`select slug from organizations order by length(slug) limit 1`)).toBe('ann');
    expect(await app.one('select count(*)::int from settings')).toBe(2);
  });

  it('asks for what nothing tells, and takes an expression for it', async () => {
    const sql = `create type plan as enum ('trial', 'paid');
       create table regions (code text primary key); insert into regions values ('eu');
       create table organizations (id uuid primary key default gen_random_uuid(), name text not null, plan plan not null, region text not null references regions);
       create table profiles (id uuid primary key references auth.users);
       create table org_members (organization_id uuid not null references organizations, user_id uuid not null references auth.users, role text not null, primary key (organization_id, user_id));`;
    await using app = await makeApp(server, sql);
    const { blockers } = await app.apply('1.2', '1.4');
    expect(blockers).toHaveLength(2);
    expect(blockers.join()).toMatch(/signUp\.values\.organizations\.plan.*signUp\.values\.organizations\.region/s);
    const values = {
      organizations: { plan: `'trial'`, region: `(select code from public.regions where new.id is not null limit 1)` },
    };
    await using decided = await makeApp(server, sql, { signUp: { values } });
    expect(await decided.apply('1.2', '1.4')).toMatchObject({ failed: [], blockers: [] });
    await using wrong = await makeApp(server, sql, {
      signUp: { values: { organizations: { plan: `'trial'); drop table regions; --` } } },
    });
    expect((await wrong.apply('1.2', '1.4')).blockers[0]).toMatch(/is not one SQL expression/);
  });
});

describe('the stamp follows', () => {
  it('the membership, whoever removes it, in the same transaction', async () => {
    await using app = await makeApp(
      server,
      `${membershipsAlone} ${users(3)}
       insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
       insert into org_members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(1)}', '${user(2)}', 'member'), ('${org(2)}', '${user(2)}', 'member'), ('${org(1)}', '${user(3)}', 'member');
       create policy owners on org_members for delete using (true);
       create policy see on org_members for select using (true);
       alter table org_members enable row level security;`,
    );
    await app.apply('1.2', '1.4');
    await app.all(`update auth.users set raw_app_meta_data = raw_app_meta_data || '{"org_id": "${org(1)}"}'`);
    await app.all(
      'set local role authenticated',
      `select set_config('request.jwt.claims', '{"sub": "${user(1)}"}', true)`,
      `delete from org_members where user_id = '${user(3)}'`,
    );
    expect(await app.one(stampOf(3))).toBeNull();
    await app.all('set local role service_role', `delete from org_members where org_id = '${org(1)}'`);
    expect([await app.one(stampOf(1)), await app.one(stampOf(2)), await app.one(stampOf(3))]).toEqual([
      null,
      org(2),
      null,
    ]);
    // A copy of the metadata that the auth server read before does not bring it back.
    await app.all(
      `update auth.users set raw_app_meta_data = '{"provider": "email", "again": 1}' where id = '${user(2)}'`,
    );
    expect(await app.one(stampOf(2))).toBe(org(2));
    await app.all(`insert into org_members values ('${org(2)}', '${user(3)}', 'member')`);
    expect(await app.one(stampOf(3))).toBe(org(2));
  });

  it('a user who is moved: as a member, and nothing is deleted', async () => {
    await using app = await makeApp(
      server,
      `${profilesAlone} alter table organizations add seats int default 1; ${users(2)}
       create table patients (id serial primary key, organization_id uuid not null references organizations on delete cascade);
       alter table profiles drop constraint profiles_organization_id_fkey, add foreign key (organization_id) references organizations on delete cascade;
       insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
       insert into profiles values ('${user(1)}', 'a', '${org(1)}', 'owner'), ('${user(2)}', 'b', '${org(1)}', 'member');
       insert into patients (organization_id) values ('${org(1)}'), ('${org(1)}');`,
    );
    await app.apply('1.2', '1.4');
    await app.all(`update auth.users set raw_app_meta_data = raw_app_meta_data || '{"org_id": "${org(1)}"}'`);
    await app.all(
      `update organizations set seats = seats - 1 where id = '${org(1)}'`,
      `update auth.users set raw_app_meta_data = raw_app_meta_data || '{"org_id": "${org(2)}"}' where id = '${user(1)}'`,
    );
    expect(await app.one('select count(*)::int from organizations')).toBe(2);
    expect(await app.one('select count(*)::int from patients')).toBe(2);
    expect(await app.all(`select org_id, role from profiles where id = '${user(1)}'`)).toEqual([
      { org_id: org(2), role: 'member' },
    ]);
  });

  it('an admin who creates a user in an organization, and unmakes only what sign-up made', async () => {
    await using app = await makeApp(server, `${membershipsAlone} insert into organizations values ('${org(1)}', 'A');`);
    await app.apply('1.2', '1.4');
    await app.all(
      ...signUp(user(1), 'new@example.test'),
      `update auth.users set raw_app_meta_data = '{"provider": "email", "org_id": "${org(1)}"}' where id = '${user(1)}'`,
    );
    expect(await app.one('select count(*)::int from organizations')).toBe(1);
    expect(await app.all(`select org_id, role from org_members`)).toEqual([{ org_id: org(1), role: 'member' }]);
    // In a transaction of its own the same move deletes nothing.
    await app.all(...signUp(user(2), 'later@example.test'));
    await app.all(`update auth.users set raw_app_meta_data = '{"org_id": "${org(1)}"}' where id = '${user(2)}'`);
    expect(await app.one('select count(*)::int from organizations')).toBe(2);
  });

  it('the profile, where no memberships are, unless its own user wrote it', async () => {
    await using app = await makeApp(
      server,
      `${profilesAlone} create policy own on profiles for all to authenticated using (id = auth.uid()); grant all on profiles to authenticated; ${users(1)}
       insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B'); insert into profiles values ('${user(1)}', 'a', '${org(1)}', 'owner');`,
    );
    await app.apply('1.2', '1.4');
    await app.all(`update profiles set org_id = '${org(2)}'`);
    expect(await app.one(stampOf(1))).toBe(org(2));
    await app.all(
      'set local role authenticated',
      `select set_config('request.jwt.claims', '{"sub": "${user(1)}"}', true)`,
      `update public.profiles set org_id = '${org(1)}'`,
    );
    expect(await app.one(stampOf(1))).toBe(org(2));
  });

  it('the choice of a user of several organizations, among their own', async () => {
    await using app = await makeApp(
      server,
      `${membershipsAlone} ${users(1)} insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B'), ('${org(3)}', 'C');
       insert into org_members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(1)}', 'member');`,
      { decisions: { isolation: 'active' } },
    );
    await app.apply('1.2', '1.4');
    const choose = (n: number) =>
      app.all(
        'set local role authenticated',
        `select set_config('request.jwt.claims', '{"sub": "${user(1)}"}', true)`,
        `select public.switch_organization('${org(n)}')`,
      );
    await choose(2);
    expect(await app.one(stampOf(1))).toBe(org(2));
    await expect(choose(3)).rejects.toThrow(/not a member/);
    await expect(app.all('set local role anon', `select public.switch_organization('${org(1)}')`)).rejects.toThrow(
      /permission denied/,
    );
    expect(await app.all(`select org_id, role from org_members order by 1`)).toEqual([
      { org_id: org(1), role: 'owner' },
      { org_id: org(2), role: 'member' },
    ]);
  });

  it('never overwrites a value that names no organization', async () => {
    await using app = await makeApp(server, membershipsAlone);
    await app.apply('1.2', '1.4');
    await app.all(...signUp(user(1), 'dir@example.test', '{"provider": "azure", "org_id": "directory-7"}'));
    expect(await app.one(stampOf(1))).toBe('directory-7');
    expect(await app.one(`select count(*)::int from org_members where user_id = '${user(1)}'`)).toBe(1);
    await app.all('delete from org_members');
    expect(await app.one(stampOf(1))).toBe('directory-7');
  });
});
