/** The app's part of a database as plain data: everything a plan is computed from. Names are unquoted. */
export type Catalog = {
  /** 150018 for 15.18. */
  readonly serverVersion: number;
  readonly tables: readonly Table[];
  readonly views: readonly View[];
  readonly functions: readonly DbFunction[];
  readonly triggers: readonly Trigger[];
  readonly policies: readonly Policy[];
  readonly publications: readonly PublicationTable[];
  readonly enums: readonly EnumType[];
};

export type Table = {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'table' | 'partitioned' | 'foreign';
  readonly owner: string;
  /** The present role owns it or is a member of its owner, so that it may be altered. */
  readonly ours: boolean;
  readonly rowSecurity: boolean;
  readonly forceRowSecurity: boolean;
  /** Oids of the tables it inherits from or is a partition of. */
  readonly parents: readonly number[];
  readonly isPartition: boolean;
  /** The composite type of a typed table (`CREATE TABLE … OF`). */
  readonly ofType: string | null;
  /** Planner's estimate, -1 when the table was never analyzed. */
  readonly estimatedRows: number;
  readonly columns: readonly Column[];
  readonly constraints: readonly Constraint[];
  readonly indexes: readonly Index[];
  readonly comment: string | null;
};

export type Column = {
  readonly number: number;
  readonly name: string;
  /** As `format_type` prints it: `uuid`, `character varying(64)`. */
  readonly type: string;
  /** The same with domains looked through: what values of it can be compared and cast as. */
  readonly base: string;
  readonly notNull: boolean;
  readonly default: string | null;
  readonly generated: boolean;
  readonly identity: boolean;
  /** Defined here, not only inherited. */
  readonly local: boolean;
  readonly comment: string | null;
};

export type Constraint = {
  readonly name: string;
  readonly type: 'p' | 'u' | 'f' | 'c' | 'x' | 't' | 'n';
  /** Column names of this table, in order. */
  readonly columns: readonly string[];
  readonly references: { readonly schema: string; readonly table: string; readonly columns: readonly string[] } | null;
  readonly validated: boolean;
  readonly definition: string;
};

export type Index = {
  readonly name: string;
  /** Key columns in order; null for an expression. */
  readonly columns: readonly (string | null)[];
  readonly unique: boolean;
  readonly primary: boolean;
  readonly valid: boolean;
  readonly partial: boolean;
  readonly method: string;
  readonly definition: string;
};

export type View = {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly materialized: boolean;
  readonly ours: boolean;
  readonly securityInvoker: boolean;
  readonly columns: readonly { readonly number: number; readonly name: string; readonly type: string }[];
  readonly definition: string;
  /** Roles other than the owner that may SELECT. */
  readonly readers: readonly string[];
};

export type DbFunction = {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'function' | 'procedure' | 'aggregate' | 'window';
  /** `sql`, `plpgsql`, … */
  readonly language: string;
  readonly ours: boolean;
  readonly securityDefiner: boolean;
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  /** `SET` clauses, as `name=value`. */
  readonly settings: readonly string[];
  /** In order; mode `t` is a column of RETURNS TABLE. */
  readonly arguments: readonly {
    readonly name: string | null;
    readonly type: string;
    readonly mode: 'i' | 'o' | 'b' | 'v' | 't';
  }[];
  readonly returns: string;
  readonly returnsSet: boolean;
  /** True when the body is parsed SQL (`BEGIN ATOMIC`), which follows a rename by itself. */
  readonly atomic: boolean;
  /** The text between the dollar quotes. */
  readonly body: string;
  /** `pg_get_functiondef`: a complete CREATE OR REPLACE. Null for aggregates. */
  readonly definition: string | null;
  /** `schema.name(argument types)`, quoted, as `regprocedure` prints it with an empty search_path. */
  readonly signature: string;
  /** Roles other than the owner that may EXECUTE; `PUBLIC` for everyone. */
  readonly executors: readonly string[];
};

export type Trigger = {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  /** `pg_trigger.tgenabled`: as usual, always, on replicas only, or disabled. */
  readonly fires: 'O' | 'A' | 'R' | 'D';
  /** Signature of the function it calls, as in `DbFunction.signature`. */
  readonly function: string;
  readonly arguments: readonly string[];
  readonly definition: string;
};

export type Policy = {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly permissive: boolean;
  readonly command: 'ALL' | 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';
  /** `public` for PUBLIC. */
  readonly roles: readonly string[];
  readonly using: string | null;
  readonly check: string | null;
  readonly comment?: string | null;
};

export type PublicationTable = {
  readonly publication: string;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[] | null;
  readonly filter: string | null;
};

export type EnumType = {
  /** As `format_type` prints it. */
  readonly name: string;
  readonly labels: readonly string[];
};
