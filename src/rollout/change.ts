/** Lock levels of PostgreSQL, weakest first, as `pg_locks.mode` names them without the suffix `Lock`. */
export const lockLevels = [
  'AccessShare',
  'RowShare',
  'RowExclusive',
  'ShareUpdateExclusive',
  'Share',
  'ShareRowExclusive',
  'Exclusive',
  'AccessExclusive',
] as const;
export type LockLevel = (typeof lockLevels)[number];

/**
 * SQL that changes the target, with the SQL that takes it back.
 *
 * - `transaction`: `up` runs in one short transaction, together with its journal row.
 * - `autocommit`: `up` is one statement that PostgreSQL refuses inside a transaction (`CREATE INDEX CONCURRENTLY`).
 *   `applied` is then the only truth about whether it happened; `clean` removes what a failed try left behind.
 */
export type SqlChange = {
  readonly kind: 'sql';
  /** Unique within the step and stable between two plans of the same change: `rename public.calls`. */
  readonly id: string;
  readonly title: string;
  readonly mode: 'transaction' | 'autocommit';
  /** One or more statements, without BEGIN and COMMIT. */
  readonly up: string;
  /** Takes back exactly what `up` did. Empty only where `up` leaves nothing (a validation). */
  readonly down: string;
  /** For `autocommit`: a query with one boolean, true when the effect of `up` is in place. */
  readonly applied?: string;
  /** For `autocommit`: removes the half-made result of a failed `up` (an invalid index). */
  readonly clean?: string;
  /** Ids of changes of the same step that the preview must run first, in the same rolled-back transaction. */
  readonly after?: readonly string[];
};

/**
 * Rows written in small committed batches. The engine walks the key, keeps the old and the new value of every row in
 * the journal, and on rollback restores the old value where the row still holds the new one.
 */
export type BatchChange = {
  readonly kind: 'batches';
  readonly id: string;
  readonly title: string;
  /** Schema-qualified and quoted: `public."calls"`. */
  readonly table: string;
  /** Quoted column with a unique index by which the table is walked, and its SQL type. */
  readonly key: { readonly column: string; readonly type: string };
  readonly write:
    | {
        readonly kind: 'update';
        /** Quoted column that is written, and its type. */
        readonly column: string;
        readonly type: string;
        /** For a jsonb column: only this key is written, kept and restored. */
        readonly jsonKey?: string;
        /** SQL condition over alias `t`: rows that need a value. */
        readonly where: string;
        /** SQL expression over alias `t`: the new value; a row for which it is NULL is left alone. */
        readonly value: string;
        /** NULL is what the rows get. */
        readonly clears?: true;
      }
    | {
        readonly kind: 'insert';
        /** Quoted columns, the key first. */
        readonly columns: readonly string[];
        /** Query that gives these columns for rows that are missing. */
        readonly source: string;
        /**
         * Column of `source`, of the key's type, by which it is walked when an index serves it better than the key that
         * is made there: without one every batch would read the whole source again.
         */
        readonly cursor?: string;
      };
  /**
   * True: the app's triggers stay silent (`session_replication_role`), so that a guard against changing an org id does
   * not stop a restore and no other column of the row moves.
   */
  readonly quiet: boolean;
  /** As `SqlChange.after`. */
  readonly after?: readonly string[];
};

/** A file of the workspace before and after; `null` means that it is not there. */
export type FileChange = {
  readonly kind: 'file';
  readonly id: string;
  readonly title: string;
  /** Relative to the workspace root, with `/`. */
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
};

/** What a step does, as plain data that can be shown, hashed, stored and replayed. */
export type Change = SqlChange | BatchChange | FileChange;
