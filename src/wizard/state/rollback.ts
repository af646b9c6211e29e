import type { StepId } from '../../rollout/step.ts';
import { count, plural } from '../../rollout/text.ts';
import type { Look } from '../glyphs.ts';
import { rollbackDocument } from '../preview/rollback.ts';
import type { Intent } from './dialog-shape.ts';
import { confirm, named } from './moves.ts';
import { newReading } from './reading.ts';
import { begin, type State } from './state.ts';
import type { RollbackScope, RollbackView } from './views.ts';

const scopes: readonly RollbackScope[] = ['step', 'phase', 'all'];

/** Newest first. What was applied later builds on a step, so that it goes first, whatever its phase. */
export const stepsIn = (state: State, at: StepId, scope: RollbackScope): readonly StepId[] => {
  const steps = state.steps ?? [];
  const own = steps.find((one) => one.step === at);
  const first =
    scope === 'all' ? 0 : steps.findIndex((one) => (scope === 'phase' ? one.phase === own?.phase : one.step === at));
  return steps
    .filter((one, index) => index >= first && one.applied > 0)
    .map((one) => one.step)
    .reverse();
};

/** The step that `u` is about: the chosen one, the next one after it, or the newest where the chosen one is not applied. */
export const stepToRollBack = (state: State): StepId | undefined => {
  const chosen =
    state.screen === 'overview'
      ? state.steps?.[state.cursor]?.step
      : state.screen === 'verification'
        ? state.verification?.step
        : state.screen === 'running'
          ? state.run?.step
          : state.step?.id;
  const steps = state.steps ?? [];
  const applied = steps.filter((one) => one.applied > 0);
  const at = steps.findIndex((one) => one.step === chosen);
  // A step in place that changed nothing itself: what goes is what was applied after it.
  if (state.screen === 'overview' && steps[at]?.state === 'verified' && steps[at]?.applied === 0) {
    const next = steps.slice(at).find((one) => one.applied > 0);
    if (next !== undefined) return next.step;
  }
  return (
    applied.find((one) => one.step === chosen)?.step ?? (state.screen === 'overview' ? applied.at(-1)?.step : undefined)
  );
};

/** Reads what a rollback of these steps would restore. */
export const openRollback = (state: State, at: StepId, scope: RollbackScope = 'step'): State => {
  const from: RollbackView['from'] =
    state.screen === 'rollback' ? (state.rollback?.from ?? 'step') : state.screen === 'overview' ? 'overview' : 'step';
  const steps = stepsIn(state, at, scope);
  const view: RollbackView = {
    step: at,
    scope,
    steps,
    from,
    plans: null,
    folded: false,
    filter: '',
    reading: null,
    problem: null,
  };
  return begin({ ...state, screen: 'rollback', rollback: view }, 'rollback-plan', at, (job) => ({
    type: 'rollback-plan',
    job,
    steps,
  }));
};

/** The next larger scope that means other steps, or the smallest again. */
export const nextScope = (state: State): RollbackScope | null => {
  const view = state.rollback;
  if (!view) return null;
  const order = scopes.indexOf(view.scope);
  const others = [...scopes.slice(order + 1), ...scopes.slice(0, order)];
  return others.find((one) => stepsIn(state, view.step, one).join() !== view.steps.join()) ?? null;
};

/**
 * Why it cannot be rolled back now, or null. Of several steps the newest decides what builds on it, since the others come
 * after it.
 */
export const rollbackRefusal = ({ plans }: RollbackView): string | null => {
  const blocking = plans?.flatMap((plan) => plan.dependants).find((one) => one.blocks);
  if (blocking !== undefined) return `${blocking.object} uses ${blocking.uses.join(', ')}: change or drop it first.`;
  return plans?.[0]?.refusal ?? null;
};

/** Changes that would be rolled back. */
export const entriesOf = ({ plans }: RollbackView): number =>
  (plans ?? []).reduce((sum, plan) => sum + plan.entries.length, 0);

/** The text of what was read, folded into groups or with every statement. */
export const withFold = (view: RollbackView, folded: boolean, look: Look): RollbackView => ({
  ...view,
  folded,
  reading: newReading(rollbackDocument(view.plans ?? [], look, folded, view.filter)),
});

/** What goes, in a few words: `1.7 Isolation`, `3 steps: 1.7, 1.6, 1.5`. */
export const whatGoes = (state: State, view: RollbackView): string =>
  view.steps.length === 1 && view.steps[0] !== undefined
    ? named(state, view.steps[0])
    : `${plural(view.steps.length, 'step')}: ${view.steps.join(', ')}`;

export const askRollback = (state: State): State => {
  const view = state.rollback;
  if (!view?.plans || rollbackRefusal(view) !== null) return state;
  const dependants = view.plans.flatMap((plan) => plan.dependants);
  const intent: Intent = { kind: 'rollback', step: view.step, steps: view.steps, breaking: dependants.length > 0 };
  const details = [
    ...(dependants.length > 0
      ? [`${count(dependants.length)} of what others made since will break; the preview names it.`]
      : []),
    view.steps.length === 1
      ? 'It is called rolled back only when the target is proven to be as it was.'
      : 'Newest first. Each is called rolled back only when the target is proven to be as it was before it.',
  ];
  const question = `Roll back ${whatGoes(state, view)} (${plural(entriesOf(view), 'change')})`;
  return { ...state, dialog: confirm(state, intent, question, 'roll back', details) };
};
