import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { probeLive, waitForColumn } from '../../../src/supabase/live/index.ts';
import { rowChecksums } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { isPath, openFront, settings } from './front.ts';
import { applyPhase, collect, liveOptions, of, openProject, type Project } from './setup.ts';

let server: EmbeddedServer;
let ready: Project;
beforeAll(async () => {
  server = await startServer();
  // The data API writes every refusal of the database to the console.
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  ready = await openProject(server, 'tiny', 'live_ready');
  await applyPhase(ready);
});
afterAll(async () => {
  await ready[Symbol.asyncDispose]();
  await server.stop();
});

const ids = (results: readonly { readonly id: string }[]): readonly string[] => results.map(({ id }) => id);
const verdictOf = (results: Awaited<ReturnType<typeof collect>>, id: string) => results.find((one) => one.id === id);

test('before the rollout: no organization for new users, rows open to everybody, nothing left behind', async () => {
  await using project = await openProject(server, 'tiny', 'live_before');
  const before = await rowChecksums(project.at);
  const results = await collect(probeLive(await liveOptions(project)));
  expect(ids(results.filter(({ verdict }) => verdict === 'failed'))).toEqual([
    'live/token/org',
    'live/token/agrees',
    'live/public.contacts/read',
    'live/public.contacts/anon',
    'live/public.organizations/read',
    'live/public.organizations/anon',
    'live/public.profiles/read',
    'live/public.profiles/anon',
  ]);
  expect(verdictOf(results, 'live/public.contacts/update')).toMatchObject({
    verdict: 'skipped',
    advice: expect.stringContaining('Apply step 1.4'),
  });
  expect(results.at(-1)).toMatchObject({ id: 'live/removed', verdict: 'passed' });
  expect(await rowChecksums(project.at)).toEqual(before);
});

