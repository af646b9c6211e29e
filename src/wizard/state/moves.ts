import type { Answer } from '../../rollout/decision.ts';
import type { StepId } from '../../rollout/step.ts';
import { plural } from '../../rollout/text.ts';
import type { Dialog, Intent, WaiveChoice } from './dialog-shape.ts';
import { orderedFindings, waiveChoices } from './findings.ts';
import { newChange, newVerification } from './run.ts';
import { ask, begin, type State, titleOf } from './state.ts';

/** Opens a step and looks at what it would do now. Behind the gate it is only planned, not tried. */
export const openStep = (state: State, id: StepId): State => {
  const view: State = {
    ...state,
    screen: 'step',
    cursor: Math.max(0, state.steps?.findIndex((one) => one.step === id) ?? 0),
    step: {
      id,
      loading: { done: 0, of: null, since: state.now },
      planned: null,
      wouldFail: 0,
      preview: null,
      folded: false,
      filter: '',
      reading: null,
      problem: null,
    },
  };
  return begin(view, 'preview', id, (job) => ({ type: 'preview', job, step: id }));
};

export const startVerify = (state: State, step: StepId): State =>
  begin(
    { ...state, screen: 'verification', verification: newVerification(step, titleOf(state, step), state.now) },
    'verify',
    step,
    (job) => ({ type: 'verify', job, step }),
  );

export const openFindings = (state: State): State => {
  const { screen, findings } = state;
  const by = findings?.by ?? 'kind';
  const cursor = screen === 'findings' ? (findings?.cursor ?? 0) : 0;
  const from =
    screen === 'step' || screen === 'verification' ? screen : screen === 'findings' ? findings?.from : 'overview';
  const own = screen === 'step' ? state.step?.id : screen === 'verification' ? state.verification?.step : undefined;
  // From a step only what that step answers for: the rest is another step's work.
  const step = screen === 'findings' ? (findings?.step ?? null) : own !== undefined && own[0] !== '1' ? own : null;
  return begin(
    {
      ...state,
      screen: 'findings',
      findings: { list: null, step, by, cursor, problem: null, from: from ?? 'overview' },
    },
    'findings',
    null,
    (job) => ({ type: 'findings', job }),
  );
};

/** Does what the operator agreed to. */
export const carryOut = (state: State, intent: Intent): State => {
  if (intent.kind === 'save-decisions')
    return ask({ ...state, dialog: null }, { type: 'save-decisions', answers: intent.answers });
  if ('id' in intent) return ask({ ...state, dialog: null }, { type: intent.kind, id: intent.id });
  const { step } = intent;
  const steps = intent.kind === 'apply' ? [step] : intent.steps;
  const changes =
    intent.kind === 'apply'
      ? (state.step?.planned?.plan.changes ?? []).map((change) => ({ step, change }))
      : (state.rollback?.plans ?? []).flatMap((plan) =>
          plan.entries.map(({ change }) => ({ step: plan.step, change })),
        );
  const running: State = {
    ...state,
    dialog: null,
    screen: 'running',
    run: {
      operation: intent.kind,
      step,
      steps,
      title: steps.length === 1 ? titleOf(state, steps[0] ?? step) : steps.join(', '),
      startedAt: state.now,
      endedAt: null,
      changes: changes.map((one) => newChange(one.step, one.change.id, one.change.title)),
      outcome: 'running',
      settled: [],
      problem: null,
      result: null,
      top: null,
    },
  };
  return intent.kind === 'apply'
    ? begin(running, 'apply', step, (job) => ({ type: 'apply', job, step, hash: intent.hash }))
    : begin(running, 'rollback', step, (job) => ({ type: 'rollback', job, steps, breaking: intent.breaking }));
};

export const confirm = (
  state: State,
  intent: Intent,
  question: string,
  verb: string,
  details: readonly string[],
): Extract<Dialog, { kind: 'confirm' }> => ({
  kind: 'confirm',
  intent,
  question,
  details,
  verb,
  word: state.target?.production && !['save-decisions', 'decline'].includes(intent.kind) ? state.target.project : null,
  text: '',
  choice: 'cancel',
  complaint: null,
});

export const named = (state: State, step: StepId): string => `${step} ${titleOf(state, step)}`.trim();

