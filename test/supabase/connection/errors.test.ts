import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  isConnectionLost,
  isConnectRetryable,
  isRetryable,
  sqlExcerpt,
  toRolloutError,
} from '../../../src/database/errors.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { RolloutError } from '../../../src/rollout/errors.ts';
import { describeUrl, type OpenOptions, openConnection } from '../../../src/supabase/connection/index.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer({ settings: { max_connections: '20', superuser_reserved_connections: '3' } });
  await loadDatabase(server, 'tiny', 'app');
});
afterAll(() => server?.stop());

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.unreachable('it succeeded'),
    (reason: unknown) => reason,
  );
}

async function refused(options: OpenOptions): Promise<RolloutError> {
  const error = await failure(openConnection(options));
  if (!(error instanceof RolloutError)) throw error;
  return error;
}

async function withClient<T>(work: (client: pg.Client) => Promise<T>, url = server.url('app')): Promise<T> {
  const client = await openConnection({ url });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

describe('a connection that cannot be had says why, ends with 4 and keeps the password', () => {
  const sentence = (error: RolloutError) => `${error.exitCode} ${error.problem} ${error.remedy}`;
  const secret = 'hush-hush';

  test('wrong password', async () => {
    const url = server.url('app').replace(/:[^:@/]+@/, `:${secret}@`);
    const error = await refused({ url });
    expect(sentence(error)).toMatch(/^4 The password of postgres is incorrect\./);
    expect(`${error.stack}`).not.toContain(secret);
  });

  test('no password', async () => {
    const error = await refused({ url: server.url('app').replace(/:[^:@/]+@/, '@') });
    expect(sentence(error)).toMatch(/^4 .* asks for a password.*SUPABASE_DB_PASSWORD/);
  });

  test('wrong database', async () => {
    expect(sentence(await refused({ url: server.url('nowhere') }))).toMatch(/^4 There is no database nowhere/);
  });

  test('a role that may not log in', async () => {
    const url = new URL(server.url('app'));
    url.username = 'nobody_here';
    expect(sentence(await refused({ url: url.href }))).toMatch(/^4 The password of nobody_here is incorrect/);
  });

  test('nobody listens', async () => {
    const error = await refused({ url: `postgresql://u:${secret}@localhost:1/d` });
    expect(sentence(error)).toMatch(/^4 Nothing accepts connections at u@localhost:1\/d\./);
    expect(isConnectRetryable(error)).toBe(true);
  });

  test('an unknown host', async () => {
    const error = await refused({ url: `postgresql://u:${secret}@nowhere.invalid/d` });
    expect(sentence(error)).toMatch(/^4 The host name nowhere\.invalid cannot be resolved/);
    expect(error.message).not.toContain(secret);
  });

  test('no connection left', async () => {
    const clients = await Promise.allSettled(
      Array.from({ length: 20 }, () => openConnection({ url: server.url('app') })),
    );
    const failed = clients.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    await Promise.all(clients.map((one) => (one.status === 'fulfilled' ? one.value.end() : undefined)));
    expect(failed[0]).toBeInstanceOf(RolloutError);
    expect(sentence(failed[0])).toMatch(/^4 The server has no free connection/);
  });

  describe('something else listens', () => {
    let other: Server | undefined;
    async function listen(answer: (socket: Socket) => void): Promise<string> {
      other = createServer((socket) => {
        socket.on('error', () => socket.destroy());
        answer(socket);
      }).listen(0, '127.0.0.1');
      await once(other, 'listening');
      const address = other.address();
      if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
      return `postgresql://u:${secret}@127.0.0.1:${address.port}/d`;
    }
    const close = () => other?.close();

    test('that never answers', async () => {
      const error = await refused({ url: await listen(() => undefined), connectTimeout: 300 });
      close();
      expect(sentence(error)).toMatch(/^4 u@127\.0\.0\.1:\d+\/d did not answer in time/);
    });

    test('that hangs up', async () => {
      const error = await refused({ url: await listen((socket) => socket.end()) });
      close();
      expect(sentence(error)).toMatch(/^4 .* closed the connection during sign-in/);
    });

    test('that knows no TLS', async () => {
      const url = await listen((socket) => socket.once('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')));
      const error = await refused({ url: `${url}?sslmode=require` });
      close();
      expect(sentence(error)).toMatch(/^4 .* does not offer an encrypted connection/);
    });

    test('and waiting for it is ended by the signal', async () => {
      const url = await listen(() => undefined);
      const reason = new Error('stopped');
      const stop = new AbortController();
      setTimeout(() => stop.abort(reason), 50);
      expect(await failure(openConnection({ url, signal: stop.signal }))).toBe(reason);
      close();
      expect(await failure(openConnection({ url, signal: stop.signal }))).toBe(reason);
    });
  });

  test.each([
    ['ENETUNREACH', 'direct', /IPv6 only.*Session pooler/s],
    ['ENOTFOUND', 'direct', /IPv6 only.*Session pooler.*not paused/s],
    ['ENOTFOUND', 'other', /cannot be resolved/],
    ['EHOSTUNREACH', 'other', /no network route/],
    ['ETIMEDOUT', 'direct', /did not answer in time/],
    ['CERT_HAS_EXPIRED', 'direct', /has expired.*clock/s],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'direct', /not trusted.*dashboard.*--ca/s],
  ])('%s of a %s host', (code, kind, expected) => {
    const connection = { ...describeUrl('postgresql://postgres:x@db.abcdef.supabase.co/postgres'), kind };
    const error = toRolloutError(Object.assign(new Error('x'), { code }), { connection, connecting: true });
    expect(sentence(error)).toMatch(expected);
    expect(error.exitCode).toBe(4);
  });

  test.each([
    ['XX000', 'Tenant or user not found', /^4 The pooler knows no project for postgres.*postgres\.PROJECT-REF/s],
    ['XX000', 'MaxClientsInSessionMode: max clients reached', /^4 The pooler has no free connection/],
    ['08P01', 'unsupported startup parameter: statement_timeout', /^4 The pooler refuses a setting/],
    ['57P03', 'the database system is starting up', /^4 The server is starting/],
    [
      '28000',
      'no pg_hba.conf entry for host "1.2.3.4", user "postgres", database "postgres", no encryption',
      /^4 .*encrypted connections only/,
    ],
  ])('%s %s', (code, message, expected) => {
    const connection = describeUrl('postgresql://postgres:x@aws-0-r.pooler.supabase.com:5432/postgres');
    const error = toRolloutError(Object.assign(new Error(message), { code }), { connection, connecting: true });
    expect(sentence(error)).toMatch(expected);
  });

  test('a host with several addresses speaks with the first that has a code', () => {
    const one = Object.assign(new Error('connect ENETUNREACH ::1'), { code: 'ENETUNREACH' });
    const error = toRolloutError(new AggregateError([one, new Error('b')]), { connecting: true });
    expect(error.problem).toContain('no network route');
  });
});

