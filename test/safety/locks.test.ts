import { afterAll, beforeAll, expect, test } from 'vitest';
import { differences } from '../../src/rollout/fingerprint.ts';
import { applyDatabase, tinyDecisions } from '../helpers/cli.ts';
import { openStage, type Stage } from './setup.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

test('two operators at once: the second is told who the first is, and changes nothing', async () => {
  const url = await stage.tiny('two_operators');
  const blocker = await stage.connect(url);
  await blocker.query('begin; select from contacts');
  const first = stage.cli.start(['--yes', '--to', '1.3', ...tinyDecisions], { url });
  await first.seen('waiting for a lock');
  const second = await stage.cli.run([...applyDatabase, ...tinyDecisions], { url });
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(
    new RegExp(
      `Another rollout holds the run lock of this database: voxanne-rollout \\S+@\\S+ pid ${first.child.pid} from`,
    ),
  );
  expect(second.stderr).toMatch(/Wait for it to end/);
  // Looking is allowed meanwhile.
  expect((await stage.cli.run(['status'], { url })).code).toBe(0);
  await blocker.query('rollback');
  expect((await first.ended).code).toBe(0);
});

test('a table locked for longer than the patience: nothing done, who blocks is said; later it goes on', async () => {
  const url = await stage.tiny('locked');
  const start = await stage.stateOf(url);
  const blocker = await stage.connect(url);
  await blocker.query(`set application_name = 'the nightly export'; begin; lock table contacts in access share mode`);
  const result = await stage.cli.run([...applyDatabase, '--patience', '1500', ...tinyDecisions], { url });
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(
    /did not get its lock within 2 s: blocked by pid \d+ \(the nightly export, idle in transaction/,
  );
  expect(result.stderr).toContain('nothing of it was done');
  expect((await stage.cli.run(['status'], { url })).stdout).toMatch(/✗ 1\.2 Rename to org_id +failed/);
  const touched = differences(start.catalog, (await stage.stateOf(url)).catalog);
  expect(touched.filter((line) => line.includes('contacts'))).toEqual([]);
  await blocker.query('rollback');
  await stage.finishAndTakeBack(url, start);
});

test('a table that cannot even be read: who holds it is said, and nothing is changed', async () => {
  const url = await stage.tiny('unreadable');
  const start = await stage.stateOf(url);
  const blocker = await stage.connect(url);
  await blocker.query(`set application_name = 'vacuum full'; begin; lock table contacts in access exclusive mode`);
  const result = await stage.cli.run([...applyDatabase, ...tinyDecisions], { url });
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(
    /^Error: A table is locked by another session and cannot be read: public\.contacts, by pid \d+ \(vacuum full, idle in transaction for \d+ s\)\. Nothing was changed\.\nWait for that session to finish, then run the same command again\.\n$/,
  );
  await blocker.query('rollback');
  expect(await stage.stateOf(url)).toEqual(start);
});

test('the tool waits in short tries, so that others are not held up behind it', async () => {
  const url = await stage.tiny('queue');
  const blocker = await stage.connect(url);
  await blocker.query('begin; select from contacts');
  const run = stage.cli.start(['--yes', '--to', '1.3', ...tinyDecisions], { url });
  await run.seen('waiting for a lock');
  const reader = await stage.connect(url);
  let longest = 0;
  for (const until = Date.now() + 1500; Date.now() < until; ) {
    const began = performance.now();
    await reader.query('select count(*) from contacts');
    longest = Math.max(longest, performance.now() - began);
  }
  // A plain ALTER TABLE holds every reader up until the blocker ends.
  expect(longest).toBeLessThan(700);
  await blocker.query('rollback');
  expect((await run.ended).code).toBe(0);
});

test('an index that waits for a transaction says whose it is, and is made once that ends', async () => {
  const url = await stage.tiny('index', 'drop index calls_organization_id_idx; drop policy calls_by_profile on calls');
  await stage.succeed(url, '--yes', '--to', '1.2', ...tinyDecisions);
  const blocker = await stage.connect(url);
  await blocker.query(`set application_name = 'the nightly export'; begin; update calls set seconds = seconds`);
  const run = stage.cli.start(['--yes', '--to', '1.3', ...tinyDecisions], { url });
  await run.seen(
    /waiting for a lock: transactions that began before it are still open; blocked by pid \d+ \(the nightly/,
  );
  await blocker.query('rollback');
  const { code, stdout } = await run.ended;
  expect(code).toBe(0);
  // It waited in one go.
  expect(stdout).not.toContain('retr');
});
