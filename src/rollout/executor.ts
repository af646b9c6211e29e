import type { Change } from './change.ts';
import type { Emit } from './events.ts';
import type { TableSize } from './impact.ts';
import type { Entry, EntryState, Fingerprint, Head, StepRecord } from './journal.ts';
import type { PreviewResult } from './preview.ts';
import type { Blocker, StepId } from './step.ts';

export type { PreviewResult };

export type Context = {
  readonly run: string;
  readonly step: StepId;
  readonly emit: Emit;
  /** Aborts on Ctrl-C; an executor then cancels on the server and leaves nothing half-done. */
  readonly signal: AbortSignal;
};

/** What a step, or its rollback, had to leave alone and did, or did not. */
export type Untouched = {
  readonly tables: number;
  readonly rows: number;
  readonly columns: number;
  /** What differs and nobody else can have changed. Empty when all that was compared is as before. */
  readonly changed: readonly string[];
  /** What was not compared, and why: too large, or others wrote to it meanwhile. */
  readonly unchecked: readonly string[];
};

/** What happens in a transaction that is always rolled back. */
export type WithinWork<R> = {
  readonly title: string;
  /** It is called again when the transaction has to be tried again. */
  readonly body: (inside: Inside) => Promise<R>;
};

export type Inside = {
  /** Aborts when the run is stopped, and as soon as the transaction has to give way to somebody who waits. */
  readonly signal: AbortSignal;
  /** Runs changes as applying them would, batches and concurrent indexes as single statements. */
  readonly run: (changes: readonly Change[]) => Promise<void>;
  /**
   * Runs `work` so that its failure leaves the transaction usable and takes back what it did.
   *
   * @throws {RolloutError} whatever the database said, in words.
   */
  readonly attempt: <R>(work: () => Promise<R>) => Promise<R>;
};

/** What became of a transaction that is always rolled back. */
export type Within<R> =
  | { readonly outcome: 'ran'; readonly result: R; readonly milliseconds: number }
  /** `busy`: others waited for its locks, so that it gave way. */
  | { readonly outcome: 'not executed' | 'busy'; readonly reason: string };

export type Standing = {
  readonly step: StepId;
  readonly state: EntryState;
  readonly count: number;
  /** When the last of them was applied or taken back. */
  readonly at?: string | null;
};

/** An object that others made or changed since, and that uses what a rollback takes away. */
export type Dependant = {
  readonly object: string;
  /** What of it goes: `function current_org_id`. */
  readonly uses: readonly string[];
  /** The database itself forbids to take that away as long as this stands; else it fails when it is used next. */
  readonly blocks: boolean;
};

/** The result of a revert: what could not be restored because somebody changed it since. */
export type RevertResult = { readonly stayed: readonly string[] };

/**
 * Runs changes against one medium (the database or the workspace) and owns its journal, because a row must be written
 * in the same transaction, or in the same fsync order, as the change it describes.
 */
export type Executor = {
  /** Runs every change for real and takes it back. Leaves no trace. */
  readonly preview: (changes: readonly Change[], context: Context) => AsyncIterable<PreviewResult>;
  /**
   * Runs `body` in one transaction and rolls all of it back. It gives way to the running app: when anybody waits for its
   * locks longer than the allowed stall, nothing is decided, and the reason says so.
   *
   * @throws {RolloutError} when a change fails, as applying it would.
   */
  readonly within: <R>(work: WithinWork<R>, context: Context) => Promise<Within<R>>;
  /**
   * Called before the target is read for an apply or a rollback: from here on nobody else may be at work on it. Absent:
   * its first change sees to that.
   */
  readonly begin?: () => Promise<void>;
  /** Does one change and journals it. Resolves only when both are durable. */
  readonly apply: (change: Change, context: Context) => Promise<Entry>;
  /**
   * Does these changes in their order, as many at once as its medium allows, and tells each as soon as it is durable, so
   * that whoever asked knows what is done when it rejects. Absent: they are applied one by one.
   */
  readonly applyAll?: (changes: readonly Change[], context: Context, applied: (entry: Entry) => void) => Promise<void>;
  /** Takes one journalled change back and journals that. */
  readonly revert: (entry: Entry, context: Context) => Promise<RevertResult>;
  /** What would stop taking these back half-way, looked for before the first of them. Absent: nothing is known to. */
  readonly cannotRevert?: (entries: readonly Entry[]) => Promise<readonly Blocker[]>;
  /** Looks at the target, not at the row, and finishes or removes what a crash left in `started` or `reverting`. */
  readonly settle: (entry: Entry, context: Context) => Promise<void>;
  /** The journalled changes of one step, or of all, in the order in which they were made. */
  readonly entries: (step?: StepId) => Promise<readonly Entry[]>;
  /** How many changes of each step are in each state. Refuses, as `entries` does, a journal that another hand edited. */
  readonly standing: () => Promise<readonly Standing[]>;
  /**
   * What tells that this journal is not what the tool wrote: the heads that another medium kept of it which it does not
   * continue, or objects of the tool that are in force while it describes none. Null: nothing does.
   */
  readonly suspicion: (seen: readonly Head[]) => Promise<string | null>;
  /** The head of this medium's journal, for the other one to keep; null where there is nothing to keep. */
  readonly head: () => Promise<Head | null>;
  /** Keeps the head of another medium's journal, and gives back what was kept. */
  readonly keepHead: (head: Head) => Promise<void>;
  readonly keptHeads: () => Promise<readonly Head[]>;
  /** Which of `others` use what is in `after` and not in `before`. All are names of the fingerprint. */
  readonly dependants: (
    before: Fingerprint,
    after: Fingerprint,
    others: readonly string[],
  ) => Promise<readonly Dependant[]>;
  readonly records: () => Promise<readonly StepRecord[]>;
  readonly record: (record: Omit<StepRecord, 'seq' | 'at'>) => Promise<void>;
  /** Rows and bytes of these tables, as the server estimates them. */
  readonly sizes: (relations: readonly string[]) => Promise<readonly TableSize[]>;
  /** The present state of everything that a change of this medium could touch. */
  readonly fingerprint: () => Promise<Fingerprint>;
  /** Keeps the present state as that from before or after a step, for the proof of its rollback. */
  readonly keepFingerprint: (step: StepId, run: string, when: 'before' | 'after') => Promise<void>;
  readonly keptFingerprint: (step: StepId, when: 'before' | 'after') => Promise<Fingerprint | null>;
  /**
   * Looks at what these changes must leave alone, before the first of them; the function that it returns looks again and
   * compares. A step that goes on after a crash is compared with the look from before its first change. `null`: before
   * what is journalled of the step is taken back.
   */
  readonly guard: (
    step: StepId,
    run: string,
    changes: readonly Change[] | null,
  ) => Promise<() => Promise<Untouched | null>>;
  /** Keeps what a step looked at before its first change, and gives back what its last apply kept (null: nothing). */
  readonly keepLook: (step: StepId, run: string, look: unknown) => Promise<void>;
  readonly keptLook: (step: StepId) => Promise<unknown>;
  /** What the guard of the step's last apply found, or null when it was never applied. */
  readonly untouched: (step: StepId) => Promise<Untouched | null>;
};
