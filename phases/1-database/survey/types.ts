import type { Catalog, Column, Constraint, Table } from '../../../src/database/catalog/types.ts';
import type { Blocker } from '../../../src/rollout/step.ts';

/** What one column says of whether a row counts, as the data API can ask it: for code that cannot run SQL. */
export type Filter = { readonly column: string } & (
  | { readonly test: 'null' | 'not null' | 'true' | 'not true' | 'not false' | 'null or later' }
  | { readonly test: 'in' | 'null or in' | 'null or not in'; readonly labels: readonly string[] }
);

/** A table with a column that means the organization. */
export type TenantTable = {
  readonly table: Table;
  /** Quoted `schema.name`. */
  readonly sql: string;
  /** The column that carries the key today. */
  readonly key: Column;
  /** Other columns of the same meaning: the table has the new and an old name, or two old ones. */
  readonly also: readonly Column[];
  /** Must be renamed in step 1.2; false where the new name is there, or where the name comes from a parent table. */
  readonly renamed: boolean;
  /** The foreign key of the key column, wherever it points. */
  readonly foreignKey: Constraint | null;
  /** Its foreign key points at another table than organizations. */
  readonly wrongForeignKey: boolean;
  /** The key is text of some kind and has to become uuid. */
  readonly text: boolean;
};

/** Which rows of the table that says who belongs where count now. */
export type Counts = {
  /** SQL condition over a row of it under this alias: it counts now. `true` where every row does. */
  readonly active: (alias: string) => string;
  /** The same for the data API; null where the operator's own SQL says it. */
  readonly activeFilters: readonly Filter[] | null;
  /** What an INSERT has to give for its row to count: unquoted column to SQL expression. */
  readonly activeValues: Readonly<Record<string, string>>;
  /** Columns with what makes a row one that counted once and does no more; empty where nothing does. */
  readonly overValues: readonly (readonly [column: string, sql: string])[];
};

/** The table that joins users with organizations. Names are unquoted and as they stand now. */
export type Memberships = Counts & {
  readonly table: Table;
  readonly sql: string;
  readonly userColumn: string;
  readonly roleColumn: string | null;
  /** Values that the role column accepts; empty when it accepts any. */
  readonly roles: readonly string[];
  /** A table that holds the roles, where the membership names one by its key: `members.role_id` → `roles.id`. */
  readonly roleTable: {
    readonly table: Table;
    readonly column: string;
    readonly key: string;
    readonly label: string;
  } | null;
};

/**
 * How the app says who belongs where.
 *
 * - `one`: a user has one organization.
 * - `all`: a user has the rows of every organization they belong to, at once.
 * - `active`: several memberships, one of them at a time, as a claim, a profile column or a setting says.
 */
export type Model = 'one' | 'all' | 'active';

/** Whose word counts: a membership row, a profile that only the server writes, or nobody's yet. */
export type Truth = 'memberships' | 'profiles' | 'none';

/** What each answer would take from somebody, where policies, functions and data disagree about the model. */
export type ModelConflict = {
  readonly reason: string;
  /** Users with several memberships that count. */
  readonly users: number;
  /** `rows` is null where counting took too long. */
  readonly answers: readonly { readonly model: Model; readonly users: number; readonly rows: number | null }[];
};

/** A column that carries a tenant name, or holds ids of organizations, and is not the key; with the reason. */
export type Unclear = { readonly table: Table; readonly column: Column; readonly reason: string };

/** How something was found: what, and the reason in a few words. */
export type Evidence = { readonly what: string; readonly because: string };

/** Everything that later steps plan from. */
export type Survey = {
  readonly catalog: Catalog;
  /** Labels of every enum type, by the name that `format_type` prints. */
  readonly enums: ReadonlyMap<string, readonly string[]>;
  /** The one name that stays: `org_id`. */
  readonly to: string;
  /** Names that mean the organization beside it: those of the database today and those that step 1.2 renamed. */
  readonly from: readonly string[];
  readonly tenants: readonly TenantTable[];
  /** Tables without any key; global look-up tables, or forgotten ones. */
  readonly unkeyed: readonly Table[];
  /** Columns that carry a tenant name but cannot be a key to organizations, with the reason. */
  readonly unclear: readonly Unclear[];
  readonly excluded: readonly Table[];
  /** Tables whose rows without an organization are everybody's to read, as decided: `schema.table`. */
  readonly shared: ReadonlySet<string>;
  readonly organizations: Table | null;
  readonly profiles: Table | null;
  readonly memberships: Memberships | null;
  /** Which profiles count where they say who belongs where; all of them where memberships do. */
  readonly profileCounts: Counts;
  /** More than one table could be the membership table. */
  readonly membershipCandidates: readonly Table[];
  readonly model: Model;
  /** Not null: the app contradicts itself about the model, users are touched by it, and nobody decided yet. */
  readonly modelConflict: ModelConflict | null;
  readonly truth: Truth;
  /** SQL condition over a row of organizations under this alias: it is not closed, deleted or suspended. */
  readonly living: (alias: string) => string;
  /** The same for the data API; null where the operator's own SQL says it. */
  readonly livingFilters: readonly Filter[] | null;
  /** Base type of the organizations' key, domains looked through: `uuid`, `bigint`, `text`. */
  readonly idType: string;
  /** Column of profiles that names the organization, as it is called now; null where memberships alone say it. */
  readonly profileOrg: string | null;
  /** How each of the above was found, for people. */
  readonly evidence: readonly Evidence[];
  /** What only the operator can answer, each with its candidates. */
  readonly questions: readonly Blocker[];
};
