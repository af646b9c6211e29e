import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import {
  describeUrl,
  detectPoolMode,
  inspectConnection,
  openConnection,
  refusal,
} from '../../../src/supabase/connection/index.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { type Bouncer, hasPgbouncer, startPgbouncer } from './pgbouncer.ts';

const installed = hasPgbouncer();
if (!installed) process.stderr.write('skipped: the pooler tests need pgbouncer (Debian: apt-get install pgbouncer)\n');

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'tiny', 'app');
});
afterAll(() => server?.stop());

async function modeOf(url: string) {
  const client = await openConnection({ url });
  try {
    return await detectPoolMode(client, () => openConnection({ url }));
  } finally {
    await client.end();
  }
}

async function sessionsOf(database: string): Promise<number> {
  const admin = new pg.Client({ connectionString: server.adminUrl() });
  await admin.connect();
  const { rows } = await admin.query('select count(*)::int as n from pg_stat_activity where datname = $1', [database]);
  await admin.end();
  return rows[0].n;
}

test('a connection without a pooler is direct', async () => {
  expect(await modeOf(server.url('app'))).toBe('direct');
});

describe.skipIf(!installed)('behind pgbouncer', () => {
  let bouncer: Bouncer | undefined;
  afterEach(async () => {
    await bouncer?.stop();
    bouncer = undefined;
  });

  test('session mode is told and accepted, and nothing stays open', async () => {
    bouncer = await startPgbouncer(server, 'session');
    const url = bouncer.url('app');
    expect(await modeOf(url)).toBe('session');
    const client = await openConnection({ url });
    const inspection = await inspectConnection(client, () => openConnection({ url }));
    await client.end();
    expect(refusal(inspection, describeUrl(url))).toBeNull();
  });

  test.each([
    ['as it comes', {}],
    ['round robin', { server_round_robin: 1 }],
    ['with idle servers', { min_pool_size: 3 }],
    ['with a single server', { default_pool_size: 1 }],
  ])('transaction mode is told, %s', async (_, settings) => {
    bouncer = await startPgbouncer(server, 'transaction', settings);
    expect(await modeOf(bouncer.url('app'))).toBe('transaction');
    // Nothing of the probe may hold a server of the pool: the next client gets one at once.
    const next = await openConnection({ url: bouncer.url('app') });
    await next.query('select 1');
    await next.end();
  });

  test('transaction mode among busy servers and other clients is told', async () => {
    bouncer = await startPgbouncer(server, 'transaction', { server_round_robin: 1, default_pool_size: 8 });
    const url = bouncer.url('app');
    const others = await Promise.all(Array.from({ length: 6 }, () => openConnection({ url })));
    await Promise.all(others.map((one) => one.query('select pg_sleep(0.1)')));
    expect(await modeOf(url)).toBe('transaction');
    await Promise.all(others.map((one) => one.end()));
  });

  test('transaction mode is refused with what to use instead', async () => {
    bouncer = await startPgbouncer(server, 'transaction');
    const url = bouncer.url('app');
    const client = await openConnection({ url });
    const inspection = await inspectConnection(client, () => openConnection({ url }));
    await client.end();
    const hosted = describeUrl('postgresql://postgres.abcdef:x@aws-0-eu-central-1.pooler.supabase.com:6543/postgres');
    const error = refusal(inspection, hosted);
    expect(error).toMatchObject({ exitCode: 4, problem: expect.stringContaining('transaction mode') });
    expect(error?.remedy).toContain(
      'postgresql://postgres.abcdef:PASSWORD@aws-0-eu-central-1.pooler.supabase.com:5432/postgres',
    );
  });

  test('a pool in session mode with one server cannot carry a rollout', async () => {
    bouncer = await startPgbouncer(server, 'session', { default_pool_size: 1 });
    await expect(modeOf(bouncer.url('app'))).rejects.toMatchObject({
      exitCode: 4,
      problem: 'The pooler gives no second server connection.',
    });
  });

  test('an unknown database and a server that is down are said as such', async () => {
    bouncer = await startPgbouncer(server, 'session', { server_login_retry: 1, query_wait_timeout: 3 });
    await expect(openConnection({ url: bouncer.url('nowhere') })).rejects.toMatchObject({ exitCode: 4 });
  });
});

test('probing leaves no session behind', async () => {
  await modeOf(server.url('app'));
  await expect.poll(() => sessionsOf('app')).toBe(0);
});
