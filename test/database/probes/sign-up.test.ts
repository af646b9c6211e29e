import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { probeSignUps, type SignUpOptions } from '../../../src/database/probes/sign-up.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { close, contents, options as isolation, withDatabase } from './setup.ts';

afterAll(close);

const tables = `
create table organizations (id uuid primary key default gen_random_uuid(), name text not null, email text unique);
create table profiles (id uuid primary key references auth.users on delete cascade, org_id uuid references organizations, email text);
create table memberships (id bigint generated always as identity primary key, user_id uuid not null, org_id uuid not null, role text not null);
`;

const trigger = (options: { body?: string; security?: string; email?: string } = {}): string => `
create function on_sign_up() returns trigger language plpgsql ${options.security ?? 'security definer'} set search_path = '' as $$
declare org uuid := gen_random_uuid();
begin
  ${options.body ?? ''}
  if new.is_anonymous then return new; end if;
  insert into public.organizations (id, name, email) values (org, coalesce(new.email, new.phone), ${options.email ?? 'null'});
  insert into public.profiles (id, org_id, email) values (new.id, org, new.email);
  insert into public.memberships (user_id, org_id, role) values (new.id, org, 'owner');
  update auth.users set raw_app_meta_data = raw_app_meta_data || jsonb_build_object('org_id', org) where id = new.id;
  return new;
end $$;
create trigger on_auth_user_created after insert on auth.users for each row execute function on_sign_up();
`;

const keep = `
create function keep_org_id() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if old.raw_app_meta_data ? 'org_id' and not coalesce(new.raw_app_meta_data ? 'org_id', false) then
    new.raw_app_meta_data := coalesce(new.raw_app_meta_data, '{}') || jsonb_build_object('org_id', old.raw_app_meta_data -> 'org_id');
  end if;
  return new;
end $$;
create trigger keep_org_id before update of raw_app_meta_data on auth.users for each row execute function keep_org_id();
`;

const options: SignUpOptions = {
  organizations: { schema: 'public', table: 'organizations' },
  profiles: { schema: 'public', table: 'profiles', orgColumn: 'org_id' },
  memberships: isolation.memberships,
  anonymous: 'no-organization',
  signal: new AbortController().signal,
};

const run = async (client: pg.Client, changed: Partial<SignUpOptions> = {}): Promise<CheckResult[]> => {
  const results: CheckResult[] = [];
  for await (const result of probeSignUps(client, { ...options, ...changed })) results.push(result);
  return results;
};

const failed = (results: readonly CheckResult[]): string[] =>
  results.filter(({ verdict }) => verdict === 'failed').map(({ id }) => id.replace('1.4/sign-up/', ''));

const kinds = ['email', 'phone', 'oauth', 'sso', 'anonymous', 'invited', 'admin-create', 're-sign-up'];

