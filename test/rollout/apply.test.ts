import { describe, expect, test } from 'vitest';
import { RolloutError } from '../../src/rollout/errors.ts';
import type { RolloutEvent } from '../../src/rollout/events.ts';
import { changeOf, check, Medium, never, phaseOf, stageOf, stepOf, typesOf } from './stage.ts';

/** One step that makes these objects. */
function one(
  more: Parameters<typeof stepOf>[3] = {},
  objects = ['a', 'b'],
  options: Parameters<typeof stageOf>[2] = {},
) {
  const database = new Medium({ x: '1' });
  const step = stepOf('1.1', database, objects, more);
  return { database, step, ...stageOf(database, [phaseOf(1, [step])], options) };
}

const refusalOf = async (tried: Promise<unknown>): Promise<RolloutError> => {
  const error: unknown = await tried.catch((reason: unknown) => reason);
  if (error instanceof RolloutError) return error;
  throw new Error(`it was not refused: ${String(error)}`);
};

test('applies in the order of the plan, journals, and keeps the state from before and after', async () => {
  const { rollout, database, events } = one({}, ['a', 'b'], { remark: 'by plan 1234' });
  expect(await rollout.apply('1.1', never)).toBe(2);
  expect(database.objects).toEqual({ x: '1', a: 'made', b: 'made' });
  expect(database.kept.get('1.1 before')).toEqual({ x: '1' });
  expect(database.kept.get('1.1 after')).toEqual({ x: '1', a: 'made', b: 'made' });
  expect(database.records).toMatchObject([{ step: '1.1', state: 'applied', detail: '2 changes; by plan 1234' }]);
  expect(database.guarded).toEqual([[changeOf('a'), changeOf('b')]]);
  expect(typesOf(events)).toEqual([
    'planned',
    'step-started',
    'proven',
    'change-started',
    'change-applied',
    'change-started',
    'change-applied',
    'step-applied',
  ]);
  expect(events.at(-1)).toMatchObject({ type: 'step-applied', changes: 2 });
});

test('with nothing to do it looks at nothing and says so', async () => {
  const { rollout, database, events } = one({}, []);
  expect(await rollout.apply('1.1', never)).toBe(0);
  expect(database.records).toMatchObject([{ state: 'applied', detail: 'nothing to do' }]);
  expect([database.kept.size, database.guarded.length, database.asked.length]).toEqual([0, 0, 0]);
  expect(typesOf(events)).toEqual(['planned', 'step-started', 'step-applied']);
});

test('what its checks do not pass beforehand is never live', async () => {
  const { rollout, database } = one({ results: () => [check('failed', { advice: 'Do this.' }), check('passed')] });
  const error = await refusalOf(rollout.apply('1.1', never));
  expect(error.problem).toContain('Step 1.1 was not started: 1 of its checks would fail');
  expect(error.remedy).toBe('Do this.');
  expect(error.detail).toBe('- check/failed: It is failed: seen: failed\n  Do this.');
  expect([database.objects, database.entries, database.records]).toEqual([{ x: '1' }, [], []]);
});

test('a check that matters and was not made keeps it from being live, until it is accepted by its id', async () => {
  const results = () => [check('skipped', { matters: true }), check('skipped', { id: 'other' })];
  const refused = await refusalOf(one({ results }).rollout.apply('1.1', never));
  expect(refused.problem).toContain('1 of its checks could not be run, and isolation depends on it');
  expect(refused.answers.map((each) => each.flag)).toEqual(['--accept-not-checked check/skipped']);
  const accepted = one({ results }, ['a'], { accepted: (id) => id === 'check/skipped' });
  expect(await accepted.rollout.apply('1.1', never)).toBe(1);
});

