import type { RollbackResult } from '../../rollout/rollout.ts';
import type { StepId } from '../../rollout/step.ts';
import { count, plural } from '../../rollout/text.ts';
import { foldsAtFirst, previewDocument } from '../preview/document.ts';
import type { CodeFinding, Discovery, Problem } from '../session.ts';
import { openDecide, openQuestions } from './decide.ts';
import type { WizardEvent } from './events.ts';
import { orderedFindings } from './findings.ts';
import { leave } from './leave.ts';
import { nextStep, startVerify } from './moves.ts';
import { pickTable } from './pick.ts';
import { press, stop } from './press.ts';
import { newReading, refold } from './reading.ts';
import { entriesOf, withFold } from './rollback.ts';
import { reduceRollout } from './run.ts';
import { ask, type Deed, type Job, type Size, type State } from './state.ts';
import type { FindingsView, RunChange } from './views.ts';
import { readingWindow, withReading } from './window.ts';

const deed = (state: State, what: Deed['what'], subject: string, detail = ''): State => ({
  ...state,
  deeds: [...state.deeds, { what, subject, detail }],
});

const named = (state: State, step: StepId): string => {
  const title = state.steps?.find((one) => one.step === step)?.title;
  return title ? `${step} ${title}` : step;
};

/** What is known of a step before the target was asked again; the answer to `status` follows and says the rest. */
const nowIs = (state: State, step: StepId, to: 'applied' | 'verified' | 'failed'): State['steps'] => {
  const steps = state.steps?.map((one) => (one.step === step ? { ...one, state: to } : one)) ?? null;
  // The first step that is left waited for this one, and does so no longer.
  const next =
    to === 'verified' ? steps?.find((one) => one.state !== 'verified' && one.state !== 'skipped') : undefined;
  return steps?.map((one) => (one === next ? { ...one, gate: null } : one)) ?? null;
};

const withoutFailure = (state: State, key: string): State['failures'] =>
  Object.fromEntries(Object.entries(state.failures).filter(([name]) => name !== key));

const resize = (state: State, size: Size): State => {
  const before = readingWindow(state).columns;
  const resized = { ...state, size };
  return withReading(resized, (reading) => refold(reading, before, readingWindow(resized)));
};

const consequential: readonly Job['kind'][] = ['apply', 'verify', 'rollback'];

/** The job is over: nothing is under way, and a leave that waited for it takes place. */
const settle = (state: State, job: Job): State => {
  const quiet: State = {
    ...state,
    job: null,
    // Looking at something that was not looked at to the end leaves nothing undone.
    stopped: state.stopped || (job.stopping && consequential.includes(job.kind)),
    // What was said of waiting for it is over as well.
    notice: job.stopping || state.notice?.tone === 'waiting' ? null : state.notice,
  };
  return state.leaving ? leave(quiet, 130) : quiet;
};

/** Whether an answer is still wanted: not when its job was abandoned. */
const wanted = (state: State, id: number): Job | null => (state.job?.id === id ? state.job : null);

const connected = (state: State, event: Extract<WizardEvent, { type: 'connected' }>): State => ({
  ...state,
  job: null,
  target: { ...event.session.target, workspace: event.session.target.workspace ?? state.start.workspace },
  // The session knows best where it looked itself; what was found beside it stays.
  doctor: [
    ...event.session.findings,
    ...state.doctor.filter((one) => event.session.findings.every((known) => known.title !== one.title)),
  ],
  phases: event.session.phases ?? state.phases,
  estimates: event.session.estimates ?? {},
  offers: event.offers,
  connectProblem: null,
  failures: withoutFailure(state, 'connect'),
});

const discovered = (state: State, found: Discovery): State => {
  if (found.kind === 'finding') {
    const others = state.doctor.filter((one) => one.title !== found.finding.title);
    return { ...state, doctor: [...others, found.finding] };
  }
  const { workspace } = found;
  return {
    ...state,
    start: { ...state.start, workspace, looking: false },
    target: state.target && { ...state.target, workspace: state.target.workspace ?? workspace },
  };
};

const applied = (state: State, job: Job, changes: number): State => {
  if (!state.run) return settle(state, job);
  const run = { ...state.run, outcome: 'done', endedAt: state.now } as const;
  const measured = { ...state.measured, [run.step]: run.endedAt - run.startedAt };
  const done = deed(
    settle({ ...state, run, measured }, job),
    'applied',
    named(state, run.step),
    changes === 0 ? 'nothing to change' : plural(changes, 'change'),
  );
  if (done.exit || job.stopping) return ask(done, { type: 'status' });
  return startVerify(ask(done, { type: 'status' }), run.step);
};

