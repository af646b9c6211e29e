import type { Change } from './change.ts';
import type { StepId } from './step.ts';

/**
 * `started` is written before, `applied` with or after the change; `reverting` before and `reverted` with or after its
 * inverse. Where change and row share a transaction only `applied` and `reverted` are ever seen.
 */
export const entryStates = ['started', 'applied', 'reverting', 'reverted'] as const;
export type EntryState = (typeof entryStates)[number];

/** One journalled change with its inverse; what a rollback replays. */
export type Entry = {
  readonly seq: number;
  readonly run: string;
  readonly step: StepId;
  readonly state: EntryState;
  readonly change: Change;
  readonly appliedAt: string | null;
  readonly revertedAt: string | null;
  readonly milliseconds: number;
};

/** What somebody outside a journal keeps to recognize it: its id, how long its chain of states is, its last hash. */
export type Head = { readonly journal: string; readonly links: number; readonly hash: string };

/** The state of a target as `object -> hash of its definition`. Two equal fingerprints are the same target. */
export type Fingerprint = Readonly<Record<string, string>>;

export const stepStates = ['applied', 'verified', 'failed', 'rolled back', 'skipped'] as const;

/** One thing that happened to a step as a whole, in order; the last one is the step's state. */
export type StepRecord = {
  readonly seq: number;
  readonly run: string;
  readonly step: StepId;
  readonly state: (typeof stepStates)[number];
  /** For `verified` and `failed`: counts; for `skipped`: the reason; for `rolled back`: what stayed. */
  readonly detail: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly at: string;
  readonly milliseconds: number;
};
