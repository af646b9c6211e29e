import type { ClientBase } from 'pg';
import type { DbFunction, View } from '../../database/catalog/types.ts';
import type { TableFacts } from '../../database/probes/facts.ts';
import type { TableName } from '../../database/probes/world.ts';

/** A table as the catalog shows it, with the column that says whose its rows are. */
export type LiveTable = TableName & {
  readonly tenantColumn: string | null;
  readonly facts: TableFacts;
  /** What row security closes to signed-in users by having no policy for it: refused even for their own rows. */
  readonly closed: { readonly select: boolean; readonly insert: boolean };
};

export type LiveView = Pick<View, 'schema' | 'name' | 'columns'>;

export type LiveFunction = Pick<
  DbFunction,
  'schema' | 'name' | 'signature' | 'kind' | 'volatility' | 'arguments' | 'returns' | 'executors'
>;

/** What the probe removes its traces with, beside the service key: the operator's database connection. */
export type WithDatabase = <T>(work: (client: ClientBase) => Promise<T>) => Promise<T>;

export type LiveOptions = {
  /** `https://ref.supabase.co`, without a path. */
  readonly supabaseUrl: string;
  /** The key that browsers have: the anon or publishable key. */
  readonly anonKey: string;
  /** The service role or secret key. Needed where sign-up wants a mail or a captcha, or where no database is given. */
  readonly serviceKey?: string;
  readonly tables: readonly LiveTable[];
  readonly views: readonly LiveView[];
  readonly functions: readonly LiveFunction[];
  readonly organizations: TableName & { readonly key: string };
  readonly profiles: (TableName & { readonly idColumn: string; readonly orgColumn: string }) | null;
  readonly memberships: (TableName & { readonly userColumn: string; readonly orgColumn: string }) | null;
  readonly signal: AbortSignal;
  /** Removes what the probe made, and proves it, without a service key. The connection is in no transaction. */
  readonly database?: WithDatabase;
  /** Folder in which the run writes down what it makes before it makes it, so that a later run can remove it. */
  readonly journalDir?: string;
  /** Domain of the probe's addresses. Some projects refuse reserved ones; no mail is ever sent to it. */
  readonly emailDomain?: string;
  /** True: the access-token hook is said to be enabled, and is verified by signing in. Needs `database` and a service key. */
  readonly hook?: boolean;
  /** Milliseconds that one request may take, retries after "too many requests" not counted. */
  readonly requestTimeout?: number;
};

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonRow = Readonly<Record<string, Json>>;

export type Side = 'a' | 'b';
export const sides = ['a', 'b'] as const satisfies readonly Side[];
export const otherSide = (side: Side): Side => (side === 'a' ? 'b' : 'a');

export const nameOf = (table: TableName): string => `${table.schema}.${table.table}`;
