import { expect, test } from 'vitest';
import { retrying } from '../../src/database/retry.ts';
import type { LockHolder } from '../../src/rollout/events.ts';

const notAvailable = () => Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03' });
const holder = (seconds: number): LockHolder => ({ pid: 1, application: 'app', user: 'u', state: 'active', seconds });

/** `retrying` with the given number of refusals; everything else as a test wants it. */
function attempts(refusals: number, over: Partial<Parameters<typeof retrying<number>>[0]> = {}) {
  const timeouts: number[] = [];
  const waits: number[] = [];
  const done = retrying({
    what: 'X',
    patience: 60_000,
    lockTimeout: 20,
    signal: new AbortController().signal,
    holders: async () => [],
    stillOpen: async () => [],
    onWait: () => void waits.push(performance.now()),
    attempt: async (lockTimeout) => {
      timeouts.push(lockTimeout);
      if (timeouts.length <= refusals) throw notAvailable();
      return timeouts.length;
    },
    ...over,
  });
  return { done, timeouts, waits };
}

test('each try may wait twice as long as the one before it, up to the limit', async () => {
  const { done, timeouts, waits } = attempts(4);
  expect(await done).toBe(5);
  expect(timeouts).toEqual([4, 8, 16, 20, 20]);
  const pauses = waits.slice(1).map((at, index) => at - (waits[index] ?? 0));
  // 100, 160 and 256 ms, each give or take a quarter.
  expect(pauses[0]).toBeGreaterThanOrEqual(74);
  expect(pauses[1]).toBeGreaterThanOrEqual(119);
  expect(pauses[2]).toBeGreaterThanOrEqual(190);
}, 20_000);

test('behind a transaction that is older than any try would wait nobody queues up again', async () => {
  let looks = 0;
  const told: number[] = [];
  const { done, timeouts } = attempts(1, {
    holders: async () => [holder(5)],
    stillOpen: async () => (++looks < 3 ? [holder(5)] : []),
    onWait: ({ holders }) => void told.push(holders.length),
  });
  expect(await done).toBe(2);
  expect(timeouts).toHaveLength(2);
  expect([looks, told]).toEqual([3, [1, 1, 1]]);
}, 20_000);

test('behind a short one the next try is made at once', async () => {
  let looks = 0;
  const { done } = attempts(1, {
    holders: async () => [holder(0.001)],
    stillOpen: async () => {
      looks += 1;
      return [holder(0.019)];
    },
  });
  expect(await done).toBe(2);
  expect(looks).toBe(1);
}, 20_000);

test('what the server kept nothing of is tried again, everything else is not', async () => {
  const deadlock = Object.assign(new Error('deadlock detected'), { code: '40P01' });
  const lost = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  for (const [error, tries] of [
    [deadlock, 2],
    [lost, 2],
    [Object.assign(new Error('duplicate key'), { code: '23505' }), 1],
    [new Error('a defect'), 1],
  ] as const) {
    let made = 0;
    const { done } = attempts(0, {
      attempt: async () => {
        made += 1;
        if (made === 1) throw error;
        return made;
      },
    });
    await done.catch((reason: unknown) => expect(reason).toBe(error));
    expect(made).toBe(tries);
  }
}, 20_000);

test('it gives up in time, with who stands in the way', async () => {
  const began = performance.now();
  const { done } = attempts(100, {
    patience: 400,
    holders: async () => [holder(9)],
    stillOpen: async () => [holder(9)],
  });
  await expect(done).rejects.toThrow(/did not get its lock within 0 s: blocked by pid 1 \(app, active for 9 s\)/);
  expect(performance.now() - began).toBeLessThan(5_000);
}, 20_000);
