import type { Change, LockLevel } from './change.ts';
import type { CheckResult } from './check.ts';

/** What really happened when a change was run and taken back in a transaction that never commits. */
export type PreviewResult = {
  readonly change: Change;
  /** `ran`: executed and rolled back; `not executed`: cannot be, and why; `failed`: applying would fail like this. */
  readonly outcome: 'ran' | 'not executed' | 'failed';
  readonly reason?: string;
  /** Strongest lock per relation that the change was seen to hold. */
  readonly locks: readonly { readonly relation: string; readonly level: LockLevel }[];
  /** Milliseconds between its first statement and the end of its work, in which it held these locks. */
  readonly held: number;
  readonly milliseconds: number;
};

/** One group of changes, judged before anything was committed. */
export type ProofResult = {
  readonly title: string;
  readonly results: readonly CheckResult[];
  /** Why nothing was proven beforehand, or null. */
  readonly reason: string | null;
  readonly milliseconds: number;
};
