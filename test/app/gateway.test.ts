import { randomBytes } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import ws from 'ws';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { readClaims, signToken } from '../helpers/jwt.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

const jwtSecret = randomBytes(32).toString('hex');
const acacia = 'a0000000-0000-4000-8000-000000000001';
const birch = 'a0000000-0000-4000-8000-000000000002';

let server: EmbeddedServer;
let gateway: Gateway;
let owner: pg.Client;

beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'tiny', 'gateway');
  owner = new pg.Client({ connectionString: server.url('gateway') });
  await owner.connect();
  gateway = await startGateway({
    databaseUrls: { auth: server.url('gateway', 'supabase_auth_admin'), rest: server.adminUrl('gateway') },
    jwtSecret,
  });
});
afterAll(async () => {
  await gateway?.stop();
  await owner?.end();
  await server?.stop();
});

function connect(key: string, token?: string): SupabaseClient {
  return createClient(gateway.url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    // Node 20 has no WebSocket of its own, and the client asks for one even if nothing is ever sent through it.
    realtime: { transport: ws as never },
    ...(token ? { global: { headers: { Authorization: `Bearer ${token}` } } } : {}),
  });
}

describe('auth, as supabase-js uses it', () => {
  test('sign-up, sign-in, user, refresh, sign-out', async () => {
    const { auth } = connect(gateway.anonKey);
    const signedUp = await auth.signUp({
      email: 'zoe@example.test',
      password: 'correct horse',
      options: { data: { name: 'Zoe' } },
    });
    expect(signedUp.error).toBeNull();
    const signedIn = await auth.signInWithPassword({ email: 'zoe@example.test', password: 'correct horse' });
    expect(signedIn.data.user?.user_metadata).toMatchObject({ name: 'Zoe' });
    const token = signedIn.data.session?.access_token ?? '';
    expect(readClaims(token)).toMatchObject({
      role: 'authenticated',
      email: 'zoe@example.test',
      app_metadata: { provider: 'email' },
    });
    expect((await auth.getUser()).data.user?.id).toBe(signedIn.data.user?.id);
    const refreshed = await auth.refreshSession();
    expect(refreshed.data.session?.refresh_token).not.toBe(signedIn.data.session?.refresh_token);
    expect((await auth.signOut()).error).toBeNull();
  });

  test('a refresh carries what was stamped since the token was issued', async () => {
    const { auth } = connect(gateway.anonKey);
    const { data } = await auth.signUp({ email: 'yan@example.test', password: 'correct horse' });
    await owner.query(`update auth.users set raw_app_meta_data = raw_app_meta_data || $2 where id = $1`, [
      data.user?.id,
      { org_id: birch },
    ]);
    expect(readClaims(data.session?.access_token ?? '').app_metadata).not.toHaveProperty('org_id');
    const refreshed = await auth.refreshSession();
    expect(readClaims(refreshed.data.session?.access_token ?? '').app_metadata).toMatchObject({ org_id: birch });
  });

  test('a user may write any user_metadata and no app_metadata', async () => {
    const { auth } = connect(gateway.anonKey);
    await auth.signUp({ email: 'xia@example.test', password: 'correct horse' });
    const { data } = await auth.updateUser({ data: { org_id: acacia } });
    expect(data.user?.user_metadata).toMatchObject({ org_id: acacia });
    expect(data.user?.app_metadata).not.toHaveProperty('org_id');
  });

  test('admin: create, list, update, delete, only with the service key', async () => {
    const { admin } = connect(gateway.serviceKey).auth;
    const created = await admin.createUser({
      email: 'wim@example.test',
      app_metadata: { org_id: birch },
      email_confirm: true,
    });
    const id = created.data.user?.id ?? '';
    expect((await admin.listUsers()).data.users.map((user) => user.email)).toContain('wim@example.test');
    expect((await admin.updateUserById(id, { app_metadata: { plan: 'x' } })).data.user?.app_metadata).toMatchObject({
      org_id: birch,
      plan: 'x',
    });
    expect((await admin.deleteUser(id, true)).error).toBeNull();
    expect((await admin.listUsers()).data.users.map((user) => user.email)).not.toContain('wim@example.test');
    const refused = await connect(gateway.anonKey).auth.admin.listUsers();
    expect(refused.error).toMatchObject({ status: 403 });
  });

  test('refusals: a taken email, a wrong password, a forged token', async () => {
    const { auth } = connect(gateway.anonKey);
    const taken = await auth.signUp({ email: 'ANN@example.test', password: 'correct horse' });
    expect(taken.error).toMatchObject({ status: 422, code: 'user_already_exists' });
    const wrong = await auth.signInWithPassword({ email: 'ann@example.test', password: 'x' });
    expect(wrong.error).toMatchObject({ status: 400, code: 'invalid_credentials' });
    const forged = signToken('another secret', { sub: acacia, role: 'service_role' });
    expect((await auth.getUser(forged)).error).toMatchObject({ status: 403 });
  });

  test('a trigger that raises is "Database error saving new user"', async () => {
    await owner.query(`
      create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'no clinic'; end $$;
      create trigger refuse after insert on auth.users for each row execute function public.refuse();`);
    const response = await fetch(`${gateway.url}/auth/v1/signup`, {
      method: 'POST',
      body: JSON.stringify({ email: 'vic@example.test', password: 'correct horse' }),
    });
    await owner.query('drop function public.refuse() cascade');
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ msg: 'Database error saving new user', reason: 'no clinic' });
  });

  test.each([
    ['email', { email: 'k1@example.test', password: 'correct horse' }, true],
    ['phone', { phone: '15550109', password: 'correct horse' }, true],
    ['anonymous', {}, true],
    ['oauth', { email: 'k2@example.test', provider: 'google' }, true],
    ['sso', { email: 'k3@example.test' }, true],
    ['invite', { email: 'k4@example.test' }, false],
    ['admin', { email: 'k5@example.test' }, false],
  ] as const)('gateway.signUp: %s', async (kind, given, hasSession) => {
    const { user, session } = await gateway.signUp(kind, given as never);
    expect(user.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(session !== null).toBe(hasSession);
  });
});

