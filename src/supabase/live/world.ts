import type { Api } from './client.ts';
import type { LiveJournal } from './journal.ts';
import type { Scope, Tables } from './scope.ts';
import type { JsonRow, LiveOptions, LiveTable, Side } from './types.ts';

/** A signed-in probe user. */
export type Person = {
  readonly side: Side;
  readonly id: string;
  readonly marker: string;
  /** What the token says; null where sign-up gave none. */
  readonly tokenOrg: string | null;
  /** The organization that this user's rows go to: one that sign-up made for the probe. Null: there is none. */
  readonly orgId: string | null;
  readonly api: Api;
};

/** A row that the probe made, or that sign-up made for it. */
export type LiveRow = { readonly table: LiveTable; readonly key: JsonRow; readonly values: JsonRow };

/** How a table's row was accepted: the attempt that its constraints took, and key columns that only the server sets. */
export type Recipe = { readonly attempt: number; readonly serverKeys: boolean };

export type World = {
  readonly options: LiveOptions;
  readonly nonce: string;
  readonly tables: Tables;
  readonly scopes: ReadonlyMap<LiveTable, Scope>;
  readonly people: Readonly<Record<Side, Person>>;
  readonly anon: Api;
  readonly service: Api | null;
  readonly journal: LiveJournal;
  readonly rows: Map<string, LiveRow>;
  readonly recipes: Map<LiveTable, Recipe>;
  /** Why a table has no row of the probe, in words. */
  readonly missing: Map<LiveTable, string>;
  /** Numbers the rows of the run, so that no two have the same values. */
  readonly count: { ordinal: number };
};

export const scopeIn = (world: World, table: LiveTable): Scope => world.scopes.get(table) ?? { kind: 'none' };

/** The organization that a user reads as: also one of others, to which no row of the probe is added. */
export const homeOf = (world: World, side: Side): string | null =>
  world.people[side].orgId ?? world.people[side].tokenOrg;
