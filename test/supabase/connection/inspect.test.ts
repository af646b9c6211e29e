import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import {
  connector,
  describeUrl,
  type Inspection,
  inspectConnection,
  openConnection,
  probePolicyLock,
  refusal,
  requireUsable,
} from '../../../src/supabase/connection/index.ts';
import { type DoctorOptions, doctor } from '../../../src/supabase/doctor.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'tiny', 'app');
  await loadDatabase(server, 'tiny', 'locked', { hostedLocks: true });
  await server.createDatabase('plain');
});
afterAll(() => server?.stop());

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await openConnection({ url });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const inspect = (url: string): Promise<Inspection> =>
  withClient(url, (client) => inspectConnection(client, () => openConnection({ url })));

describe('what a connection turns out to be', () => {
  test('a Supabase database as role postgres is accepted', async () => {
    const url = server.url('app');
    const inspection = await inspect(url);
    expect(inspection).toMatchObject({
      mode: 'direct',
      readOnly: null,
      missing: [],
      role: 'postgres',
      superuser: false,
    });
    expect(inspection.serverVersion).toBeGreaterThanOrEqual(150_000);
    expect(inspection.privileges.filter((one) => !one.held)).toEqual([]);
    expect(refusal(inspection, describeUrl(url))).toBeNull();
  });

  test('a database without auth is refused, with all that is missing', async () => {
    const url = server.url('plain');
    const error = refusal(await inspect(url), describeUrl(url));
    expect(error).toMatchObject({
      exitCode: 4,
      problem: expect.stringContaining('not a Supabase database: schema auth'),
    });
    expect(error?.detail).toContain('function auth.jwt()');
  });

  test('a role that lacks privileges is refused, with each one', async () => {
    const url = server.url('app', 'authenticator');
    const error = refusal(await inspect(url), describeUrl(url));
    expect(error).toMatchObject({ exitCode: 4, remedy: 'Connect as the role postgres of the project.' });
    expect(error?.problem).toContain('Role authenticator may not create schemas in the database');
    expect(error?.detail).toContain('create triggers on auth.users');
  });

  test('a read-only server is refused', async () => {
    const url = `${server.url('app')}?options=-c%20default_transaction_read_only%3Don`;
    const error = refusal(await inspect(url), describeUrl(url));
    expect(error?.problem).toContain('only allows reading');
  });

  test('an old server and a replica are refused', async () => {
    const description = describeUrl(server.url('app'));
    const inspection = await inspect(server.url('app'));
    expect(
      refusal({ ...inspection, serverVersion: 140_011, serverVersionText: '14.11' }, description)?.problem,
    ).toContain('PostgreSQL 14.11');
    expect(refusal({ ...inspection, readOnly: 'a replica' }, description)?.problem).toContain('a replica');
  });
});

describe('the connector', () => {
  test('finds the database, connects as often as asked, and knows what to hide', async () => {
    const url = new URL(server.url('app'));
    const { password } = url;
    url.password = '';
    const way = await connector({
      env: { SUPABASE_DB_URL: url.href, SUPABASE_DB_PASSWORD: password },
      workspace: '/nowhere',
      applicationName: 'voxanne-rollout test',
    });
    expect(way).toMatchObject({ tls: false, authorities: null, secrets: [password] });
    expect(way.source).toMatchObject({ origin: 'SUPABASE_DB_URL', explicit: true });
    const clients = await Promise.all([way.connect(), way.connect()]);
    const { rows } = await clients[0].query("select current_setting('application_name') as name");
    expect(rows).toEqual([{ name: 'voxanne-rollout test' }]);
    await Promise.all(clients.map((client) => client.end()));
    expect(await requireUsable(way)).toMatchObject({ mode: 'direct', missing: [] });
  });

  test('does not let a rollout use what it refuses, and leaves no session there', async () => {
    const way = await connector({ env: {}, dbUrl: server.url('plain'), workspace: '/nowhere' });
    await expect(requireUsable(way)).rejects.toMatchObject({ exitCode: 4 });
    await withClient(server.adminUrl('postgres'), async (admin) => {
      const sessions = async () =>
        (await admin.query("select from pg_stat_activity where datname = 'plain'")).rows.length;
      await expect.poll(sessions).toBe(0);
    });
  });
});

describe('locks of policy statements', () => {
  test('are absent on a plain server', async () => {
    expect(await withClient(server.url('app'), probePolicyLock)).toEqual({ state: 'absent' });
  });

  test('are found where policy statements lock the platform, and are gone after the probe', async () => {
    await withClient(server.url('locked'), async (client) => {
      const lock = await probePolicyLock(client);
      expect(lock).toMatchObject({ state: 'present', tables: expect.arrayContaining(['auth.users']) });
      const { rows } = await client.query(
        "select from pg_locks where pid = pg_backend_pid() and mode = 'AccessExclusiveLock'",
      );
      expect(rows).toEqual([]);
    });
  });

  test('are found while a sign-in holds the platform table, without waiting for it', async () => {
    await withClient(server.adminUrl('locked'), async (signIn) => {
      await signIn.query('begin; lock table auth.users in row exclusive mode');
      const start = performance.now();
      expect(await withClient(server.url('locked'), probePolicyLock)).toEqual({ state: 'present', tables: [] });
      expect(performance.now() - start).toBeLessThan(1_500);
      await signIn.query('rollback');
    });
  });

  test('are unknown where nothing can be written', async () => {
    const url = `${server.url('app')}?options=-c%20default_transaction_read_only%3Don`;
    expect(await withClient(url, probePolicyLock)).toMatchObject({ state: 'unknown' });
  });
});

