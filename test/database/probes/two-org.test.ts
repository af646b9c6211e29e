import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { loadCatalog } from '../../../src/database/catalog/load.ts';
import { probeIsolation } from '../../../src/database/probes/two-org.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { close, contents, ids, isolated, options, probe, tenantTable, withDatabase } from './setup.ts';

afterAll(close);

describe('an isolated schema', () => {
  test('passes every check, own rows within reach', async () => {
    await withDatabase('base', isolated, async (client) => {
      const results = await probe(client);
      expect(
        results
          .filter(({ verdict }) => verdict !== 'passed')
          .map(({ id, observed, advice }) => ({ id, observed, advice })),
      ).toEqual([]);
      const read = results.find(({ id }) => id === 'p/public.calls/read');
      expect(read?.observed).toBe('0 rows of another organization');
      const own = results.filter(({ id }) => id.startsWith('p/public.calls/own-'));
      expect(own.map(({ observed }) => observed)).toEqual(Array(4).fill('1 row of its own'));
      expect(ids(results, 'passed', 'members/')).toEqual([
        'delete-organization',
        'rename-organization',
        'delete-owner-profile',
        'delete-owner',
        'join-other',
        'become-owner',
      ]);
    });
  });

  test('a policy FOR ALL without WITH CHECK is no hole: PostgreSQL checks new rows with USING', async () => {
    await withDatabase('base', isolated, async (client) => {
      const results = await probe(client);
      const insert = results.find(({ id }) => id === 'p/public.calls/insert');
      expect(insert?.verdict).toBe('passed');
      expect(insert?.observed).toMatch(/^refused: new row violates row-level security policy/);
    });
  });

  test('a foreign key alone lets a row point at another organization, and one that holds the organization does not', async () => {
    const sql = `${isolated}
      alter table calls add constraint org_and_id unique (org_id, id);
      ${tenantTable('open_notes', 'id bigint primary key, org_id uuid not null, call_id uuid references calls')}
      ${tenantTable('late_notes', 'id bigint primary key, org_id uuid not null, call_id uuid not null references calls, foreign key (org_id, call_id) references calls (org_id, id) deferrable initially deferred')}`;
    await withDatabase('base', sql, async (client) => {
      const tried = async (asked: boolean): Promise<string[]> =>
        (await probe(client, { sameOrganization: asked }))
          .filter(({ id }) => id.includes('/reference-'))
          .map(({ id, verdict, observed }) => `${verdict} ${id}: ${observed.split(' on table')[0]}`);
      expect(await tried(false)).toEqual([]);
      expect(await tried(true)).toEqual([
        'passed p/public.late_notes/reference-call_id: refused: insert or update',
        "failed p/public.open_notes/reference-call_id: 1 row made to point at B's row",
      ]);
    });
  });

  test('a row of an organization’s row is that organization’s, whoever made it', async () => {
    const sql = `${isolated}
      create table links (id uuid primary key default gen_random_uuid(), created_by uuid not null references auth.users, made_for uuid not null references calls, token text not null);
      alter table links enable row level security;
      create policy own on links to authenticated using (exists (select from calls c where c.id = links.made_for and c.org_id = (select current_org_id())));`;
    await withDatabase('base', sql, async (client) => {
      const results = await probe(client);
      expect(ids(results, 'failed')).toEqual([]);
      expect(results.find(({ id }) => id === 'p/public.links/move')?.title).toContain('(through made_for)');
    });
  });

  test('rows are made for every kind of column and constraint', async () => {
    const sql = `${isolated}
      create domain email_address as text check (value ~ '^[^@ ]+@[^@ ]+[.][a-z]+$');
      create domain percent as numeric(5, 2) not null check (value between 0 and 100);
      create type money_pair as (amount numeric, unit text);
      create type level as enum ('low', 'high');
      ${tenantTable(
        'kinds',
        `id bigint generated always as identity primary key, org_id uuid not null references organizations,
        label varchar(12) not null unique, code char(2) not null check (code = upper(code)), email email_address not null, share percent,
        level level not null, tags text[] not null, span tstzrange not null, body jsonb not null, raw bytea not null, at timestamptz not null,
        day date not null, clock time not null, wait interval not null, ip inet not null, small smallint not null unique, ratio float8 not null,
        total numeric(10, 2) not null check (total > 0), phone text not null check (phone ~ '^[+][0-9]{8,15}$'),
        opens time not null check (opens >= '06:00'), starts date not null, ends date not null, check (ends > starts),
        pair money_pair, double numeric generated always as (total * 2) stored, slug text not null check (length(slug) between 3 and 40 and slug !~ '[A-Z]')`,
      )}
      ${tenantTable('pairs', `a_id bigint not null references kinds, org_id uuid not null, note text, primary key (a_id, org_id)`)}
      ${tenantTable('one_each', `org_id uuid primary key references organizations, colour text check (colour ~ '^#[0-9a-f]{6}$')`)}
      ${tenantTable('numbered', `id serial primary key, org_id uuid not null, n integer not null default 1)`.slice(0, -1))}`;
    await withDatabase('base', sql, async (client) => {
      const before = await client.query(`select last_value, is_called from numbered_id_seq`);
      const results = await probe(client);
      expect(
        results
          .filter(({ verdict }) => verdict !== 'passed')
          .map(({ id, observed, advice }) => ({ id, observed, advice })),
      ).toEqual([]);
      expect(results.filter(({ id }) => id.startsWith('p/public.kinds/'))).toHaveLength(16);
      const after = await client.query(`select last_value, is_called from numbered_id_seq`);
      expect(after.rows).toEqual(before.rows);
    });
  });

  test('partitions are probed by themselves: the policies of the parent do not guard them', async () => {
    const sql = `${isolated}
      create table events (id uuid not null default gen_random_uuid(), org_id uuid not null, at timestamptz not null, primary key (id, at)) partition by range (at);
      create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
      create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
      alter table events enable row level security;
      create policy own on events to authenticated using (org_id = (select current_org_id()));
      create table shards (org_id uuid not null, id uuid not null default gen_random_uuid(), primary key (org_id, id)) partition by hash (org_id);
      create table shards_0 partition of shards for values with (modulus 4, remainder 0);
      create table shards_1 partition of shards for values with (modulus 4, remainder 1);
      create table shards_2 partition of shards for values with (modulus 4, remainder 2);
      create table shards_3 partition of shards for values with (modulus 4, remainder 3);
      create table named (org_id uuid not null, id uuid primary key default gen_random_uuid());`;
    await withDatabase('base', sql, async (client) => {
      const results = await probe(client);
      expect(ids(results, 'failed', 'public.events/')).toEqual([]);
      expect(ids(results, 'skipped')).toEqual([]);
      for (const table of ['public.events_2025/', 'public.events_2026/', 'public.shards_0/', 'public.shards_3/']) {
        expect(ids(results, 'failed', table)).toContain('read');
      }
    });
  });

  test('a table whose rows cannot be made is copied from, or skipped with the reason', async () => {
    const sql = `${isolated}
      create function strict_code(code text) returns boolean language sql immutable as $$ select md5(code) like '0%' and code like 'k%z' $$;
      ${tenantTable('odd', `id uuid primary key default gen_random_uuid(), org_id uuid not null, code text not null check (strict_code(code))`)}
      ${tenantTable('odd_empty', `id uuid primary key default gen_random_uuid(), org_id uuid not null, code text not null check (strict_code(code))`)}
      insert into organizations (id, name) values ('a0000000-0000-4000-8000-000000000001', 'A');
      insert into odd (org_id, code) select 'a0000000-0000-4000-8000-000000000001', code from (select 'k' || n || 'z' as code from generate_series(1, 1000) n) s
        where strict_code(code) limit 1;`;
    await withDatabase('base', sql, async (client) => {
      const results = await probe(client);
      expect(ids(results, 'passed', 'public.odd/')).toHaveLength(16);
      const empty = results.filter(({ id }) => id.startsWith('p/public.odd_empty'));
      expect(empty).toMatchObject([{ verdict: 'skipped' }]);
      expect(empty[0]?.advice).toMatch(
        /violates check constraint .*; then the probe's row of public.odd_empty did not arrive/,
      );
    });
  });

  test('a publication that forbids deletes, and an org_id that means something else', async () => {
    const sql = `${isolated}
      create publication partial for table calls where (caller <> 'x');
      ${tenantTable('orders', `id uuid primary key, org_id integer`).replace('(select current_org_id())', '1')}`;
    await withDatabase('base', sql, async (client) => {
      const results = await probe(client);
      expect(ids(results, 'failed')).toEqual([]);
      expect(ids(results, 'passed', 'public.calls/')).toHaveLength(16);
      expect(results.find(({ id }) => id === 'p/public.orders')?.advice).toContain(
        'public.orders.org_id is integer while public.organizations.id is uuid',
      );
    });
  });

  test('works without the right to rest triggers, through the app’s own sign-up trigger', async () => {
    const sql = `${isolated}
      create function on_sign_up() returns trigger language plpgsql security definer set search_path = '' as $$
      declare org uuid := gen_random_uuid();
      begin
        insert into public.organizations (id, name) values (org, 'x');
        insert into public.profiles (id, org_id) values (new.id, org);
        return new;
      end $$;
      create trigger on_auth_user_created after insert on auth.users for each row execute function on_sign_up();`;
    await withDatabase('base', sql, async (client, url) => {
      const admin = new pg.Client({ connectionString: url('supabase_admin') });
      await admin.connect().then(() => admin.query('revoke set on parameter session_replication_role from postgres'));
      try {
        const results = await probe(client);
        expect(
          results
            .filter(({ verdict }) => verdict !== 'passed')
            .map(({ id, observed, advice }) => ({ id, observed, advice })),
        ).toEqual([]);
      } finally {
        await admin.query('grant set on parameter session_replication_role to postgres');
        await admin.end();
      }
    });
  });
});

