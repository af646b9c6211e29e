import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeApp, membershipsAlone, org, profilesAlone, user, users } from './sign-up/schemas.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const two = `insert into organizations (id, name) values ('${org(1)}', 'A'), ('${org(2)}', 'B');`;
const own = { decisions: { orphans: 'own-organization' } };
const stamps = `select coalesce(raw_app_meta_data ->> 'org_id', 'none') as s from auth.users order by id`;
const both = `create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table profiles (id uuid primary key references auth.users on delete cascade, organization_id uuid references organizations, role text not null default 'member');
  create table memberships (organization_id uuid not null references organizations, user_id uuid not null references auth.users, role text not null default 'member',
    removed_at timestamptz, created_at timestamptz not null default now(), primary key (user_id, organization_id));
  alter table profiles enable row level security; alter table memberships enable row level security;
  create policy mine on memberships for select using (user_id = auth.uid() and removed_at is null);`;

describe('where existing users belong', () => {
  it('memberships alone: stamps, and an own organization for an orphan', async () => {
    await using app = await makeApp(
      server,
      `${membershipsAlone} ${users(3)} ${two} insert into org_members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'member');`,
      own,
    );
    const { failed, blockers } = await app.apply('1.2', '1.4', '1.5');
    expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
    const [a, b, c] = await app.all(stamps);
    expect([a?.s, b?.s]).toEqual([org(1), org(2)]);
    expect(
      await app.one(`select role from org_members where user_id = '${user(3)}' and org_id::text = '${c?.s}'`),
    ).toBe('owner');
    expect(await app.one('select count(*)::int from profiles')).toBe(3);
  });

  it('an orphan may stay without an organization, by decision: nothing is made for them, and the checks say so', async () => {
    await using app = await makeApp(
      server,
      `${membershipsAlone} ${users(3)} ${two} insert into org_members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'member');`,
      { decisions: { orphans: 'leave' } },
    );
    expect(await app.apply('1.2', '1.4', '1.5')).toMatchObject({ failed: [], blockers: [] });
    expect((await app.all(stamps)).map((row) => row.s)).toEqual([org(1), org(2), 'none']);
    expect(await app.one('select count(*)::int from organizations')).toBe(2);
  });

  it('neither: the stamp alone', async () => {
    await using app = await makeApp(
      server,
      `create table organizations (id uuid primary key default gen_random_uuid(), name text not null); ${users(2)}`,
      {
        ...own,
        names: { organizations: 'public.organizations' },
      },
    );
    const { failed, blockers } = await app.apply('1.4', '1.5');
    expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
    expect(await app.one('select count(*)::int from organizations')).toBe(2);
  });

  it('a removed member is an orphan, and is named with the column that says so', async () => {
    const sql = `${both} ${users(2)} ${two}
      insert into profiles values ('${user(1)}', '${org(1)}', 'owner'), ('${user(2)}', '${org(1)}', 'member');
      insert into memberships (organization_id, user_id, removed_at) values ('${org(1)}', '${user(1)}', null), ('${org(1)}', '${user(2)}', now());`;
    await using app = await makeApp(server, sql);
    const { blockers } = await app.apply('1.2', '1.4', '1.5');
    expect(blockers.join()).toMatch(/1 user belongs to no organization.*removed_at/s);
    await using decided = await makeApp(server, sql, own);
    expect(await decided.apply('1.2', '1.4', '1.5')).toMatchObject({ blockers: [] });
    expect((await decided.all(stamps)).map((one) => one.s)).not.toContain(undefined);
    expect(
      await decided.one(`select raw_app_meta_data ->> 'org_id' = '${org(1)}' from auth.users where id = '${user(2)}'`),
    ).toBe(false);
  });

  it('a closed organization counts for nothing', async () => {
    const sql = `${both} alter table organizations add deleted_at timestamptz; ${users(2)} ${two} insert into organizations values ('${org(3)}', 'Closed', now());
      insert into memberships (organization_id, user_id, created_at) values ('${org(1)}', '${user(1)}', now()), ('${org(3)}', '${user(1)}', now() - interval '1 year'), ('${org(3)}', '${user(2)}', now());`;
    await using app = await makeApp(server, sql, {
      decisions: { ambiguousMemberships: 'oldest', orphans: 'own-organization' },
    });
    const { failed, blockers } = await app.apply('1.2', '1.4', '1.5');
    expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
    expect(
      await app.one(`select count(*)::int from auth.users where raw_app_meta_data ->> 'org_id' = '${org(3)}'`),
    ).toBe(0);
    expect(await app.one(`select raw_app_meta_data ->> 'org_id' from auth.users where id = '${user(1)}'`)).toBe(org(1));
  });

  it('a membership in A and a profile in B: A, and no row is called lost', async () => {
    await using app = await makeApp(
      server,
      `${both} ${users(2)} ${two} insert into profiles values ('${user(1)}', '${org(2)}', 'owner'), ('${user(2)}', '${org(2)}', 'member');
       insert into memberships (organization_id, user_id) values ('${org(1)}', '${user(1)}');`,
    );
    const { failed, blockers, notes, checks } = await app.apply('1.2', '1.4', '1.5');
    expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
    expect(checks.some((one) => one.id === '1.5/untouched' && one.verdict === 'passed')).toBe(true);
    expect((await app.all(stamps)).map((one) => one.s)).toEqual([org(1), org(2)]);
    expect(notes.join()).toMatch(/profile in one organization and the membership in another/);
    expect(await app.one(`select count(*)::int from memberships where user_id = '${user(1)}'`)).toBe(1);
  });

  it('a profile that its user may write proves nothing', async () => {
    const sql = `${both} ${users(2)} ${two} create policy own on profiles for all to authenticated using (id = auth.uid()); grant all on profiles to authenticated;
      insert into profiles values ('${user(1)}', '${org(1)}', 'owner'), ('${user(2)}', '${org(2)}', 'owner');
      insert into memberships (organization_id, user_id, role) values ('${org(1)}', '${user(1)}', 'owner');`;
    await using app = await makeApp(server, sql);
    const { blockers } = await app.apply('1.2', '1.4', '1.5');
    expect(blockers.join()).toMatch(new RegExp(`For 1 user only a profile.*--trust-profiles.*${user(2)}`, 's'));
    await using trusted = await makeApp(server, sql, { decisions: { trustProfiles: true } });
    expect(await trusted.apply('1.2', '1.4', '1.5')).toMatchObject({ failed: [], blockers: [] });
    expect((await trusted.all(stamps)).map((one) => one.s)).toEqual([org(1), org(2)]);
    // A guard against exactly that makes it proof.
    await using guarded = await makeApp(
      server,
      `${sql} create function guard() returns trigger language plpgsql as $$ begin if new.organization_id is distinct from old.organization_id and current_user = 'authenticated' then raise exception 'no'; end if; return new; end $$;
       create trigger guard before update on profiles for each row execute function guard(); revoke insert on profiles from authenticated;`,
    );
    expect(await guarded.apply('1.2', '1.4', '1.5')).toMatchObject({ failed: [], blockers: [] });
  });

  it('customers who sign in are no orphans', async () => {
    await using app = await makeApp(
      server,
      `${profilesAlone} create table customers (id uuid primary key default gen_random_uuid(), organization_id uuid not null references organizations, auth_user_id uuid references auth.users);
       ${users(3)} ${two} insert into profiles values ('${user(1)}', 'a', '${org(1)}', 'owner');
       insert into customers (organization_id, auth_user_id) values ('${org(1)}', '${user(2)}'), ('${org(2)}', null);`,
      own,
    );
    const { failed, blockers, notes } = await app.apply('1.2', '1.4', '1.5');
    expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
    expect(notes.join()).toMatch(/1 user is a member of no organization and has a row in public\.customers/);
    expect((await app.all(stamps)).map((one) => one.s === 'none')).toEqual([false, true, false]);
    expect(await app.one(`select count(*)::int from profiles where id = '${user(2)}'`)).toBe(0);
  });

  it('never overwrites an id that names no organization, and stops for no profile without a user', async () => {
    await using app = await makeApp(
      server,
      `create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
       create table profiles (id uuid primary key, organization_id uuid references organizations); alter table profiles enable row level security;
       ${users(2)} ${two} insert into profiles values ('${user(1)}', '${org(1)}'), ('${user(2)}', '${org(2)}'), ('${user(9)}', null);
       update auth.users set raw_app_meta_data = raw_app_meta_data || '{"org_id": "d1d1d1d1-1111-4111-8111-111111111111"}' where id = '${user(2)}';`,
    );
    const { failed, blockers, notes } = await app.apply('1.2', '1.4', '1.5');
    expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
    expect((await app.all(stamps)).map((one) => one.s)).toEqual([org(1), 'd1d1d1d1-1111-4111-8111-111111111111']);
    expect(notes.join()).toMatch(/no organization has.*1 profile belongs to no user/s);
  });

  it.each([
    ['bigint', 'bigint generated always as identity'],
    ['text', `text default 'o' || gen_random_uuid()`],
  ])('ids of type %s', async (type, definition) => {
    await using app = await makeApp(
      server,
      `create table organizations (id ${definition} primary key, name text not null);
       create table profiles (id uuid primary key references auth.users);
       create table org_members (organization_id ${type} not null references organizations, user_id uuid not null references auth.users, role text not null, primary key (organization_id, user_id));
       ${users(1)} insert into organizations (name) values ('A'); insert into org_members select id, '${user(1)}', 'owner' from organizations;`,
    );
    const { failed, blockers } = await app.apply('1.2', '1.4', '1.5');
    expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
    expect(
      await app.one(`select raw_app_meta_data ->> 'org_id' = (select id::text from organizations) from auth.users`),
    ).toBe(true);
  });
});

