import type { Answer } from '../rollout/decision.ts';
import type { RolloutError } from '../rollout/errors.ts';
import type { RollbackPlan, Rollout } from '../rollout/rollout.ts';
import type { PhaseId, Plan, StepId } from '../rollout/step.ts';

/** One thing that doctor looked at. */
export type DoctorFinding = {
  readonly title: string;
  readonly verdict: 'passed' | 'failed' | 'warning' | 'skipped';
  readonly observed: string;
  /** What to do about it. */
  readonly advice?: string;
};

/** The checkout of the app, as far as it is known. */
export type WorkspaceInfo = {
  /** Absolute path of its root. */
  readonly root: string;
  /** How the root is written on the screen: from the home folder, where it lies in it. Default: as it is. */
  readonly shown?: string;
  /** `null` outside a git repository or on a detached head. */
  readonly branch: string | null;
  /** How many files differ from the last commit. */
  readonly dirty: number;
};

/** What the header of every screen names, and what a typed confirmation asks for. */
export type TargetInfo = {
  /** The project ref; where there is none (a local database) the name of the database. Never empty. */
  readonly project: string;
  readonly host: string;
  /** As configured: `production`, `staging`, `local`. */
  readonly environment: string;
  /** Whether the project ref must be typed before anything changes. */
  readonly production: boolean;
  /** Why it counts as production, or not, and which setting decides: shown on the first screen. */
  readonly productionReason?: string;
  readonly workspace: WorkspaceInfo | null;
};

/** One thing that was found out while the wizard is up already. */
export type Discovery =
  | { readonly kind: 'workspace'; readonly workspace: WorkspaceInfo | null }
  | { readonly kind: 'finding'; readonly finding: DoctorFinding };

/** What is known before anything is connected: enough for the first frame. No secret may be in it. */
export type StartInfo = {
  readonly version: string;
  /** True when no connection string was given: the wizard then asks for one in a masked field. */
  readonly needsUrl: boolean;
  /** Parts of the target that are known already, from the flags, the configuration or the environment. */
  readonly project: string | null;
  readonly host: string | null;
  readonly environment: string | null;
  readonly production: boolean;
  readonly workspace: WorkspaceInfo | null;
  readonly findings: readonly DoctorFinding[];
  /** True while `discover` is still to say more about the workspace. */
  readonly looking?: boolean;
};

/** A place in the code that breaks tenant isolation or names an old column. */
export type CodeFinding = {
  readonly id: string;
  readonly kind: string;
  /** The step whose checks fail while it is there; `null`: no step's do. */
  readonly step: StepId | null;
  /** Relative to the workspace root. */
  readonly file: string;
  /** One-based. */
  readonly line: number;
  readonly reason: string;
  /** Source around it; `excerptLine` is the number of its first line. */
  readonly excerpt: string;
  readonly excerptLine: number;
  /** What the tool would write instead, or `null` where a person must decide. */
  readonly fix: string | null;
  readonly instruction: string | null;
  /** The recorded reason for leaving it, or `null`. */
  readonly waived: string | null;
};

/** Something that a program asked for and that a person may approve. */
export type WaitingRequest = {
  /** Its whole hash. */
  readonly id: string;
  /** `rollout`: everything that is pending up to the step. */
  readonly action: 'apply' | 'rollback' | 'rollout';
  readonly step: StepId;
  /** When it was asked for, as an ISO date. */
  readonly at: string;
};

/** What a request would do, computed anew. */
export type RequestLook =
  | { readonly plans: readonly { readonly step: StepId; readonly plan: Plan }[] }
  | { readonly rollback: RollbackPlan };

/** Requests that programs left for a person. */
export type Requests = {
  /** Those that can still be approved, newest first. */
  readonly waiting: () => Promise<readonly WaitingRequest[]>;
  /** Throws where it is for something else than what is here now, or cannot be approved. */
  readonly look: (id: string, signal: AbortSignal) => Promise<RequestLook>;
  /** Looks once more and approves what is there now. */
  readonly approve: (id: string) => Promise<void>;
  readonly decline: (id: string) => Promise<void>;
};

/** An open target. Every method may throw a `RolloutError`, which is shown; any other error is shown as a defect. */
export type Session = {
  readonly rollout: Rollout;
  readonly target: TargetInfo;
  /** What doctor found now that the database could be asked. Replaces the findings of `StartInfo`. */
  readonly findings: readonly DoctorFinding[];
  /** Default: Database, Backend, Frontend, Settings. */
  readonly phases?: readonly { readonly id: PhaseId; readonly title: string }[];
  /** Expected milliseconds of steps, where somebody knows. */
  readonly estimates?: Readonly<Partial<Record<StepId, number>>>;
  /** Scans the workspace. Absent: there is no workspace, and the screen is not offered. */
  readonly codeFindings?: (signal: AbortSignal) => Promise<readonly CodeFinding[]>;
  /** Records the operator's decision to leave these findings, with one reason. */
  readonly waive?: (findings: readonly string[], reason: string) => Promise<void>;
  /** Takes the answers that were given so far into every plan and check from now on. Absent: decisions are flags only. */
  readonly decide?: (answers: readonly Answer[]) => void;
  /** Writes answers into the configuration file; gives its path. */
  readonly saveDecisions?: (answers: readonly Answer[]) => Promise<string>;
  /** Absent: no program can leave one here. */
  readonly requests?: Requests;
  /** Keeps the text of a preview; gives the path of the file. */
  readonly savePreview: (step: StepId, text: string) => Promise<string>;
  /** Keeps the command log; gives the path of the file. */
  readonly saveLog: (text: string) => Promise<string>;
  /** Writes the report of what was done so far; gives its path. Asked once, when the wizard is left. */
  readonly reportPath: () => Promise<string>;
  /** Releases the run lock and closes connections. Not waited for when the operator leaves at once. */
  readonly close: () => Promise<void>;
};

/** How the terminal is to be used; what is left out is found out from the environment. */
export type TerminalOptions = {
  /** Stay in the normal buffer instead of the alternate screen. */
  readonly inline?: boolean;
  readonly colour?: boolean;
  readonly ascii?: boolean;
  /** Append-only lines for screen readers. */
  readonly accessible?: boolean;
};

export type WizardOptions = {
  readonly start: StartInfo;
  /**
   * Opens the target. Called without a url at once when `start.needsUrl` is false, else with what the operator typed,
   * which must never be stored. May be called again after it failed.
   */
  readonly connect: (url: string | undefined, signal: AbortSignal) => Promise<Session>;
  /**
   * Finds out what the first frame must not wait for: the state of the checkout, doctor's findings. Runs beside
   * `connect`, reads only, and tells each thing as it is known. The signal aborts when the wizard is left.
   */
  readonly discover?: (tell: (found: Discovery) => void, signal: AbortSignal) => Promise<void>;
  /** True for a target that goes away with this process, as the demo's does: then nothing is left to go on with. */
  readonly passing?: boolean;
  readonly terminal?: TerminalOptions;
};

/** A `RolloutError` as plain data. */
export type Problem = Pick<RolloutError, 'problem' | 'remedy' | 'kind' | 'exitCode' | 'detail'>;
