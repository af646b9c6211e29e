import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import ws from 'ws';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { type AppCopy, type Backend, copyApp, startBackend } from '../helpers/backend.ts';
import { type Frontend, startFrontend } from '../helpers/frontend.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

const acacia = 'a0000000-0000-4000-8000-000000000001';
const birch = 'a0000000-0000-4000-8000-000000000002';
const jwtSecret = randomBytes(32).toString('hex');

let server: EmbeddedServer;
let database: pg.Client;
let gateway: Gateway;
let app: AppCopy;
let backend: Backend;
let frontend: Frontend;
/** A user of Acacia whose token says so, as after a rollout. */
let member: string;
/** A new user: the app's own sign-up trigger is broken, so no organization at all. */
let newcomer: string;
/** A new user who wrote Birch into the metadata that everybody may write. */
let liar: string;

beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'clinic', 'app');
  database = new pg.Client({ connectionString: server.url('app') });
  await database.connect();
  gateway = await startGateway({
    databaseUrls: { auth: server.url('app', 'supabase_auth_admin'), rest: server.adminUrl('app') },
    jwtSecret,
  });
  app = copyApp();
  backend = await startBackend(app.directory, gateway);
  frontend = await startFrontend(app.directory, { gateway, backendUrl: backend.url });

  const signUp = async (name: string, data: Record<string, unknown> = {}): Promise<string> => {
    const given = { email: `${name}@example.test`, password: 'correct horse', data };
    const { session } = await gateway.signUp('email', given);
    return session?.access_token ?? '';
  };
  newcomer = await signUp('newcomer');
  liar = await signUp('liar', { org_id: birch });
  await signUp('member');
  await database.query(`update auth.users set raw_app_meta_data = raw_app_meta_data || $2 where email = $1`, [
    'member@example.test',
    { org_id: acacia },
  ]);
  member = (await gateway.signIn({ email: 'member@example.test', password: 'correct horse' })).access_token;
});
afterAll(async () => {
  await frontend?.stop();
  await backend?.stop();
  await gateway?.stop();
  await database?.end();
  await server?.stop();
  app?.remove();
});

describe('the backend runs', () => {
  test('and reaches the database', async () => {
    expect(await backend.request('/health/ready')).toMatchObject({ status: 200, body: { database: 'up' } });
    expect(await backend.request('/health/deep')).toMatchObject({ status: 200, body: { healthy: true } });
  });

  test.each(['/api/calls', '/api/profile', '/api/account/usage', '/api/invoices'])(
    'refuses %s without a token',
    async (path) => {
      expect((await backend.request(path)).status).toBe(401);
    },
  );

  test("serves a member's own rows, by old column names too", async () => {
    const get = (path: string) => backend.request(path, { token: member });
    expect(await get('/api/appointments')).toMatchObject({ status: 200, body: { appointments: { length: 3 } } });
    expect(await get('/api/invoices')).toMatchObject({ status: 200, body: { payer: acacia, invoices: { length: 3 } } });
    expect(await get('/api/account/preferences')).toMatchObject({ status: 200, body: { 'name 1-1': { n: 1 } } });
    expect(await get('/api/account/usage')).toMatchObject({ status: 200, body: { usage: { 'metric 1-1': 11 } } });
    expect(await get('/api/account/teams')).toMatchObject({ status: 200, body: { teams: { length: 3 } } });
    expect(await get('/api/account/subscription')).toMatchObject({
      status: 200,
      body: { subscription: { plan: 'plan 1-1' } },
    });
    expect(await get('/api/account/templates')).toMatchObject({ status: 200, body: { templates: { length: 3 } } });
    expect(await get('/api/invoices/total')).toMatchObject({ status: 200, body: { total: expect.anything() } });
    expect((await get(`/api/dashboard/clinics/${birch}/overview`)).status).toBe(403);
  });
});

describe('before a rollout, org A reads org B', () => {
  const organizations = (body: unknown, list: string): string[] => {
    const rows = (body as Record<string, { org_id: string }[]>)[list] ?? [];
    return [...new Set(rows.map((row) => row.org_id))];
  };

  test('a header names the organization, and nobody asks who sends it', async () => {
    const { status, body } = await backend.request('/api/analytics/leads', { headers: { 'x-tenant-id': birch } });
    expect(status).toBe(200);
    expect(organizations(body, 'leads')).toEqual([birch]);
  });

  test('a query or a path parameter wins over the token', async () => {
    const contacts = await backend.request(`/api/contacts?org_id=${birch}`, { token: member });
    expect(organizations(contacts.body, 'contacts')).toEqual([birch]);
    const members = await backend.request(`/api/dashboard/members/${birch}`, { token: member });
    expect(members).toMatchObject({ status: 200, body: { members: { length: 3 } } });
  });

  test('a call of another organization is read by its id', async () => {
    const { rows } = await database.query<{ id: string }>('select id from calls where org_id = $1 limit 1', [birch]);
    const { body } = await backend.request(`/api/calls/${rows[0]?.id}`, { token: member });
    expect(body).toMatchObject({ call: { org_id: birch } });
  });

  test('a body moves a row into another organization', async () => {
    const { status } = await backend.request('/api/contacts', {
      method: 'POST',
      token: member,
      body: { org_id: birch, name: 'planted', phone: '1' },
    });
    expect(status).toBe(201);
    expect((await database.query(`select org_id from contacts where name = 'planted'`)).rows).toEqual([
      { org_id: birch },
    ]);
  });

  test('user_metadata names the organization', async () => {
    const { body } = await backend.request('/api/appointments', { token: liar });
    expect(organizations(body, 'appointments')).toEqual([birch]);
  });

  test('a user without organization gets the first one', async () => {
    const { status, body } = await backend.request('/api/calls', { token: newcomer });
    expect(status).toBe(200);
    expect(organizations(body, 'calls')).toEqual([acacia]);
    const appointments = await backend.request('/api/appointments', { token: newcomer });
    expect(organizations(appointments.body, 'appointments')).toEqual([acacia]);
  });

  test("the socket shows another clinic's calls", async () => {
    const socket = new ws(`${backend.url.replace('http', 'ws')}/voice?token=${member}`);
    const messages: { type: string; calls: unknown }[] = [];
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', (raw) => {
        messages.push(JSON.parse(String(raw)));
        if (messages.length === 1) socket.send(JSON.stringify({ type: 'watch', orgId: birch }));
        else resolve();
      });
    });
    socket.close();
    expect(organizations(messages[1], 'calls')).toEqual([birch]);
  });
});

describe('the frontend', () => {
  test('is served, with the settings page and its alias imports', async () => {
    const page = await fetch(`${frontend.url}/dashboard/settings`);
    expect(await page.text()).toContain('<div id="root">');
    const module = await fetch(`${frontend.url}/src/app/dashboard/settings/page.tsx`);
    expect(module.status).toBe(200);
    expect(await module.text()).toContain('/src/lib/api.ts');
  });

  test('its tenant-id route answers by session, and trusts user_metadata', async () => {
    const ask = async (token?: string) => {
      const response = await fetch(`${frontend.url}/api/auth/tenant-id`, {
        headers: token ? { authorization: `Bearer ${token}` } : {},
      });
      return { status: response.status, body: await response.json() };
    };
    expect((await ask()).status).toBe(401);
    expect(await ask(liar)).toEqual({ status: 200, body: { tenantId: birch } });
  });
});

describe('types', () => {
  test.each(['.', 'backend'])('%s type-checks without an error', (project) => {
    const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [compiler, '--noEmit', '-p', join(app.directory, project)], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
});
