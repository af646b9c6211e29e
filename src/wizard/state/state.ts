import type { Answer } from '../../rollout/decision.ts';
import type { ExitCode } from '../../rollout/errors.ts';
import type { StepStatus } from '../../rollout/rollout.ts';
import type { PhaseId, StepId } from '../../rollout/step.ts';
import type { Look } from '../glyphs.ts';
import type { DoctorFinding, Problem, StartInfo, TargetInfo, WaitingRequest } from '../session.ts';
import type { Dialog } from './dialog-shape.ts';
import type {
  DecideView,
  FindingsView,
  JourneyView,
  RequestView,
  RollbackView,
  Run,
  StepView,
  Verification,
} from './views.ts';

export type Screen =
  | 'start'
  | 'overview'
  | 'step'
  | 'running'
  | 'verification'
  | 'rollback'
  | 'findings'
  | 'decide'
  | 'journey'
  | 'request';

export type Size = { readonly columns: number; readonly rows: number };

/** Something asked of the target. Only one is under way at a time, so that nothing runs behind the operator's back. */
export type JobKind =
  | 'connect'
  | 'preview'
  | 'apply'
  | 'verify'
  | 'rollback-plan'
  | 'rollback'
  | 'findings'
  | 'journey'
  | 'request';
export type Job = {
  readonly id: number;
  readonly kind: JobKind;
  readonly step: StepId | null;
  /** After the first Ctrl-C. */
  readonly stopping: boolean;
};

/** What the effect layer must do next. The reducer only ever says it; the list holds what the last event asked for. */
export type Request =
  | { readonly type: 'connect'; readonly job: number; readonly url: string | undefined }
  | { readonly type: 'preview' | 'verify'; readonly job: number; readonly step: StepId }
  | { readonly type: 'rollback-plan'; readonly job: number; readonly steps: readonly StepId[] }
  | {
      readonly type: 'rollback';
      readonly job: number;
      readonly steps: readonly StepId[];
      /** What others made since may break: the question said so. */
      readonly breaking: boolean;
    }
  | { readonly type: 'apply'; readonly job: number; readonly step: StepId; readonly hash: string }
  | { readonly type: 'findings' | 'journey'; readonly job: number }
  | { readonly type: 'request'; readonly job: number; readonly id: string }
  | { readonly type: 'approve' | 'decline'; readonly id: string }
  | { readonly type: 'abort'; readonly job: number }
  | { readonly type: 'status' }
  /** All answers of the session: they hold for every plan and check from now on. */
  | { readonly type: 'decide' | 'save-decisions'; readonly answers: readonly Answer[] }
  | { readonly type: 'skip'; readonly step: StepId; readonly reason: string }
  | { readonly type: 'waive'; readonly findings: readonly string[]; readonly reason: string }
  | { readonly type: 'save-preview'; readonly step: StepId; readonly text: string }
  | { readonly type: 'save-log'; readonly text: string }
  | { readonly type: 'edit'; readonly file: string; readonly line: number }
  | { readonly type: 'redraw' | 'suspend' };

export type Notice = { readonly tone: 'ok' | 'failed' | 'waiting'; readonly text: string };

/** The command log: the newest lines, and how many older ones were let go. */
export type Log = { readonly lines: readonly string[]; readonly dropped: number; readonly open: boolean };

export type Deed = {
  readonly what:
    | 'applied'
    | 'verified'
    | 'failed'
    | 'rolled back'
    | 'not proven'
    | 'stopped'
    | 'skipped'
    | 'waived'
    | 'decided'
    | 'approved'
    | 'declined';
  readonly subject: string;
  readonly detail: string;
};

/** What the session can do beyond the rollout itself. */
export type Offers = {
  readonly findings: boolean;
  readonly waive: boolean;
  readonly decide: boolean;
  readonly saveDecisions: boolean;
};

