import { afterAll, expect, test } from 'vitest';
import { close, ids, isolated, probe, withDatabase } from './setup.ts';

afterAll(close);

/** Adds `sql` to the isolated schema and gives what failed, without the prefix. */
const failures = (sql: string): Promise<string[]> =>
  withDatabase('base', isolated + sql, async (client) => ids(await probe(client), 'failed'));

/** A table into which everybody signed in may add anything, and a trigger that sets what was sent. */
const stamped = (sets: string): string => `
  create table t (id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations, body text);
  alter table t enable row level security;
  create policy own on t to authenticated using (org_id = (select current_org_id()));
  create policy add on t for insert to authenticated with check (true);
  create function stamp() returns trigger language plpgsql as $$ begin ${sets} return new; end $$;
  create trigger stamp before insert on t for each row execute function stamp();`;

test('a trigger that gives every row the organization of its caller keeps rows out of others', async () => {
  expect(await failures(stamped('new.org_id := current_org_id();'))).toEqual([]);
});

test('one that believes user metadata does not, under whatever name the app keeps the organization there', async () => {
  const forged = (key: string): string =>
    `new.org_id := coalesce((auth.jwt() -> 'user_metadata' ->> '${key}')::uuid, current_org_id());`;
  expect(await failures(stamped(forged('org_id')))).toEqual(['public.t/token-forged']);
  expect(await failures(stamped(forged('company')))).toEqual(['public.t/token-forged']);
});

test('one that reads user metadata from auth.users does not either', async () => {
  const sets = `new.org_id := coalesce((select (u.raw_user_meta_data ->> 'company')::uuid from auth.users u where u.id = auth.uid()), current_org_id());`;
  expect(
    await failures(
      stamped(sets).replace(
        'create function stamp() returns trigger language plpgsql',
        `create function stamp() returns trigger language plpgsql security definer set search_path = public`,
      ),
    ),
  ).toEqual(['public.t/token-forged']);
});

test('a row that gets another key than it was sent with is found by whose it is', async () => {
  expect(await failures(stamped('new.id := gen_random_uuid();'))).toEqual(['public.t/insert', 'public.t/token-forged']);
});

test('a trigger that gives every row to its caller keeps rows of one user from another', async () => {
  const sql = (sets: string): string => `
    create table drafts (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users, body text);
    alter table drafts enable row level security;
    create policy own on drafts to authenticated using (user_id = auth.uid());
    create policy add on drafts for insert to authenticated with check (true);
    create function stamp() returns trigger language plpgsql as $$ begin ${sets} return new; end $$;
    create trigger stamp before insert on drafts for each row execute function stamp();`;
  expect(await failures(sql('new.user_id := auth.uid();'))).toEqual([]);
  expect(await failures(sql(''))).toEqual(['public.drafts/insert', 'public.drafts/token-forged']);
});

test('triggers that put back what a member may not change, without a word, keep roles as they are', async () => {
  const sql = (sets: string): string => `
    alter table profiles add column role text not null default 'member';
    create policy memberships_add on memberships for insert to authenticated with check (org_id = (select current_org_id()) and user_id = auth.uid());
    create policy memberships_change on memberships for update to authenticated using (user_id = auth.uid()) with check (org_id = (select current_org_id()));
    create function keep() returns trigger language plpgsql as $$ begin ${sets} return new; end $$;
    create trigger keep before update on profiles for each row execute function keep();
    create trigger keep before update on memberships for each row execute function keep();
    create function plain() returns trigger language plpgsql as $$ begin ${sets === '' ? '' : `if auth.uid() is not null then new.role := 'viewer'; end if;`} return new; end $$;
    create trigger plain before insert on memberships for each row execute function plain();`;
  expect(await failures(sql('new.role := old.role;'))).toEqual([]);
  expect(await failures(sql(''))).toEqual(['members/become-owner', 'members/profile-role']);
});