describe('a statement that fails', () => {
  async function failing(sql: string, before = 'select 1'): Promise<RolloutError> {
    return withClient(async (client) => {
      await client.query(before);
      return toRolloutError(await failure(client.query(sql)), { sql, connection: describeUrl(server.url('app')) });
    });
  }

  test('is shown with line and caret', async () => {
    const error = await failing('select id,\n  “ä”, nothing_here\nfrom public.profiles');
    expect(error.detail).toMatch(/^1 \| select id,\n2 \| {3}“ä”, nothing_here\n {2}\| {3}\^/);
    expect(error.exitCode).toBe(1);
    expect(error.problem).toContain('SQLSTATE 42703');
  });

  test('inside a function shows the statement there', async () => {
    const error = await failing(
      'select pg_temp.broken()',
      'create function pg_temp.broken() returns int language plpgsql as $$ begin return (select no_such from pg_class); end $$',
    );
    expect(error.detail).toContain('no_such');
    expect(error.detail).toMatch(/\^/);
    expect(error.detail).toContain('in PL/pgSQL function');
  });

  test.each([
    [
      'create table auth.mine ()',
      'select 1',
      /postgres may not do this: permission denied for schema auth\./,
      'operator',
    ],
    ['selec 1', 'select 1', /PostgreSQL cannot parse a statement/, 'defect'],
    ['create table x ()', 'set default_transaction_read_only = on', /only allows reading/, 'operator'],
    ['select pg_sleep(5)', "set statement_timeout = '50ms'", /longer than the statement timeout/, 'operator'],
  ])('%s', async (sql, before, expected, kind) => {
    const error = await failing(sql, before);
    expect(error.problem).toMatch(expected);
    expect(error).toMatchObject({ kind, exitCode: 1 });
  });

  test('a lock that cannot be had and a cancelled statement are told apart, and only the first is tried again', async () => {
    await withClient(async (holder) => {
      await holder.query('begin; lock table public.profiles');
      await withClient(async (client) => {
        await client.query("set lock_timeout = '50ms'");
        const waited = await failure(client.query('select from public.profiles'));
        expect(isRetryable(waited)).toBe(true);
        expect(toRolloutError(waited).problem).toContain('A lock could not be acquired in time');
        // Inside a transaction the view of other sessions would be the one taken first.
        await holder.query('rollback');
        const { rows } = await client.query('select pg_backend_pid() as pid');
        const sleeping = failure(client.query('select pg_sleep(10)'));
        const running =
          "select from pg_stat_activity where pid = $1 and query like '%pg_sleep(10)%' and state = 'active'";
        await expect.poll(async () => (await holder.query(running, [rows[0].pid])).rows.length).toBe(1);
        await holder.query('select pg_cancel_backend($1)', [rows[0].pid]);
        const cancelled = await sleeping;
        expect(isRetryable(cancelled)).toBe(false);
        expect(isConnectionLost(cancelled)).toBe(false);
        expect(toRolloutError(cancelled).problem).toContain('cancelled on the server');
      });
    });
  });

  test('secrets in it are removed from every part', async () => {
    const key = ['eyJhbGciOiJIUzI1NiJ9', 'eyJyb2xlIjoieCJ9', 'c2ln'].join('.');
    const error = await failing(`select '${key}', 'private-word', nothing from pg_class`);
    expect(error.detail).toContain('***');
    expect(`${error.message}${error.detail}`).not.toContain(key);
    const known = toRolloutError(new Error('about private-word'), {
      redact: (text) => text.replace('private-word', '***'),
    });
    expect(known.message).not.toContain('private-word');
  });
});