test('many failed checks are counted, the first thirty named', async () => {
  const results = () => Array.from({ length: 32 }, (_, index) => check('failed', { id: `c${index}` }));
  const error = await refusalOf(one({ results }).rollout.apply('1.1', never));
  expect(error.problem).toContain('32 of its checks would fail');
  expect(error.remedy).toBe('Fix what the checks name, then run again.');
  expect(error.detail?.split('\n').at(-1)).toBe('and 2 more');
  expect(error.detail?.split('\n')).toHaveLength(31);
});

test('a blocker stops it before it is tested, and all of them are named', async () => {
  const { rollout, database } = one({
    blockers: [
      { problem: 'Rows are in the way.', remedy: 'Move them.', detail: 'public.x: 3' },
      { problem: 'RLS is off.', remedy: 'Turn it on.' },
    ],
  });
  const error = await refusalOf(rollout.apply('1.1', never));
  expect(error.problem).toBe('Step 1.1 was not started: rows are in the way.');
  expect(error.remedy).toBe('Move them.');
  expect(error.detail).toBe('public.x: 3\n1 more:\n- RLS is off. Turn it on.');
  expect(database.asked).toEqual([]);
  const single = await refusalOf(
    one({ blockers: [{ problem: 'RLS is off.', remedy: 'No.' }] }).rollout.apply('1.1', never),
  );
  expect([single.problem, single.detail]).toEqual(['Step 1.1 was not started: RLS is off.', undefined]);
});

test('a target on which nothing may be applied is refused with its own reason', async () => {
  const reason = new RolloutError('Not here.', 'Rehearse it first.');
  const { rollout, database } = one({}, ['a'], { refuse: () => reason });
  expect(await refusalOf(rollout.apply('1.1', never))).toBe(reason);
  expect(database.objects).toEqual({ x: '1' });
});

describe('a plan that was shown', () => {
  test('is applied as long as it is the same', async () => {
    const { rollout } = one();
    const { hash } = await rollout.plan('1.1');
    expect(await rollout.apply('1.1', never, hash)).toBe(2);
  });

  test('is not applied once the target asks for another', async () => {
    const { rollout, database } = one();
    const { hash } = await rollout.plan('1.1');
    database.objects.a = 'made by others';
    const error = await refusalOf(rollout.apply('1.1', never, hash));
    expect(error.problem).toContain('is no longer the one that was shown');
    expect(database.entries).toEqual([]);
  });

  test('is not applied where who judges it throws', async () => {
    const { rollout, database } = one();
    const judged: string[] = [];
    const judge = async ({ plan }: { plan: { changes: readonly { id: string }[] } }): Promise<void> => {
      judged.push(...plan.changes.map((each) => each.id));
      throw new RolloutError('Not this.', 'Plan again.');
    };
    expect((await refusalOf(rollout.apply('1.1', never, judge))).problem).toBe('Not this.');
    expect([judged, database.entries]).toEqual([['a', 'b'], []]);
  });
});

describe('a change that fails', () => {
  test('is told and recorded, with what was done before it still in force', async () => {
    const { rollout, database, events } = one();
    database.onApply = ({ id }) => {
      if (id === 'b') throw new RolloutError('The table is locked.', 'Wait.');
    };
    await expect(rollout.apply('1.1', never)).rejects.toThrow('The table is locked.');
    expect(database.records).toMatchObject([{ state: 'failed', detail: 'B: The table is locked.', passed: 0 }]);
    expect(events.at(-1)).toEqual({
      type: 'change-failed',
      step: '1.1',
      change: 'b',
      problem: 'The table is locked.',
      remedy: 'Wait.',
    });
    expect(database.kept.has('1.1 after')).toBe(false);
  });

  test('of a kind that nobody put into words is called a defect', async () => {
    const { rollout, database, events } = one();
    database.onApply = () => {
      throw new TypeError('x is undefined');
    };
    await expect(rollout.apply('1.1', never)).rejects.toThrow(TypeError);
    expect(events.at(-1)).toMatchObject({ problem: 'TypeError: x is undefined', remedy: 'Report this as a defect.' });
  });

  test('is told even where no note of it can be taken', async () => {
    const { rollout, database } = one();
    database.onApply = () => {
      Object.defineProperty(database.records, 'push', { value: () => expect.unreachable() });
      throw new RolloutError('The connection is gone.', 'Look.');
    };
    await expect(rollout.apply('1.1', never)).rejects.toThrow('The connection is gone.');
  });
});

