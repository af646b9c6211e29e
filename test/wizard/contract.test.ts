import { describe, expect, test } from 'vitest';
import { RolloutError } from '../../src/rollout/errors.ts';
import type { RolloutEvent } from '../../src/rollout/events.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import type { StepId } from '../../src/rollout/step.ts';
import { changeOf, check, Medium, never, phaseOf, stageOf, stepOf } from '../rollout/stage.ts';
import { type FakeStep, fakeRollout } from './fake-rollout.ts';

/** The same small rollout twice: the real one over a plain medium, and the one that the wizard's tests drive. */
const made: Readonly<Record<'real' | 'fake', (failing?: StepId) => Rollout>> = {
  real: (failing) => {
    const database = new Medium();
    const workspace = new Medium();
    // What fails is seen once the step is live: beforehand it would not be applied.
    const results = (step: StepId, medium: Medium, object: string) => () => [
      check(step === failing && medium.objects[object] === 'made' ? 'failed' : 'passed'),
    ];
    return stageOf(
      database,
      [
        phaseOf(1, [
          stepOf('1.1', database, ['a', 'b'], { results: results('1.1', database, 'a') }),
          stepOf('1.2', database, ['c'], { results: results('1.2', database, 'c') }),
        ]),
        phaseOf(2, [stepOf('2.1', workspace, ['f'], { results: results('2.1', workspace, 'f') })]),
      ],
      { workspace },
    ).rollout;
  },
  fake: (failing) => {
    const step = (id: StepId, objects: readonly string[]): FakeStep => ({
      id,
      title: `Step ${id}`,
      why: '',
      changes: objects.map(changeOf),
      checks: [check(id === failing ? 'failed' : 'passed')],
    });
    return fakeRollout([step('1.1', ['a', 'b']), step('1.2', ['c']), step('2.1', ['f'])]);
  },
};

/** How a call ended, and what was told meanwhile, without what no two runs have in common. */
const outcome = async (rollout: Rollout, call: (rollout: Rollout) => Promise<unknown>): Promise<unknown> => {
  const told: string[] = [];
  const stop = rollout.listen((event) => told.push(...heard(event)));
  try {
    return { gave: await call(rollout), told };
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    return { refused: `${error.problem} ${error.remedy}`, exit: error.exitCode, told };
  } finally {
    stop();
  }
};

/** What the wizard goes by; commands and previews of statements are each medium's own. */
function heard(event: RolloutEvent): readonly string[] {
  if (event.type === 'command') return [];
  const more =
    event.type === 'change-started'
      ? `${event.change.id} ${event.number}/${event.of}`
      : event.type === 'change-applied' || event.type === 'change-reverted'
        ? event.change
        : event.type === 'check'
          ? event.result.verdict
          : event.type === 'step-verified' || event.type === 'step-failed'
            ? `${event.passed} ${event.failed} ${event.skipped}`
            : '';
  return [`${event.type} ${'step' in event ? event.step : ''} ${more}`.trim()];
}

const standing = async (rollout: Rollout): Promise<unknown> =>
  (await rollout.status()).map(({ step, phase, title, state, gate, applied, interrupted, last }) => ({
    ...{ step, phase, title, state, gate, applied, interrupted },
    last: last?.state ?? null,
  }));

type Act = (rollout: Rollout) => Promise<unknown>;
const plan =
  (step: StepId): Act =>
  async (rollout) => {
    const planned = await rollout.plan(step);
    return [planned.step, planned.plan.changes.map((one) => one.id), planned.plan.blockers];
  };
const preview =
  (step: StepId): Act =>
  async (rollout) => {
    const { plan: shown, results, open } = await rollout.preview(step, never);
    return [shown.changes.map((one) => one.id), results.map((one) => [one.change.id, one.outcome]), open];
  };
const asShown =
  (step: StepId): Act =>
  async (rollout) =>
    rollout.apply(step, never, (await rollout.plan(step)).hash);
const verify =
  (step: StepId): Act =>
  (rollout) =>
    rollout.verify(step, never);
const backward =
  (step: StepId): Act =>
  async (rollout) => {
    const { entries, refusal, dependants } = await rollout.rollbackPlan(step);
    return [entries.map(({ change, state }) => [change.id, state]), refusal !== null, dependants];
  };
const rollBack =
  (step: StepId): Act =>
  (rollout) =>
    rollout.rollback(step, never);
const stale: Act = (rollout) => rollout.apply('1.1', never, 'another hash');

const scripts: Readonly<Record<string, readonly [failing: StepId | undefined, ...acts: readonly Act[]]>> = {
  'there, step by step, and back': [
    undefined,
    ...[
      plan('1.1'),
      preview('1.1'),
      asShown('1.1'),
      verify('1.1'),
      asShown('1.1'),
      verify('1.1'),
      asShown('1.2'),
      verify('1.2'),
    ],
    ...[
      asShown('2.1'),
      verify('2.1'),
      backward('2.1'),
      rollBack('2.1'),
      backward('1.2'),
      rollBack('1.2'),
      backward('1.2'),
    ],
  ],
  'what is not open yet': [undefined, asShown('1.2'), asShown('2.1'), asShown('1.1'), asShown('1.2')],
  'another plan than the one that was shown': [undefined, stale, asShown('1.1')],
  'a check that fails': ['1.1', asShown('1.1'), verify('1.1'), asShown('1.2'), rollBack('1.1'), asShown('1.1')],
  'something later is in force': [
    undefined,
    asShown('1.1'),
    verify('1.1'),
    asShown('1.2'),
    backward('1.1'),
    rollBack('1.1'),
  ],
  'steps left out': [
    undefined,
    (rollout) => rollout.skip('1.1', 'done by hand'),
    plan('1.1'),
    (rollout) => rollout.skip('1.2', 'done by hand'),
    asShown('2.1'),
    verify('2.1'),
  ],
  'nothing to roll back': [undefined, backward('1.1')],
};

describe("the rollout of the wizard's tests behaves as the real one", () => {
  test.each(Object.entries(scripts))('%s', async (_, [failing, ...acts]) => {
    const { real, fake } = { real: made.real(failing), fake: made.fake(failing) };
    expect(await standing(fake)).toEqual(await standing(real));
    for (const [index, act] of acts.entries()) {
      const wanted = await outcome(real, act);
      expect(await outcome(fake, act), `act ${index + 1}`).toEqual(wanted);
      expect(await standing(fake), `after act ${index + 1}`).toEqual(await standing(real));
    }
  });
});
