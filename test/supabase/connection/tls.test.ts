import { chmodSync, chownSync, copyFileSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { RolloutError } from '../../../src/rollout/errors.ts';
import { findAuthorities, type OpenOptions, openConnection } from '../../../src/supabase/connection/index.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { hasOpenssl, makeAuthority, makeServerCertificate } from './certificate-maker.ts';

const openssl = hasOpenssl();
if (!openssl) process.stderr.write('skipped: TLS tests need the openssl command\n');

async function failure(options: OpenOptions): Promise<RolloutError> {
  const error: unknown = await openConnection(options).then(
    (client) => client.end().then(() => expect.unreachable('it connected')),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RolloutError)) throw error;
  return error;
}

describe.skipIf(!openssl)('TLS with a private authority', () => {
  let folder = '';
  let server: EmbeddedServer;
  let ca = '';
  let otherCa = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tls-test-'));
    const authority = makeAuthority(folder, 'ours');
    ca = authority.certificate;
    otherCa = makeAuthority(folder, 'other').certificate;
    const made = makeServerCertificate(folder, authority, 'DNS:db.example.com,IP:127.0.0.1');
    server = await startServer();
    // The server reads its key only if it alone may read it, so both files go beside its data.
    const data = join(server.directory, 'data');
    const { uid, gid } = statSync(data);
    for (const [from, to] of [
      [made.certificate, 'server.crt'],
      [made.key, 'server.key'],
    ] as const) {
      copyFileSync(from, join(data, to));
      chownSync(join(data, to), uid, gid);
      chmodSync(join(data, to), 0o600);
    }
    const admin = new pg.Client({ connectionString: server.adminUrl() });
    await admin.connect();
    await admin.query('alter system set ssl = on');
    await admin.query('select pg_reload_conf()');
    await admin.end();
  });
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true });
  });

  const trust = (path: string) => findAuthorities({ workspace: folder, ca: path, env: {} });
  const url = (host = '127.0.0.1', query = '') => `${server.url('postgres').replace('127.0.0.1', host)}${query}`;

  test.each(['', '?sslmode=require', '?sslmode=verify-full', '?sslmode=no-verify'])(
    'connects encrypted with the right authority %s',
    async (query) => {
      const client = await openConnection({ url: url('127.0.0.1', query), authorities: await trust(ca) });
      const { rows } = await client.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
      await client.end();
      expect(rows).toEqual([{ ssl: true }]);
    },
  );

  test('a bundle may hold other authorities too', async () => {
    const bundle = join(folder, 'bundle.crt');
    await writeFile(bundle, readFileSync(otherCa, 'utf8') + readFileSync(ca, 'utf8'));
    await (await openConnection({ url: url(), authorities: await trust(bundle) })).end();
  });

  test.each([
    ['another authority', true],
    ['none', false],
  ])('refuses with %s, even under sslmode=no-verify, and says where to get the certificate', async (_, given) => {
    const error = await failure({
      url: url('127.0.0.1', '?sslmode=no-verify'),
      authorities: given ? await trust(otherCa) : null,
    });
    expect(error.exitCode).toBe(4);
    expect(error.problem).toContain('not trusted');
    expect(error.remedy).toContain('--ca');
    expect(error.message).not.toContain(new URL(server.url('postgres')).password);
  });

  test('refuses a certificate made out to another name', async () => {
    const error = await failure({ url: url('localhost'), authorities: await trust(ca) });
    expect(error).toMatchObject({ exitCode: 4, problem: expect.stringContaining('another name') });
  });

  test('takes the sslrootcert of the string, and a prod-ca file of the workspace beside the public authorities', async () => {
    const named = await findAuthorities({ workspace: folder, sslrootcert: ca, env: {} });
    expect(named).toMatchObject({ origin: 'sslrootcert', named: true });
    const workspace = join(folder, 'app');
    await mkdir(join(workspace, 'supabase'), { recursive: true });
    copyFileSync(ca, join(workspace, 'supabase/prod-ca-2021.crt'));
    const found = await findAuthorities({ workspace, env: { NODE_EXTRA_CA_CERTS: otherCa } });
    expect(found?.named).toBe(false);
    expect(found?.pem.length).toBeGreaterThan(100);
    await (await openConnection({ url: url('127.0.0.1', '?sslmode=require'), authorities: found })).end();
    expect(await findAuthorities({ workspace: join(folder, 'nowhere'), env: {} })).toBeNull();
  });

  test('a certificate file that is absent, empty or expired is refused before connecting', async () => {
    await writeFile(join(folder, 'empty.crt'), 'nothing');
    await writeFile(join(folder, 'torn.crt'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    await expect(trust(join(folder, 'gone.crt'))).rejects.toMatchObject({
      exitCode: 2,
      problem: expect.stringContaining('is not there'),
    });
    await expect(trust(join(folder, 'empty.crt'))).rejects.toMatchObject({
      problem: expect.stringContaining('holds no certificate'),
    });
    await expect(trust(join(folder, 'torn.crt'))).rejects.toMatchObject({
      problem: expect.stringContaining('cannot be read'),
    });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 86_400_000 });
    try {
      await expect(trust(ca)).rejects.toMatchObject({ problem: expect.stringContaining('have expired') });
    } finally {
      vi.useRealTimers();
    }
  });
});

test('a server without TLS is named as such', async () => {
  const server = await startServer();
  try {
    const error = await failure({ url: `${server.url('postgres')}?sslmode=require` });
    expect(error).toMatchObject({ exitCode: 4, problem: expect.stringContaining('does not offer an encrypted') });
  } finally {
    await server.stop();
  }
});
