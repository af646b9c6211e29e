import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import ws from 'ws';
import { differences } from '../../src/rollout/fingerprint.ts';
import type { Fingerprint } from '../../src/rollout/journal.ts';
import type { Backend } from '../helpers/backend.ts';
import { filesOf } from '../phases/sample.ts';
import { settingsPage } from './settings-page.ts';
import { type AppStage, acacia, birch, openAppStage, type Person } from './stage.ts';

const { signal } = new AbortController();

let stage: AppStage;
let backend: Backend | null = null;
let files: Readonly<Record<string, string>>;
let database: Fingerprint;

beforeAll(async () => {
  stage = await openAppStage();
  files = await filesOf(stage.app.directory);
  database = await stage.fingerprint();
});
afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await backend?.stop();
  await stage?.close();
});

/** The running backend; the one from before the rollout is another process. */
const running = (): Backend => {
  if (backend === null) throw new Error('no backend runs');
  return backend;
};

const restart = async (): Promise<void> => {
  await backend?.stop();
  backend = null;
  backend = await stage.startBackend();
};

/** The organizations of the rows in an answer, wherever in it they are. */
function organizationsIn(body: unknown): readonly string[] {
  const found = new Set<string>();
  JSON.stringify(body, (key, value: unknown) => {
    if (/^(?:org_id|organization_id)$/.test(key) && typeof value === 'string') found.add(value);
    return value;
  });
  return [...found].sort();
}

/** A call of Birch, which nobody of Acacia should see. */
async function callOfBirch(): Promise<string> {
  const rows = await stage.at.sql<{ id: string }>('select id from calls where org_id = $1 order by id limit 1', [
    birch,
  ]);
  return rows[0]?.id ?? '';
}

/** What the live socket answers to somebody who watches Birch: its messages, or the code with which it was closed. */
function watchBirch(token: string): Promise<{ readonly messages: readonly unknown[]; readonly closed: number | null }> {
  const socket = new ws(`${running().url.replace('http', 'ws')}/voice?token=${token}`);
  const messages: unknown[] = [];
  return new Promise((resolve, reject) => {
    const end = (closed: number | null): void => {
      clearTimeout(patience);
      socket.close();
      resolve({ messages, closed });
    };
    // A server that says nothing has shown nothing.
    const patience = setTimeout(() => end(null), 1500);
    socket.on('error', reject);
    socket.on('close', (code) => end(code));
    socket.on('message', (raw) => {
      messages.push(JSON.parse(String(raw)));
      if (messages.length === 1) socket.send(JSON.stringify({ type: 'watch', orgId: birch }));
      else end(null);
    });
  });
}