describe('a run that is stopped', () => {
  test('between two changes says how far it came', async () => {
    const { rollout, database } = one();
    const operator = new AbortController();
    database.onApply = () => operator.abort();
    const error = await refusalOf(rollout.apply('1.1', operator.signal));
    expect(error.problem).toContain('Stopped in step 1.1: 1 of 2 changes applied and journalled');
    expect(error.exitCode).toBe(130);
    expect(database.entries).toHaveLength(1);
  });

  test('while it is tested says that nothing was applied', async () => {
    const operator = new AbortController();
    const { rollout, database } = one({
      results: () => {
        operator.abort();
        return [check('passed')];
      },
    });
    expect((await refusalOf(rollout.apply('1.1', operator.signal))).problem).toContain('0 of 2 changes applied');
    expect(database.entries).toEqual([]);
  });
});

describe('a step that a crash interrupted', () => {
  test('is settled, goes on with the rest, and keeps the state from before its first change', async () => {
    const { rollout, database } = one({ look: async () => 'now' });
    database.left('1.1', 'a', 'started');
    database.objects.a = 'made';
    database.kept.set('1.1 before', { x: '1' });
    database.looks.set('1.1', 'then');
    expect(await rollout.apply('1.1', never)).toBe(1);
    expect(database.settled).toEqual(['a']);
    expect(database.kept.get('1.1 before')).toEqual({ x: '1' });
    expect(database.looks.get('1.1')).toBe('then');
    expect(database.kept.get('1.1 after')).toEqual({ x: '1', a: 'made', b: 'made' });
  });

  test('right after its last change is looked at once more, and only once', async () => {
    const { rollout, database } = one({}, ['a']);
    database.left('1.1', 'a', 'applied');
    database.objects.a = 'made';
    database.kept.set('1.1 before', { x: '1' });
    expect(await rollout.apply('1.1', never)).toBe(0);
    expect(database.kept.get('1.1 after')).toEqual({ x: '1', a: 'made' });
    expect(database.guarded).toEqual([[]]);
    await rollout.apply('1.1', never);
    expect(database.guarded).toHaveLength(1);
  });

  test('with nothing of it in force begins as if for the first time', async () => {
    const { rollout, database } = one({ look: async () => 'now' });
    database.left('1.1', 'a', 'reverting');
    expect(await rollout.apply('1.1', never)).toBe(2);
    expect(database.settled).toEqual(['a']);
    expect(database.looks.get('1.1')).toBe('now');
    expect(database.kept.get('1.1 before')).toEqual({ x: '1' });
  });
});

describe('an executor that is given the changes of a step together', () => {
  const told = (events: readonly RolloutEvent[]) =>
    events.flatMap((event) =>
      event.type === 'change-started'
        ? [`${event.change.id} ${event.number}/${event.of}`]
        : event.type === 'change-applied' || event.type === 'change-failed'
          ? [`${event.change} ${event.type.slice(7)}`]
          : [],
    );
  /** It does the first two at once, and then this. */
  const stopping = (end: () => Promise<void>, how = ['a', 'b', 'c']) =>
    one({}, how, {
      together: (apply) => async (all, context, applied) => {
        for (const each of all.slice(0, 2)) applied(await apply(each, context));
        await end();
      },
    });

  test('what it did before it failed is told, and the failure is that of the next change', async () => {
    const { rollout, events, database } = stopping(async () => {
      throw new RolloutError('No.', 'Fix it.');
    });
    await expect(rollout.apply('1.1', never)).rejects.toThrow('No.');
    expect(told(events)).toEqual(['a 1/3', 'a applied', 'b 2/3', 'b applied', 'c 3/3', 'c failed']);
    expect(database.records.at(-1)).toMatchObject({ state: 'failed', detail: 'C: No.' });
  });

  test('a failure after the last change is that of the last', async () => {
    const { rollout, events } = stopping(async () => {
      throw new RolloutError('No.', 'Fix it.');
    }, ['a', 'b']);
    await expect(rollout.apply('1.1', never)).rejects.toThrow('No.');
    expect(told(events).at(-1)).toBe('b failed');
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
    const { rollout } = one({}, [], { together: () => async () => expect.unreachable('it was asked') });
    expect(await rollout.apply('1.1', never)).toBe(0);
  });
});

