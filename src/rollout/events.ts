import type { Change } from './change.ts';
import type { CheckResult } from './check.ts';
import type { PreviewResult } from './preview.ts';
import type { Plan, StepId } from './step.ts';

/** Who holds a lock that a change waits for, as PostgreSQL names it. Never the text of the query: it may hold data. */
export type LockHolder = {
  readonly pid: number;
  readonly application: string;
  readonly user: string;
  readonly state: string;
  readonly seconds: number;
};

/**
 * Everything that happens, in order. The wizard, `--yes`, `--json` and the report are listeners of these and know
 * nothing of any particular step.
 */
export type RolloutEvent =
  | { readonly type: 'planned'; readonly step: StepId; readonly title: string; readonly plan: Plan }
  | { readonly type: 'previewed'; readonly step: StepId; readonly result: PreviewResult }
  | { readonly type: 'step-started'; readonly step: StepId; readonly title: string; readonly changes: number }
  /** One group of changes was run and judged in a transaction that was rolled back. */
  | {
      readonly type: 'proven';
      readonly step: StepId;
      readonly title: string;
      readonly number: number;
      readonly of: number;
      /** What did not pass: failed checks, and those that matter and could not be made. Empty when all is proven. */
      readonly open: readonly CheckResult[];
      readonly passed: number;
      readonly skipped: number;
      /** Why nothing was proven beforehand, or null. */
      readonly reason: string | null;
      /** How long the transaction held its locks. */
      readonly milliseconds: number;
    }
  | {
      readonly type: 'change-started';
      readonly step: StepId;
      readonly change: Change;
      readonly number: number;
      readonly of: number;
    }
  | {
      readonly type: 'change-waiting';
      readonly step: StepId;
      readonly change: string;
      /** The try that failed, from 1; null while the statement itself waits and nothing has to be tried again. */
      readonly attempt: number | null;
      readonly reason: string;
      readonly holders: readonly LockHolder[];
    }
  | {
      readonly type: 'change-progress';
      readonly step: StepId;
      readonly change: string;
      readonly done: number;
      readonly total: number;
      readonly perSecond: number;
    }
  | { readonly type: 'change-applied'; readonly step: StepId; readonly change: string; readonly milliseconds: number }
  | {
      readonly type: 'change-failed';
      readonly step: StepId;
      readonly change: string;
      readonly problem: string;
      readonly remedy: string;
    }
  | { readonly type: 'step-applied'; readonly step: StepId; readonly changes: number; readonly milliseconds: number }
  | { readonly type: 'check'; readonly step: StepId; readonly result: CheckResult }
  | {
      readonly type: 'step-verified' | 'step-failed';
      readonly step: StepId;
      readonly passed: number;
      readonly failed: number;
      readonly skipped: number;
      /** Of `skipped`: those that isolation depends on and nobody accepted. */
      readonly unproven: number;
      readonly milliseconds: number;
    }
  | { readonly type: 'rollback-started'; readonly step: StepId; readonly changes: number }
  | {
      readonly type: 'change-reverted';
      readonly step: StepId;
      readonly change: string;
      readonly stayed: readonly string[];
    }
  | {
      readonly type: 'step-rolled-back';
      readonly step: StepId;
      /** True only when the fingerprint taken before the step was found again, and no row was lost on the way. */
      readonly proven: boolean;
      readonly differences: readonly string[];
      readonly stayed: readonly string[];
      /** What the proof covers. */
      readonly compared?: { readonly objects: number; readonly tables: number; readonly rows: number };
      /** Rows that were not compared, and why. */
      readonly unchecked: readonly string[];
      readonly milliseconds: number;
    }
  | { readonly type: 'settled'; readonly step: StepId; readonly change: string; readonly outcome: string }
  /** A statement or command as it was sent, for the command log. Secrets are already removed. */
  | { readonly type: 'command'; readonly text: string };

export type Emit = (event: RolloutEvent) => void;
