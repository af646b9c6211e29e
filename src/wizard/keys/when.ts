import { currentReading } from '../state/current-reading.ts';
import { questionsOf } from '../state/decide.ts';
import { entriesOf } from '../state/rollback.ts';
import { type Screen, type State, statusOf } from '../state/state.ts';

export const ready = (state: State): boolean => state.job === null;
export const reading = (state: State): boolean => currentReading(state) !== null;
export const parts = (state: State): boolean => (currentReading(state)?.document.anchors.length ?? 0) > 1;
export const scrolled: readonly Screen[] = [
  'start',
  'overview',
  'step',
  'running',
  'verification',
  'rollback',
  'findings',
  'decide',
  'journey',
  'request',
];
export const listed: readonly Screen[] = ['overview', 'step', 'running', 'verification', 'rollback', 'findings'];
export const current = (state: State) =>
  statusOf(
    state,
    state.screen === 'verification'
      ? state.verification?.step
      : state.screen === 'running'
        ? state.run?.step
        : state.step?.id,
  );
export const open = (state: State): boolean => current(state)?.gate === null;
/** An empty plan of a step that was applied already has nothing left to record, also where its checks failed. */
export const worthApplying = (state: State): boolean => {
  const plan = state.step?.planned?.plan;
  const status = current(state);
  if (!plan || plan.blockers.length > 0) return false;
  if (plan.changes.length > 0) return true;
  return !['applied', 'verified'].includes(status?.state ?? '') && !(status?.state === 'failed' && status.applied > 0);
};
/** A step on the code did what it can and its checks found more: the places that a person must look at come next. */
export const findingsNext = (state: State): boolean =>
  (state.screen === 'step' || state.screen === 'verification') &&
  /^[234]/.test(current(state)?.step ?? '') &&
  current(state)?.state === 'failed';
export const busy = (state: State): string | null =>
  ready(state) ? null : 'Wait for what is under way, or stop it with Ctrl-C.';
/** What keeps a step from being applied, in one sentence. */
export const notApplied = (state: State): string | null => {
  const status = current(state);
  const plan = state.step?.planned?.plan;
  if (!ready(state)) return busy(state);
  if (status?.gate) return `Not yet: ${status.gate}`;
  if (!plan) return 'There is no preview yet: r makes one.';
  if (plan.blockers.length > 0)
    return questionsOf(state).length > 0
      ? 'Blocked until it is decided: d asks.'
      : 'Blocked: the preview says what to change by hand first.';
  return 'Nothing to apply: the step is done already.';
};
/** Changes of the text at hand that groups could hold. */
export const foldable = (state: State): number =>
  state.screen === 'rollback'
    ? state.rollback === null
      ? 0
      : entriesOf(state.rollback)
    : (state.step?.preview?.plan.changes.length ?? 0);
/** For keys that would leave what changes something. */
export const inTheMiddle = 'Not now: a change is under way. Ctrl-C stops it in order.';
export const ended = (state: State): boolean => state.run !== null && state.run.outcome !== 'running';
