import type { JsonRow, LiveTable } from './types.ts';

export type ProbeUser = { readonly id: string; readonly marker: string; readonly createdAt: string };

/** What a deletion came to: how many rows, or why not. */
export type Removed = { readonly count: number; readonly problem: string | null };

/**
 * Finds and removes what probes made, with rights that row security does not limit: over the database connection, or
 * through the API with the service key.
 */
export type Janitor = {
  /** Users that are marked as a probe's by their address and their metadata, and of these ids those that are so marked. */
  readonly users: (ids: readonly string[]) => Promise<readonly ProbeUser[]>;
  /** Organizations that these users are connected with by stamp, profile or membership. */
  readonly organizationsOf: (users: readonly ProbeUser[]) => Promise<readonly string[]>;
  /** Organizations that carry a probe's marker in one of their texts. */
  readonly markedOrganizations: () => Promise<readonly string[]>;
  /**
   * Whether an organization was made for one of the users: marked as a probe's, or not older than the user; and that
   * nobody else is in it. Anything less and it might be a customer's.
   */
  readonly isProbes: (organization: string, users: readonly ProbeUser[]) => Promise<boolean>;
  readonly removeBy: (table: LiveTable, column: string, values: readonly string[]) => Promise<Removed>;
  readonly removeRow: (table: LiveTable, key: JsonRow) => Promise<Removed>;
  readonly valuesOf: (
    table: LiveTable,
    column: string,
    by: string,
    values: readonly string[],
  ) => Promise<readonly string[]>;
  readonly countBy: (table: LiveTable, column: string, values: readonly string[]) => Promise<number>;
  /** The rows of this key as text, for a look at whose they are. */
  readonly textsOf: (table: LiveTable, key: JsonRow) => Promise<readonly string[]>;
  readonly countRow: (table: LiveTable, key: JsonRow) => Promise<number>;
  readonly removeUser: (id: string) => Promise<Removed>;
};