describe('the data API', () => {
  /** The rows of ann, who is in Acacia, and of cleo, who is in Birch. */
  const tokenOf = (n: number): string =>
    signToken(jwtSecret, {
      sub: `b0000000-0000-4000-8000-00000000000${n}`,
      role: 'authenticated',
      aud: 'authenticated',
      exp: Math.floor(Date.now() / 1000) + 600,
    });

  const privileges = async (): Promise<unknown> =>
    (
      await owner.query(`
        select 'relation' as of, c.oid::regclass::text as name, c.relacl::text as acl from pg_class c
          where c.relnamespace::regnamespace::text in ('public', 'auth', 'storage')
        union all select 'schema', nspname, nspacl::text from pg_namespace
        union all select 'default', concat_ws(' ', defaclrole::regrole, defaclnamespace, defaclobjtype), defaclacl::text from pg_default_acl
        order by 1, 2`)
    ).rows;

  test('applies the row security of the database to the role and claims of the token', async () => {
    const rows = async (n: number) => (await connect(gateway.anonKey, tokenOf(n)).from('calls').select('caller')).data;
    expect(await rows(1)).toHaveLength(2);
    expect(await rows(3)).toEqual([{ caller: '+15550100003' }]);
    expect((await connect(gateway.serviceKey).from('calls').select('id')).data).toHaveLength(5);
    expect((await connect(gateway.anonKey).from('calls').select('id')).data).toEqual([]);
  });

  test('refuses a foreign row with 42501 and a forged token with 401', async () => {
    const ann = connect(gateway.anonKey, tokenOf(1));
    const foreign = await ann.from('calls').insert({ organization_id: birch, caller: '+1' });
    expect(foreign.error?.code).toBe('42501');
    const own = await ann.from('calls').insert({ organization_id: acacia, caller: '+1' }).select();
    expect(own.data).toHaveLength(1);
    const forged = await fetch(`${gateway.url}/rest/v1/calls`, {
      headers: {
        apikey: gateway.anonKey,
        authorization: `Bearer ${signToken('another secret', { role: 'service_role' })}`,
      },
    });
    expect(forged.status).toBe(401);
  });

  test('makes no grant, whatever is asked', async () => {
    await owner.query(
      'create table public.secrets (id int primary key); revoke all on public.secrets from anon, authenticated',
    );
    await gateway.reload();
    const before = await privileges();
    const anon = await connect(gateway.anonKey).from('secrets').select('*');
    expect(anon.error?.code).toBe('42501');
    await connect(gateway.serviceKey).from('calls').select('id');
    await connect(gateway.anonKey, tokenOf(1)).from('contacts').update({ name: 'x' }).eq('name', 'nobody');
    expect(await privileges()).toEqual(before);
  });

  test('knows a renamed column after a reload, and no longer the old one', async () => {
    await owner.query('alter table public.contacts rename column tenant_id to org_id');
    await gateway.reload();
    const service = connect(gateway.serviceKey);
    expect((await service.from('contacts').select('name').eq('org_id', birch)).data).toEqual([{ name: 'Jon' }]);
    expect((await service.from('contacts').select('name').eq('tenant_id', birch)).error?.code).toBe('42703');
  });

  test('answers a browser from anywhere', async () => {
    const response = await fetch(`${gateway.url}/rest/v1/calls`, {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:3000', 'access-control-request-headers': 'apikey, authorization' },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-headers')).toBe('apikey, authorization');
  });
});
