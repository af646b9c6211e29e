import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RolloutError } from '../../../../src/rollout/errors.ts';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { makeApp, org, signUp, user, users } from '../sign-up/schemas.ts';
import { whole } from './whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** People sign up, and make or join an organization when they want to. */
const onboarding = `
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null, plan text not null,
    region text not null check (region in ('eu', 'us')));
  create table profiles (id uuid primary key references auth.users on delete cascade, full_name text);
  create table org_members (organization_id uuid not null references organizations on delete cascade,
    user_id uuid not null references auth.users on delete cascade, role text not null default 'member' check (role in ('owner', 'member')), rank varchar(20) not null default 'gold',
    primary key (organization_id, user_id));
  create table notes (id uuid primary key default gen_random_uuid(), organization_id uuid not null references organizations on delete cascade, body text,
    score numeric(3, 2) check (score >= 0 and score <= 1));
  create function my_orgs() returns setof uuid language sql stable security definer set search_path = public as
    'select organization_id from org_members where user_id = auth.uid()';
  alter table organizations enable row level security; alter table profiles enable row level security;
  alter table org_members enable row level security; alter table notes enable row level security;
  create policy mine on organizations for select to authenticated using (id in (select my_orgs()));
  create policy mine on org_members for select to authenticated using (organization_id in (select my_orgs()));
  create policy own on profiles for all to authenticated using (id = auth.uid());
  create policy mine on notes for all to authenticated using (organization_id in (select my_orgs()));
  comment on policy mine on notes is 'members alone';
  create policy remove on organizations for delete to authenticated using (exists (select from org_members m where m.organization_id = organizations.id and m.user_id = auth.uid() and m.rank in ('gold', 'silver')));
  create table drafts (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users on delete cascade,
    note_id uuid references notes on delete set null);
  alter table drafts enable row level security;
  create policy own on drafts for all to authenticated using (user_id = auth.uid());
  create function create_organization(name text, plan text, region text) returns uuid language plpgsql security definer set search_path = public as $$
  declare made uuid;
  begin
    if auth.uid() is null then raise exception 'Sign in first'; end if;
    insert into organizations (name, plan, region) values (create_organization.name, create_organization.plan, create_organization.region) returning id into made;
    insert into org_members values (made, auth.uid(), 'owner');
    return made;
  end $$;
  create function handle_new_user() returns trigger language plpgsql security definer set search_path = public as $$
  begin insert into profiles (id, full_name) values (new.id, new.raw_user_meta_data ->> 'full_name'); return new; end $$;
  create trigger on_sign_up after insert on auth.users for each row execute function handle_new_user();
  ${users(3)}
  insert into organizations values ('${org(1)}', 'A', 'free', 'eu'), ('${org(2)}', 'B', 'free', 'us');
  insert into org_members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'owner');
  insert into drafts (user_id) values ('${user(1)}'), ('${user(2)}');
  insert into notes (organization_id, body) values ('${org(1)}', 'a'), ('${org(2)}', 'b');`;

const none = { decisions: { newUsers: 'as-today', acceptFunction: ['public.create_organization(text,text,text)'] } };

