import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type DatabaseName, type LoadOptions, loadDatabase } from '../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../src/demo/server.ts';

type Row = Record<string, unknown>;

const orgA = 'a0000000-0000-4000-8000-000000000001';
const orgB = 'a0000000-0000-4000-8000-000000000002';
const ann = 'b0000000-0000-4000-8000-000000000001';

describe.each([15, 17] as const)('on PostgreSQL %i', (version) => {
  let server: EmbeddedServer;
  let made = 0;
  const clients: pg.Client[] = [];

  beforeAll(async () => {
    server = await startServer({ version });
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
  });
  afterAll(() => server.stop());

  const load = async (name: DatabaseName, options?: LoadOptions) => {
    const database = `t${++made}`;
    await loadDatabase(server, name, database, options);
    return {
      as: async (role?: string) => {
        const client = new pg.Client({ connectionString: server.url(database, role) });
        await client.connect();
        clients.push(client);
        const query = async (sql: string): Promise<Row[]> => (await client.query<Row>(sql)).rows;
        const number = async (sql: string): Promise<unknown> => Object.values((await query(sql))[0] ?? {})[0];
        return { query, number };
      },
    };
  };

  /** The SQLSTATE of a refusal. */
  const refused = (code: string) => expect.objectContaining({ code });

  describe('base', () => {
    it('has the roles of a hosted project', async () => {
      const { query } = await (await load('base')).as();
      expect(
        await query(`select rolname as name, rolsuper as super, rolbypassrls as bypass, rolinherit as inherit from pg_roles
          where rolname in ('postgres', 'authenticator', 'service_role', 'anon') order by 1`),
      ).toEqual([
        { name: 'anon', super: false, bypass: false, inherit: false },
        { name: 'authenticator', super: false, bypass: false, inherit: false },
        { name: 'postgres', super: false, bypass: true, inherit: true },
        { name: 'service_role', super: false, bypass: true, inherit: false },
      ]);
      expect(
        await query(`select m.roleid::regrole::text as role from pg_auth_members m
          where m.member = 'postgres'::regrole order by 1`),
      ).toEqual(
        ['anon', 'authenticated', 'pg_monitor', 'pg_read_all_data', 'pg_signal_backend', 'service_role'].map(
          (role) => ({
            role,
          }),
        ),
      );
      expect(
        await query('select pg_get_userbyid(datdba) as owner from pg_database where datname = current_database()'),
      ).toEqual([{ owner: 'postgres' }]);
    });

    it('has auth.users as the auth server makes it', async () => {
      const { query, number } = await (await load('base')).as();
      expect(
        await number(`select count(*)::int from pg_attribute
        where attrelid = 'auth.users'::regclass and attnum > 0 and not attisdropped`),
      ).toBe(35);
      expect(
        await query(`select pg_get_userbyid(relowner) as owner, relrowsecurity as rls, relforcerowsecurity as forced
          from pg_class where oid = 'auth.users'::regclass`),
      ).toEqual([{ owner: 'supabase_auth_admin', rls: true, forced: false }]);
    });

    it('takes a sign-up from the auth server, one address once, unless it comes by SSO', async () => {
      const { query } = await (await load('base')).as('supabase_auth_admin');
      const signUp = (sso: boolean) =>
        query(`insert into auth.users (id, aud, role, email, email_confirmed_at, is_sso_user, raw_app_meta_data)
          values (gen_random_uuid(), 'authenticated', 'authenticated', 'new@example.test', now(), ${sso}, '{}')
          returning confirmed_at = email_confirmed_at as confirmed`);
      expect(await signUp(false)).toEqual([{ confirmed: true }]);
      await expect(signUp(false)).rejects.toEqual(refused('23505'));
      expect(await signUp(true)).toEqual([{ confirmed: true }]);
    });

    it('reads the claims of a request in both forms', async () => {
      const { query } = await (await load('base')).as('authenticator');
      await query('set role authenticated');
      await query(
        `select set_config('request.jwt.claims', '{"sub": "${ann}", "email": "a@b.test", "role": "authenticated"}', false)`,
      );
      expect(
        await query(
          `select auth.uid() as uid, auth.email() as email, auth.role() as role, auth.jwt() ->> 'sub' as sub`,
        ),
      ).toEqual([{ uid: ann, email: 'a@b.test', role: 'authenticated', sub: ann }]);
      await query(`select set_config('request.jwt.claim.sub', '${orgA}', false)`);
      expect(await query('select auth.uid() as uid')).toEqual([{ uid: orgA }]);
    });

    it('lets postgres make, replace and drop triggers on auth.users, and nothing more', async () => {
      const { query, number } = await (await load('base')).as();
      await query(`create function public.nothing() returns trigger language plpgsql as 'begin return new; end'`);
      const make =
        'create or replace trigger mine after insert on auth.users for each row execute function public.nothing()';
      await query(make);
      await query(make);
      await query('drop trigger mine on auth.users');
      await query('drop trigger if exists mine on auth.users');
      await expect(query('drop trigger mine on auth.users')).rejects.toEqual(refused('42704'));
      await query(make);
      await query('set session_replication_role = replica');
      await query('drop trigger mine on auth.users');
      await query('reset session_replication_role');
      expect(await number(`select count(*)::int from pg_trigger where tgname = 'mine'`)).toBe(0);

      await query(make);
      for (const sql of [
        'alter table auth.users add column org_id uuid',
        'alter table auth.users disable trigger mine',
        'alter trigger mine on auth.users rename to yours',
        `comment on trigger mine on auth.users is 'x'`,
        'create index on auth.users (aud)',
        'create table auth.mine (id int)',
        'create or replace function auth.uid() returns uuid language sql as $$ select null::uuid $$',
        `insert into auth.schema_migrations values ('1')`,
        'set role supabase_auth_admin',
        // The loan ends with its statement, within a transaction too.
        'begin; drop trigger mine on auth.users; alter table auth.users disable trigger all',
      ]) {
        await expect(query(sql), sql).rejects.toEqual(refused('42501'));
        await query('rollback');
      }
      expect(await number(`select pg_has_role('postgres', 'supabase_auth_admin', 'member')`)).toBe(false);
    });

    it('tells the API server of DDL on commit', async () => {
      const database = `t${++made}`;
      await loadDatabase(server, 'base', database);
      const client = new pg.Client({ connectionString: server.url(database) });
      await client.connect();
      clients.push(client);
      const heard: (string | undefined)[] = [];
      client.on('notification', (notice) => heard.push(notice.payload));
      await client.query('listen pgrst');
      await client.query('begin; create table public.t (); rollback');
      await client.query('select 1');
      expect(heard).toEqual([]);
      await client.query('create table public.t ()');
      await client.query('select 1');
      expect(heard).toEqual(['reload schema']);
    });

    it.each([
      ['old', true],
      ['none', false],
    ] as const)('with default privileges "%s" a new table and function are open to anon: %s', async (grants, open) => {
      const { query } = await (await load('base', { grants })).as();
      await query(`create table public.t (); create function public.f() returns int language sql as 'select 1'`);
      expect(
        await query(`select has_table_privilege('anon', 'public.t', 'select') as "table",
          has_function_privilege('anon', 'public.f()', 'execute') as "function"`),
      ).toEqual([{ table: open, function: open }]);
    });

    it('locks the tables of auth on a policy statement where a hosted project would, if asked', async () => {
      const held = `select count(*)::int from pg_locks where relation = 'auth.users'::regclass and mode = 'AccessExclusiveLock'`;
      for (const [hostedLocks, count] of [
        [true, 1],
        [false, 0],
      ] as const) {
        const { query, number } = await (await load('tiny', { hostedLocks })).as();
        await query('begin; create policy p on public.contacts using (false)');
        expect(await number(held)).toBe(count);
        await query('rollback');
      }
    });
  });

  it('tiny holds three organizations, six users, an orphan and NULLs', async () => {
    const { query } = await (await load('tiny')).as();
    expect(
      await query(`select (select count(*)::int from public.organizations) as orgs, (select count(*)::int from auth.users) as users,
        (select count(*)::int from auth.users u where not exists (select from public.profiles p where p.id = u.id)) as without,
        (select count(*)::int from public.profiles where organization_id is null) as unassigned,
        (select count(*)::int from public.calls where organization_id is null) as calls, public.call_seconds('${orgA}')::int as seconds`),
    ).toEqual([{ orgs: 3, users: 6, without: 1, unassigned: 1, calls: 1, seconds: 150 }]);
  });

  describe('clinic', () => {
    it('has the defects that it promises', async () => {
      const { query } = await (await load('clinic')).as();
      const [counts] = await query(`
        with t as (
          select c.oid, c.relname as name, c.relrowsecurity as rls,
            (select count(*) from pg_policy p where p.polrelid = c.oid) as policies,
            array(select a.attname::text from pg_attribute a where a.attrelid = c.oid
              and a.attname in ('org_id', 'organization_id', 'tenant_id') order by 1) as keys,
            (select a.atttypid::regtype::text from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id') as type,
            (select f.confrelid::regclass::text from pg_constraint f join pg_attribute a on a.attrelid = c.oid and f.conkey = array[a.attnum]
              where f.conrelid = c.oid and f.contype = 'f' and a.attname = 'org_id') as target
          from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
        )
        select count(*)::int as tables,
          (count(*) filter (where 'org_id' = any (keys)))::int as org_id,
          (count(*) filter (where type = 'text'))::int as text,
          (count(*) filter (where type is not null and target is null))::int as without_key,
          (count(*) filter (where 'organization_id' = any (keys)))::int as organization_id,
          (count(*) filter (where 'tenant_id' = any (keys)))::int as tenant_id,
          (count(*) filter (where keys = '{}'))::int as none,
          string_agg(name, ',') filter (where cardinality(keys) > 1) as both,
          string_agg(name || '->' || target, ',') filter (where target <> 'organizations') as wrong,
          (count(*) filter (where not rls))::int as without_rls,
          (count(*) filter (where not rls and policies > 0))::int as inert,
          string_agg(name, ',') filter (where rls and policies = 0) as locked,
          sum(policies)::int as policies
        from t`);
      expect(counts).toEqual({
        tables: 84,
        org_id: 65,
        text: 2,
        without_key: 18,
        organization_id: 8,
        tenant_id: 2,
        none: 10,
        both: 'agents',
        wrong: 'bookings->profiles',
        without_rls: 65,
        inert: 6,
        locked: 'integration_tokens',
        policies: 78,
      });
      expect(
        await query(`select
          (select count(*)::int from pg_trigger where tgname like '%\\_immutable') as guards,
          (select count(*)::int from pg_views where schemaname = 'public') as views,
          (select count(*)::int from pg_class where relnamespace = 'public'::regnamespace and reloptions::text like '%security_invoker%') as invokers,
          (select count(*)::int from pg_policies where schemaname = 'public' and roles = '{public}' and qual = 'true') as open,
          (select count(*)::int from pg_policies where tablename = 'user_org_roles') as recursive`),
      ).toEqual([{ guards: 22, views: 3, invokers: 0, open: 2, recursive: 4 }]);
    });

    it('shows every organization to anon, in tables and views', async () => {
      const { query, number } = await (await load('clinic')).as('authenticator');
      await query('set role anon');
      for (const relation of ['agents', 'contacts', 'call_logs', 'call_stats', 'upcoming_appointments']) {
        expect(
          await number(`select count(*)::int from public.${relation} where org_id = '${orgB}'`),
          relation,
        ).toBeGreaterThan(0);
      }
      expect(await number(`select count(*)::int from public.integration_tokens`)).toBe(0);
      expect(await number(`select public.update_agent_prompt('${orgB}', 'overwritten')`)).toBe(2);
    });

    it('shows a member of A the rows of B, and recurses where it guards itself', async () => {
      const { query, number } = await (await load('clinic')).as('authenticator');
      await query('set role authenticated');
      await query(
        `select set_config('request.jwt.claims', '{"sub": "${ann}", "user_metadata": {"org_id": "${orgB}"}}', false)`,
      );
      expect(await number(`update public.services set name = 'taken' where org_id = '${orgB}' returning 1`)).toBe(1);
      expect(await number(`select count(*)::int from public.call_recordings where org_id <> '${orgA}'`)).toBe(0);
      // She says so herself, and is believed.
      expect(await number(`select count(*)::int from public.webhooks where org_id = '${orgB}'`)).toBe(3);
      await expect(query('select from public.user_org_roles')).rejects.toEqual(refused('42P17'));
    });

    it('swallows what goes wrong in a sign-up', async () => {
      const database = await load('clinic');
      const auth = await database.as('supabase_auth_admin');
      const before = await auth.number('select count(*)::int from auth.users');
      await auth.query(`insert into auth.users (id, email) values (gen_random_uuid(), 'late@example.test')`);
      const { query } = await database.as();
      expect(
        await query(`select (select count(*)::int - ${before} from auth.users) as users,
          (select count(*)::int from public.organizations) as orgs,
          (select raw_app_meta_data from auth.users where email = 'late@example.test') as stamp,
          (select count(*)::int from public.profiles where email = 'late@example.test') as profiles`),
      ).toEqual([{ users: 1, orgs: 4, stamp: null, profiles: 0 }]);
    });

    it('refuses to change a key, and to accept a booking', async () => {
      const { query } = await (await load('clinic')).as();
      await expect(query(`update public.contacts set org_id = '${orgB}' where org_id = '${orgA}'`)).rejects.toEqual(
        refused('23514'),
      );
      await expect(
        query(`update public.teams set organization_id = '${orgB}' where organization_id = '${orgA}'`),
      ).rejects.toEqual(refused('23514'));
      await expect(query(`insert into public.bookings (org_id) values ('${orgA}')`)).rejects.toEqual(refused('23503'));
    });

    it('has rows of every organization in every table with a key, and users of every kind', async () => {
      const { query, number } = await (await load('clinic')).as();
      const tables =
        await query(`select c.relname as name, a.attname as key from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attname in ('org_id', 'organization_id', 'tenant_id')`);
      for (const { name, key } of tables) {
        expect(
          await number(`select count(distinct ${key})::int from public.${name} where ${key} is not null`),
          `${name}.${key}`,
        ).toBe(4);
      }
      expect(
        await query(`select count(*)::int as users, (count(*) filter (where email is null and phone is not null))::int as phone,
          (count(*) filter (where is_sso_user))::int as sso, (count(*) filter (where is_anonymous))::int as anonymous,
          (count(*) filter (where raw_app_meta_data ? 'org_id'))::int as stamped,
          (count(*) filter (where not is_anonymous and not exists (select from public.user_org_roles r where r.user_id = u.id)))::int as orphans,
          (select count(*)::int from (select from public.user_org_roles group by user_id having count(*) > 1) m) as in_two
          from auth.users u`),
      ).toEqual([{ users: 14, phone: 1, sso: 1, anonymous: 1, stamped: 3, orphans: 3, in_two: 1 }]);
    });

    it('is made once per server and copied from then on', async () => {
      const lines: string[] = [];
      const fresh = await startServer({
        version,
        settings: { log_statement: 'ddl' },
        onLog: (line) => lines.push(line),
      });
      try {
        await Promise.all([loadDatabase(fresh, 'clinic', 'one'), loadDatabase(fresh, 'clinic', 'two')]);
        await loadDatabase(fresh, 'clinic', 'three');
        const made = (what: string) => lines.filter((line) => line.includes(what)).length;
        expect(made('create table public.organizations')).toBe(1);
        expect(made('create database')).toBe(5);
      } finally {
        await fresh.stop();
      }
    });
  });
});
