import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isConnectionLost, isFromOutside, toRolloutError } from '../../src/database/errors.ts';
import { tinyDecisions } from '../helpers/cli.ts';
import { openStage, type Stage } from './setup.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

test.each([
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'Query read timeout',
  'timeout expired',
  'Received unexpected commandComplete message from backend.',
  'received invalid response: 48',
  'Unknown authenticationOk message type 7',
  'SASL: SCRAM-SERVER-FINAL-MESSAGE: server signature does not match',
  'SASL channel binding: unknown signature algorithm',
  'There was an error establishing an SSL connection',
  'The server does not support SSL connections',
])('"%s" is a sentence for the operator, and no defect', (message) => {
  const { problem, kind } = toRolloutError(new Error(message));
  expect(problem).not.toContain(message);
  expect(problem).not.toMatch(/unexpected (?:went|happened)/);
  expect(kind).not.toBe('defect');
  expect(isFromOutside(new Error(message))).toBe(true);
});

test('a run that is killed in the middle of a step leaves it interrupted, in apply and in rollback', async () => {
  const url = await stage.tiny('killed');
  const killDuring = async (args: readonly string[], blocked: string) => {
    const blocker = await stage.connect(url);
    await blocker.query(blocked);
    const run = stage.cli.start([...args, '--lock-timeout', '5000'], { url });
    await expect
      .poll(
        async () =>
          (await stage.sql<{ n: number }>(url, `select count(*)::int as n from pg_locks where not granted`))[0]?.n,
        { timeout: 30_000, interval: 20 },
      )
      .toBeGreaterThan(0);
    run.child.kill('SIGKILL');
    await run.ended;
    await blocker.query('rollback');
    return (await stage.succeed(url, 'status')).stdout;
  };
  await stage.succeed(url, '--yes', '--to', '1.6', ...tinyDecisions);
  // Each table has a transaction of its own: what is refused is the last one, and the others are in force.
  const rolledBack = await killDuring(
    ['rollback', '--to', '1.1', '--yes'],
    'begin; lock table contacts in access share mode',
  );
  expect(rolledBack).toMatch(/^! 1\.\d .*interrupted/m);
  expect(rolledBack).not.toMatch(/· 1\.2 .*pending/);
}, 90_000);

test.each([['status'], ['--json', 'status'], ['waive'], ['plan', '--verbose']])(
  '%s: a reader who goes away is no error',
  async (...args) => {
    const url = await stage.tiny(`reader_${args.join('_').replace(/\W/g, '_')}`);
    expect(isConnectionLost(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))).toBe(true);
    const child = spawn(process.execPath, [stage.cli.bin, ...args, '--db-url', url], {
      // Where it starts it looks for code; here there is none.
      cwd: stage.cli.folder('empty'),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString();
    });
    await once(child, 'close');
    expect(said).not.toMatch(/EPIPE|\bat .*:\d+|node:/);
  },
);
