import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { type CliConnection, openDoor } from '../../../src/supabase/cli/door.ts';
import { advisorChecks, type Finding, findCli, readAdvisors } from '../../../src/supabase/cli/index.ts';
import { connector } from '../../../src/supabase/connection/index.ts';
import { startServer } from '../../helpers/server.ts';
import { installed } from './setup.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.skipIf(process.platform === 'win32')('finding the CLI', () => {
  /** A program of that name in the workspace, which answers like this. */
  const workspaceWith = async (name: string, script: string): Promise<string> => {
    const bin = join(folder, name, 'node_modules/.bin');
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, 'supabase'), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, 'supabase'), 0o755);
    return join(folder, name);
  };
  const env = { PATH: '/usr/bin:/bin', PGPASSWORD: 'x', SUPABASE_ACCESS_TOKEN: 'x', SUPABASE_YES: '1', LANG: 'C' };

  test('the one of the workspace is taken; its version says how it takes a connection string', async () => {
    const two = await findCli({ workspace: await workspaceWith('two', 'echo 2.122.1'), env });
    const three = await findCli({ workspace: await workspaceWith('three', 'echo 3.1.0'), env });
    expect([two.target, three.target]).toEqual(['--db-url', '--remote']);
    // Neither another target nor consent reaches it through the environment.
    expect(three.env).toEqual({
      PATH: '/usr/bin:/bin',
      LANG: 'C',
      DO_NOT_TRACK: '1',
      SUPABASE_TELEMETRY_DISABLED: '1',
      NO_COLOR: '1',
    });
  });

  test('absent, broken or too old: one sentence and the line that installs it', async () => {
    const remedy = expect.stringContaining('npm install --save-dev supabase');
    const cases = [
      [join(folder, 'nowhere'), 'The Supabase CLI is not installed.'],
      [await workspaceWith('broken', 'echo "no binary" >&2; exit 1'), 'The Supabase CLI does not start.'],
      [
        await workspaceWith('one', 'echo 1.226.4'),
        'The Supabase CLI is too old: 1.226.4, and 2.122 or newer is needed.',
      ],
      [await workspaceWith('old', 'echo 2.98.2'), 'The Supabase CLI is too old: 2.98.2, and 2.122 or newer is needed.'],
    ] as const;
    for (const [workspace, problem] of cases) {
      await expect(findCli({ workspace, env })).rejects.toMatchObject({ problem, remedy, exitCode: 2 });
    }
  });
});

describe('the way in', () => {
  const to = (dbUrl: string, env: Record<string, string> = {}) => connector({ dbUrl, env, workspace: folder });
  const withCa = (connection: CliConnection): CliConnection => ({
    ...connection,
    authorities: { pem: ['-----ours-----'], origin: '--ca', named: true },
  });

  test('another machine: verified TLS with our authorities, and the password nowhere but in the environment', async () => {
    const password = 'p@ss/w:rd?';
    const url = `postgresql://postgres.abc:${encodeURIComponent(password)}@aws-0-x.pooler.supabase.com:5432/postgres`;
    await using door = await openDoor(withCa(await to(url)), 50);
    const { searchParams } = new URL(door.url);
    expect(searchParams.get('sslmode')).toBe('verify-full');
    expect(await readFile(searchParams.get('sslrootcert') ?? '', 'utf8')).toBe('-----ours-----');
    // A pooler refuses startup options.
    expect(searchParams.has('options')).toBe(false);
    expect(new URL(door.url).password).toBe('');
    expect(door.env.PGPASSWORD).toBe(password);
    expect(door.redact(`failed with ${password} and ${encodeURIComponent(password)}`)).toBe('failed with *** and ***');
  });

  test('this machine: as our own connections, with the lock timeout at the start', async () => {
    await using door = await openDoor(
      await to('postgresql://postgres@[::1]:5433/app?options=-c%20a.b%3D1', { PGPASSWORD: 'beside' }),
      50,
    );
    expect(door.url).toBe(
      'postgresql://postgres@[::1]:5433/app?sslmode=disable&options=-c%20a.b%3D1%20-c%20lock_timeout%3D50',
    );
    expect(door.env.PGPASSWORD).toBe('beside');
  });
});

describe('the security advisor', () => {
  test('finds the open tables of the sample through the real CLI', async () => {
    await using server = await startServer();
    await loadDatabase(server, 'tiny', 'advised');
    const connection = await connector({ dbUrl: server.url('advised'), env: {}, workspace: folder });
    const findings = await readAdvisors({ cli: await installed(), connection, signal: new AbortController().signal });
    const open = findings.filter((one) => one.name === 'rls_disabled_in_public').map((one) => one.object);
    expect(open).toEqual(expect.arrayContaining(['public.contacts', 'public.organizations', 'public.profiles']));
    const [fresh, isolation] = advisorChecks(findings, findings, ['public.organizations']);
    expect(fresh?.verdict).toBe('passed');
    expect(isolation?.verdict).toBe('failed');
    expect(isolation?.observed).toContain('public.contacts');
    expect(isolation?.observed).not.toContain('public.organizations');
  });

  test('what is new is told from what was there, and is not guessed without a look before', () => {
    const finding = (key: string, name = 'function_search_path_mutable'): Finding => ({
      name,
      level: 'WARN',
      detail: `about ${key}`,
      remediation: 'https://example.com',
      key,
      object: null,
    });
    const [old, added] = [finding('old'), finding('added')];
    const verdicts = (before: readonly Finding[] | null, after: readonly Finding[]) =>
      advisorChecks(before, after).map((one) => one.verdict);
    expect(verdicts([old], [old])).toEqual(['passed', 'passed']);
    expect(verdicts([old], [added])).toEqual(['failed', 'passed']);
    expect(verdicts(null, [added])).toEqual(['skipped', 'passed']);
    expect(verdicts([old], [old, finding('gap', 'rls_disabled_in_public')])).toEqual(['failed', 'failed']);
  });
});
