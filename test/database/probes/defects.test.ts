import { afterAll, describe, expect, test } from 'vitest';
import { close, ids, isolated, probe, tenantTable, withDatabase } from './setup.ts';

afterAll(close);

const columns = `id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations, body text`;
const only = `id uuid primary key default gen_random_uuid(), body text`;

/** Adds `sql` to the isolated schema and gives what failed, without the prefix. */
const failures = (sql: string): Promise<string[]> =>
  withDatabase('base', isolated + sql, async (client) => ids(await probe(client), 'failed'));

describe('policies', () => {
  test('USING (true)', async () => {
    const failed = await failures(
      `create table t (${columns}); alter table t enable row level security; create policy open on t using (true);`,
    );
    expect(failed).toEqual(
      [
        'read',
        'update',
        'delete',
        'insert',
        'move',
        'token-forged',
        'token-without-claim',
        'token-not-a-uuid',
        'anon-read',
        'anon-update',
        'anon-delete',
        'anon-insert',
      ].map((act) => `public.t/${act}`),
    );
  });

  test('WITH CHECK (true): rows can be planted and handed over, nothing read', async () => {
    expect(
      await failures(`create table t (${columns}); alter table t enable row level security;
        create policy own on t to authenticated using (org_id = (select current_org_id())) with check (true);`),
    ).toEqual(['public.t/insert', 'public.t/move', 'public.t/token-forged']);
  });

  test('an UPDATE that needs no SELECT reaches rows that cannot be read', async () => {
    expect(
      await failures(`create table t (${columns}); alter table t enable row level security;
        create policy r on t for select to authenticated using (org_id = (select current_org_id()));
        create policy w on t for update to authenticated using (true) with check (true);`),
    ).toEqual(['public.t/update', 'public.t/move', 'public.t/token-forged']);
  });

  test('user_metadata is trusted', async () => {
    expect(
      await failures(`create table t (${columns}); alter table t enable row level security;
        create policy own on t to authenticated using (org_id::text = coalesce(auth.jwt() -> 'user_metadata' ->> 'org_id', (select current_org_id())::text));`),
    ).toEqual(['public.t/token-forged']);
  });

  test('a claim that is cast blindly shuts out old and broken tokens', async () => {
    expect(
      await failures(`create table t (${columns}); alter table t enable row level security;
        create policy own on t to authenticated using (org_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid
          and exists (select from memberships m where m.user_id = auth.uid() and m.org_id = t.org_id));`),
    ).toEqual(['public.t/token-without-claim', 'public.t/token-not-a-uuid']);
  });

  test('policies that call themselves shut everyone out', async () => {
    const failed = await failures(`create table t (${columns}); alter table t enable row level security;
      create policy loop on t using (org_id in (select x.org_id from t x));`);
    expect(failed).toContain('public.t/own-read');
    expect(failed).toContain('public.t/read');
  });

  test('a policy that shuts the owner out', async () => {
    const failed = await failures(`create table t (${columns}); alter table t enable row level security;
      create policy nobody on t to authenticated using (false);`);
    expect(failed).toEqual(
      ['token-without-claim', 'token-not-a-uuid', 'own-read', 'own-insert', 'own-update', 'own-delete'].map(
        (act) => `public.t/${act}`,
      ),
    );
  });

  test('row security without any policy, and missing grants, are closed on purpose', async () => {
    expect(
      await failures(`create table t (${columns}); alter table t enable row level security;
        create table s (${columns}); revoke all on s from anon, authenticated;`),
    ).toEqual([]);
  });

  test('grants to anon on a table without row security', async () => {
    const failed = await failures(
      `create table t (${columns}); revoke all on t from authenticated, anon; grant select, insert on t to anon;`,
    );
    expect(failed).toEqual(['public.t/anon-read', 'public.t/anon-insert']);
  });

  test('grants on single columns', async () => {
    const failed = await failures(
      `create table t (${columns}); revoke all on t from authenticated, anon; grant update (body) on t to authenticated;`,
    );
    expect(failed).toEqual(['public.t/update', 'public.t/token-forged']);
  });

  test('a trigger that forbids moving protects, a constraint does not', async () => {
    const failed = await failures(`
      create table t (${columns}); create table k (id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations, parent uuid not null unique references auth.users);
      create function keep() returns trigger language plpgsql as $$ begin
        if new.org_id is distinct from old.org_id then raise exception 'org_id is immutable' using errcode = 'check_violation'; end if; return new; end $$;
      create trigger keep before update on t for each row execute function keep();`);
    expect(failed).toContain('public.t/update');
    expect(failed).not.toContain('public.t/move');
    expect(failed).toContain('public.k/insert');
  });
});

