import type { Change } from './change.ts';
import type { CheckResult } from './check.ts';

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
};

/** Something worth knowing that stops nothing: what will stay, what was left alone and why. */
export type Note = { readonly text: string; readonly detail?: string };

/** What a step would do now, computed from the live target. No changes and no blockers: the step is already done. */
export type Plan = {
  readonly changes: readonly Change[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
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
  readonly plan: (target: T) => Promise<Plan>;
  readonly checks: (target: T, signal: AbortSignal) => AsyncIterable<CheckResult>;
};

export type Phase<T> = {
  readonly id: PhaseId;
  readonly title: string;
  /** Which executor runs and journals the changes of its steps. */
  readonly medium: 'database' | 'workspace';
  readonly steps: readonly Step<T>[];
};
