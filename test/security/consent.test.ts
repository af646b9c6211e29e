import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { childEnvironment, gitEnvironment, installedPrograms, npmEnvironment } from '../../src/child-environment.ts';
import { requireOwnApi } from '../../src/cli/own-api.ts';
import { configFileName, loadConfig } from '../../src/config/index.ts';
import { cliEnvironment } from '../../src/supabase/cli/find.ts';

let workspace: string;
beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'consent-test-'));
  await writeFile(join(workspace, configFileName), JSON.stringify({ allowPlaintext: true }));
});
afterAll(() => rm(workspace, { recursive: true }));

test('plaintext is turned on by a flag or an exported variable, not by a file of the checkout', async () => {
  await expect(loadConfig({ workspace })).rejects.toMatchObject({ exitCode: 2 });
  await expect(loadConfig({ workspace })).rejects.toThrow('allowPlaintext');
  expect(await loadConfig({ workspace, flags: { allowPlaintext: true } })).toMatchObject({ allowPlaintext: true });
  expect(await loadConfig({ workspace, flags: { allowPlaintext: false } })).toMatchObject({ allowPlaintext: false });
  const env = { VOXANNE_ROLLOUT_ALLOW_PLAINTEXT: 'true' };
  expect(await loadConfig({ workspace, env })).toMatchObject({ allowPlaintext: true });
});

const hosted = { project: 'abcdefghij', kind: 'session-pooler', label: 'the database' } as const;
const local = { project: null, kind: 'loopback', label: 'the database' } as const;
const other = { project: null, kind: 'other', label: 'the database' } as const;
const keys = { anon: 'a', service: 's' };

test.each([
  [hosted, 'https://abcdefghij.supabase.co', true],
  [hosted, 'http://abcdefghij.supabase.co', false],
  [hosted, 'https://abcdefghij.supabase.co:8443', false],
  [hosted, 'https://abcdefghij.supabase.co.evil.example', false],
  [hosted, 'https://abcdefghij.supabase.co@evil.example', false],
  [hosted, 'https://zzzzzzzzzz.supabase.co', false],
  [hosted, 'http://127.0.0.1:54321', false],
  [local, 'http://127.0.0.1:54321', true],
  [local, 'http://localhost:54321', true],
  [local, 'http://[::1]:54321', true],
  [local, 'https://127.0.0.1.evil.example', false],
  [other, 'https://api.example.com', false],
])('keys go to the API of the connected project only: %o %s', (connection, supabaseUrl, sent) => {
  const given =
    (named?: string, some = keys) =>
    () =>
      requireOwnApi({ supabaseUrl }, connection, named, some);
  if (sent) expect(given()).not.toThrow();
  else expect(given()).toThrow('no key is sent there');
  expect(given(supabaseUrl)).not.toThrow();
});

test('no child process is given a secret of this run', () => {
  const canary = 'canary-3f9a';
  const secret = {
    SUPABASE_DB_URL: canary,
    DATABASE_URL: canary,
    SUPABASE_SERVICE_ROLE_KEY: canary,
    SUPABASE_ACCESS_TOKEN: canary,
    PGPASSWORD: canary,
    SOME_OTHER_VARIABLE: canary,
  };
  const env = { ...secret, PATH: '/usr/bin:/app/node_modules/.bin', HOME: '/home/one' };
  for (const given of [childEnvironment(env), installedPrograms(env), cliEnvironment(env)]) {
    expect(JSON.stringify(given)).not.toContain(canary);
    expect(given).toMatchObject({ HOME: '/home/one' });
  }
  expect(installedPrograms(env).PATH).toBe('/usr/bin');
  const before = { ...process.env };
  try {
    Object.assign(process.env, secret);
    expect(JSON.stringify([gitEnvironment(), npmEnvironment()])).not.toContain(canary);
  } finally {
    process.env = before;
  }
});
