import type { CheckResult } from '../../rollout/check.ts';
import { type CheckGroup, groupsOfChecks, tallied } from '../../rollout/check-groups.ts';
import type { RolloutEvent } from '../../rollout/events.ts';
import type { StepId } from '../../rollout/step.ts';
import { clean } from '../lines.ts';
import { foldsAtFirst } from '../preview/document.ts';
import type { Log, State } from './state.ts';
import type { Run, RunChange, Verification } from './views.ts';

/** Bounds of what is kept, so that a run of any length takes the same memory. The counts are of everything. */
export const kept = { failed: 1000, skipped: 500, passed: 500, log: 10_000 } as const;

export const newChange = (step: StepId, id: string, title: string): RunChange => ({
  step,
  id,
  title,
  state: 'queued',
  startedAt: null,
  milliseconds: null,
  progress: null,
  waiting: null,
  problem: null,
  stayed: [],
});

export const newVerification = (step: StepId, title: string, now: number): Verification => ({
  step,
  title,
  startedAt: now,
  endedAt: null,
  failed: [],
  skipped: [],
  passed: [],
  counts: { passed: 0, failed: 0, skipped: 0 },
  outcome: 'running',
  problem: null,
  selected: null,
  evidence: false,
  tally: new Map(),
  unfolded: false,
});

type Draft = {
  changes: RunChange[];
  readonly at: Map<string, number>;
  settled: readonly string[];
};

/** Ids are unique within a step, and a rollback may be of several. */
const keyOf = (step: StepId, id: string): string => `${step} ${id}`;

const update = (draft: Draft, step: StepId, id: string, how: (change: RunChange) => RunChange): void => {
  const index = draft.at.get(keyOf(step, id));
  const change = index === undefined ? undefined : draft.changes[index];
  if (index !== undefined && change) draft.changes[index] = how(change);
};

/** A rollback says what it has taken back, in the order that was shown; what comes next is therefore under way. */
const startNext = (draft: Draft, now: number): void => {
  const next = draft.changes.find((change) => change.state === 'queued');
  if (next) update(draft, next.step, next.id, (change) => ({ ...change, state: 'running', startedAt: now }));
};

const applyToRun = (draft: Draft, event: RolloutEvent, now: number): void => {
  switch (event.type) {
    case 'change-started': {
      const { id, title } = event.change;
      const key = keyOf(event.step, id);
      if (!draft.at.has(key)) draft.at.set(key, draft.changes.push(newChange(event.step, id, title)) - 1);
      update(draft, event.step, id, (change) => ({
        ...change,
        state: 'running',
        startedAt: now,
        waiting: null,
        problem: null,
      }));
      return;
    }
    case 'change-waiting': {
      const { attempt, reason, holders } = event;
      update(draft, event.step, event.change, (change) => ({
        ...change,
        state: 'waiting',
        waiting: { attempt, reason, holders },
      }));
      return;
    }
    case 'change-progress': {
      const { done, total, perSecond } = event;
      const progress = { done, total, perSecond };
      update(draft, event.step, event.change, (change) => ({ ...change, state: 'running', waiting: null, progress }));
      return;
    }
    case 'change-applied':
      update(draft, event.step, event.change, (change) => ({
        ...change,
        state: 'done',
        waiting: null,
        milliseconds: event.milliseconds,
      }));
      return;
    case 'rollback-started':
      startNext(draft, now);
      return;
    case 'change-reverted':
      update(draft, event.step, event.change, (change) => ({
        ...change,
        state: 'done',
        waiting: null,
        milliseconds: change.startedAt === null ? null : now - change.startedAt,
        stayed: event.stayed,
      }));
      startNext(draft, now);
      return;
    case 'change-failed': {
      const { problem, remedy } = event;
      update(draft, event.step, event.change, (change) => ({
        ...change,
        state: 'failed',
        waiting: null,
        problem: { problem, remedy },
        milliseconds: change.startedAt === null ? null : now - change.startedAt,
      }));
      return;
    }
    case 'settled':
      draft.settled = [...draft.settled, `${event.change}: ${event.outcome}`];
      return;
    default:
  }
};

