import type { ClientBase } from 'pg';

/** What PostgreSQL says of a statement that it refused. */
export type Refused = {
  readonly code: string;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly constraint?: string | undefined;
};

/** What the server says of an error, as far as it says it. */
export const refusedOf = (error: Error, code: string): Refused => {
  const word = (name: string): string | undefined => {
    const value: unknown = Reflect.get(error, name);
    return typeof value === 'string' ? value : undefined;
  };
  return { code, schema: word('schema'), table: word('table'), column: word('column'), constraint: word('constraint') };
};

/** The functions that the rollout made, in the context of an error. */
export const ours = /handle_new_user_setup|follow_org_id|keep_org_id|follow_membership/;
export const isOurs = (where: string): boolean => ours.test(where);

/**
 * Whether a trigger function of the app, with none of ours around it, raised the error (`rule`) or ran into it (`error`);
 * null for anything else, and for what a rename breaks.
 */
export function refusedByApp(
  error: Error & { readonly code?: unknown },
  to: string,
  renamed: readonly string[],
): 'rule' | 'error' | null {
  const { code, where, column } = error as { code?: unknown; where?: unknown; column?: unknown };
  if (typeof code !== 'string' || typeof where !== 'string' || column === to) return null;
  if (!/function /.test(where) || isOurs(where)) return null;
  if (code === 'P0001') return 'rule';
  // A column that was never there is the app's own; one of a name that the rollout replaces, or puts in its place, is not.
  if (code === '42703') {
    const [, name] = /(?:column|field) "?(?:\w+\.)*"?(\w+)"?/.exec(error.message) ?? [];
    return name === undefined || name === to || renamed.includes(name) ? null : 'error';
  }
  return /^(23|22|42P01|42883|3F000)/.test(code) ? 'error' : null;
}

/**
 * Whether an error may have come with the rollout, which drops and renames no table and no function, and makes no
 * constraint without the key of the organization in it.
 */
export async function mayBeOurs(client: ClientBase, { code, ...named }: Refused, key: string): Promise<boolean> {
  if (!/^23/.test(code)) return false;
  // A column that may not be empty is named; that of the organization was told apart before.
  if (code === '23502') return named.column === undefined;
  const { rows } = await client.query<{ ours: boolean }>(
    `select pg_catalog.bool_or(a.attname = $4) as ours
     from pg_catalog.pg_class r
     join pg_catalog.pg_namespace n on n.oid = r.relnamespace and n.nspname = $1
     join lateral (
       select k.conkey::int2[] as columns from pg_catalog.pg_constraint k where k.conrelid = r.oid and k.conname = $3
       union all
       select i.indkey::int2[] from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid = i.indexrelid
       where i.indrelid = r.oid and x.relname = $3
     ) found on true
     join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum = any (found.columns)
     where r.relname = $2`,
    [named.schema ?? '', named.table ?? '', named.constraint ?? '', key],
  );
  return rows[0]?.ours ?? true;
}

/** The function that an error came from, as the server says it. */
export const raisedIn = (error: Error): string => {
  const where: unknown = Reflect.get(error, 'where');
  return /function ([^\s(]+(?:\([^)]*\))?)/.exec(typeof where === 'string' ? where : '')?.[1] ?? 'a trigger';
};