describe('what a probe leaves', () => {
  test('nothing in clinic, in under 10 s and half of the tables in under 100 ms each; and it finds what is open', async () => {
    await withDatabase('clinic', '', async (client) => {
      const before = await contents(client);
      const began = performance.now();
      const perTable = new Map<string, number>();
      let last = began;
      const results: CheckResult[] = [];
      for await (const result of probeIsolation(client, await loadCatalog(client), {
        ...options,
        memberships: {
          schema: 'public',
          table: 'user_org_roles',
          userColumn: 'user_id',
          orgColumn: 'org_id',
          roleColumn: 'role',
        },
      })) {
        results.push(result);
        const now = performance.now();
        const table = result.id.split('/')[1] ?? '';
        perTable.set(table, (perTable.get(table) ?? 0) + now - last);
        last = now;
      }
      expect(performance.now() - began).toBeLessThan(10_000);
      const times = [...perTable.values()].sort((a, b) => a - b);
      expect(times[Math.floor(times.length * 0.5)]).toBeLessThan(100);
      expect(await contents(client)).toEqual(before);
      const failed = (act: string) =>
        results.filter(({ id, verdict }) => id.endsWith(`/${act}`) && verdict === 'failed').length;
      // Nearly everything leaks; the shape that was measured on the app itself.
      for (const act of ['read', 'update', 'delete', 'insert', 'anon-read']) expect(failed(act)).toBeGreaterThan(50);
      expect(failed('move')).toBeGreaterThan(30);
      expect(failed('move')).toBeLessThan(failed('update'));
      expect(failed('view')).toBe(3);
      expect(failed('anon-call')).toBe(1);
      expect(new Set(results.map(({ id }) => id)).size).toBe(results.length);
      expect(ids(results, 'skipped')).toEqual([]);
    });
  });

  test('evidence runs by itself, shows the same and leaves nothing', async () => {
    await withDatabase('tiny', '', async (client, url) => {
      const results = await probe(client, { memberships: null });
      const before = await contents(client);
      const of = (id: string) => results.find((result) => result.id === id);
      const leak = of('p/public.contacts/read');
      expect(leak).toMatchObject({ verdict: 'failed', observed: '1 row of another organization' });
      // A session of its own, as somebody with nothing but the text would open.
      const other = new pg.Client({ connectionString: url() });
      await other.connect();
      try {
        const act = async (script: string | undefined): Promise<pg.QueryResult | undefined> => {
          const all = (await other.query(script ?? '')) as unknown as pg.QueryResult[];
          expect(all.slice(-2).map(({ command }) => command)).toEqual(['RESET', 'ROLLBACK']);
          return all.at(-3);
        };
        expect((await act(leak?.evidence))?.rows).toEqual([{ count: '1' }]);
        expect((await act(of('p/public.calls/read')?.evidence))?.rows).toEqual([{ count: '0' }]);
        expect(await act(of('p/public.contacts/update')?.evidence)).toMatchObject({ command: 'UPDATE', rowCount: 1 });
        expect(await act(of('p/public.calls/update')?.evidence)).toMatchObject({ command: 'UPDATE', rowCount: 0 });
        expect(leak?.evidence).not.toMatch(/password|secret/i);
      } finally {
        await other.end();
      }
      expect(await contents(client)).toEqual(before);
    });
  });

  test('a locked table is waited for in short attempts, then skipped', async () => {
    await withDatabase('base', isolated, async (client, url) => {
      const catalog = await loadCatalog(client);
      const other = new pg.Client({ connectionString: url() });
      await other.connect();
      await other.query('begin; lock table calls in share mode');
      try {
        const results: CheckResult[] = [];
        for await (const result of probeIsolation(client, catalog, options)) results.push(result);
        expect(results.length).toBeGreaterThan(10);
        const calls = results.filter(({ id }) => id.startsWith('p/public.calls'));
        expect(calls).toMatchObject([{ verdict: 'skipped' }]);
        expect(calls[0]?.advice).toContain('55P03');
        await other.query('rollback; begin; lock table calls in access exclusive mode');
        const shut: CheckResult[] = [];
        for await (const result of probeIsolation(client, catalog, options)) shut.push(result);
        expect(shut).toMatchObject([
          { verdict: 'skipped', advice: expect.stringContaining('Another session has a table') },
        ]);
      } finally {
        await other.end();
      }
    });
  });

  test('stops between tables when it is told to', async () => {
    await withDatabase('base', isolated, async (client) => {
      const controller = new AbortController();
      const seen: string[] = [];
      const run = async () => {
        for await (const result of probeIsolation(client, await loadCatalog(client), {
          ...options,
          signal: controller.signal,
        })) {
          seen.push(result.id);
          controller.abort();
        }
      };
      await expect(run()).rejects.toThrow(/abort/i);
      expect(new Set(seen.map((id) => id.split('/')[1])).size).toBe(1);
      expect((await client.query('select pg_current_xact_id_if_assigned() as id')).rows).toEqual([{ id: null }]);
    });
  });
});