describe('doctor', () => {
  async function results(options: Partial<DoctorOptions>): Promise<Map<string, CheckResult>> {
    const found = new Map<string, CheckResult>();
    const all = { env: { PATH: process.env.PATH }, workspace: '/', executor: 'pg', ...options } as const;
    for await (const result of doctor(all)) found.set(result.id, result);
    return found;
  }

  test('says of a good target that all is well, in a fixed order, and hides the password', async () => {
    const found = await results({ dbUrl: server.url('app') });
    expect([...found.keys()]).toEqual([
      'doctor/node',
      'doctor/supabase-cli',
      'doctor/source',
      'doctor/tls',
      'doctor/connection',
      'doctor/pooler',
      'doctor/server',
      'doctor/writable',
      'doctor/supabase',
      'doctor/privileges',
      'doctor/sessions',
      'doctor/policy-lock',
    ]);
    expect([...found.values()].filter((one) => one.verdict === 'failed')).toEqual([]);
    expect(JSON.stringify([...found.values()])).not.toContain(new URL(server.url('app')).password);
    expect(found.get('doctor/policy-lock')?.verdict).toBe('passed');
  });

  test('names what is wrong and skips what depends on it, with the reason', async () => {
    const none = await results({});
    expect(none.get('doctor/source')).toMatchObject({ verdict: 'failed', observed: 'No database URL given.' });
    expect(none.get('doctor/server')).toMatchObject({ verdict: 'skipped', advice: 'Name a database first.' });
    const closed = await results({ dbUrl: 'postgresql://u:hush@127.0.0.1:1/d' });
    expect(closed.get('doctor/connection')).toMatchObject({ verdict: 'failed' });
    expect(closed.get('doctor/connection')?.observed).toContain('Nothing accepts connections at u@127.0.0.1:1/d');
    expect(closed.get('doctor/privileges')).toMatchObject({ verdict: 'skipped' });
    const plaintext = await results({ dbUrl: 'postgresql://u:hush@example.com/d?sslmode=disable' });
    expect(plaintext.get('doctor/tls')).toMatchObject({ verdict: 'failed' });
    expect(plaintext.get('doctor/pooler')).toMatchObject({ verdict: 'skipped', advice: 'Fix TLS first.' });
  });

  test('shows each defect of a target', async () => {
    const plain = await results({ dbUrl: server.url('plain') });
    expect(plain.get('doctor/supabase')).toMatchObject({ verdict: 'failed' });
    const weak = await results({ dbUrl: server.url('app', 'authenticator') });
    expect(weak.get('doctor/privileges')?.observed).toContain('authenticator may not');
    const locked = await results({ dbUrl: server.url('locked') });
    expect(locked.get('doctor/policy-lock')?.observed).toContain('auth.users');
  });

  test('points out another database that a file names, and a CLI that is needed and absent', async () => {
    const found = await results({
      dbUrl: server.url('app'),
      env: { DATABASE_URL: 'postgresql://u:hush@127.0.0.1:2/other', PATH: '/nowhere' },
      executor: 'supabase-cli',
    });
    expect(found.get('doctor/source')?.advice).toContain('DATABASE_URL names u@127.0.0.1:2/other');
    expect(found.get('doctor/supabase-cli')).toMatchObject({ verdict: 'failed', observed: 'not installed' });
  });

  test.each([
    ['3.1.0', 'passed'],
    ['1.226.4', 'failed'],
  ])('reads the version of a CLI on PATH, with its telemetry off: %s', async (version, verdict) => {
    const workspace = await mkdtemp(join(tmpdir(), 'doctor-test-'));
    const bin = join(workspace, 'programs');
    await mkdir(bin);
    const script = `#!/bin/sh\n[ "$DO_NOT_TRACK$SUPABASE_TELEMETRY_DISABLED" = 11 ] || exit 9\necho ${version}\n`;
    await writeFile(join(bin, 'supabase'), script, { mode: 0o755 });
    const found = await results({ workspace, executor: 'supabase-cli', env: { PATH: `${bin}:/usr/bin:/bin` } });
    await rm(workspace, { recursive: true });
    expect(found.get('doctor/supabase-cli')).toMatchObject({ verdict, observed: version });
  });

  test.each(['', '..'])(
    'starts no program of the checkout or of a folder above it, also where npx put it on PATH: %s',
    async (up) => {
      const outer = await mkdtemp(join(tmpdir(), 'doctor-test-'));
      const workspace = join(outer, 'app');
      const bin = join(workspace, up, 'node_modules', '.bin');
      await mkdir(workspace);
      await mkdir(bin, { recursive: true });
      const trace = join(outer, 'started');
      await writeFile(join(bin, 'supabase'), `#!/bin/sh\nenv > '${trace}'\necho 3.1.0\n`, { mode: 0o755 });
      const env = { PATH: `${bin}:/nowhere` };
      const found = await results({ workspace, executor: 'supabase-cli', env });
      expect(existsSync(trace)).toBe(false);
      await rm(outer, { recursive: true });
      expect(found.get('doctor/supabase-cli')?.verdict).not.toBe('passed');
    },
  );

  test('says what is not owned without calling it a failure', async () => {
    await withClient(server.adminUrl('locked'), (admin) => admin.query('create table public.theirs ()'));
    const found = await results({ dbUrl: server.url('locked') });
    expect(found.get('doctor/privileges')).toMatchObject({ verdict: 'passed' });
    expect(found.get('doctor/privileges')?.observed).toContain('may not alter every table of public');
  });

  test('runs the checks of the workspace that it is given', async () => {
    const extra = {
      id: 'workspace/x',
      title: 'x',
      kind: 'scan',
      verdict: 'passed',
      expected: '',
      observed: '',
      milliseconds: 0,
    } as const;
    const found = await results({
      async *workspaceChecks() {
        yield extra;
      },
    });
    expect(found.get('workspace/x')).toEqual(extra);
  });
});
