import { describe, expect, test } from 'vitest';
import type { SqlChange } from '../../src/rollout/change.ts';
import { RolloutError } from '../../src/rollout/errors.ts';
import type { RolloutEvent } from '../../src/rollout/events.ts';
import type { Executor } from '../../src/rollout/executor.ts';
import type { Entry, Fingerprint, StepRecord } from '../../src/rollout/journal.ts';
import { createRollout } from '../../src/rollout/runner.ts';
import type { Blocker } from '../../src/rollout/step.ts';

const change: SqlChange = { kind: 'sql', id: 'a', title: 'A', mode: 'transaction', up: 'up', down: 'down' };

/** One step of one change over objects that are a plain map: what it makes is `a`, and taking it back takes that away. */
function stage(
  start: Fingerprint,
  undo = (objects: Record<string, string>): void => void delete objects.a,
  changes: readonly SqlChange[] = [change],
  together?: (apply: Executor['apply']) => NonNullable<Executor['applyAll']>,
) {
  const objects: Record<string, string> = { ...start };
  const kept = new Map<string, Fingerprint>();
  const entries: Entry[] = [];
  const records: StepRecord[] = [];
  let obstacles: readonly Blocker[] = [];
  const executor: Executor = {
    preview: async function* () {
      // nothing to preview
    },
    within: async () => ({ outcome: 'not executed', reason: 'this is a map' }),
    apply: async (given, { run, step }) => {
      objects.a = 'made';
      const entry: Entry = {
        seq: entries.length + 1,
        run,
        step,
        state: 'applied',
        change: given,
        appliedAt: 'now',
        revertedAt: null,
        milliseconds: 0,
      };
      entries.push(entry);
      return entry;
    },
    revert: async (entry) => {
      undo(objects);
      entries.splice(entries.indexOf(entry), 1, { ...entry, state: 'reverted' });
      return { stayed: [] };
    },
    cannotRevert: async () => obstacles,
    settle: async () => undefined,
    entries: async () => entries,
    standing: async () => entries.map(({ step, state }) => ({ step, state, count: 1 })),
    suspicion: async () => null,
    head: async () => null,
    keepHead: async () => undefined,
    keptHeads: async () => [],
    dependants: async () => [],
    records: async () => records,
    record: async (given) => void records.push({ ...given, seq: records.length, at: `${records.length}` }),
    sizes: async () => [],
    fingerprint: async () => ({ ...objects }),
    keepFingerprint: async (step, _, when) => void kept.set(`${step} ${when}`, { ...objects }),
    keptFingerprint: async (step, when) => kept.get(`${step} ${when}`) ?? null,
    guard: async () => async () => null,
    keepLook: async () => undefined,
    keptLook: async () => null,
    untouched: async () => null,
  };
  const rollout = createRollout({
    phases: [
      {
        id: 1,
        title: 'One',
        medium: 'database',
        steps: [
          {
            id: '1.1',
            title: 'Step',
            why: '',
            plan: async () => ({ changes: objects.a === undefined ? changes : [], blockers: [], notes: [] }),
            checks: async function* () {
              // none
            },
          },
        ],
      },
    ],
    target: null,
    executors: {
      database: together === undefined ? executor : { ...executor, applyAll: together(executor.apply) },
      workspace: null,
    },
  });
  return { rollout, objects, entries, records, obstruct: (found: readonly Blocker[]) => (obstacles = found) };
}

const { signal } = new AbortController();

test('a rollback is proven where everything is as before', async () => {
  const { rollout, objects } = stage({ x: '1' });
  await rollout.apply('1.1', signal);
  expect(await rollout.rollback('1.1', signal)).toMatchObject({ proven: true, differences: [], stayed: [] });
  expect(objects).toEqual({ x: '1' });
});

test('what others changed since is named, and not blamed on the rollback', async () => {
  const { rollout, objects } = stage({ x: '1', y: '1' });
  await rollout.apply('1.1', signal);
  objects.x = '2';
  objects.z = 'new';
  const { proven, differences, stayed } = await rollout.rollback('1.1', signal);
  expect({ proven, differences }).toEqual({ proven: true, differences: [] });
  expect(stayed.join('\n')).toMatch(/\bx\b.*not by this step/);
  expect(stayed.join('\n')).toMatch(/\bz\b.*not by this step/);
});

test('what the rollback itself left different is no proof, beside what others changed', async () => {
  const { rollout, objects } = stage({ x: '1', y: '1' }, (all) => {
    delete all.a;
    all.y = 'broken';
  });
  await rollout.apply('1.1', signal);
  objects.x = '2';
  const { proven, differences } = await rollout.rollback('1.1', signal);
  expect(proven).toBe(false);
  expect(differences.join('\n')).toMatch(/\by\b/);
  expect(differences.join('\n')).not.toMatch(/\bx\b/);
});

test('an obstacle is named before the first change is taken back', async () => {
  const { rollout, entries, obstruct } = stage({});
  await rollout.apply('1.1', signal);
  obstruct([{ problem: 'The table is closed.', remedy: 'Open it.' }]);
  const error: unknown = await rollout.rollback('1.1', signal).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RolloutError);
  expect(error).toMatchObject({ problem: expect.stringContaining('the table is closed') });
  expect(entries.map((one) => one.state)).toEqual(['applied']);
});

describe('an executor that is given the changes of a step together', () => {
  const changes = ['a', 'b', 'c'].map((id): SqlChange => ({ ...change, id, title: id.toUpperCase() }));
  const told = (events: readonly RolloutEvent[]) =>
    events.flatMap((event) =>
      event.type === 'change-started'
        ? [`${event.change.id} ${event.number}/${event.of}`]
        : event.type === 'change-applied' || event.type === 'change-failed'
          ? [`${event.change} ${event.type.slice(7)}`]
          : [],
    );
  /** It does the first two at once, and then this. */
  const stopping = (end: () => Promise<void>) => {
    const given = stage({}, undefined, changes, (apply) => async (all, context, applied) => {
      for (const one of all.slice(0, 2)) applied(await apply(one, context));
      await end();
    });
    const events: RolloutEvent[] = [];
    given.rollout.listen((event) => events.push(event));
    return { ...given, events };
  };

  test('what it did before it failed is told, and the failure is that of the next change', async () => {
    const { rollout, events, records } = stopping(async () => {
      throw new RolloutError('No.', 'Fix it.');
    });
    await expect(rollout.apply('1.1', signal)).rejects.toThrow('No.');
    expect(told(events)).toEqual(['a 1/3', 'a applied', 'b 2/3', 'b applied', 'c 3/3', 'c failed']);
    expect(records.at(-1)).toMatchObject({ state: 'failed', detail: 'C: No.' });
  });

  test('a run that is stopped says how many are done', async () => {
    const operator = new AbortController();
    const { rollout } = stopping(async () => {
      operator.abort();
      operator.signal.throwIfAborted();
    });
    await expect(rollout.apply('1.1', operator.signal)).rejects.toThrow('2 of 3 changes applied and journalled');
  });

  test('with no change to make it is not asked', async () => {
    const { rollout } = stage({ a: 'made' }, undefined, [], () => async () => expect.unreachable('it was asked'));
    expect(await rollout.apply('1.1', signal)).toBe(0);
  });
});
