import { describe, expect, test } from 'vitest';
import { RolloutError } from '../../../src/rollout/errors.ts';
import { insteadOfTransaction } from '../../../src/supabase/connection/describe.ts';
import { clientConfig, describeUrl, isLoopback, parseDatabaseUrl } from '../../../src/supabase/connection/index.ts';

const ref = 'abcdefghijklmnopqrst';

describe('a connection string', () => {
  test.each([
    ['postgresql://u:p@h:6543/d', { user: 'u', password: 'p', host: 'h', port: 6543, database: 'd' }],
    ['postgres://u:p@h', { port: 5432, database: 'u' }],
    ['postgresql://u@h/d', { password: null }],
    ['postgresql://u:p%40s%2Fs@h/d', { password: 'p@s/s' }],
    ['postgresql://u:p@s@h/d', { password: 'p@s', host: 'h' }],
    ['postgresql://u:a/b?c#d@h:1/d', { password: 'a/b?c#d', host: 'h', port: 1 }],
    ['postgresql://u:12/ss@h/d', { password: '12/ss', host: 'h', port: 5432 }],
    ['postgresql://u:100%@h/d', { password: '100%' }],
    ['postgresql://u:p@[::1]:5433/d', { host: '::1', port: 5433 }],
    ['postgresql://u:p@/d?host=/tmp', { host: '/tmp', database: 'd' }],
    ['postgresql://u:p@h/d?application_name=a@b', { host: 'h', password: 'p' }],
    [
      `  postgresql://postgres.${ref}:p@h/d?sslmode=require\n`,
      { user: `postgres.${ref}`, parameters: { sslmode: 'require' } },
    ],
  ])('%s', (url, expected) => {
    expect(parseDatabaseUrl(url)).toMatchObject(expected);
  });

  test.each([
    ['mysql://u:hush@h/d', 'does not begin'],
    ['host=h user=u password=hush', 'keyword form'],
    ['postgresql://postgres:[YOUR-PASSWORD]@h/d', 'placeholder'],
    ['postgresql://u:hush@/d', 'names no host'],
    ['postgresql://h/d', 'names no user'],
    ['postgresql://u:hush@a,b/d', 'several hosts'],
    ['postgresql://u:hush@h:70000/d', 'port'],
    ['postgresql://u:hush@h:port/d', 'names no host'],
  ])('%s is refused and not quoted', (url, expected) => {
    try {
      parseDatabaseUrl(url);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof RolloutError)) throw error;
      expect(error.problem).toContain(expected);
      expect(error.exitCode).toBe(2);
      expect(`${error.message}${error.stack}`).not.toContain('hush');
    }
  });
});

describe('what it points at', () => {
  test.each([
    [`postgresql://postgres:hush@db.${ref}.supabase.co:5432/postgres`, 'direct', ref],
    [`postgresql://postgres:hush@db.${ref}.supabase.co:6543/postgres`, 'dedicated-pooler', ref],
    [`postgresql://postgres.${ref}:hush@aws-0-eu-central-1.pooler.supabase.com:5432/postgres`, 'session-pooler', ref],
    [
      `postgresql://postgres.${ref}:hush@aws-1-eu-central-1.pooler.supabase.com:6543/postgres`,
      'transaction-pooler',
      ref,
    ],
    ['postgresql://postgres:hush@127.0.0.1:54322/postgres', 'loopback', null],
    ['postgresql://postgres:hush@[::1]/postgres', 'loopback', null],
    ['postgresql://postgres:hush@db.example.com/postgres', 'other', null],
    ['postgresql://postgres:hush@db.supabase.co.example.com/postgres', 'other', null],
  ])('%s is %s', (url, kind, project) => {
    const description = describeUrl(url);
    expect(description).toMatchObject({ kind, project });
    expect(JSON.stringify(description)).not.toContain('hush');
  });

  test('the string to use in place of transaction mode', () => {
    expect(
      insteadOfTransaction(describeUrl(`postgresql://postgres.${ref}:x@aws-0-r.pooler.supabase.com:6543/postgres`)),
    ).toBe(`Use the session pooler: postgresql://postgres.${ref}:PASSWORD@aws-0-r.pooler.supabase.com:5432/postgres`);
    expect(insteadOfTransaction(describeUrl(`postgresql://postgres:x@db.${ref}.supabase.co:6543/postgres`))).toContain(
      `db.${ref}.supabase.co:5432`,
    );
  });

  test.each([
    ['localhost', true],
    ['127.8.9.1', true],
    ['::ffff:127.0.0.1', true],
    ['/var/run/postgresql', true],
    ['127.0.0.1.example.com', false],
    ['localhost.example.com', false],
    ['10.0.0.1', false],
    ['0.0.0.0', false],
  ])('%s on this machine: %s', (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});

describe('the configuration of the client', () => {
  const remote = 'postgresql://u:p@db.example.com/d';

  test.each([
    '',
    '?sslmode=require',
    '?sslmode=no-verify',
    '?sslmode=prefer',
    '?sslmode=allow',
    '?uselibpqcompat=true&sslmode=require',
  ])('verifies another machine whatever sslmode says: %s', (query) => {
    const config = clientConfig(`${remote}${query}`, { authorities: { pem: ['pem'], named: false } });
    expect(config.ssl).toEqual({ rejectUnauthorized: true, ca: ['pem'] });
    expect(config).not.toHaveProperty('connectionString');
  });

  test('refuses plaintext to another machine unless it is allowed', () => {
    expect(() => clientConfig(`${remote}?sslmode=disable`)).toThrow(/asks for no encryption.*--allow-plaintext/s);
    expect(clientConfig(`${remote}?sslmode=disable`, { allowPlaintext: true }).ssl).toBe(false);
    expect(clientConfig(`${remote}?sslmode=require`, { allowPlaintext: true }).ssl).toEqual({
      rejectUnauthorized: true,
    });
  });

  test('does not leave hosted Supabase unencrypted because plaintext is allowed', () => {
    const hosted = 'postgresql://u:p@db.abcdef.supabase.co/d';
    expect(clientConfig(hosted, { allowPlaintext: true }).ssl).toEqual({ rejectUnauthorized: true });
    expect(clientConfig(`${hosted}?sslmode=disable`, { allowPlaintext: true }).ssl).toBe(false);
    expect(clientConfig(remote, { allowPlaintext: true }).ssl).toBe(false);
  });

  test('is plain inside this machine unless TLS is wanted', () => {
    const local = 'postgresql://u:p@localhost/d';
    expect(clientConfig(local).ssl).toBe(false);
    expect(clientConfig(`${local}?sslmode=prefer`).ssl).toBe(false);
    expect(clientConfig(`${local}?sslmode=verify-full`).ssl).toEqual({ rejectUnauthorized: true });
    // A file that merely lies in the workspace is for the hosted database.
    expect(clientConfig(local, { authorities: { pem: ['pem'], named: false } }).ssl).toBe(false);
    expect(clientConfig(local, { authorities: { pem: ['pem'], named: true } }).ssl).toEqual({
      rejectUnauthorized: true,
      ca: ['pem'],
    });
  });

  test('passes options, names itself and takes a password from beside the string', () => {
    const config = clientConfig('postgresql://u@localhost/d?options=-c%20a%3Db', { password: 'beside' });
    expect(config).toMatchObject({ options: '-c a=b', application_name: 'voxanne-rollout', password: 'beside' });
    expect(clientConfig('postgresql://u:own@localhost/d', { password: 'beside' }).password).toBe('own');
  });
});
