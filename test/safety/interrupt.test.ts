import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tinyDecisions } from '../helpers/cli.ts';
import { inCi } from '../helpers/seeded.ts';
import { openStage, type Stage } from './setup.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

/** Every way in which a change runs, and how to hold it up in the middle. */
const kinds = [
  {
    what: 'a transaction that waits for a lock',
    prepare: '',
    block: 'begin; select from contacts',
    underWay: /ALTER TABLE|alter table/,
  },
  {
    what: 'an index that is made concurrently',
    prepare: 'drop index calls_organization_id_idx; drop policy calls_by_profile on calls',
    // A writer that stays open: the index waits for it, and nothing else does.
    block: `begin; update calls set seconds = seconds where id = 1`,
    to: '1.2',
    underWay: /create index concurrently/,
  },
  {
    what: 'a backfill in batches',
    prepare: '',
    block: `begin; update auth.users set updated_at = updated_at where email = 'finn@example.test'`,
    to: '1.4',
    underWay: /with picked as/,
  },
] as const;

/** Each kind, held up and then met by each of these. */
const combine = <T>(ways: readonly T[]) => kinds.flatMap((kind) => ways.map((way) => ({ kind, what: kind.what, way })));

describe('Ctrl-C', () => {
  test.each(inCi(combine([1, 2] as const), 2))(
    'in $what, $way times: exit 130, nothing goes on at the server, a later run finishes',
    async ({ kind, way: presses }) => {
      const url = await stage.tiny(`${kind.what.replace(/\W/g, '_')}_${presses}`, kind.prepare || undefined);
      const start = await stage.stateOf(url);
      if ('to' in kind) await stage.succeed(url, '--yes', '--to', kind.to, ...tinyDecisions);
      const blocker = await stage.connect(url);
      await blocker.query(kind.block);
      const run = stage.cli.start(['--yes', '--to', '1.6', '--lock-timeout', '5000', ...tinyDecisions], { url });
      await expect
        .poll(
          async () =>
            (await stage.sessions(url)).some((one) => one.state === 'active' && kind.underWay.test(one.query)),
          {
            timeout: 20_000,
            interval: 30,
          },
        )
        .toBe(true);

      run.child.kill('SIGINT');
      if (presses === 2) {
        await run.seen('Press Ctrl-C again');
        run.child.kill('SIGINT');
      }
      const ended = await run.ended;
      expect(ended.code, ended.stdout + ended.stderr).toBe(130);
      if (presses === 1)
        expect(ended.stderr).toMatch(
          /Stopped in step 1\.\d: \d+ of \d+ changes? applied and journalled|Error: Stopped\./,
        );

      // The blocker still holds its lock: what is gone was cancelled, it did not come to its end.
      await expect
        .poll(() => stage.sessions(url), { timeout: presses === 1 ? 2_000 : 15_000, interval: 50 })
        .toEqual([]);
      await blocker.query('rollback');
      const status = await stage.cli.run(['status'], { url });
      expect(status.code).toBe(0);
      await stage.finishAndTakeBack(url, start);
    },
  );
});

test('Ctrl-C during a rollback: exit 130, and a later rollback brings the start back', async () => {
  const url = await stage.tiny('interrupted_rollback');
  const start = await stage.stateOf(url);
  await stage.succeed(url, '--yes', '--to', '1.6', ...tinyDecisions);
  const blocker = await stage.connect(url);
  await blocker.query('begin; select from contacts');
  const run = stage.cli.start(['rollback', '--all', '--yes'], { url });
  await run.seen('waiting for a lock');
  run.child.kill('SIGINT');
  const ended = await run.ended;
  expect(ended.code).toBe(130);
  expect(ended.stderr).toMatch(/\d+ of \d+ changes? rolled back and journalled/);
  expect(await stage.sessions(url)).toEqual([]);
  await blocker.query('rollback');
  await stage.finishAndTakeBack(url, start);
});

test('Ctrl-C before anything began: exit 130, nothing changed', async () => {
  const url = await stage.tiny('early');
  const start = await stage.stateOf(url);
  const blocker = await stage.connect(url);
  await blocker.query('begin; lock table organizations in access exclusive mode');
  const run = stage.cli.start(['plan', ...tinyDecisions], { url });
  await expect
    .poll(async () => (await stage.sessions(url)).length, { timeout: 10_000, interval: 30 })
    .toBeGreaterThan(0);
  run.child.kill('SIGINT');
  await run.seen('Press Ctrl-C again');
  run.child.kill('SIGINT');
  expect((await run.ended).code).toBe(130);
  await blocker.query('rollback');
  await expect.poll(() => stage.sessions(url), { timeout: 10_000 }).toEqual([]);
  expect(await stage.stateOf(url)).toEqual(start);
});

describe('the server restarts in the middle of a step', () => {
  test.each(inCi(combine(['fast', 'immediate'] as const), 1))(
    '$way, in $what: the run goes on, or a later one does',
    async ({ kind, way: mode }) => {
      const url = await stage.tiny(`${kind.what.replace(/\W/g, '_')}_${mode}`, kind.prepare || undefined);
      const start = await stage.stateOf(url);
      if ('to' in kind) await stage.succeed(url, '--yes', '--to', kind.to, ...tinyDecisions);
      const blocker = await stage.connect(url);
      await blocker.query(kind.block);
      const run = stage.cli.start(['--yes', '--to', '1.6', '--lock-timeout', '5000', ...tinyDecisions], { url });
      await expect
        .poll(
          async () =>
            (await stage.sessions(url)).some((one) => one.state === 'active' && kind.underWay.test(one.query)),
          {
            timeout: 20_000,
            interval: 30,
          },
        )
        .toBe(true);
      await stage.server.restart(mode);
      const ended = await run.ended;
      // Inside a change the run takes up a new connection and goes on; elsewhere it says that the connection was lost.
      expect([0, 1, 4], ended.stderr).toContain(ended.code);
      if (ended.code !== 0) expect(ended.stdout + ended.stderr).toMatch(/connection|starting|recovering/);
      await stage.finishAndTakeBack(url, start);
    },
  );
});