export const askApply = (state: State): State => {
  const { step, target } = state;
  if (!step?.planned || !target) return state;
  const changes = step.planned.plan.changes.length;
  const checks = step.preview?.impact?.proof.failed ?? 0;
  const failing = [
    step.wouldFail > 0 ? plural(step.wouldFail, 'change') : '',
    checks > 0 ? plural(checks, 'check') : '',
  ].filter(Boolean);
  const doomed = failing.length > 0 ? [`The preview says that ${failing.join(' and ')} would fail.`] : [];
  const programs = (step.planned.plan.runs ?? []).map(
    ({ command, why }) => `Runs ${command}, a program of the app (${why}).`,
  );
  const intent: Intent = { kind: 'apply', step: step.id, hash: step.planned.hash };
  // An empty plan is agreed to as well: the journal then says that the step is done, and the next one opens.
  return changes === 0
    ? {
        ...state,
        dialog: confirm(state, intent, `Record ${named(state, step.id)} as done`, 'record', [
          ...programs,
          'Nothing has to be changed; the journal says so, and its checks run next.',
        ]),
      }
    : {
        ...state,
        dialog: confirm(state, intent, `Apply ${named(state, step.id)} (${plural(changes, 'change')})`, 'apply', [
          ...doomed,
          ...programs,
          'Exactly what is shown, change by change, each journalled. Its checks run next.',
          'What was done can be rolled back, also when a later change fails.',
        ]),
      };
};

/** The question for the reason, which is what makes a waiver. */
export const whyWaive = ({ label, ids }: WaiveChoice): Extract<Dialog, { kind: 'reason' }> => ({
  kind: 'reason',
  intent: { kind: 'waive', findings: ids },
  question:
    ids.length === 1
      ? `Waive ${label}: the code stays as it is. Reason?`
      : `Waive ${plural(ids.length, 'finding')} ${label}: the code stays as it is. Reason?`,
  text: '',
  complaint: null,
});

/** What is fixed by a step is not waived: applying the step is what it needs. */
export const askWaiving = (state: State): State => {
  const view = state.findings;
  const shown = view ? orderedFindings(view) : [];
  const chosen = view ? shown[view.cursor] : undefined;
  if (!view || !chosen) return state;
  const choices = waiveChoices(view, chosen);
  const fixed = shown.filter((one) => one.waived === null && one.fix !== null).length;
  const [only] = choices;
  if (only === undefined) {
    const by = chosen.step === null ? 'its step' : `step ${chosen.step}`;
    const text =
      chosen.waived === null
        ? `Nothing to waive: ${by} fixes this place when it is applied.`
        : `This finding is waived already: ${chosen.waived}`;
    return { ...state, notice: { tone: 'waiting', text } };
  }
  return {
    ...state,
    dialog: choices.length === 1 && fixed === 0 ? whyWaive(only) : { kind: 'waive-which', choices, fixed, cursor: 0 },
  };
};

export const askSaving = (state: State, answers: readonly Answer[]): State => ({
  ...state,
  dialog: confirm(
    state,
    { kind: 'save-decisions', answers },
    `Write ${plural(answers.length, 'decision')} into the configuration file`,
    'write',
    [
      ...answers.map((one) => one.flag),
      'Every later run takes them from there; commit the file, so that the others have them too.',
    ],
  ),
});

/** The first step that is neither verified nor left out: where a run resumes. */
export const nextStep = (state: State): number => {
  const index = state.steps?.findIndex((one) => one.state !== 'verified' && one.state !== 'skipped') ?? 0;
  return index === -1 ? Math.max(0, (state.steps?.length ?? 1) - 1) : Math.max(0, index);
};

export const back = (state: State): State => {
  const from = state.screen;
  // What was only being looked at need not be waited for; its answer would find nobody.
  const quiet: State =
    state.job && from !== 'start' && from !== 'overview'
      ? ask({ ...state, job: null }, { type: 'abort', job: state.job.id })
      : state;
  if (from === 'overview') return { ...quiet, screen: 'start' };
  if (from === 'journey')
    return { ...quiet, screen: state.journey?.from === 'step' && state.step?.reading ? 'step' : 'overview' };
  if (from === 'rollback' && state.rollback?.from === 'step') return openStep(quiet, state.rollback.step);
  if (from === 'running' && state.run && state.run.steps.length === 1) return openStep(quiet, state.run.step);
  if (from === 'verification' && state.verification) {
    const { step, outcome } = state.verification;
    return outcome === 'verified'
      ? ask({ ...quiet, screen: 'overview', cursor: nextStep(quiet) }, { type: 'status' })
      : openStep(quiet, step);
  }
  if (from === 'findings' && state.findings?.from === 'verification' && state.verification)
    return { ...quiet, screen: 'verification' };
  if (from === 'findings' && state.findings?.from === 'step' && state.step?.reading)
    return { ...quiet, screen: 'step' };
  return { ...quiet, screen: 'overview' };
};