describe('the way back', () => {
  it.each([
    ['memberships alone', membershipsAlone, `insert into org_members values ('${org(1)}', '${user(1)}', 'owner');`],
    ['both', both, `insert into profiles values ('${user(1)}', '${org(1)}', 'owner');`],
    ['profiles alone', profilesAlone, `insert into profiles values ('${user(1)}', 'a', '${org(1)}', 'owner');`],
  ])('%s: sign-up and users forward and back leave nothing behind', async (_, sql, rows) => {
    await using app = await makeApp(server, `${sql} ${users(3)} ${two} ${rows}`, own);
    const { phase } = await import('../../../phases/1-database/phase.ts');
    const rollout = app.at.rollout(phase.steps.filter((one) => ['1.2', '1.4', '1.5'].includes(one.id)));
    const { signal } = new AbortController();
    const before = await app.all(stamps);
    const start = await app.at.executor.fingerprint();
    for (const id of ['1.2', '1.4', '1.5'] as const) {
      await rollout.apply(id, signal);
      expect((await rollout.verify(id, signal)).failed).toBe(0);
    }
    expect((await app.all(stamps)).map((one) => one.s)).not.toContain('none');
    for (const id of ['1.5', '1.4', '1.2'] as const) {
      const back = await rollout.rollback(id, signal);
      expect({ differences: back.differences, stayed: back.stayed }).toEqual({ differences: [], stayed: [] });
    }
    expect(await app.all(stamps)).toEqual(before);
    expect(await app.one('select count(*)::int from organizations')).toBe(2);
    expect(await app.at.executor.fingerprint()).toEqual(start);
  });
});
