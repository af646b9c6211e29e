import { type LiveOptions, type LiveTable, nameOf } from './types.ts';

/**
 * Whose a table's rows are: an organization itself; a profile or a membership, which sign-up makes; told by a column;
 * or told by a NOT NULL foreign key to a row that is. `none`: nobody's in particular.
 */
export type Scope =
  | { readonly kind: 'organization' | 'profile' | 'membership' }
  | { readonly kind: 'column'; readonly column: string }
  | {
      readonly kind: 'parent';
      readonly columns: readonly string[];
      readonly references: readonly string[];
      readonly parent: LiveTable;
    }
  | { readonly kind: 'none' };

/** The tables by `schema.table`. */
export type Tables = ReadonlyMap<string, LiveTable>;

export const tablesOf = (options: Pick<LiveOptions, 'tables'>): Tables =>
  new Map(options.tables.map((table) => [nameOf(table), table]));

export function scopeOf(
  options: Pick<LiveOptions, 'organizations' | 'profiles' | 'memberships'>,
  tables: Tables,
  table: LiveTable,
  path: readonly LiveTable[] = [],
): Scope {
  const name = nameOf(table);
  if (name === nameOf(options.organizations)) return { kind: 'organization' };
  if (options.profiles !== null && name === nameOf(options.profiles)) return { kind: 'profile' };
  if (options.memberships !== null && name === nameOf(options.memberships)) return { kind: 'membership' };
  if (table.tenantColumn !== null) return { kind: 'column', column: table.tenantColumn };
  for (const key of table.facts.foreignKeys) {
    const parent = tables.get(`${key.schema}.${key.table}`);
    if (parent === undefined || parent === table || path.includes(parent) || path.length > 2) continue;
    // A nullable key proves nothing: the row may belong to nobody.
    if (!key.columns.every((column) => table.facts.columns.find((one) => one.name === column)?.notNull === true))
      continue;
    const above = scopeOf(options, tables, parent, [...path, table]);
    if (above.kind === 'column' || above.kind === 'parent') {
      return { kind: 'parent', columns: key.columns, references: key.references, parent };
    }
  }
  return { kind: 'none' };
}
