import { createHash } from 'node:crypto';
import type { CheckResult } from './check.ts';
import type { RolloutError } from './errors.ts';
import type { Emit } from './events.ts';
import type { Dependant, RevertResult } from './executor.ts';
import type { Impact } from './impact.ts';
import type { Entry, StepRecord } from './journal.ts';
import type { PreviewResult, ProofResult } from './preview.ts';
import type { PhaseId, Plan, StepId, Upon } from './step.ts';

/** A plan with a hash over its changes: applying refuses when the target's plan no longer has that hash. */
export type Planned = { readonly step: StepId; readonly plan: Plan; readonly hash: string };

/** Hash over everything that a plan would do; the order of changes counts. */
export const hashOf = (plan: Plan): string => createHash('sha256').update(JSON.stringify(plan.changes)).digest('hex');

/** The hash of the plan that was shown, or what judges the plan of now and throws before anything is changed. */
export type Expected = string | ((planned: Planned) => Promise<void>);

export type StepState = 'pending' | 'applied' | 'verified' | 'failed' | 'rolled back' | 'skipped' | 'interrupted';

export type StepStatus = {
  readonly step: StepId;
  readonly phase: PhaseId;
  readonly title: string;
  readonly why: string;
  readonly state: StepState;
  /** Why the step cannot be applied now (the gate), or null when it can. */
  readonly gate: string | null;
  /** The last thing that happened to it. */
  readonly last: StepRecord | null;
  /** Journalled changes that a rollback would take back. */
  readonly applied: number;
  /** True when a crash left a change of this step half-done; the next apply or rollback settles it first. */
  readonly interrupted: boolean;
};

export type VerifyResult = {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Of `skipped`: those that isolation depends on and nobody accepted; with any, the step is not verified. */
  readonly unproven: number;
};

export type { ProofResult };

export type RollbackPlan = {
  readonly step: StepId;
  /** Newest first: the order in which they are taken back. */
  readonly entries: readonly Entry[];
  /** Why it cannot be rolled back now (something later depends on it), or null. */
  readonly refusal: string | null;
  /** What others made since that will break when the step is taken back; a yes to exactly that is needed. */
  readonly dependants: readonly Dependant[];
};

export type RollbackResult = RevertResult & {
  readonly proven: boolean;
  /** Objects that differ from before the step. Empty when proven. */
  readonly differences: readonly string[];
  /** Rows that were not compared with those from before the rollback, and why. */
  readonly unchecked: readonly string[];
};

/**
 * The rollout of one target: what the wizard and the command line drive. Every method emits events to the listeners
 * and throws a `RolloutError` with nothing half-done; an aborted signal ends it after cancelling on the server.
 */
export type Rollout = {
  readonly status: () => Promise<readonly StepStatus[]>;
  readonly plan: (step: StepId) => Promise<Planned>;
  /**
   * The plans of a phase's steps, each upon what the ones before it leave; the last one may be blocked. `upon` looks at
   * what all of them leave, while it is there: not where one is blocked, and again where the transaction is tried again.
   */
  readonly planAhead: (phase: PhaseId, signal: AbortSignal, upon?: Upon) => Promise<readonly Planned[]>;
  /** Plans, runs every change for real and takes it back. */
  readonly preview: (
    step: StepId,
    signal: AbortSignal,
  ) => Promise<
    Planned & {
      readonly results: readonly PreviewResult[];
      readonly proofs: readonly ProofResult[];
      readonly impact: Impact;
      /** Checks that keep the step from being applied. */
      readonly open: readonly CheckResult[];
    }
  >;
  /** Applies the plan, once its checks passed in a transaction that was rolled back; with `expect`, refuses when the plan is not the one that was shown, or when `expect` throws. Returns how many changes. */
  readonly apply: (step: StepId, signal: AbortSignal, expect?: Expected) => Promise<number>;
  readonly verify: (step: StepId, signal: AbortSignal) => Promise<VerifyResult>;
  readonly rollbackPlan: (step: StepId) => Promise<RollbackPlan>;
  /** `breaking`: the operator said yes to what will break (see `RollbackPlan.dependants`). */
  readonly rollback: (step: StepId, signal: AbortSignal, breaking?: boolean) => Promise<RollbackResult>;
  /** Why nothing may be rolled back: the journal is not what this tool wrote. Null: it is. */
  readonly suspicion: () => Promise<RolloutError | null>;
  /** Records that the operator leaves this step out, and why. The gate then asks no verification of it. */
  readonly skip: (step: StepId, reason: string) => Promise<void>;
  /** Adds a listener; returns how to remove it. */
  readonly listen: (listener: Emit) => () => void;
};
