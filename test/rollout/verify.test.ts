import { describe, expect, test } from 'vitest';
import { RolloutError } from '../../src/rollout/errors.ts';
import { check, Medium, never, phaseOf, stageOf, stepOf, typesOf } from './stage.ts';

/** One step of the workspace, which looks no further than itself. */
function one(results: Parameters<typeof stepOf>[3], options: Parameters<typeof stageOf>[2] = {}) {
  const database = new Medium();
  const workspace = new Medium();
  const phases = [phaseOf(2, [stepOf('2.1', workspace, ['f'], results)])];
  return { workspace, ...stageOf(database, phases, { workspace, ...options }) };
}

test('a look at a target on which nothing was ever applied leaves no record', async () => {
  const { rollout, workspace, events } = one({});
  expect(await rollout.verify('2.1', never)).toEqual({ passed: 1, failed: 0, skipped: 0, unproven: 0 });
  expect(workspace.records).toEqual([]);
  expect(typesOf(events)).toEqual(['check', 'step-verified']);
});

test('a failed check fails the step, and the record says what was seen', async () => {
  let results = [check('passed')];
  const { rollout, workspace, events } = one({ results: () => results });
  await rollout.apply('2.1', never);
  results = [check('failed'), check('failed', { title: 'Other', observed: 'nothing' }), check('skipped')];
  expect(await rollout.verify('2.1', never)).toEqual({ passed: 0, failed: 2, skipped: 1, unproven: 0 });
  expect(workspace.records.at(-1)).toMatchObject({
    state: 'failed',
    detail: 'It is failed: seen: failed; Other: nothing',
    failed: 2,
    skipped: 1,
  });
  expect(events.at(-1)).toMatchObject({ type: 'step-failed', failed: 2 });
});

test('a check that matters and was not made keeps the step from being verified; once accepted, it offers nothing more', async () => {
  const results = () => [check('skipped', { matters: true }), check('skipped', { id: 'plain' })];
  const open = one({ results });
  expect(await open.rollout.verify('2.1', never)).toMatchObject({ skipped: 2, unproven: 1 });
  expect(open.events.at(-1)).toMatchObject({ type: 'step-failed', unproven: 1 });
  const shown = open.events.flatMap((event) => (event.type === 'check' ? [event.result.answers] : []));
  expect(shown).toEqual([undefined, undefined]);
  const accepted = one({ results }, { accepted: (id) => id === 'check/skipped' });
  expect(await accepted.rollout.verify('2.1', never)).toMatchObject({ skipped: 2, unproven: 0 });
  expect(accepted.events.at(-1)).toMatchObject({ type: 'step-verified' });
  const settled = accepted.events.flatMap((event) => (event.type === 'check' ? [event.result.answers] : []));
  expect(settled).toEqual([[], undefined]);
});

test('is stopped between two checks', async () => {
  const operator = new AbortController();
  const { rollout, events } = one({
    results: () => {
      operator.abort();
      return [check('passed'), check('passed')];
    },
  });
  await expect(rollout.verify('2.1', operator.signal)).rejects.toThrow();
  expect(events).toEqual([]);
});

test('a step that looked before its first change is judged by that look', async () => {
  const given: unknown[] = [];
  const { rollout } = one({
    look: async () => ({ rows: 3 }),
    checks: async function* (_target, _signal, before) {
      given.push(before);
      yield check('passed');
    },
  });
  await rollout.verify('2.1', never);
  await rollout.apply('2.1', never);
  await rollout.verify('2.1', never);
  expect(given).toEqual([null, { rows: 3 }, { rows: 3 }]);
});

test('what the last apply had to leave alone is part of the verification', async () => {
  const { rollout, workspace, events } = one({});
  workspace.untouched = {
    tables: 2,
    rows: 10,
    columns: 1,
    changed: ['public.x: 3 rows less'],
    unchecked: ['public.y'],
  };
  expect(await rollout.verify('2.1', never)).toMatchObject({ passed: 1, failed: 1, skipped: 1 });
  expect(events).toMatchObject([
    { type: 'check' },
    {
      result: {
        id: '2.1/untouched',
        verdict: 'failed',
        observed: '2 tables, 10 rows and 1 column compared: public.x: 3 rows less',
        advice: expect.stringContaining('roll it back'),
      },
    },
    { result: { id: '2.1/untouched/not-compared', verdict: 'skipped', observed: 'not checked: public.y' } },
    { type: 'step-failed' },
  ]);
  workspace.untouched = { tables: 1, rows: 1, columns: 1, changed: [], unchecked: [] };
  expect(await rollout.verify('2.1', never)).toMatchObject({ passed: 2, failed: 0, skipped: 0 });
  workspace.untouched = { tables: 0, rows: 0, columns: 0, changed: [], unchecked: [] };
  expect(await rollout.verify('2.1', never)).toMatchObject({ passed: 1 });
});

