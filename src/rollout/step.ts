import type { Change } from './change.ts';
import type { CheckResult } from './check.ts';
import type { Answer } from './decision.ts';
import type { Running } from './impact.ts';

export type PhaseId = 1 | 2 | 3 | 4;
export type StepId = `${PhaseId}.${number}`;

/** Something that stops a step before it changes anything. */
export type Blocker = {
  /** One sentence on what is wrong. */
  readonly problem: string;
  /** One sentence on what to do; names the flag or the configuration key where the operator must decide. */
  readonly remedy: string;
  /** The object, SQL excerpt or sample rows behind it. */
  readonly detail?: string;
  /** The decisions that get past it; absent where only a change by hand does. */
  readonly answers?: readonly Answer[];
};

/** Something worth knowing that stops nothing: what will stay, what was left alone and why. */
export type Note = {
  readonly text: string;
  readonly detail?: string;
  /** Decisions that would make the step do more, where the operator wants that. */
  readonly answers?: readonly Answer[];
};

/** What a step would do now, computed from the live target. No changes and no blockers: the step is already done. */
export type Plan = {
  readonly changes: readonly Change[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
  /** Programs of the app that applying or checking the step starts, where the operator allows it; absent: none. */
  readonly runs?: readonly { readonly command: string; readonly why: string }[];
};

/**
 * The unit an operator sees, applies, verifies and rolls back. `T` is the target; the core never looks inside it.
 * Planning reads and never writes; everything a step does is in the changes of its plan.
 */
export type Step<T> = {
  readonly id: StepId;
  readonly title: string;
  /** Why the step exists, in words for the operator; one to three sentences. */
  readonly why: string;
  /** What running code must do before and after it; absent where nothing. */
  readonly running?: Running;
  readonly plan: (target: T) => Promise<Plan>;
  /** `before`: what `look` gave before the first change of the step, or `null` where it was never applied. */
  readonly checks: (target: T, signal: AbortSignal, before: unknown) => AsyncIterable<CheckResult>;
  /**
   * Those of the checks that a query answers, with the query as their evidence: it gives the same rows, in some order,
   * wherever the check passes. A script that somebody pastes asks them at its end.
   */
  readonly queries?: (target: T, signal: AbortSignal) => AsyncIterable<CheckResult>;
  /**
   * What the checks compare with: looked at before the first change and kept in the journal. Plain data.
   */
  readonly look?: (target: T, signal: AbortSignal) => Promise<unknown>;
  /**
   * What judges the changes before anything of them is committed. Without it: `checks`, over all of them together.
   */
  readonly proofs?: (target: T, changes: readonly Change[]) => Promise<Proofs<T>>;
};

/** Looks at what all steps of a phase leave; `queries` are the checks of the steps that a query answers, as they are then. */
export type Upon = (queries: () => Promise<readonly Queried[]>) => Promise<void>;
export type Queried = { readonly step: StepId; readonly result: CheckResult };

export type Proofs<T> = {
  /** All changes of the step, in one transaction. */
  readonly whole: Proof<T>;
  /** The same in parts that hold their locks for less long, for a database whose users would wait for the whole. */
  readonly parts: readonly Proof<T>[];
};

/**
 * Changes that belong together and the checks that judge them: they run in one transaction that is rolled back, so that
 * what cannot be verified was never live.
 */
export type Proof<T> = {
  /** What is proven, for people: `public.calls`. */
  readonly title: string;
  /** Ids of the changes that run first, in the order of the plan. */
  readonly changes: readonly string[];
  /** Runs before the changes, in the same transaction; what it gives is handed to `checks`. */
  readonly look?: (target: T, signal: AbortSignal) => Promise<unknown>;
  readonly checks: (target: T, signal: AbortSignal, before: unknown) => AsyncIterable<CheckResult>;
};

export type Phase<T> = {
  readonly id: PhaseId;
  readonly title: string;
  /** Which executor runs and journals the changes of its steps. */
  readonly medium: 'database' | 'workspace';
  readonly steps: readonly Step<T>[];
};
