import type { Blocker, Note } from '../../rollout/step.ts';
import type { DbFunction } from '../catalog/types.ts';

/** Names are unquoted. `table` is the topmost parent: partitions and inherited children follow. */
export type ColumnRename = {
  readonly schema: string;
  readonly table: string;
  readonly from: string;
  readonly to: string;
  /**
   * Set where the table has `to` already, with the same values: `from` is then put aside under this name instead, and
   * everything that named it names `to` from now on.
   */
  readonly aside?: string;
  /** With `aside`: the present name of the column that stays; absent: it is called `to` already. */
  readonly stays?: string;
  /** With `aside`: the old column is NOT NULL, which it cannot stay. */
  readonly notNull?: boolean;
};

/** Everything that has to change in one transaction so that nothing is broken for a moment. */
export type RenameGroup = {
  /** Stable between two plans of the same rename: `rename public.calls`. */
  readonly id: string;
  readonly title: string;
  readonly tables: readonly ColumnRename[];
  /** Statements without BEGIN and COMMIT. */
  readonly up: string;
  /** The exact inverse; function definitions come back byte for byte. */
  readonly down: string;
  /** Signatures of the functions that are rewritten. */
  readonly functions: readonly string[];
  /** Those of `functions` that catch every error, and would therefore fail in silence: run them before and after. */
  readonly swallowing: readonly string[];
};

export type RenamePlan = {
  /** In the order in which they are applied; the way back is the reverse. Groups of claims come after the renames. */
  readonly groups: readonly RenameGroup[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

export type RenameOptions = {
  /** Also change claim keys and setting names that equal the old name. They are contracts with whoever sets them. */
  readonly renameClaims: boolean;
  /** `schema.name` of every relation of the database, the platform's and those of extensions too. */
  readonly relations?: ReadonlySet<string>;
  /** Signatures of functions that stay as they are whatever their texts say: a person looked at them. */
  readonly leave?: readonly string[];
  /** Asks the server whether a function fails today whenever it is called: its message, or null. */
  readonly failsToday?: (routine: DbFunction) => Promise<string | null>;
  /** Statements that run on a schedule. */
  readonly jobs?: readonly Job[];
};

/** A row of `cron.job`: SQL that the server runs on its own. */
export type Job = {
  readonly id: string;
  readonly name: string | null;
  readonly command: string;
  /** The present role may change it with `cron.alter_job`. */
  readonly ours: boolean;
};
