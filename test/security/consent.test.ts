import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { childEnvironment, gitEnvironment, installedPrograms, npmEnvironment } from '../../src/child-environment.ts';
import { requireOwnApi, requireOwnBackend } from '../../src/cli/own-api.ts';
import { configFileName, configSchema, isProduction, loadConfig, settingRows } from '../../src/config/index.ts';
import { cliEnvironment } from '../../src/supabase/cli/find.ts';
import { linkedProject } from '../../src/supabase/connection/project.ts';

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

describe('a configuration file of the checkout weakens no safeguard', () => {
  const hostedProject = { host: 'db.abcdefghij.supabase.co', project: 'abcdefghij', kind: 'direct' };

  /** Each with a value that makes a run less safe, one that does not, and how the operator gives the former. */
  const weakening: readonly (readonly [string, unknown, unknown, string, string])[] = [
    ['allowPlaintext', true, false, '--allow-plaintext', 'VOXANNE_ROLLOUT_ALLOW_PLAINTEXT'],
    ['notProduction', ['abcdefghij'], [], '--not-production', 'VOXANNE_ROLLOUT_NOT_PRODUCTION'],
    ['lockTimeout', 5_000, 50, '--lock-timeout', 'VOXANNE_ROLLOUT_LOCK_TIMEOUT'],
    ['runPrograms', true, false, '--run-programs', 'VOXANNE_ROLLOUT_RUN_PROGRAMS'],
    ['statementTimeout', 0, 600_000, '--statement-timeout', 'VOXANNE_ROLLOUT_STATEMENT_TIMEOUT'],
  ];

  const inFile = async (content: unknown) => {
    await writeFile(join(workspace, configFileName), JSON.stringify(content));
  };

  test.each(weakening)('%s', async (key, weak, safe, flag, variable) => {
    await inFile({ [key]: weak });
    await expect(loadConfig({ workspace })).rejects.toMatchObject({ exitCode: 2 });
    await expect(loadConfig({ workspace })).rejects.toThrow(key);
    const error: unknown = await loadConfig({ workspace }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ remedy: expect.stringContaining(flag) });
    expect(error).toMatchObject({ remedy: expect.stringContaining(variable) });
    const text = Array.isArray(weak) ? weak.join(',') : String(weak);
    expect(await loadConfig({ workspace, env: { [variable]: text } })).toMatchObject({ [key]: weak });
    expect(await loadConfig({ workspace, flags: { [key]: weak } })).toMatchObject({ [key]: weak });
    expect(await loadConfig({ workspace, flags: { [key]: safe } })).toMatchObject({ [key]: safe });
    await inFile({ [key]: safe });
    expect(await loadConfig({ workspace })).toMatchObject({ [key]: safe });
  });

  test('so that no file turns a hosted project into one that is changed for a plain y', async () => {
    await inFile({ environment: 'local', notProduction: [] });
    expect(isProduction(await loadConfig({ workspace }), hostedProject)).toBe(true);
    const env = { VOXANNE_ROLLOUT_NOT_PRODUCTION: 'other, abcdefghij' };
    expect(isProduction(await loadConfig({ workspace, env }), hostedProject)).toBe(false);
    expect(isProduction(await loadConfig({ workspace, flags: { notProduction: ['x'] } }), hostedProject)).toBe(true);
    // A list that makes more of them production is taken from wherever it comes.
    await inFile({ production: ['127.0.0.1'] });
    const local = { host: '127.0.0.1', project: null, kind: 'loopback' };
    expect(isProduction(await loadConfig({ workspace }), local)).toBe(true);
  });

  /** Why every other key may stand in the file. A new setting has to be put into one of the two lists. */
  const harmless: Readonly<Record<string, string>> = {
    $schema: 'for editors',
    names: 'what is found is compared with the catalog, shown by 1.1 and proven by the checks',
    schemas: 'scope: shown, and what is left out is said to be',
    exclude: 'scope: a decision about single tables, shown by 1.1',
    decisions: 'decisions by name, reviewed with the file; every one is shown where it is used',
    signUp: 'part of statements that a preview shows and executes',
    legacyReads: 'statements that a preview shows',
    patience: 'tries again, never waits longer in one try',
    batchSize: 'bounded by the schema',
    executor: 'its program is shown and asked for before it is started',
    environment: 'a name; only "production" means something, and that is the stricter side',
    environments:
      'only asks for more; what counts as production still counts, and a variable that it names is looked at',
    ca: 'the certificate and the host name are verified with it all the same',
    probeEmailDomain: 'no mail is sent',
    accessTokenHook: 'a statement that a preview shows',
    backendUrl: 'tokens go to this machine alone unless a flag or a variable names it',
    supabaseUrl: 'keys go to the connected project alone unless a flag or a variable names it',
    production: 'only makes more targets production',
    code: 'places; its commands are shown and asked for before they are run',
    exposedSchemas: 'scope of the live checks, shown',
  };

  test('every key of the file is known to weaken something or not to', () => {
    expect([...weakening.map(([key]) => key), ...Object.keys(harmless)].sort()).toEqual(
      Object.keys(configSchema.shape).sort(),
    );
    expect(
      settingRows
        .filter((row) => row.weakens !== undefined)
        .map((row) => row.path)
        .sort(),
    ).toEqual(weakening.map(([key]) => key).sort());
  });
});

test.each([
  ['https://api.example.com', false],
  ['http://127.0.0.1.evil.example:3000', false],
  ['http://127.0.0.1:3000', true],
  ['http://localhost:3000', true],
])('the tokens of the backend’s checks go where a file says only on this machine: %s', (backendUrl, sent) => {
  const given =
    (named?: string, tokens: readonly (string | undefined)[] = ['token']) =>
    () =>
      requireOwnBackend({ backendUrl }, named, tokens);
  if (sent) expect(given()).not.toThrow();
  else expect(given()).toThrow('no token is sent there');
  expect(given(backendUrl)).not.toThrow();
  expect(given(undefined, [undefined])).not.toThrow();
});

test('an exported password goes to no host that a file of the checkout made up', async () => {
  const folder = join(workspace, 'supabase/.temp');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'project-ref'), 'abcdefghij');
  const pooler = (text: string) => writeFile(join(folder, 'pooler-url'), text);
  await pooler('postgresql://postgres.abcdefghij@aws-0-eu-west-1.pooler.supabase.com:6543/postgres');
  expect((await linkedProject(workspace))?.url).toContain('aws-0-eu-west-1.pooler.supabase.com:5432');
  for (const wrong of [
    'postgresql://postgres.abcdefghij@evil.example:6543/postgres',
    'postgresql://postgres.abcdefghij@aws-0.pooler.supabase.com.evil.example:6543/postgres',
    'postgresql://postgres.zzzzzzzzzz@aws-0-eu-west-1.pooler.supabase.com:6543/postgres',
  ]) {
    await pooler(wrong);
    expect((await linkedProject(workspace))?.url).toBe('postgresql://postgres@db.abcdefghij.supabase.co:5432/postgres');
  }
});