describe('a connection that is lost', () => {
  test('in mid-statement, by a stop or a crash of the server, is known as lost and told to its owner', async () => {
    for (const mode of ['fast', 'immediate'] as const) {
      const lost: RolloutError[] = [];
      const client = await openConnection({ url: server.url('app'), onLost: (error) => lost.push(error) });
      const running = failure(client.query('select pg_sleep(20)'));
      await expect
        .poll(() =>
          withClient(async (other) => {
            const { rows } = await other.query("select from pg_stat_activity where query = 'select pg_sleep(20)'");
            return rows.length;
          }),
        )
        .toBe(1);
      await server.restart(mode);
      const error = await running;
      expect(isConnectionLost(error)).toBe(true);
      expect(isConnectionLost(toRolloutError(error))).toBe(true);
      expect(toRolloutError(error)).toMatchObject({ kind: 'outside', exitCode: 1 });
      const after = await failure(client.query('select 1'));
      expect(isConnectionLost(after)).toBe(true);
      await expect.poll(() => lost.length).toBeGreaterThan(0);
      await client.end();
    }
  });

  test('while idle ends no process and is told to its owner; closing it ourselves is no loss', async () => {
    const lost: RolloutError[] = [];
    const client = await openConnection({ url: server.url('app'), onLost: (error) => lost.push(error) });
    const { rows } = await client.query('select pg_backend_pid() as pid');
    await withClient((other) => other.query('select pg_terminate_backend($1)', [rows[0].pid]), server.adminUrl('app'));
    await expect.poll(() => lost.length).toBeGreaterThan(0);
    expect(lost[0]?.problem).toContain('The server ended the connection');
    const closed = await openConnection({ url: server.url('app'), onLost: (error) => lost.push(error) });
    const before = lost.length;
    await closed.end();
    expect(lost.length).toBe(before);
  });
});