describe('tables without a tenant key', () => {
  test('reading a shared table is reported, writing it is a failure', async () => {
    await withDatabase(
      'base',
      `${isolated} create table plans (${only}); revoke all on plans from anon, authenticated; grant select on plans to anon, authenticated;
       create table flags (${only}); revoke all on flags from anon; `,
      async (client) => {
        const results = await probe(client);
        const of = (id: string) => results.find((result) => result.id === `p/public.${id}`);
        expect(of('plans/not-tenant-scoped/authenticated')).toMatchObject({
          verdict: 'passed',
          observed: expect.stringMatching(/^cannot insert .*, can read$/),
        });
        expect(of('flags/not-tenant-scoped/authenticated')).toMatchObject({
          verdict: 'failed',
          observed: 'can insert, can update, can delete, can read',
        });
        expect(of('flags/not-tenant-scoped/anon')).toMatchObject({
          verdict: 'passed',
          observed: expect.stringMatching(/cannot read/),
        });
      },
    );
  });

  test('a child row belongs to the organization of its parent', async () => {
    const failed = await failures(
      `create table notes (id uuid primary key default gen_random_uuid(), call_id uuid not null references calls, body text);`,
    );
    expect(failed).toContain('public.notes/read');
    expect(failed).toContain('public.notes/move');
    const guarded =
      await failures(`create table notes (id uuid primary key default gen_random_uuid(), call_id uuid not null references calls, body text);
      alter table notes enable row level security; create policy own on notes to authenticated using (exists (select from calls c where c.id = call_id));`);
    expect(guarded).toEqual([]);
  });
});

describe('views', () => {
  const view = (options: string) =>
    `create view v ${options} as select c.org_id, c.caller, o.name from calls c join organizations o on o.id = c.org_id;`;

  test('without security_invoker shows everybody everything; with it, nothing', async () => {
    expect(await failures(view(''))).toEqual(['public.v/view', 'public.v/anon-view']);
    expect(await failures(view('with (security_invoker = true)'))).toEqual([]);
  });

  test('a view without the organization’s column is recognised by what it shows', async () => {
    expect(await failures('create view v as select caller, seconds from calls;')).toEqual([
      'public.v/view',
      'public.v/anon-view',
    ]);
  });

  test('a materialized view is open to whoever may read it', async () => {
    const failed = await failures(
      `create materialized view m as select org_id, count(*) from calls group by 1; revoke all on m from anon;`,
    );
    expect(failed).toEqual(['public.m/view']);
  });

  test('a view that shows the probe’s rows to nobody is skipped, not passed', async () => {
    const v = `create view v as select org_id, caller from calls where caller = 'nobody';`;
    const read = 'revoke insert, update, delete on v from anon, authenticated;';
    await withDatabase('base', `${isolated} ${v} ${read}`, async (client) => {
      expect(ids(await probe(client), 'skipped')).toEqual(['public.v/view', 'public.v/anon-view']);
    });
    // What comes in through it is seen without it.
    expect(await failures(v)).toEqual(['public.v/view', 'public.v/anon-view']);
  });
});