describe('an app where people make their organization after they signed up', () => {
  it('is refused before the first change, with the key of every value and with the other way', async () => {
    await using app = await makeApp(server, onboarding);
    const { blockers } = await app.apply('1.2', '1.4');
    expect(blockers.join('\n')).toMatch(/signUp\.values\.organizations\.plan .*"plan": "left\(new\.id::text, 8\)"/s);
    expect(blockers.join('\n')).toMatch(/signUp\.values\.organizations\.region .*"region": "'eu'"/s);
    expect(blockers.join('\n')).toMatch(/--new-users as-today/);
  });

  it('goes through with that; the stamp comes with the organization that somebody makes, and goes with the membership', async () => {
    const stamp = (n: number): string =>
      `select raw_app_meta_data ->> 'org_id' from auth.users where id = '${user(n)}'`;
    const { reached, said, left } = await whole(server, onboarding, none, async (app) => {
      await app.all(...signUp(user(7), 'late@example.test', '{"provider": "email"}', '{"full_name": "Late"}'));
      expect(await app.one(stamp(7))).toBeNull();
      expect(await app.one('select count(*)::int from organizations')).toBe(2);
      expect(await app.one(`select full_name from profiles where id = '${user(7)}'`)).toBe('Late');
      const act = (...statements: string[]) =>
        app.all(
          `select set_config('request.jwt.claims', '{"sub": "${user(7)}", "role": "authenticated"}', true)`,
          'set local role authenticated',
          ...statements,
        );
      expect(await act('select count(*)::int as n from public.notes')).toEqual([{ n: 0 }]);
      const [made] = await act(`select public.create_organization('Late Ltd', 'free', 'eu') as id`);
      expect(await app.one(stamp(7))).toBe(made?.id);
      expect(
        await act(
          `insert into public.notes (org_id, body) values ('${made?.id}', 'first')`,
          'select body from public.notes',
        ),
      ).toEqual([{ body: 'first' }]);
      await app.all(`delete from org_members where user_id = '${user(7)}'`);
      expect(await app.one(stamp(7))).toBeNull();
      await app.all(
        `delete from auth.users where id = '${user(7)}'`,
        `delete from organizations where name = 'Late Ltd'`,
      );
    });
    expect({ reached, said, left }).toEqual({ reached: '1.7', said: '', left: [] });
  });
});

/** Personal accounts and teams in one table, told apart by a rule. */
const personal = `
  create table accounts (id uuid primary key default gen_random_uuid(), name text, slug text unique, personal boolean not null default false,
    constraint slug_unless_personal check ((personal and slug is null) or (not personal and slug is not null and length(slug) > 60)));
  create table account_user (account_id uuid not null references accounts on delete cascade, user_id uuid not null references auth.users on delete cascade,
    account_role text not null, primary key (account_id, user_id));
  create table documents (id uuid primary key default gen_random_uuid(), account_id uuid not null references accounts, body text);
  ${users(2)}
  insert into accounts (id, name, personal) values ('${org(1)}', 'A', true), ('${org(2)}', 'B', true);
  insert into account_user values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'owner');`;

const lone = `insert into auth.users (id, aud, role, email, raw_app_meta_data, created_at) values ('${user(9)}', 'authenticated', 'authenticated', 'lone@example.test', '{}', now());`;

describe('a rule of the app that a new organization has to keep', () => {
  it('is named with the key of each column, and kept with the values that were given', async () => {
    await using app = await makeApp(server, personal);
    const { failed } = await app.apply('1.2', '1.4').catch((error: unknown) => {
      if (!(error instanceof RolloutError)) throw error;
      return { failed: [`${error.problem} ${error.remedy} ${error.detail ?? ''}`] };
    });
    expect(failed.join('\n')).toMatch(
      /slug_unless_personal.*signUp\.values\.accounts\.slug and signUp\.values\.accounts\.personal.*--new-users as-today/s,
    );
    await using decided = await makeApp(server, personal, {
      signUp: { values: { accounts: { slug: 'null', personal: 'true' } } },
    });
    expect(await decided.apply('1.2', '1.4')).toMatchObject({ failed: [], blockers: [] });
    await using made = await makeApp(server, `${personal} ${lone}`, {
      decisions: { newUsers: 'as-today', orphans: 'own-organization' },
    });
    expect((await made.apply('1.2', '1.4', '1.5')).blockers.join()).toMatch(
      /slug_unless_personal.*signUp\.values\.accounts\.slug.*--orphans leave/s,
    );
    await using kept = await makeApp(
      server,
      `${personal}
       create function make_personal() returns trigger language plpgsql security definer set search_path = public as $$
       begin
         insert into accounts (id, personal) values (new.id, true);
         insert into account_user values (new.id, new.id, 'owner');
         return new;
       end $$;
       create trigger on_sign_up after insert on auth.users for each row execute function make_personal();`,
      { decisions: { newUsers: 'as-today' } },
    );
    expect(await kept.apply('1.2', '1.4')).toMatchObject({ failed: [], blockers: [] });
    await kept.all(...signUp(user(5), 'five@example.test'));
    expect(await kept.one(`select raw_app_meta_data ->> 'org_id' from auth.users where id = '${user(5)}'`)).toBe(
      user(5),
    );
  });
});
