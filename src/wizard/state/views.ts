import type { Change } from '../../rollout/change.ts';
import type { CheckResult } from '../../rollout/check.ts';
import type { CheckTally } from '../../rollout/check-groups.ts';
import type { Answer } from '../../rollout/decision.ts';
import type { LockHolder } from '../../rollout/events.ts';
import type { Planned, RollbackPlan, RollbackResult } from '../../rollout/rollout.ts';
import type { StepId } from '../../rollout/step.ts';
import type { Document, Preview } from '../preview/document.ts';
import type { CodeFinding, Problem, WaitingRequest } from '../session.ts';

/** A long text on the screen: which row is at the top, and what was searched for. */
export type Reading = {
  readonly document: Document;
  readonly top: number;
  readonly search: string;
  /** Line of the match the cursor is at. */
  readonly match: number | null;
};

export type StepView = {
  readonly id: StepId;
  readonly loading: { readonly done: number; readonly of: number | null; readonly since: number } | null;
  readonly planned: Planned | null;
  /** Changes that failed when the preview tried them. */
  readonly wouldFail: number;
  /** What the text is made from, folded or not. */
  readonly preview: Preview | null;
  readonly folded: boolean;
  /** What the changes shown have to fit; empty: all are shown. */
  readonly filter: string;
  readonly reading: Reading | null;
  readonly problem: Problem | null;
};

export type ChangeState = 'queued' | 'running' | 'waiting' | 'done' | 'failed' | 'stopped';
export type RunChange = {
  readonly step: StepId;
  readonly id: string;
  readonly title: string;
  readonly state: ChangeState;
  readonly startedAt: number | null;
  readonly milliseconds: number | null;
  readonly progress: { readonly done: number; readonly total: number; readonly perSecond: number } | null;
  readonly waiting: {
    readonly attempt: number | null;
    readonly reason: string;
    readonly holders: readonly LockHolder[];
  } | null;
  readonly problem: { readonly problem: string; readonly remedy: string } | null;
  readonly stayed: readonly string[];
};

export type Run = {
  readonly operation: 'apply' | 'rollback';
  readonly step: StepId;
  /** The steps whose changes these are; more than one in a rollback. */
  readonly steps: readonly StepId[];
  readonly title: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly changes: readonly RunChange[];
  readonly outcome: 'running' | 'done' | 'failed' | 'stopped';
  /** What a crash had left half-done, and how it was settled first. */
  readonly settled: readonly string[];
  readonly problem: Problem | null;
  readonly result: RollbackResult | null;
  /** First change shown; `null` follows the one that runs. */
  readonly top: number | null;
};

/** Checks as they come. Only so many are kept; the counts are of all of them. */
export type Verification = {
  readonly step: StepId;
  readonly title: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly failed: readonly CheckResult[];
  readonly skipped: readonly CheckResult[];
  readonly passed: readonly CheckResult[];
  readonly counts: { readonly passed: number; readonly failed: number; readonly skipped: number };
  readonly outcome: 'running' | 'verified' | 'failed' | 'stopped' | 'broken';
  readonly problem: Problem | null;
  /** Id of the chosen check; `null` stays at the first one, whichever that comes to be. */
  readonly selected: string | null;
  readonly evidence: boolean;
  /** Of all that passed, also of what is not kept. */
  readonly tally: CheckTally;
  /** Every check that passed is shown by itself, also where they are many. */
  readonly unfolded: boolean;
};

/** The step with what was applied after it, its phase likewise, or everything. */
export type RollbackScope = 'step' | 'phase' | 'all';

export type RollbackView = {
  readonly step: StepId;
  readonly scope: RollbackScope;
  /** Newest first. */
  readonly steps: readonly StepId[];
  /** Where Escape goes back to. */
  readonly from: 'overview' | 'step';
  readonly plans: readonly RollbackPlan[] | null;
  readonly folded: boolean;
  /** As of a step. */
  readonly filter: string;
  readonly reading: Reading | null;
  readonly problem: Problem | null;
};

export type FindingsView = {
  readonly list: readonly CodeFinding[] | null;
  /** Only what this step answers for; `null`: everything. */
  readonly step: StepId | null;
  readonly by: 'kind' | 'file';
  readonly cursor: number;
  readonly problem: Problem | null;
  /** Where Escape goes back to. */
  readonly from: 'overview' | 'step' | 'verification';
};

/** Something that only the operator can decide, with what it is about. */
export type Question = {
  /** The check that does not pass, where that raises it. */
  readonly failed?: string;
  readonly problem: string;
  readonly remedy: string;
  /** Users, rows or a definition, a line each; empty where there are none. */
  readonly detail: string;
  readonly answers: readonly Answer[];
};

/** What one step of phase 1 did or would do. */
export type JourneyStep = {
  readonly step: StepId;
  readonly title: string;
  readonly applied: boolean;
  readonly changes: readonly Change[];
};

/** The journey of one table through phase 1. */
export type JourneyView = {
  readonly from: 'overview' | 'step';
  readonly steps: readonly JourneyStep[] | null;
  readonly table: string | null;
  readonly reading: Reading | null;
  readonly problem: Problem | null;
};

/** What a program asked for, and what it would do now. */
export type RequestView = {
  readonly request: WaitingRequest;
  readonly reading: Reading | null;
  readonly problem: Problem | null;
};

export type DecideView = {
  readonly from: 'step' | 'verification';
  readonly step: StepId;
  readonly questions: readonly Question[];
  readonly at: number;
  /** Index of the answer; one past the last of them decides nothing. */
  readonly cursor: number;
  /** First row shown of the detail. */
  readonly top: number;
  readonly given: readonly Answer[];
};