describe('functions', () => {
  test('SECURITY DEFINER that reads or writes for any organization', async () => {
    const failed = await failures(`
      create function calls_of(p_org_id uuid) returns setof calls language sql stable security definer set search_path = '' as
        $$ select * from public.calls where org_id = p_org_id $$;
      create function rename_call(p_call_id uuid, p_caller text) returns void language plpgsql security definer set search_path = '' as
        $$ begin update public.calls set caller = p_caller where id = p_call_id; end $$;
      revoke execute on function rename_call(uuid, text) from public, anon;`);
    expect(failed).toEqual([
      'public.calls_of(uuid)/call',
      'public.calls_of(uuid)/anon-call',
      'public.rename_call(uuid,text)/call',
    ]);
  });

  test('one that compares with the caller passes; one without EXECUTE is not called', async () => {
    await withDatabase(
      'base',
      `${isolated}
      create function calls_of(p_org_id uuid) returns setof calls language plpgsql stable security definer set search_path = '' as
        $$ begin if p_org_id is distinct from public.current_org_id() then raise exception 'not yours' using errcode = '42501'; end if;
        return query select * from public.calls where org_id = p_org_id; end $$;
      create function server_only(p_org_id uuid) returns setof calls language sql stable security definer as $$ select * from public.calls $$;
      revoke execute on function server_only(uuid) from public, anon, authenticated;`,
      async (client) => {
        const results = await probe(client);
        expect(
          results.filter(({ id }) => id.includes('calls_of')).map(({ verdict, observed }) => [verdict, observed]),
        ).toEqual([
          ['passed', 'refused: not yours'],
          ['passed', 'refused: not yours'],
        ]);
        expect(results.some(({ id }) => id.includes('server_only'))).toBe(false);
      },
    );
  });

  test('what cannot be called safely or sensibly is skipped with the reason', async () => {
    await withDatabase(
      'base',
      `${isolated}
      create function slow(p_org_id uuid) returns void language plpgsql security definer as $$ begin perform pg_sleep(30); perform * from public.calls; end $$;
      create function mystery(thing_id uuid) returns setof calls language sql security definer as $$ select * from public.calls where id = thing_id $$;
      create function mixed(thing_id uuid) returns setof calls language sql security definer as $$ select c.* from public.calls c join public.organizations o on o.id = c.org_id where c.id = thing_id $$;
      create function opaque(thing_id uuid) returns setof calls language sql security definer as $$ select c.* from public.calls c join public.organizations o on o.id = c.org_id where coalesce(thing_id, o.id) = c.id $$;
      create function fussy(p_org_id uuid) returns setof calls language sql security definer as $$ select * from public.calls where caller = 'x' and org_id = p_org_id $$;`,
      async (client) => {
        const results = await probe(client);
        const advice = (name: string) => results.find(({ id }) => id === `p/public.${name}(uuid)/call`);
        expect(advice('slow')).toMatchObject({
          verdict: 'skipped',
          advice: expect.stringContaining('cannot be rolled back'),
        });
        // Of one table alone, its row is what the id may be.
        expect(advice('mystery')).toMatchObject({ verdict: 'failed' });
        // Of several, the one whose key is compared with it.
        expect(advice('mixed')).toMatchObject({ verdict: 'failed' });
        expect(advice('opaque')).toMatchObject({
          verdict: 'skipped',
          matters: true,
          advice: expect.stringContaining('thing_id identifies is not known'),
        });
        expect(advice('fussy')).toMatchObject({
          verdict: 'skipped',
          advice: expect.stringContaining('proves nothing'),
        });
      },
    );
  });
});

describe('members', () => {
  test('may not rule their organization', async () => {
    const failed = await failures(`
      create policy o on organizations to authenticated using (id = (select current_org_id()));
      create policy p on profiles to authenticated using (org_id = (select current_org_id()));
      create policy m on memberships to authenticated using (org_id = (select current_org_id()));`);
    expect(failed).toEqual([
      'members/delete-organization',
      'members/rename-organization',
      'members/delete-owner-profile',
      'members/delete-owner',
      'members/become-owner',
    ]);
  });

  test('a profile that carries a role', async () => {
    expect(await failures(`alter table profiles add column role text not null default 'member';`)).toEqual([
      'members/profile-role',
    ]);
  });

  test('an app without profiles and memberships is probed by the token alone', async () => {
    await withDatabase(
      'base',
      `create table organizations (id uuid primary key, name text);
      ${tenantTable('t', `id uuid primary key, org_id uuid`).replace('(select current_org_id())', `(select (auth.jwt() -> 'app_metadata' ->> 'org_id'))::uuid`)}`,
      async (client) => {
        const results = await probe(client, { profiles: null, memberships: null });
        expect(ids(results, 'failed', 'public.t/')).toEqual([]);
        expect(results.find(({ id }) => id === 'p/public.t/own-read')?.verdict).toBe('passed');
      },
    );
  });
});