export type State = {
  readonly look: Look;
  readonly size: Size;
  /** Milliseconds since the epoch, as of the last event. */
  readonly now: number;
  readonly frame: number;
  readonly start: StartInfo;
  readonly target: TargetInfo | null;
  readonly doctor: readonly DoctorFinding[];
  readonly phases: readonly { readonly id: PhaseId; readonly title: string }[];
  readonly estimates: Readonly<Partial<Record<StepId, number>>>;
  /** Milliseconds that applying took in this session; the journal's last word on a step is of its checks alone. */
  readonly measured: Readonly<Partial<Record<StepId, number>>>;
  readonly offers: Offers;
  readonly connectProblem: Problem | null;
  readonly steps: readonly StepStatus[] | null;
  readonly previewed: readonly StepId[];
  readonly cursor: number;
  /** First row shown of the start screen, where it is longer than the terminal. */
  readonly startTop: number;
  readonly screen: Screen;
  readonly step: StepView | null;
  readonly run: Run | null;
  readonly verification: Verification | null;
  readonly rollback: RollbackView | null;
  readonly findings: FindingsView | null;
  readonly decide: DecideView | null;
  readonly journey: JourneyView | null;
  readonly request: RequestView | null;
  /** What programs asked for and nobody answered yet. */
  readonly waiting: readonly WaitingRequest[];
  /** Answers of this session, in the order in which they were given; `saved`: they stand in the file by now. */
  readonly decided: readonly { readonly answer: Answer; readonly saved: boolean }[];
  readonly log: Log;
  /** First row shown of the list of keys, or `null` while it is closed. */
  readonly help: number | null;
  readonly dialog: Dialog | null;
  readonly notice: Notice | null;
  readonly job: Job | null;
  readonly nextJob: number;
  readonly requests: readonly Request[];
  /** What was done in this session, for the summary. */
  readonly deeds: readonly Deed[];
  /** Failures that nothing has made good yet, by step or by `connect`. */
  readonly failures: Readonly<Record<string, ExitCode>>;
  readonly stopped: boolean;
  /** An editor has the terminal: no key is ours. */
  readonly suspended: boolean;
  /** Leave as soon as the present job has settled (after SIGTERM or SIGHUP). */
  readonly leaving: boolean;
  /** Set once, when the wizard is to be left. `now`: without waiting for what still runs. */
  readonly exit: { readonly code: ExitCode; readonly now: boolean } | null;
};

const defaultPhases: State['phases'] = [
  { id: 1, title: 'Database' },
  { id: 2, title: 'Backend' },
  { id: 3, title: 'Frontend' },
  { id: 4, title: 'Settings' },
];

export const initialState = (start: StartInfo, look: Look, size: Size, now: number): State => {
  const state: State = {
    look,
    size,
    now,
    frame: 0,
    start,
    target: null,
    doctor: start.findings,
    phases: defaultPhases,
    estimates: {},
    measured: {},
    offers: { findings: false, waive: false, decide: false, saveDecisions: false },
    connectProblem: null,
    steps: null,
    previewed: [],
    cursor: 0,
    startTop: 0,
    screen: 'start',
    step: null,
    run: null,
    verification: null,
    rollback: null,
    findings: null,
    decide: null,
    journey: null,
    request: null,
    waiting: [],
    decided: [],
    log: { lines: [], dropped: 0, open: false },
    help: null,
    dialog: null,
    notice: null,
    job: null,
    nextJob: 1,
    requests: [],
    deeds: [],
    failures: {},
    stopped: false,
    suspended: false,
    leaving: false,
    exit: null,
  };
  if (start.needsUrl) return { ...state, dialog: { kind: 'url', text: '', complaint: null } };
  return begin(state, 'connect', null, (job) => ({ type: 'connect', job, url: undefined }));
};

export const ask = (state: State, ...requests: readonly Request[]): State => ({
  ...state,
  requests: [...state.requests, ...requests],
});

/** Starts a job; whatever ran before is told to stop, and its answer will no longer be listened to. */
export const begin = (state: State, kind: JobKind, step: StepId | null, request: (job: number) => Request): State => {
  const id = state.nextJob;
  const before: readonly Request[] = state.job ? [{ type: 'abort', job: state.job.id }] : [];
  return ask({ ...state, job: { id, kind, step, stopping: false }, nextJob: id + 1 }, ...before, request(id));
};

/** True while something is under way that changes the target: it may be stopped, but not walked away from. */
export const changing = (state: State): boolean => state.job?.kind === 'apply' || state.job?.kind === 'rollback';

export const statusOf = (state: State, step: StepId | undefined | null): StepStatus | undefined =>
  state.steps?.find((one) => one.step === step);

export const titleOf = (state: State, step: StepId): string => statusOf(state, step)?.title ?? '';

export const problemOf = (error: unknown): Problem => {
  const known = error as Partial<Problem> | null;
  if (error instanceof Error && typeof known?.problem === 'string' && typeof known.remedy === 'string')
    return {
      problem: known.problem,
      remedy: known.remedy,
      kind: known.kind ?? 'operator',
      exitCode: known.exitCode ?? 1,
      detail: known.detail,
    };
  return {
    problem: `Something went wrong that should not have: ${error instanceof Error ? error.message : String(error)}.`,
    remedy: 'This is a defect of voxanne-rollout. Run again with --debug and report what it prints.',
    kind: 'defect',
    exitCode: 1,
    detail: undefined,
  };
};
