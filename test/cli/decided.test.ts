import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { buildCli, type Cli } from '../helpers/cli.ts';
import { runHere } from '../helpers/in-process.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';

let server: EmbeddedServer;
let cli: Cli;
beforeAll(async () => {
  [server, cli] = await Promise.all([startServer(), buildCli()]);
}, 120_000);
afterAll(async () => {
  await server?.stop();
  await cli?.[Symbol.asyncDispose]();
});

test('verify, guard and plan go by what a rollout was decided by, until it is rolled back', async () => {
  await loadDatabase(server, 'tiny', 'decided');
  const url = server.url('decided');
  const cwd = cli.folder('decided');
  const run = (...args: string[]) => runHere(args, { url, cwd });
  const done = await run('--yes', '--to', '1.7', '--orphans', 'own-organization', '--trust-profiles');
  expect(done.code, done.stdout + done.stderr).toBe(0);
  for (const command of [['verify'], ['plan', '--check']]) {
    const { code, stdout, stderr } = await run(...command);
    expect(code, `${command.join(' ')}\n${stdout}${stderr}`).toBe(0);
  }
  const guard = await run('guard');
  expect(guard.stdout).toContain('decided: --orphans own-organization --trust-profiles');
  expect(guard.stdout).toContain('0 new findings in the database');
  // A run that changes something is decided anew.
  const back = await run('rollback', '--all', '--yes');
  expect(back.code, back.stdout + back.stderr).toBe(0);
  const again = await run('--yes', '--to', '1.7');
  expect(again.code).toBe(1);
  expect(again.stdout + again.stderr).toContain('--trust-profiles');
  const plan = await run('plan');
  expect(plan.stdout).not.toMatch(/^decided: /m);
});
