import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { settingsPage } from '../../scripts/settings-page.ts';
import {
  configFileName,
  configJsonSchema,
  configSchema,
  isProduction,
  loadConfig,
  splitName,
} from '../../src/config/index.ts';
import { RolloutError } from '../../src/rollout/errors.ts';

let workspace = '';
beforeEach(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'config-test-'));
});
afterEach(() => rm(workspace, { recursive: true }));

const write = (content: unknown, name = configFileName) =>
  writeFile(join(workspace, name), typeof content === 'string' ? content : JSON.stringify(content));

async function refusal(options: Partial<Parameters<typeof loadConfig>[0]> = {}): Promise<RolloutError> {
  const error: unknown = await loadConfig({ workspace, ...options }).then(
    () => expect.unreachable('it was accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RolloutError);
  if (!(error instanceof RolloutError)) throw error;
  expect(error.exitCode).toBe(2);
  return error;
}

describe('settings', () => {
  test('are complete without a file', async () => {
    const config = await loadConfig({ workspace });
    expect(config).toMatchObject({
      file: null,
      workspace,
      names: {
        from: null,
        to: 'org_id',
        organizations: null,
        profiles: null,
        memberships: null,
      },
      decisions: { orphans: null, wrongForeignKeys: null, revokeExecute: false, anonymousUsers: 'no-organization' },
      lockTimeout: 20,
      patience: 60_000,
      batchSize: 1000,
      executor: 'pg',
    });
  });

  test('grant no decision by default', async () => {
    const { decisions } = await loadConfig({ workspace });
    expect(
      Object.values(decisions).filter(
        (value) => value !== null && value !== false && !(Array.isArray(value) && value.length === 0),
      ),
    ).toEqual(['no-organization', 'own-organization']);
  });

  test('come from the file, over it from exported variables, over both from flags', async () => {
    await write({ batchSize: 10, lockTimeout: 10, patience: 10, decisions: { createProfiles: true } });
    const config = await loadConfig({
      workspace,
      env: {
        VOXANNE_ROLLOUT_LOCK_TIMEOUT: '20',
        VOXANNE_ROLLOUT_PATIENCE: '20',
        VOXANNE_ROLLOUT_ORPHANS: 'own-organization',
        VOXANNE_ROLLOUT_REVOKE_EXECUTE: '1',
      },
      flags: { patience: 30, batchSize: undefined, names: { to: 'tenant' } },
    });
    expect(config).toMatchObject({ batchSize: 10, lockTimeout: 20, patience: 30 });
    expect(config.decisions).toMatchObject({ createProfiles: true, orphans: 'own-organization', revokeExecute: true });
    expect(config.names).toMatchObject({ to: 'tenant', profiles: null });
  });

  test('lists are replaced, not joined', async () => {
    await write({ exclude: ['public.a', 'public.b'] });
    expect((await loadConfig({ workspace, flags: { exclude: ['public.c'] } })).exclude).toEqual(['public.c']);
  });

  test('may be named with --config and begin with a byte order mark', async () => {
    await write('\uFEFF{"$schema": "./schema.json", "batchSize": 7}', 'other.json');
    const config = await loadConfig({ workspace, configPath: join(workspace, 'other.json') });
    expect(config.batchSize).toBe(7);
    expect(config).not.toHaveProperty('$schema');
  });
});

describe('a wrong file', () => {
  test.each([
    [{ lockTimout: 50 }, 'lockTimout: no such key, expected lockTimeout?'],
    [{ decisions: { orphan: true } }, 'decisions.orphan: no such key, expected orphans?'],
    [{ lockTimeout: '50' }, 'lockTimeout: expected number, found string'],
    [{ lockTimeout: 0 }, 'lockTimeout: expected at least 1'],
    [
      { decisions: { orphans: 'first-organization' } },
      'decisions.orphans: expected "own-organization" or "leave", found "first-organization"',
    ],
    [{ executor: 'psql' }, 'executor: expected "pg" or "supabase-cli", found "psql"'],
    [{ names: { profiles: 'profiles' } }, 'names.profiles: expected schema.table'],
    [{ names: { from: ['org_id'] } }, 'names.from: expected only old names'],
    [{ code: { backend: '../other' } }, 'code.backend: expected a path inside the workspace'],
    [{ code: { backend: '/srv/other' } }, 'code.backend: expected a path inside the workspace'],
    [{ exclude: ['public.a', 3] }, 'exclude[1]: expected string, found number'],
    [{ supabaseUrl: 'ftp://x' }, 'supabaseUrl: expected a URL'],
    [{ yes: true }, 'yes: no such key (consent is given by a question, a flag or an exported variable)'],
    [{ dbUrl: 'postgresql://u:hush-hush@h/d' }, 'dbUrl: no such key (a database URL is a secret'],
    [[1], '(the file): expected object, found array'],
    ['null', '(the file): expected object, found null'],
  ])('%j names the key and what was expected', async (content, expected) => {
    await write(content);
    const error = await refusal();
    expect(error.problem).toContain(configFileName);
    expect(error.detail).toContain(expected);
    expect(`${error.message} ${error.detail}`).not.toContain('hush-hush');
  });

  test('names every wrong key at once', async () => {
    await write({ lockTimeout: 'x', batchSize: 0, nonsense: 1 });
    const error = await refusal();
    expect(error.detail?.split('\n')).toHaveLength(3);
    expect(error.problem).toContain('2 more');
  });

  test('that is no JSON names the line, and quotes nothing', async () => {
    await write('{\n  "batchSize": 5,\n  sb_secret_abcdef\n}');
    const error = await refusal();
    expect(error.problem).toContain('line 3');
    expect(error.message).not.toContain('sb_secret');
  });

  test('that was named and is absent', async () => {
    expect((await refusal({ configPath: join(workspace, 'gone.json') })).problem).toContain('is not there');
  });

  test('a wrong variable or flag is told apart from the file', async () => {
    expect((await refusal({ env: { VOXANNE_ROLLOUT_BATCH_SIZE: 'many' } })).problem).toContain('exported variable');
    expect((await refusal({ flags: { batchSize: -1 } })).problem).toContain('command line');
  });
});

test('the JSON schema knows every key and asks for none', () => {
  const schema = configJsonSchema();
  expect(Object.keys(schema.properties ?? {})).toEqual(Object.keys(configSchema.shape));
  expect(schema).toMatchObject({ additionalProperties: false, type: 'object' });
  expect(schema).not.toHaveProperty('required');
});

test('the schema for editors and the page of settings are made from the settings of now', () => {
  const stored = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  expect(JSON.parse(stored('voxanne-rollout.schema.json'))).toEqual(configJsonSchema());
  expect(stored('docs/settings.md')).toBe(settingsPage());
});

test('names split into schema and table', () => {
  expect(splitName('public.profiles')).toEqual({ schema: 'public', name: 'profiles' });
  expect(splitName('"My.App"."a ""b"""')).toEqual({ schema: 'My.App', name: 'a "b"' });
  expect(splitName('profiles')).toEqual({ schema: 'public', name: 'profiles' });
});

test('everything but this machine is production unless it is listed', () => {
  const settings = { environment: null, production: [], notProduction: [] };
  const hosted = { host: 'db.abcdefghij.supabase.co', project: 'abcdefghij', kind: 'direct' };
  const local = { host: '127.0.0.1', project: null, kind: 'loopback' };
  expect(isProduction(settings, hosted)).toBe(true);
  expect(isProduction(settings, local)).toBe(false);
  expect(isProduction({ ...settings, notProduction: ['abcdefghij'] }, hosted)).toBe(false);
  expect(isProduction({ ...settings, notProduction: ['db.abcdefghij.supabase.co'] }, hosted)).toBe(false);
  expect(isProduction({ ...settings, production: ['127.0.0.1'] }, local)).toBe(true);
  expect(isProduction({ ...settings, environment: 'production' }, local)).toBe(true);
  expect(isProduction({ ...settings, production: ['abcdefghij'], notProduction: ['abcdefghij'] }, hosted)).toBe(true);
});