describe('everything else', () => {
  test('is a defect of ours, without secrets', () => {
    const error = toRolloutError(new TypeError('cannot read postgresql://u:hush@h/d'));
    expect(error).toMatchObject({ kind: 'defect', exitCode: 1 });
    expect(error.message).not.toContain('hush');
    expect(toRolloutError('a string').problem).toContain('a string');
  });

  test('a RolloutError stays as it is', () => {
    const error = new RolloutError('a', 'b');
    expect(toRolloutError(error)).toBe(error);
  });

  test.each([
    ['53100', 'disk of the database server is full', 1],
    ['ENOSPC', 'disk of this machine is full', 1],
    ['25P03', 'open for too long', 1],
    ['08006', 'connection to the server failed', 1],
    ['P0001', 'SQLSTATE P0001', 1],
  ])('%s', (code, expected, exitCode) => {
    const error = toRolloutError(Object.assign(new Error('said'), { code }));
    expect(error.problem).toContain(expected);
    expect(error.exitCode).toBe(exitCode);
  });

  test.each([
    ['55P03', true, false],
    ['40P01', true, false],
    ['40001', true, false],
    ['57P01', false, true],
    ['25P03', false, true],
    ['08006', false, true],
    ['ECONNRESET', false, true],
    ['EPIPE', false, true],
    ['57014', false, false],
    ['23505', false, false],
  ])('%s: tried again %s, lost %s', (code, retryable, lost) => {
    const error = Object.assign(new Error('x'), { code });
    expect([isRetryable(error), isConnectionLost(error)]).toEqual([retryable, lost]);
  });
});

describe('the excerpt', () => {
  test('counts characters as PostgreSQL does, also outside the first plane', () => {
    expect(sqlExcerpt("select '😀', x", 13)).toBe("1 | select '😀', x\n  |             ^");
  });

  test('of a long line shows the part around the place', () => {
    const sql = `select ${'a, '.repeat(100)}wrong from t`;
    const [line = '', caret = ''] = sqlExcerpt(sql, sql.indexOf('wrong') + 1).split('\n');
    expect(line.length).toBeLessThan(110);
    expect(line.slice(caret.indexOf('^'))).toMatch(/^wrong/);
  });
});

test.each([
  ['Failing row contains (1, kept-secret, 2).', false],
  ['Key (email)=(kept-secret@example.com) already exists.', false],
  ['Key (org, note)=(00000000-0000-4000-8000-000000000001, kept-secret\n) ) is not present in table "a".', false],
  ['Key (org_id)=(00000000-0000-4000-8000-000000000001) is not present in table "organizations".', true],
  ['Key (a, b)=(12, null) already exists.', true],
])('what people wrote in a row stays out of errors: %j', (detail, kept) => {
  const error = toRolloutError(Object.assign(new Error('duplicate key value'), { code: '23505', detail }));
  expect(error.detail).not.toContain('kept-secret');
  if (kept) expect(error.detail).toBe(detail);
  else expect(error.detail).toMatch(/not shown/);
});

test('an error says that an excerpt shows where it is only with one', () => {
  const thrown = Object.assign(new Error('stack depth limit exceeded'), { code: '54001' });
  expect(toRolloutError(thrown).remedy).toBe('Nothing of that statement was done.');
  expect(toRolloutError(thrown, { sql: 'select 1' })).toMatchObject({
    remedy: 'The excerpt shows where; nothing of that statement was done.',
    detail: 'select 1',
  });
});
