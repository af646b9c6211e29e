import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { runMain } from '../helpers/in-process.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

let server: EmbeddedServer;
let folder: string;
beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'tiny', 'app');
  folder = mkdtempSync(join(tmpdir(), 'voxanne-doctor-'));
});
beforeEach(() => {
  for (const name of ['SUPABASE_DB_URL', 'DATABASE_URL', 'SUPABASE_DB_PASSWORD', 'SUPABASE_ACCESS_TOKEN'])
    vi.stubEnv(name, undefined);
});
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Where the second column begins, in every line that has one. */
const columns = (text: string): readonly number[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [head = ''] = /^(?:[✓✗-] \S.*?(?: {2,}|(?<=statements) )| +)/u.exec(line) ?? [];
      return head.length;
    });

describe('doctor', () => {
  test('without a database says once that none is named, and what was not looked at in one line', async () => {
    const { code, stdout, stderr } = await runMain(['doctor', '--workspace', folder]);
    expect(code).toBe(1);
    expect(stdout.match(/No database URL given/g)).toHaveLength(1);
    expect(stdout.match(/Name a database/g)).toHaveLength(1);
    expect(stdout.match(/not checked/g)).toHaveLength(1);
    expect(stdout).toMatch(/^- not checked +TLS, Connection, .*Locks of policy statements$/m);
    expect(stderr).toBe('');
  });

  test.each([
    ['without a database', () => []],
    ['with one that answers', () => ['--db-url', server.url('app')]],
    ['with one that does not', () => ['--db-url', 'postgresql://postgres:x@127.0.0.1:1/postgres']],
    ['with a password that is wrong', () => ['--db-url', server.url('app').replace(/:[^:@/]+@/, ':wrong@')]],
    ['with the Supabase CLI as executor', () => ['--db-url', server.url('app'), '--executor', 'supabase-cli']],
  ])('%s has its columns one below the other', async (_, args) => {
    const { stdout } = await runMain(['doctor', '--workspace', folder, ...args()]);
    expect(stdout.split('\n').length).toBeGreaterThan(5);
    expect([...new Set(columns(stdout))], stdout).toHaveLength(1);
  });
});

describe('an error', () => {
  test.each([['status'], ['plan'], ['verify'], ['report'], ['rollback', '--all', '--yes'], ['--yes']])(
    'stands once: %s without a database',
    async (...args) => {
      const { code, stdout, stderr } = await runMain([...args, '--workspace', folder]);
      expect(code).toBe(2);
      expect(`${stdout}${stderr}`.match(/No database URL given/g)).toHaveLength(1);
      expect(stderr).toMatch(/Give --db-url, export SUPABASE_DB_URL/);
    },
  );
});