const reduceRun = (run: Run, events: readonly RolloutEvent[], now: number): Run => {
  const mine = events.filter((event) => 'step' in event && run.steps.includes(event.step));
  if (mine.length === 0) return run;
  const changes = [...run.changes];
  const draft: Draft = {
    changes,
    at: new Map(changes.map((change, index) => [keyOf(change.step, change.id), index])),
    settled: run.settled,
  };
  for (const event of mine) applyToRun(draft, event, now);
  return { ...run, changes: draft.changes, settled: draft.settled };
};

const append = <T>(list: readonly T[], more: readonly T[], limit: number): readonly T[] =>
  more.length === 0 || list.length >= limit ? list : [...list, ...more.slice(0, limit - list.length)];

const reduceVerification = (verification: Verification, events: readonly RolloutEvent[]): Verification => {
  const more: Record<CheckResult['verdict'], CheckResult[]> = { passed: [], failed: [], skipped: [] };
  for (const event of events)
    if (event.type === 'check' && event.step === verification.step) more[event.result.verdict].push(event.result);
  if (more.passed.length + more.failed.length + more.skipped.length === 0) return verification;
  const { counts } = verification;
  return {
    ...verification,
    failed: append(verification.failed, more.failed, kept.failed),
    skipped: append(verification.skipped, more.skipped, kept.skipped),
    passed: append(verification.passed, more.passed, kept.passed),
    tally: tallied(verification.tally, more.passed),
    counts: {
      passed: counts.passed + more.passed.length,
      failed: counts.failed + more.failed.length,
      skipped: counts.skipped + more.skipped.length,
    },
  };
};

const reduceLog = (log: Log, events: readonly RolloutEvent[]): Log => {
  const more = events.flatMap((event) => (event.type === 'command' ? event.text.split('\n').map(clean) : []));
  if (more.length === 0) return log;
  const lines = [...log.lines, ...more];
  const over = Math.max(0, lines.length - kept.log);
  return { ...log, lines: over > 0 ? lines.slice(over) : lines, dropped: log.dropped + over };
};

const reduceLoading = (state: State, events: readonly RolloutEvent[]): State['step'] => {
  const { step } = state;
  if (!step?.loading) return step;
  let { done, of } = step.loading;
  for (const event of events) {
    if (!('step' in event) || event.step !== step.id) continue;
    if (event.type === 'planned') of = event.plan.changes.length;
    if (event.type === 'previewed') done += 1;
  }
  return { ...step, loading: { ...step.loading, done, of } };
};

/** Everything that the rollout said since the last frame, at once: one copy of each list, however many events. */
export const reduceRollout = (state: State, events: readonly RolloutEvent[]): State => {
  const job = state.job?.kind;
  return {
    ...state,
    log: reduceLog(state.log, events),
    step: job === 'preview' ? reduceLoading(state, events) : state.step,
    run: state.run && (job === 'apply' || job === 'rollback') ? reduceRun(state.run, events, state.now) : state.run,
    verification:
      state.verification && job === 'verify' ? reduceVerification(state.verification, events) : state.verification,
  };
};

/** The list as shown: what failed first, then what was not checked, then the rest. */
export const shownChecks = (verification: Verification): readonly CheckResult[] => [
  ...verification.failed,
  ...verification.skipped,
  ...verification.passed,
];

/** One row of the list of checks. */
export type CheckRow = { readonly id: string } & ({ readonly check: CheckResult } | { readonly group: CheckGroup });

/** Whether so much passed that groups say more; whoever hears the lines has heard each check when it came. */
export const foldableChecks = ({ look, verification }: State): boolean =>
  !look.accessible && verification !== null && foldsAtFirst(verification.counts.passed);

export const foldedChecks = (state: State): boolean => foldableChecks(state) && state.verification?.unfolded === false;

const checkRow = (check: CheckResult): CheckRow => ({ id: check.id, check });

/** The list as shown: what did not pass whole and on top, then what passed, by groups where it is much. */
export const checkRows = (state: State): readonly CheckRow[] => {
  const { verification } = state;
  if (!verification) return [];
  if (!foldedChecks(state)) return shownChecks(verification).map(checkRow);
  return [
    ...[...verification.failed, ...verification.skipped].map(checkRow),
    ...groupsOfChecks(verification.tally).map((group) =>
      group.checks === 1 ? checkRow(group.first) : { id: group.id, group },
    ),
  ];
};
