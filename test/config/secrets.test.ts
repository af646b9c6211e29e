import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRedactor, redact, secretsOf, urlPasswords } from '../../src/config/secrets.ts';

const jwt = ['eyJhbGciOiJIUzI1NiJ9', 'eyJyb2xlIjoic2VydmljZV9yb2xlIn0', 'c2lnbmF0dXJl'].join('.');

describe('what looks like a secret goes', () => {
  test.each([
    [
      'postgresql://postgres:hush@db.x.supabase.co:5432/postgres',
      'postgresql://postgres:***@db.x.supabase.co:5432/postgres',
    ],
    ['at postgres://u:p@ss/w?rd#@host/db now', 'at postgres://u:***@host/db now'],
    ['https://user:hush@example.com/a', 'https://user:***@example.com/a'],
    ['?u=postgresql%3A%2F%2Fu%3Ahush%40host%2Fdb', '?u=postgresql%3A%2F%2Fu%3A***%40host%2Fdb'],
    [`token ${jwt}.`, 'token ***.'],
    ['key sb_secret_AbC-12_3, next', 'key ***, next'],
    [`token sbp_${'0a'.repeat(20)}`, 'token ***'],
    ['PGPASSWORD=hush pg_dump', 'PGPASSWORD=*** pg_dump'],
    ['host=h password=hush user=u', 'host=h password=*** user=u'],
    ["password='two words' x", 'password=*** x'],
    ['{"password":"hu\\"sh"}', '{"password":"***"}'],
    ['Authorization: Bearer abc.def', 'Authorization: Bearer ***'],
    ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', '-----BEGIN PRIVATE KEY----- ***'],
  ])('%s', (text, expected) => {
    expect(redact(text)).toBe(expected);
    expect(redact(redact(text))).toBe(expected);
  });
});

test.each([
  'select password from users where encrypted_password = $1',
  'http://127.0.0.1:54321/rest/v1/calls?select=*',
  'postgres@db.x.supabase.co:5432/postgres',
  'postgresql://postgres@127.0.0.1:5432/postgres',
  'sb_publishable_abc is public',
  'update public.profiles set org_id = $1 where id = $2',
  'import x from "https://example.com:443/@scope/name"',
])('ordinary text stays: %s', (text) => {
  expect(redact(text)).toBe(text);
});

test('a known secret is found in whatever form it takes', () => {
  const hide = createRedactor(['p@ss w"ö\'rd$1']);
  for (const form of [
    'p@ss w"ö\'rd$1',
    encodeURIComponent('p@ss w"ö\'rd$1'),
    'p%40ss%20w%22%C3%B6%27rd%241',
    "p%40ss+w%22%c3%b6'rd$1",
    JSON.stringify('p@ss w"ö\'rd$1').slice(1, -1),
    "p@ss w\"ö''rd$1",
    Buffer.from('p@ss w"ö\'rd$1').toString('base64'),
  ]) {
    expect(hide(`a ${form} b`), form).toMatch(/^a \*\*\*=* b$/);
  }
});

test('any secret is hidden in plain, encoded and quoted text', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 6, maxLength: 30, unit: 'grapheme-ascii' }), (secret) => {
      const hide = createRedactor([secret]);
      const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
      for (const form of forms) expect(hide(`§${form}§`)).not.toContain(form);
    }),
    { seed: 7, numRuns: 300 },
  );
});

test('the longer of two secrets wins, and default passwords do not garble names', () => {
  expect(createRedactor(['secret', 'secret-and-more'])('x secret-and-more y')).toBe('x *** y');
  expect(createRedactor(['postgres', 'abc'])('postgres abc')).toBe('postgres abc');
  expect(createRedactor(['postgres'])('postgresql://postgres:postgres@h/d')).toBe('postgresql://postgres:***@h/d');
});

test('secrets are taken from the environment by name and by URL, public ones left', () => {
  const found = secretsOf({
    SUPABASE_SERVICE_ROLE_KEY: 'service-key-value',
    SUPABASE_DB_PASSWORD: 'db-password',
    DATABASE_URL: 'postgresql://u:in%40url@h/d',
    NEXT_PUBLIC_API_KEY: 'public-value-here',
    SSL_PRIVATE_KEY: '/etc/key.pem',
    HOME: '/home/somebody',
    EMPTY_SECRET: '',
  });
  expect(found).toEqual(expect.arrayContaining(['service-key-value', 'db-password', 'in%40url', 'in@url']));
  expect(found).not.toContain('public-value-here');
  expect(found).not.toContain('/etc/key.pem');
  expect(urlPasswords('https://example.com/a@b')).toEqual([]);
});

test.each([
  'a.b-',
  'eyJ-',
  'postgres://a:',
  'postgres%3A%2F%2F',
  '-----BEGIN PRIVATE KEY-----',
  'http://a:',
  'password=',
  'AAAA',
])('a line of %s that is ten times as long takes some ten times as long, not a hundred', (part) => {
  const redact = createRedactor(['some-secret']);
  // Of the processor's time, which others on the machine do not change, the least of three.
  const spent = (length: number): number =>
    Math.min(
      ...[1, 2, 3].map(() => {
        const before = process.cpuUsage();
        redact(part.repeat(length / part.length));
        const { user, system } = process.cpuUsage(before);
        return user + system;
      }),
    );
  expect(spent(250_000)).toBeLessThan(40 * Math.max(spent(25_000), 1_000));
});

test('the form of a connection string in a message stays readable, and so does the placeholder of the dashboard', () => {
  const form = 'Give it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE.';
  expect(redact(form)).toBe(form);
  const known = createRedactor(urlPasswords('postgresql://postgres:[YOUR-PASSWORD]@db.x.supabase.co/postgres'));
  expect(known('It still holds the placeholder [YOUR-PASSWORD].')).toContain('[YOUR-PASSWORD]');
  expect(redact('postgresql://USER:PASSWORD@db.x.supabase.co/postgres')).toContain('USER:***@');
});