describe('after the rollout', () => {
  let before: Readonly<Record<string, string>>;
  beforeEach(async () => {
    before = await rowChecksums(ready.at);
  });

  test.each([
    ['over the database', {}],
    ['with the service key alone', { noDatabase: true }],
  ])('two users are apart; removed and proven %s', async (_, { noDatabase }: { noDatabase?: boolean }) => {
    const { database, ...rest } = await liveOptions(ready, { serviceKey: ready.gateway.serviceKey });
    const options = noDatabase === true || database === undefined ? rest : { ...rest, database };
    const results = await collect(probeLive(options));
    expect(of(results, 'failed')).toEqual([]);
    expect(of(results, 'skipped')).toEqual([]);
    expect(verdictOf(results, 'live/token/apart')?.observed).toBe('different');
    expect(verdictOf(results, 'live/token/admin')?.verdict).toBe('passed');
    expect(verdictOf(results, 'live/public.calls/own')?.observed).toBe('201, added; 200, seen');
    expect(verdictOf(results, 'live/public.calls/insert')?.observed).toContain('403, 42501');
    expect(results.at(-1)?.observed).toMatch(/^3 users, 3 organizations and \d+ rows removed, 0 left$/);
    expect(await rowChecksums(ready.at)).toEqual(before);
  });

  test('nothing is done where nothing could be removed', async () => {
    const { database: _, ...options } = await liveOptions(ready);
    const results = await collect(probeLive(options));
    expect(results).toMatchObject([
      { id: 'live/sign-up', verdict: 'skipped', advice: expect.stringContaining('service key') },
    ]);
    expect(await rowChecksums(ready.at)).toEqual(before);
  });

  test('no key, token or password in results, evidence or journal', async () => {
    const journalDir = mkdtempSync(join(tmpdir(), 'voxanne-live-'));
    const tokens: string[] = [];
    let journal = '';
    await using front = await openFront(ready.gateway.url, async (request, forward) => {
      tokens.push(request.headers.get('authorization') ?? '');
      if (isPath(request, 'POST', '/rest/v1/contacts')) {
        journal = readdirSync(journalDir)
          .map((name) => readFileSync(join(journalDir, name), 'utf8'))
          .join('');
      }
      return forward();
    });
    const serviceKey = ready.gateway.serviceKey;
    const options = await liveOptions(ready, { supabaseUrl: front.url, serviceKey, journalDir });
    const results = await collect(probeLive(options));
    expect(of(results, 'failed')).toEqual([]);
    expect(journal).toContain('"kind":"user"');
    expect(readdirSync(journalDir)).toEqual([]);
    const text = JSON.stringify(results) + journal;
    const secrets = new Set([serviceKey, ready.gateway.anonKey, ...tokens.map((one) => one.replace(/^Bearer /, ''))]);
    expect(secrets.size).toBeGreaterThan(4);
    for (const secret of secrets) expect(secret === '' || !text.includes(secret)).toBe(true);
    expect(text).not.toMatch(/eyJ[\w-]{8}|password/i);
    rmSync(journalDir, { recursive: true });
  });

  test('a listener that leaves, and a cancelled run, leave nothing either', async () => {
    for await (const result of probeLive(await liveOptions(ready))) {
      if (result.id === 'live/public.calls/own') break;
    }
    expect(await rowChecksums(ready.at)).toEqual(before);
    const controller = new AbortController();
    const cancelled = async (): Promise<void> => {
      for await (const result of probeLive(await liveOptions(ready, { signal: controller.signal }))) {
        if (result.id === 'live/public.contacts/own') controller.abort(new Error('cancelled by the operator'));
      }
    };
    await expect(cancelled()).rejects.toThrow('cancelled by the operator');
    expect(await rowChecksums(ready.at)).toEqual(before);
  });

  test('an API that cannot be reached is skipped with its reason; a service key that is refused is an error', async () => {
    const away = await collect(probeLive(await liveOptions(ready, { supabaseUrl: 'http://127.0.0.1:1' })));
    expect(away[0]).toMatchObject({ verdict: 'skipped', advice: expect.stringContaining('cannot be reached') });
    const { database: _, ...options } = await liveOptions(ready, { serviceKey: ready.gateway.anonKey });
    await expect(collect(probeLive(options))).rejects.toMatchObject({
      problem: expect.stringContaining('does not list the users'),
    });
  });

  const sign = { mail: { mailer_autoconfirm: false }, closed: { disable_signup: true } };
  test.each([
    ['a confirmed mail', sign.mail, 'has to be confirmed by mail'],
    ['sign-ups that are disabled', sign.closed, 'Sign-ups are disabled'],
  ])('%s: skipped without a service key, through the admin API with one', async (_, changes, reason) => {
    await using front = await openFront(ready.gateway.url, (request) =>
      isPath(request, 'GET', '/auth/v1/settings') ? settings(changes) : null,
    );
    const options = await liveOptions(ready, { supabaseUrl: front.url });
    const results = await collect(probeLive(options));
    expect(results[0]).toMatchObject({
      id: 'live/sign-up',
      verdict: 'skipped',
      advice: expect.stringContaining(reason),
    });
    expect(front.seen).not.toContain('POST /auth/v1/signup');
    const more = await collect(probeLive({ ...options, serviceKey: ready.gateway.serviceKey }));
    expect(more[0]?.observed).toContain('2 users created by the admin API, because');
    expect(of(more, 'failed')).toEqual([]);
    expect(front.seen).not.toContain('POST /auth/v1/signup');
    expect(await rowChecksums(ready.at)).toEqual(before);
  });

  test.each([
    ['captcha_failed', 400, 'captcha'],
    ['email_address_invalid', 400, 'domain of yours'],
    ['over_email_send_rate_limit', 429, 'too many requests'],
  ])('a sign-up refused with %s is skipped with its reason', async (error_code, status, reason) => {
    await using front = await openFront(ready.gateway.url, (request) =>
      isPath(request, 'POST', '/auth/v1/signup')
        ? Response.json({ code: status, error_code, msg: 'refused' }, { status, headers: { 'retry-after': '0' } })
        : null,
    );
    const results = await collect(probeLive(await liveOptions(ready, { supabaseUrl: front.url })));
    expect(results[0]).toMatchObject({ verdict: 'skipped', advice: expect.stringContaining(reason) });
    expect(results).toHaveLength(2);
    expect(await rowChecksums(ready.at)).toEqual(before);
  });
});