test('a long list of what was not compared is cut, and says by how much', async () => {
  const { rollout, workspace, events } = one({});
  const unchecked = Array.from({ length: 23 }, (_, index) => `t${index}`);
  workspace.untouched = { tables: 1, rows: 1, columns: 1, changed: [], unchecked };
  await rollout.verify('2.1', never);
  expect(events.find((event) => event.type === 'check' && event.result.verdict === 'skipped')).toMatchObject({
    result: { observed: expect.stringMatching(/t19; and 3 more$/) },
  });
});

describe('the first step of the database', () => {
  /** What 1.3 makes needs what 1.2 makes. */
  function phase(more: { two?: Parameters<typeof stepOf>[3]; three?: Parameters<typeof stepOf>[3] } = {}) {
    const database = new Medium();
    const steps = [
      stepOf('1.1', database, []),
      stepOf('1.2', database, ['a'], more.two),
      stepOf('1.3', database, ['b'], {
        checks: async function* () {
          yield check(database.objects.a === undefined ? 'failed' : 'passed');
        },
        ...more.three,
      }),
    ];
    return { database, phases: [phaseOf(1, steps)] };
  }
  const foreseen = (events: ReturnType<typeof stageOf>['events']) =>
    events.flatMap((event) =>
      event.type === 'check' && event.result.id.includes('foreseen')
        ? [`${event.result.id.replace('1.1/foreseen/', '')} ${event.result.verdict}: ${event.result.observed}`]
        : [],
    );

  test('tests those to come, each upon what the ones before it made, and leaves nothing', async () => {
    const { database, phases } = phase();
    const { rollout, events } = stageOf(database, phases);
    await rollout.verify('1.1', never);
    expect(foreseen(events)).toEqual([
      '1.2 passed: 1 change ran, 1 check passed, all of it rolled back',
      '1.3 passed: 1 change ran, 1 check passed, all of it rolled back',
    ]);
    expect(database.objects).toEqual({});
  });

  test('names each thing that stops a later step, and only plans what comes after that', async () => {
    const blockers = [
      { problem: 'Rows cross.', remedy: 'Move them.', detail: 'public.x' },
      { problem: 'No key.', remedy: 'Add one.' },
    ];
    const { database, phases } = phase({ two: { blockers } });
    const { rollout, events } = stageOf(database, phases);
    expect(await rollout.verify('1.1', never)).toMatchObject({ failed: 2, skipped: 1 });
    expect(foreseen(events)).toEqual([
      '1.2 failed: Rows cross.\npublic.x',
      '1.2/2 failed: No key.',
      '1.3 skipped: planned only, 1 change: a step before it cannot be applied yet',
    ]);
  });

  test('carries the answers of what would not pass later', async () => {
    const { database, phases } = phase({
      three: {
        checks: async function* () {
          yield check('skipped', { matters: true, advice: 'Look.' });
        },
      },
    });
    const { rollout, events } = stageOf(database, phases);
    await rollout.verify('1.1', never);
    const found = events.flatMap((event) =>
      event.type === 'check' && event.result.id.endsWith('1.3') ? [event.result] : [],
    );
    expect(found).toMatchObject([
      {
        verdict: 'failed',
        observed: 'It is skipped: seen: skipped',
        advice: 'Look.',
        answers: [{ setting: 'decisions.acceptNotChecked' }],
      },
    ]);
  });

  test('a change of a later step that fails is named in its words', async () => {
    const { database, phases } = phase({
      two: {
        plan: async () => {
          throw new RolloutError('The catalog cannot be read.', 'Grant it.', { detail: 'pg_class' });
        },
      },
    });
    const { rollout, events } = stageOf(database, phases);
    await rollout.verify('1.1', never);
    expect(foreseen(events)[0]).toBe('1.2 failed: The catalog cannot be read.\npg_class');
  });

  test('where that cannot be tried, later steps are planned only, with the reason', async () => {
    const { database, phases } = phase();
    database.within = ['busy'];
    const { rollout, events } = stageOf(database, phases);
    expect(await rollout.verify('1.1', never)).toMatchObject({ passed: 1, skipped: 2, unproven: 0 });
    expect(foreseen(events)).toEqual([
      '1.2 skipped: planned only, 1 change: it is busy',
      '1.3 skipped: planned only, 1 change: it is busy',
    ]);
  });

  test('looks no further than the last step that is wanted, and not at what is skipped', async () => {
    const { database, phases } = phase();
    const { rollout, events } = stageOf(database, phases, { until: '1.2' });
    await rollout.verify('1.1', never);
    expect(foreseen(events)).toHaveLength(1);
    await rollout.skip('1.2', 'by hand');
    await rollout.verify('1.1', never);
    expect(foreseen(events)).toHaveLength(1);
  });

  test('looks at nothing to come once something is live', async () => {
    const { database, phases } = phase();
    const { rollout, events } = stageOf(database, phases);
    await rollout.apply('1.1', never);
    await rollout.verify('1.1', never);
    await rollout.apply('1.2', never);
    const before = foreseen(events).length;
    await rollout.verify('1.1', never);
    expect(foreseen(events)).toHaveLength(before);
  });

  describe('is tested again before the first change', () => {
    /** Verified by an earlier run. */
    async function verified() {
      const { database, phases } = phase();
      const earlier = stageOf(database, phases);
      await earlier.rollout.apply('1.1', never);
      await earlier.rollout.verify('1.1', never);
      return { database, phases };
    }

    test('where another run tested it', async () => {
      const { database, phases } = await verified();
      const { rollout, events } = stageOf(database, phases);
      await rollout.apply('1.2', never);
      expect(foreseen(events)).toHaveLength(2);
    });

    test('where an answer was given meanwhile, and not else', async () => {
      const { database, phases } = await verified();
      let settings = {};
      const { rollout, events } = stageOf(database, phases, { settings: () => settings });
      await rollout.verify('1.1', never);
      await rollout.apply('1.2', never);
      expect(foreseen(events)).toHaveLength(2);
      await rollout.rollback('1.2', never);
      settings = {};
      await rollout.apply('1.2', never);
      expect(foreseen(events)).toHaveLength(4);
    });

    test('and stops the step where it does not pass any more', async () => {
      const { database, phases } = await verified();
      const [only] = phases;
      const blocked = [
        { problem: 'Rows cross.', remedy: 'Move them.', detail: 'public.x' },
        { problem: 'No key.', remedy: 'Add one.' },
      ];
      const steps = [...(only?.steps ?? [])];
      steps.splice(2, 1, stepOf('1.3', database, ['b'], { blockers: blocked }));
      const { rollout } = stageOf(database, [phaseOf(1, steps)]);
      await expect(rollout.apply('1.2', never)).rejects.toMatchObject({
        problem: 'Step 1.2 was not started, since step 1.1 was tested again: Rows cross.',
        remedy: 'Move them.',
        detail: 'public.x\n- No key.',
      });
      expect(database.entries).toEqual([]);
    });

    test('but not once something is live', async () => {
      const { database, phases } = await verified();
      const first = stageOf(database, phases);
      await first.rollout.apply('1.2', never);
      await first.rollout.verify('1.2', never);
      const { rollout, events } = stageOf(database, phases);
      await rollout.apply('1.3', never);
      expect(typesOf(events)).not.toContain('check');
    });
  });
});

