import type { Policy } from '../../../src/database/catalog/types.ts';
import type { Alternative, Guarded } from './classify.ts';
import type { Judging } from './scope.ts';

/** What an operator said about a policy that lets rows of every organization through on purpose. */
export type Decided = 'keep' | 'drop';

export type PolicyContext = {
  readonly world: Judging;
  /** Set where the rule stands: what a policy beside it must be judged with to stay. */
  readonly strict: Judging | null;
  /** SQL that a column of this type holds an organization of the caller; null where it cannot. */
  readonly isCallers: (column: string, type: string) => string | null;
  readonly isCallersAs: NonNullable<Guarded['isCallersAs']>;
  readonly breadth: Guarded['breadth'];
  /** Rewrites column names of now to those that stand after step 1.2. */
  readonly renamed: (expression: string) => string;
  /** Changes that the preview must run before a policy can be created. */
  readonly after: readonly string[];
  /** `schema.table: policy` of those that may ask in a circle with others. */
  readonly circular: ReadonlySet<string>;
  /** `schema.table` of those that nobody can read today because of such a circle. */
  readonly broken: ReadonlySet<string>;
  /** `schema.table: policy` by what the operator decided. */
  readonly decisions: Readonly<Record<string, Decided>>;
  /** Rows that a condition lets through now, and rows in all; null where that cannot be said. */
  readonly count: (table: string, condition: string) => Promise<{ readonly some: string; readonly all: string } | null>;
};

/** A policy with what each of its alternatives amounts to, by command. */
export type Judged = {
  readonly policy: Policy;
  readonly using: readonly Alternative[];
  readonly check: readonly Alternative[];
  /** It reads the table that it guards, itself or through others, and so fails for whoever it is asked for. */
  readonly fails: boolean;
  /** It asks in a circle with others, and the operator lets the organization's rule take its place. */
  readonly dropped: boolean;
};

/** The end of the name of a policy that holds what was kept of one whose rest became the rule. */
export const keptSuffix = ' (kept)';

/** What the operator's decision names: of a part that was kept, the policy that it was a part of. */
export const decidedName = (name: string): string =>
  name.endsWith(keptSuffix) ? name.slice(0, -keptSuffix.length) : name;

export const apiRoles: ReadonlySet<string> = new Set(['public', 'anon', 'authenticated']);
export const reachesApi = (policy: Policy): boolean => policy.roles.some((role) => apiRoles.has(role));
export const reachesUsers = (policy: Policy): boolean =>
  policy.roles.some((role) => role === 'public' || role === 'authenticated');