describe('what it finds where the rollout was undone in part', () => {
  const defects: Readonly<Record<string, { readonly sql: string; readonly found: readonly string[] }>> = {
    'row security off': {
      sql: 'alter table public.contacts disable row level security',
      found: ['read', 'anon', 'insert', 'update', 'move', 'take', 'delete'].map((act) => `live/public.contacts/${act}`),
    },
    'a policy that lets everybody read': {
      sql: 'create policy open on public.calls for select using (true)',
      found: ['live/public.calls/read', 'live/public.calls/anon'],
    },
    'a policy that lets everybody add': {
      sql: 'create policy open on public.calls for insert to authenticated with check (true)',
      found: ['live/public.calls/insert'],
    },
    'an update without a check of the new row': {
      sql: `create policy open on public.contacts for update to authenticated using (org_id = (select public.current_org_id())) with check (true);
        create policy seen on public.contacts for select to authenticated using (true)`,
      found: ['live/public.contacts/read', 'live/public.contacts/move'],
    },
    "a view with its owner's rights": {
      sql: `create view public.phone_book as select org_id, name from public.contacts; grant select on public.phone_book to authenticated`,
      found: ['live/public.phone_book/read'],
    },
    'a view without the organization': {
      sql: `create view public.names as select name from public.contacts; grant select on public.names to authenticated`,
      found: ['live/public.names/read'],
    },
    'a function that believes its argument': {
      sql: `create function public.names_of(org uuid) returns setof text language sql stable security definer set search_path = ''
        as 'select c.name from public.contacts c where c.org_id = org'`,
      found: ['live/public.names_of(uuid)/call'],
    },
    'a count that believes its argument': {
      sql: `create function public.count_of(org uuid) returns bigint language sql stable security definer set search_path = ''
        as 'select count(*) from public.contacts c where c.org_id = org'`,
      found: ['live/public.count_of(uuid)/call'],
    },
    'a sign-up that puts everybody into one organization': {
      sql: `create or replace function public.handle_new_user_setup() returns trigger language plpgsql security definer set search_path = '' as $$
        declare v_org uuid := 'a0000000-0000-4000-8000-000000000001';
        begin
          insert into public.profiles (id, org_id) values (new.id, v_org);
          update auth.users set raw_app_meta_data = raw_app_meta_data || jsonb_build_object('org_id', v_org) where id = new.id;
          return new;
        end $$`,
      found: ['live/token/apart', 'live/sign-up/organization'],
    },
  };
  let count = 0;
  beforeAll(async () => {
    await using project = await openProject(server, 'tiny', 'live_rolled_out');
    await applyPhase(project);
  });

  test.each(Object.keys(defects))('%s', async (name) => {
    const { sql, found } = defects[name] ?? { sql: '', found: [] };
    const database = `live_defect_${++count}`;
    await using project = await openProject(server, 'tiny', database, { made: 'live_rolled_out' });
    await project.at.sql(sql);
    await project.gateway.reload();
    const before = await rowChecksums(project.at);
    const results = await collect(probeLive(await liveOptions(project)));
    expect([...ids(results.filter(({ verdict }) => verdict === 'failed'))].sort()).toEqual([...found].sort());
    expect(await rowChecksums(project.at)).toEqual(before);
  });
});

test('rows are found for tables of every make, and their owner alone reaches them', async () => {
  await using project = await openProject(server, 'tiny', 'live_zoo');
  await project.at.sql(`
    create type public.mood as enum ('calm', 'cross');
    create table public.rules (id serial primary key, org_id uuid not null references public.organizations,
      kind text not null check (kind in ('fast', 'slow')), level integer not null check (level between 3 and 5),
      mail text not null check (mail ~ '@'), mood public.mood not null);
    create table public.pairs (org_id uuid not null, name text not null, user_id uuid not null references auth.users,
      primary key (org_id, name));
    create table public.blobs (id bigint generated always as identity primary key, org_id uuid not null,
      body jsonb not null, tags text[] not null, raw bytea not null, at timestamptz not null, price numeric(8, 2) not null);
    create table public.parts (id uuid primary key default gen_random_uuid(), blob_id bigint not null references public.blobs,
      title text);`);
  await applyPhase(project);
  const before = await rowChecksums(project.at);
  const results = await collect(probeLive(await liveOptions(project)));
  expect(of(results, 'failed')).toEqual([]);
  for (const table of ['rules', 'pairs', 'blobs', 'parts']) {
    expect(verdictOf(results, `live/public.${table}/own`)?.observed).toBe('201, added; 200, seen');
    expect(verdictOf(results, `live/public.${table}/delete`)?.observed).toBe('200, no rows');
    expect(verdictOf(results, `live/public.${table}/insert`)?.observed).toContain('42501');
  }
  expect(await rowChecksums(project.at)).toEqual(before);
});

describe('the schema cache', () => {
  test('is asked until the new column answers, and no row is touched', async () => {
    await using project = await openProject(server, 'tiny', 'live_cache');
    await project.at.sql('alter table public.contacts rename tenant_id to org_id');
    const before = await rowChecksums(project.at);
    let calls = 0;
    await using front = await openFront(project.gateway.url, (request) =>
      new URL(request.url).pathname === '/rest/v1/contacts' && ++calls < 4
        ? Response.json(
            { code: 'PGRST204', message: "Could not find the 'org_id' column", details: null, hint: null },
            { status: 400 },
          )
        : null,
    );
    await project.gateway.reload();
    const given = {
      supabaseUrl: front.url,
      anonKey: project.gateway.anonKey,
      table: { schema: 'public', table: 'contacts' },
      key: 'id',
      signal: new AbortController().signal,
    };
    expect(await waitForColumn({ ...given, column: 'org_id' })).toMatchObject({ verdict: 'passed' });
    expect(calls).toBeGreaterThan(4);
    const never = await waitForColumn({ ...given, column: 'tenant_id', patience: 600 });
    expect(never).toMatchObject({ verdict: 'failed', advice: expect.stringContaining('reload schema') });
    expect(never.milliseconds).toBeLessThan(2000);
    expect(await rowChecksums(project.at)).toEqual(before);
  });
});