describe('what the journal ends with', () => {
  const head = { journal: 'j', links: 3, hash: 'h' };

  test('is kept in the workspace after every step of the database', async () => {
    const database = new Medium();
    const workspace = new Medium();
    database.head = head;
    const phases = [phaseOf(1, [stepOf('1.1', database, ['a'])]), phaseOf(2, [stepOf('2.1', workspace, ['f'])])];
    const { rollout } = stageOf(database, phases, { workspace });
    await rollout.apply('1.1', never);
    expect(workspace.heads).toEqual([head]);
    await rollout.verify('1.1', never);
    await rollout.apply('2.1', never);
    expect(workspace.heads).toEqual([head]);
    expect(database.heads).toEqual([]);
  });

  test('is not kept where the journal has none', async () => {
    const database = new Medium();
    const workspace = new Medium();
    const { rollout } = stageOf(database, [phaseOf(1, [stepOf('1.1', database, ['a'])])], { workspace });
    await rollout.apply('1.1', never);
    expect(workspace.heads).toEqual([]);
  });
});

test('thirty failed checks are all named', async () => {
  const results = () => Array.from({ length: 30 }, (_, index) => check('failed', { id: `c${index}` }));
  const { detail } = await refusalOf(one({ results }).rollout.apply('1.1', never));
  expect(detail?.split('\n')).toHaveLength(30);
});

test('a refusal carries the answers that get past its blockers', async () => {
  const answer = { setting: 'decisions.orphans', value: 'leave', flag: '--orphans leave', consequence: '' };
  const blockers = [
    { problem: 'A.', remedy: 'B.', answers: [answer] },
    { problem: 'C.', remedy: 'D.' },
  ];
  expect((await refusalOf(one({ blockers }).rollout.apply('1.1', never))).answers).toEqual([answer]);
});

test('only the steps that a crash interrupted are settled, and only what is in force of a step makes it go on', async () => {
  const database = new Medium();
  const steps = [stepOf('1.1', database, ['a']), stepOf('1.2', database, ['b'])];
  const { rollout } = stageOf(database, [phaseOf(1, steps)]);
  await rollout.apply('1.1', never);
  await rollout.verify('1.1', never);
  database.left('1.2', 'b', 'reverting');
  database.objects.b = 'made';
  delete database.objects.b;
  await rollout.apply('1.2', never);
  expect(database.settled).toEqual(['b']);
  // What 1.1 has in force is no reason to take 1.2 for one that goes on.
  expect(database.kept.get('1.2 before')).toEqual({ a: 'made' });
});

test('the time that a step took is told and recorded', async () => {
  const { rollout, database, events } = one();
  await rollout.apply('1.1', never);
  await rollout.verify('1.1', never);
  await rollout.rollback('1.1', never);
  for (const { milliseconds } of database.records) {
    expect(milliseconds).toBeGreaterThanOrEqual(0);
    expect(milliseconds).toBeLessThan(1_000);
  }
  const last = events.at(-1);
  expect(last?.type === 'step-rolled-back' ? last.milliseconds : 9_999).toBeLessThan(1_000);
});
