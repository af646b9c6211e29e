import { expect, test } from 'vitest';
import type { Change } from '../../src/rollout/change.ts';
import type { RolloutEvent } from '../../src/rollout/events.ts';
import { type Meters, measuring } from '../../src/rollout/measure.ts';
import type { Measured } from '../../src/rollout/saved-plan.ts';
import { changeOf, Medium, never } from './stage.ts';

/** One change, applied by an executor that waits twice and writes rows meanwhile. */
async function measured(change: Change, meters: Partial<Meters> = {}, fails = false) {
  const told: Measured[] = [];
  const heard: RolloutEvent[] = [];
  const inner = new Medium().executor();
  const log = [100, 150];
  const executor = measuring(
    {
      ...inner,
      apply: async (given, context) => {
        const waiting = {
          type: 'change-waiting',
          step: '1.1',
          change: given.id,
          attempt: 1,
          reason: '',
          holders: [],
        } as const;
        context.emit(waiting);
        context.emit(waiting);
        for (const done of [5, 8]) {
          context.emit({ type: 'change-progress', step: '1.1', change: given.id, done, total: 8, perSecond: 1 });
        }
        if (fails) throw new Error('no');
        return inner.apply(given, context);
      },
    },
    { walBytes: async () => log.shift() ?? 0, ...meters },
    (one) => told.push(one),
  );
  const context = { run: 'r', step: '1.1', emit: (event: RolloutEvent) => heard.push(event), signal: never } as const;
  const error: unknown = await executor.apply(change, context).then(
    () => null,
    (reason: unknown) => reason,
  );
  return { told, heard, error };
}

const rename = { ...changeOf('a'), up: 'alter table public.calls rename column a to b;' };

test('tells what a change took, and passes on what happened meanwhile', async () => {
  const { told, heard } = await measured(rename);
  expect(told).toEqual([
    { step: '1.1', change: 'a', milliseconds: 7, held: 7, retries: 2, rows: 8, walBytes: 50, longestRead: null },
  ]);
  expect(heard).toHaveLength(4);
});

test('only a transaction that makes others wait holds a lock', async () => {
  const held = async (change: Change) => (await measured(change)).told[0]?.held;
  expect(await held({ ...rename, mode: 'autocommit' })).toBeNull();
  expect(await held({ ...rename, up: 'comment on table public.calls is $$x$$;' })).toBeNull();
  expect(await held({ ...rename, up: 'create index i on public.calls (a);' })).toBe(7);
});

test('a log that went back is nothing written', async () => {
  const log = [150, 100];
  expect((await measured(rename, { walBytes: async () => log.shift() ?? 0 })).told[0]?.walBytes).toBe(0);
});

test('the tables of the change are read while it runs, and the reader ends with it, also where it fails', async () => {
  const watched: unknown[] = [];
  const watch: Meters['watch'] = (tables) => {
    watched.push(tables);
    return async () => {
      watched.push('ended');
      return 4;
    };
  };
  expect((await measured(rename, { watch })).told[0]?.longestRead).toBe(4);
  expect(watched).toEqual([['public.calls'], 'ended']);
  const failed = await measured(rename, { watch }, true);
  expect(failed.error).toEqual(new Error('no'));
  expect(failed.told).toEqual([]);
  expect(watched).toHaveLength(4);
});

test('changes that could be applied together are applied one by one, so that each is measured', () => {
  const together = new Medium().executor((apply) => async (all, context, applied) => {
    for (const each of all) applied(await apply(each, context));
  });
  expect(together.applyAll).toBeDefined();
  expect(measuring(together, { walBytes: async () => 0 }, () => undefined).applyAll).toBeUndefined();
});