describe('no other step looks at those to come', () => {
  const told = (events: ReturnType<typeof stageOf>['events']) =>
    events.filter((event) => event.type === 'check').length;

  test('not the first one of the code', async () => {
    const database = new Medium();
    const workspace = new Medium();
    const steps = [stepOf('2.1', workspace, []), stepOf('2.2', workspace, ['g'])];
    const { rollout, events } = stageOf(database, [phaseOf(2, steps)], { workspace });
    await rollout.verify('2.1', never);
    expect([told(events), workspace.asked]).toEqual([1, []]);
    await rollout.apply('2.1', never);
    await rollout.verify('2.1', never);
    const asked = workspace.asked.length;
    await rollout.apply('2.2', never);
    expect(workspace.asked.slice(asked)).toEqual(['Testing Step 2.2']);
  });

  test('not a later one of the database, and not the only one', async () => {
    const database = new Medium();
    const steps = [stepOf('1.1', database, []), stepOf('1.2', database, []), stepOf('1.3', database, [])];
    const later = stageOf(database, [phaseOf(1, steps)]);
    await later.rollout.verify('1.2', never);
    expect([told(later.events), database.asked]).toEqual([1, []]);
    const only = stageOf(database, [phaseOf(1, steps.slice(0, 1))]);
    await only.rollout.verify('1.1', never);
    await only.rollout.apply('1.1', never);
    expect([told(only.events), database.asked]).toEqual([1, []]);
  });
});

test('a phase that passed in this run and fails when it is looked at again is tested once more before a change', async () => {
  const database = new Medium();
  let verdict: 'passed' | 'failed' = 'passed';
  const steps = [stepOf('1.1', database, [], { results: () => [check(verdict)] }), stepOf('1.2', database, ['a'])];
  const { rollout } = stageOf(database, [phaseOf(1, steps)]);
  await rollout.apply('1.1', never);
  await rollout.verify('1.1', never);
  verdict = 'failed';
  await rollout.verify('1.1', never);
  verdict = 'passed';
  // It says failed in the journal, which keeps 1.2 shut until it is verified again.
  await expect(rollout.apply('1.2', never)).rejects.toThrow(
    'Step 1.1 (Step 1.1) has failed; it must be verified first.',
  );
  await rollout.verify('1.1', never);
  const asked = database.asked.length;
  await rollout.apply('1.2', never);
  expect(database.asked.slice(asked)).toEqual(['Testing Step 1.2']);
});

test('of many failed checks the record names the first twenty', async () => {
  let results = [check('passed')];
  const { rollout, workspace } = one({ results: () => results });
  await rollout.apply('2.1', never);
  results = Array.from({ length: 22 }, (_, index) => check('failed', { title: `t${index}` }));
  await rollout.verify('2.1', never);
  expect(workspace.records.at(-1)?.detail.split('; ')).toHaveLength(20);
});