describe('sign-up', () => {
  test('a trigger that does everything passes for every kind of user and leaves nothing', async () => {
    await withDatabase('base', tables + trigger() + keep, async (client) => {
      const before = await contents(client);
      const results = await run(client);
      expect(results.map(({ id }) => id)).toEqual(kinds.map((kind) => `1.4/sign-up/${kind}`));
      expect(results.map(({ verdict, observed }) => `${verdict}: ${observed}`)).toEqual(
        kinds.map((kind) =>
          kind === 'anonymous'
            ? 'passed: 0 organizations, 0 profiles, 0 memberships, no stamp'
            : 'passed: 1 organization, 1 profile in it, 1 membership as owner, its id stamped',
        ),
      );
      expect(await contents(client)).toEqual(before);
      expect(failed(await run(client, { anonymous: 'own-organization' }))).toEqual(['anonymous']);
    });
  });

  test('without a trigger nothing is made', async () => {
    await withDatabase('base', tables, async (client) => {
      expect(failed(await run(client))).toEqual(kinds.filter((kind) => kind !== 'anonymous'));
    });
  });

  test('the auth server’s second write takes the stamp away unless something keeps it', async () => {
    await withDatabase('base', tables + trigger(), async (client) => {
      const results = await run(client);
      expect(failed(results)).toEqual(['admin-create']);
      expect(results.find(({ id }) => id.endsWith('admin-create'))?.observed).toContain('no stamp');
    });
  });

  test('an error in the trigger is what people see: its message and code', async () => {
    await withDatabase(
      'base',
      tables +
        trigger({ email: `coalesce(new.email, '')` }) +
        keep +
        `alter table organizations alter email set not null, add check (email <> '');`,
      async (client) => {
        const results = await run(client);
        // The deleted user's organization still has the email.
        expect(failed(results)).toEqual([]);
        const [phone, again, ...rest] = results.filter(({ verdict }) => verdict !== 'passed');
        expect(rest).toEqual([]);
        expect(phone).toMatchObject({ id: '1.4/sign-up/phone', verdict: 'skipped' });
        expect(phone?.advice).toMatch(
          /own public\.on_sign_up\(\) refuses this sign-up: .*organizations_email_check.* \(23514\)/,
        );
        expect(phone?.advice).toContain('it fails in today’s app as well');
        expect(phone?.matters).toBeUndefined();
        expect(again).toMatchObject({ id: '1.4/sign-up/re-sign-up', verdict: 'skipped' });
        expect(again?.advice).toContain('(23505)');
        expect(again?.matters).toBeUndefined();
      },
    );
  });

  test('an error that names what the rollout makes keeps the step shut until somebody says that it was so before', async () => {
    const early = trigger({ body: `insert into public.profiles (id, org_id) values (new.id, gen_random_uuid());` });
    await withDatabase('base', tables + early, async (client) => {
      const [email] = await run(client);
      expect(email).toMatchObject({ id: '1.4/sign-up/email', verdict: 'skipped', matters: true });
      expect(email?.advice).toContain('profiles_org_id_fkey');
    });
  });

  test('where the app refuses everybody, today as well, one check says that nothing was seen', async () => {
    await withDatabase(
      'base',
      tables + trigger({ body: 'insert into public.employees (id) values (new.id);' }),
      async (client) => {
        const results = await run(client);
        expect(
          results.map(({ id, verdict, matters }) => [id.replace('1.4/sign-up/', ''), verdict, matters === true]),
        ).toEqual([...kinds.map((kind) => [kind, 'skipped', false]), ['any', 'skipped', true]]);
        expect(results[0]?.advice).toMatch(
          /relation "public\.employees" does not exist.* it fails in today’s app as well/,
        );
      },
    );
  });

  test('a column that was never there is the app’s own, and one that the rollout may have renamed is not', async () => {
    for (const [column, verdict] of [
      ['nickname', 'skipped'],
      ['tenant_id', 'failed'],
    ] as const) {
      const body = `insert into public.profiles (id, ${column}) values (new.id, null);`;
      await withDatabase('base', tables + trigger({ body }), async (client) => {
        const [email] = await run(client, { renamed: ['tenant_id'] });
        expect([column, email?.verdict]).toEqual([column, verdict]);
        expect(`${email?.advice} ${email?.observed}`).toMatch(
          verdict === 'failed' ? /tenant_id.*42703/s : /nickname.*42703.* it fails in today’s app as well/s,
        );
      });
    }
  });

  test('an error that the trigger hides shows in what is missing', async () => {
    const hidden = trigger()
      .replace('return new;\nend', 'return new;\nexception when others then return new;\nend')
      .replace('raw_app_meta_data || ', 'raw_app_metadata || ');
    await withDatabase('base', tables + hidden, async (client) => {
      const results = await run(client);
      expect(results[0]).toMatchObject({
        verdict: 'failed',
        observed: '0 organizations, 0 profiles, 0 memberships, no stamp',
      });
    });
  });

  test('a trigger with its caller’s rights works for postgres and fails for the auth server', async () => {
    await withDatabase('base', tables + trigger({ security: 'security invoker' }) + keep, async (client, url) => {
      const results = await run(client);
      expect(failed(results)).toContain('email');
      expect(results[0]?.observed).toMatch(/on_sign_up\(\) runs with the rights of its caller/);
      // As the superuser, which may become the auth server, it is acted out.
      const admin = new pg.Client({ connectionString: url('supabase_admin') });
      await admin.connect();
      try {
        expect((await run(admin))[0]?.observed).toMatch(/^the sign-up fails: permission denied .* \(42501\)$/);
      } finally {
        await admin.end();
      }
    });
  });

  test('acting as the auth server finds names without a schema', async () => {
    const loose = `${trigger()}alter function on_sign_up() reset search_path;`.replaceAll(
      'public.organizations',
      'organizations',
    );
    await withDatabase('base', tables + loose, async (client) => {
      expect((await run(client)).at(-1)).toMatchObject({ id: '1.4/sign-up/any', verdict: 'skipped', matters: true });
      expect((await run(client))[0]?.advice).toMatch(/relation "organizations" does not exist \(42P01\)/);
    });
  });

  test('a deferred foreign key speaks', async () => {
    const sql = `${tables}${trigger()}${keep}alter table memberships add constraint later foreign key (org_id) references profiles (id) deferrable initially deferred;`;
    await withDatabase('base', sql, async (client) => {
      expect((await run(client))[0]?.observed).toMatch(/"later".*\(23503\)/);
    });
  });
});