describe.sequential('the sample app, before, after and before again', () => {
  test('before: org A reads and writes org B', async () => {
    await restart();
    const owner = await stage.signIn('owner');
    const read = async (path: string, headers: Record<string, string> = {}) =>
      organizationsIn((await running().request(path, { token: owner, headers })).body);
    expect(await read('/api/analytics/leads', { 'x-tenant-id': birch })).toEqual([birch]);
    expect(await read(`/api/contacts?org_id=${birch}`)).toEqual([birch]);
    expect(await read(`/api/calls/${await callOfBirch()}`)).toEqual([birch]);
    expect((await running().request(`/api/dashboard/members/${birch}`, { token: owner })).body).toMatchObject({
      members: { length: 4 },
    });
    expect(organizationsIn((await watchBirch(owner)).messages)).toEqual([birch]);
    const listed = async (path: string, person: Person) =>
      organizationsIn((await running().request(path, { token: await stage.signIn(person) })).body);
    // By what everybody may write into their own metadata, and by the first organization of the table.
    expect(await listed('/api/appointments', 'liar')).toEqual([birch]);
    expect(await listed('/api/notifications', 'stranger')).toEqual([acacia]);
    const moved = await running().request('/api/phone-numbers', {
      method: 'POST',
      token: owner,
      body: { orgId: birch, number: '1' },
    });
    expect([moved.status, organizationsIn(moved.body)]).toEqual([201, [birch]]);
  });

  test('every step of all four phases is applied and verified', { timeout: 480_000 }, async () => {
    const waived = await stage.rollOut();
    // Routes without authentication, jobs without a request, values that only a person knows: all of the backend, and
    // nothing of the file that authenticates.
    expect(waived).toContain('request-org backend/src/routes/analytics.ts');
    expect(waived.filter((one) => !one.includes(' backend/') || one.includes('middleware/'))).toEqual([]);
    // What is left on one side is named where the other side changes.
    expect([...stage.notes].filter((one) => one.startsWith('3.2 backend/src/routes/analytics.ts:'))).toEqual([
      expect.stringContaining('from the header x-org-id, which the browser no longer sends'),
      expect.stringContaining('from the header x-tenant-id, which the browser no longer sends'),
    ]);
    const states = (await stage.rollout().status()).map(({ step, state }) => `${step} ${state}`);
    expect(states.filter((one) => !one.endsWith(' verified'))).toEqual([]);
    const types = [...stage.checks.values()].filter((one) => one.id.includes('/types/'));
    expect(new Set(types.map((one) => one.observed))).toEqual(new Set(['0 errors before, 0 now, 0 new']));
  });

  test('after: no token and no organization are 401, another one is 403, the own one works', async () => {
    await restart();
    const owner = await stage.signIn('owner');
    const { session } = await stage.gateway.signUp('anonymous', {});
    const nobody = session?.access_token ?? '';
    const status = async (path: string, token?: string) => (await running().request(path, { token })).status;
    for (const path of ['/api/calls', '/api/contacts', '/api/settings', '/api/account/usage', '/api/invoices']) {
      expect([path, await status(path)]).toEqual([path, 401]);
      expect([path, await status(path, nobody)]).toEqual([path, 401]);
      expect([path, await status(path, owner)]).toEqual([path, 200]);
    }
    for (const path of [
      `/api/contacts?org_id=${birch}`,
      `/api/dashboard/overview?orgId=${birch}`,
      `/api/dashboard/clinics/${birch}/overview`,
      `/api/dashboard/members/${birch}`,
    ]) {
      expect([path, await status(path, owner)]).toEqual([path, 403]);
      expect([path, await status(path.replace(birch, acacia), owner)]).toEqual([path, 200]);
    }
    const { body, status: refused } = await running().request('/api/contacts', { token: nobody });
    expect([refused, body]).toEqual([401, expect.objectContaining({ code: 'ORG_ID_MISSING' })]);
  });

  test('after: everybody gets the rows of the own organization, by the new column name', async () => {
    const get = async (path: string, person: Person) => running().request(path, { token: await stage.signIn(person) });
    for (const path of ['/api/notifications', '/api/phone-numbers', '/api/agents', '/api/knowledge-base']) {
      expect([path, organizationsIn((await get(path, 'stranger')).body)]).toEqual([path, [birch]]);
      expect([path, organizationsIn((await get(path, 'owner')).body)]).toEqual([path, [acacia]]);
    }
    expect(organizationsIn((await get('/api/appointments', 'owner')).body)).toEqual([acacia]);
    expect(organizationsIn((await get('/api/appointments', 'liar')).body)).not.toContain(birch);
    expect((await get('/api/invoices', 'owner')).body).toMatchObject({ payer: acacia, invoices: { length: 3 } });
    expect((await get('/api/account/preferences', 'owner')).body).toMatchObject({ 'name 1-1': { n: 1 } });
    expect((await get('/api/account/usage', 'owner')).body).toMatchObject({ usage: { 'metric 1-1': 11 } });
    expect((await get('/api/account/teams', 'owner')).body).toMatchObject({ teams: { length: 3 } });
    expect((await get('/api/account/templates', 'owner')).body).toMatchObject({ templates: { length: 3 } });
  });

  test('after: a body names no other organization, and the socket joins the own one', async () => {
    const owner = await stage.signIn('owner');
    const send = async (method: string, path: string, body: unknown) =>
      (await running().request(path, { method, token: owner, body })).status;
    expect(await send('POST', '/api/phone-numbers', { orgId: birch, number: '2' })).toBe(403);
    expect(await send('DELETE', `/api/settings/members/${birch}`, { organizationId: birch })).toBe(403);
    expect(await send('POST', '/api/phone-numbers', { orgId: acacia, number: '3' })).toBe(201);
    expect(await stage.at.sql(`select number from phone_numbers where number in ('2', '3')`)).toEqual([
      { number: '3' },
    ]);
    const liar = await watchBirch(await stage.signIn('liar'));
    expect(liar.messages[0]).toMatchObject({ type: 'joined' });
  });

  test("the rollout's own HTTP checks pass on the running backend", async () => {
    const { session } = await stage.gateway.signUp('anonymous', {});
    vi.stubEnv('VOXANNE_TEST_TOKEN', await stage.signIn('owner'));
    vi.stubEnv('VOXANNE_TEST_TOKEN_WITHOUT_ORG', session?.access_token ?? '');
    vi.stubEnv('VOXANNE_TEST_OTHER_ORG_ID', birch);
    vi.stubEnv('VOXANNE_TEST_PATH', '/api/contacts');
    expect(await stage.rollout(running().url).verify('2.3', signal)).toMatchObject({ failed: 0 });
    const asked = [...stage.checks.values()].filter((one) => one.kind === 'http' && one.id.startsWith('2.3/'));
    expect(asked.map((one) => [one.id, one.verdict, one.observed])).toEqual([
      ['2.3/http/no-token', 'passed', '401'],
      ['2.3/http/no-org', 'passed', '401'],
      ['2.3/http/other-org', 'passed', '403'],
      ['2.3/http/own-org', 'passed', '200'],
    ]);
  });

  settingsPage({ stage: () => stage, backend: running });

  test('rolled back: every byte and every object is as before, and the app runs again', async () => {
    const rollout = stage.rollout();
    const applied = (await rollout.status()).filter((row) => row.applied > 0).reverse();
    for (const { step } of applied) {
      expect([step, await rollout.rollback(step, signal)]).toEqual([
        step,
        expect.objectContaining({ proven: true, differences: [] }),
      ]);
    }
    expect(await filesOf(stage.app.directory)).toEqual(files);
    expect(differences(database, await stage.fingerprint())).toEqual([]);
    await stage.gateway.reload();
    await restart();
    const owner = await stage.signIn('owner');
    expect((await running().request('/api/invoices', { token: owner })).body).toMatchObject({
      invoices: { length: 3 },
    });
  });
});