const verified = (state: State, job: Job, failed: number): State => {
  const { verification } = state;
  if (!verification) return settle(state, job);
  const { counts, step } = verification;
  const outcome = failed > 0 ? 'failed' : 'verified';
  const parts = [
    counts.passed > 0 ? `${plural(counts.passed, 'check')} passed` : '',
    counts.failed > 0 ? `${count(counts.failed)} failed` : '',
    counts.skipped > 0 ? `${count(counts.skipped)} not checked` : '',
  ];
  const sums = parts.filter((part) => part !== '').join(', ');
  const settled = settle({ ...state, verification: { ...verification, outcome, endedAt: state.now } }, job);
  const said = deed(settled, outcome, named(state, step), sums);
  const failures = failed > 0 ? { ...withoutFailure(state, step), [step]: 1 as const } : withoutFailure(state, step);
  return ask(
    { ...said, failures, steps: nowIs(state, step, outcome), stopped: failed > 0 ? said.stopped : false },
    { type: 'status' },
  );
};

/** What several rollbacks came to, as one. */
const together = (results: readonly RollbackResult[]): RollbackResult => ({
  proven: results.every((one) => one.proven),
  differences: results.flatMap((one) => one.differences),
  stayed: results.flatMap((one) => one.stayed),
  unchecked: results.flatMap((one) => one.unchecked),
});

const rolledBack = (state: State, job: Job, event: Extract<WizardEvent, { type: 'rolled-back' }>): State => {
  if (!state.run) return settle(state, job);
  const result = together(event.results.map((one) => one.result));
  const run = { ...state.run, outcome: 'done', endedAt: state.now, result } as const;
  let said = settle({ ...state, run }, job);
  for (const { step, result: one } of event.results) {
    const detail = one.proven
      ? `proven${one.stayed.length > 0 ? `, ${plural(one.stayed.length, 'thing')} stayed` : ''}`
      : `${plural(one.differences.length, 'difference')} left`;
    said = deed(said, one.proven ? 'rolled back' : 'not proven', named(state, step), detail);
    if (!one.proven) said = { ...said, failures: { ...said.failures, [step]: 1 } };
  }
  const gone = event.results.map((one) => one.step);
  return ask(
    {
      ...said,
      previewed: state.previewed.filter((one) => !gone.includes(one)),
      stopped: result.proven && !job.stopping ? false : said.stopped,
    },
    { type: 'status' },
  );
};

const jobFailed = (state: State, job: Job, problem: Problem): State => {
  const key = job.step ?? job.kind;
  const settled = settle(state, job);
  const counted: State = job.stopping
    ? settled
    : { ...settled, failures: { ...settled.failures, [key]: problem.exitCode === 0 ? 1 : problem.exitCode } };
  const outcome = job.stopping ? 'stopped' : 'failed';
  switch (job.kind) {
    case 'connect':
      return { ...counted, connectProblem: problem };
    case 'preview':
      // Looking at a step is no deed: what it would do may fail without anything being wrong with the session.
      return {
        ...settled,
        step: state.step && { ...state.step, loading: null, problem },
      };
    case 'apply':
    case 'rollback': {
      const subject = named(state, job.step ?? '1.0');
      const ended = (change: RunChange): RunChange =>
        change.state === 'running' || change.state === 'waiting'
          ? { ...change, state: outcome, waiting: null }
          : change;
      const run: State['run'] = state.run && {
        ...state.run,
        outcome,
        problem,
        endedAt: state.now,
        changes: state.run.changes.map(ended),
      };
      const what = job.kind === 'apply' ? 'apply' : 'rollback';
      return ask(deed({ ...counted, run }, outcome, subject, `${what}: ${problem.problem}`), { type: 'status' });
    }
    case 'verify': {
      const verification = state.verification && {
        ...state.verification,
        outcome: job.stopping ? ('stopped' as const) : ('broken' as const),
        problem,
        endedAt: state.now,
      };
      return ask({ ...counted, verification }, { type: 'status' });
    }
    case 'rollback-plan':
      return { ...settled, rollback: state.rollback && { ...state.rollback, problem } };
    case 'findings':
      return { ...settled, findings: state.findings && { ...state.findings, problem } };
    case 'journey':
      return { ...settled, journey: state.journey && { ...state.journey, problem } };
    case 'request':
      return { ...settled, request: state.request && { ...state.request, problem } };
  }
};

const skipped = (state: State, step: StepId, reason: string): State => {
  const said = deed(state, 'skipped', named(state, step), reason);
  const text = `Step ${step} is skipped: ${reason}`;
  return ask({ ...said, screen: 'overview', notice: { tone: 'ok', text } }, { type: 'status' });
};

const waived = (state: State, ids: readonly string[], reason: string): State => {
  const list = state.findings?.list?.map((one) => (ids.includes(one.id) ? { ...one, waived: reason } : one)) ?? null;
  const places = (list ?? []).filter((one) => ids.includes(one.id)).map((one) => `${one.file}:${one.line}`);
  const text =
    places.length === 1 ? `${places[0]} is waived: ${reason}` : `${places.length} findings are waived: ${reason}`;
  const findings = state.findings && { ...state.findings, list };
  const said: State = { ...state, findings, notice: { tone: 'ok', text } };
  return places.reduce((next, place) => deed(next, 'waived', place, reason), said);
};

