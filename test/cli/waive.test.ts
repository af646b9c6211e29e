import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { runMain } from '../helpers/in-process.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

let server: EmbeddedServer;
let folder: string;
beforeAll(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), 'voxanne-waive-'));
  cpSync('test/fixtures/apps/fastify', folder, { recursive: true });
  await loadDatabase(server, 'tiny', 'app');
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const waive = (...args: readonly string[]) =>
  runMain(['waive', ...args, '--db-url', server.url('app'), '--workspace', folder]);
const waived = (): readonly { readonly file: string; readonly reason: string }[] =>
  JSON.parse(readFileSync(join(folder, '.voxanne-rollout/waivers.json'), 'utf8')).waivers;

test('several findings are waived by kind and path with one reason, and nothing by a slip', async () => {
  const listed = await waive();
  const lines = listed.stdout.split('\n').filter((line) => / request-org /.test(line));
  expect(lines.length).toBeGreaterThan(1);
  for (const [args, said] of [
    [['--kind', 'request-orgs', '--reason', 'x'], 'No open finding of kind request-orgs'],
    [['--kind', 'request-org', '--path', 'elsewhere', '--reason', 'x'], 'at elsewhere'],
    [['--path', 'src/rout', '--reason', 'x'], 'No open finding at src/rout'],
    [['0123456789ab', '--reason', 'x'], 'There is no finding 0123456789ab'],
  ] as const)
    expect(await waive(...args), said).toMatchObject({ code: 2, stderr: expect.stringContaining(said) });
  expect((await waive('--kind', 'request-org')).code, 'without a reason').not.toBe(0);
  expect((await waive('--kind', 'request-org', '--reason', '  ')).code, 'with an empty one').not.toBe(0);
  const done = await waive('--kind', 'request-org', '--path', 'src/**', '--reason', 'internal route');
  expect(done.code, done.stderr).toBe(0);
  expect(waived().length).toBe(lines.length);
  expect(new Set(waived().map((one) => one.reason))).toEqual(new Set(['internal route']));
  expect((await waive()).stdout).not.toMatch(/ request-org /);
});