const answered = (state: State, id: string, answer: 'approved' | 'declined'): State => {
  const subject = `request ${id.slice(0, 12)}`;
  const text =
    answer === 'approved'
      ? 'Approved: once, for this plan and this target, for ten minutes.'
      : `Declined: ${subject} waits no longer.`;
  const said = deed(state, answer, subject);
  const waiting = state.waiting.filter((one) => one.id !== id);
  return { ...said, waiting, screen: 'overview', request: null, notice: { tone: 'ok', text } };
};

const signalled = (state: State, name: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): State => {
  if (name === 'SIGINT' || !state.job) return stop(state);
  return { ...stop(state), leaving: true };
};

/** The cursor stays where it was, as far as there still is something. */
const withList = (view: FindingsView, list: readonly CodeFinding[]): FindingsView => {
  const next = { ...view, list };
  return { ...next, cursor: Math.max(0, Math.min(view.cursor, orderedFindings(next).length - 1)) };
};

const reduceJob = (state: State, event: Extract<WizardEvent, { job: number }>): State => {
  const job = wanted(state, event.job);
  if (!job) return state;
  switch (event.type) {
    case 'connected':
      return ask(connected(state, event), { type: 'status' });
    case 'previewed': {
      if (!state.step) return settle(state, job);
      const { planned, wouldFail, estimate, preview } = event;
      const folded = foldsAtFirst(preview.plan.changes.length);
      const document = previewDocument(preview, state.look, folded);
      const estimates = estimate === null ? state.estimates : { ...state.estimates, [planned.step]: estimate };
      const previewed = state.previewed.includes(planned.step) ? state.previewed : [...state.previewed, planned.step];
      const settled = settle(state, job);
      // Whoever pressed a key before there was anything to agree to sees that it did nothing, and that it would now.
      const early = state.notice?.tone === 'waiting' && !job.stopping;
      const looked: State = {
        ...settled,
        notice: early ? { tone: 'ok', text: 'The preview is here: press the key again.' } : settled.notice,
        previewed,
        estimates,
        step: {
          ...state.step,
          loading: null,
          planned,
          wouldFail,
          preview,
          folded,
          filter: '',
          reading: newReading(document),
          problem: null,
        },
      };
      // A step that waits for a decision asks for it at once, unless something else is being answered.
      const questions = state.offers.decide && looked.dialog === null ? openQuestions(looked) : [];
      return questions.length > 0 ? openDecide(looked, questions) : looked;
    }
    case 'applied':
      return applied(state, job, event.changes);
    case 'verified':
      return verified(state, job, event.result.failed + event.result.unproven);
    case 'rollback-planned': {
      if (!state.rollback) return settle(state, job);
      const planned = { ...state.rollback, plans: event.plans };
      return { ...settle(state, job), rollback: withFold(planned, foldsAtFirst(entriesOf(planned)), state.look) };
    }
    case 'rolled-back':
      return rolledBack(state, job, event);
    case 'found':
      return { ...settle(state, job), findings: state.findings && withList(state.findings, event.findings) };
    case 'journeyed': {
      const steps = event.steps;
      const next: State = { ...settle(state, job), journey: state.journey && { ...state.journey, steps } };
      return state.screen === 'journey' ? pickTable(next) : next;
    }
    case 'request-looked':
      return {
        ...settle(state, job),
        request: state.request && { ...state.request, reading: newReading(event.document) },
      };
    case 'job-failed':
      return jobFailed(state, job, event.problem);
  }
};

/** Pure: the next state, with what the effect layer must do about it in `requests`. */
export const reduce = (before: State, event: WizardEvent): State => {
  const state = before.requests.length === 0 ? before : { ...before, requests: [] };
  switch (event.type) {
    case 'keys':
      return event.keys.reduce((next, key) => press(next, key, event.keys.length === 1), state);
    case 'resize':
      return resize(state, event.size);
    case 'tick':
      return { ...state, frame: state.frame + 1 };
    case 'signal':
      return signalled(state, event.name);
    case 'rollout':
      return reduceRollout(state, event.events);
    case 'discovered':
      return discovered(state, event.found);
    case 'status': {
      const first = state.steps === null;
      const next = { ...state, steps: event.steps };
      // A key that was pressed too early was told to wait, which is over.
      const notice = state.notice?.tone === 'waiting' ? null : state.notice;
      return first ? { ...next, cursor: nextStep(next), notice } : next;
    }
    case 'skipped':
      return skipped(state, event.step, event.reason);
    case 'waived':
      return waived(state, event.findings, event.reason);
    case 'saved': {
      const what = event.what === 'log' ? 'The command log' : 'The preview';
      return { ...state, notice: { tone: 'ok', text: `${what} is in ${event.path}` } };
    }
    case 'decisions-saved':
      return {
        ...state,
        decided: state.decided.map((one) => ({ ...one, saved: true })),
        notice: { tone: 'ok', text: `The decisions of this session are in ${event.path}` },
      };
    case 'waiting':
      return { ...state, waiting: event.requests };
    case 'answered':
      return answered(state, event.id, event.answer);
    case 'edited':
      return { ...state, suspended: false };
    case 'failed':
      return { ...state, notice: { tone: 'failed', text: `${event.problem.problem} ${event.problem.remedy}` } };
    default:
      return reduceJob(state, event);
  }
};
