import type { Catalog } from '../catalog/types.ts';
import { identifier, literal, qualified } from '../quote.ts';
import type { ColumnRename } from './types.ts';

/** Marks the functions that this makes, so that they are recognised and taken away when the window closes. */
export const legacyComment = 'voxanne-rollout: legacy read';

export type LegacyRead = ColumnRename & { readonly up: string; readonly down: string };

/**
 * A computed field under the old name for readers that are not changed yet: `select=organization_id` through PostgREST
 * and `t.organization_id` in SQL. It takes no storage and cannot be written. It keeps the type that its readers know,
 * also when a text key becomes a uuid later.
 *
 * @param readers roles other than the owner that may select from a table, as `schema.table` to role names.
 */
export function planLegacyReads(
  catalog: Catalog,
  renames: readonly ColumnRename[],
  readers: ReadonlyMap<string, readonly string[]> = new Map(),
): readonly LegacyRead[] {
  return renames.flatMap((rename) => {
    const table = catalog.tables.find((item) => item.schema === rename.schema && item.name === rename.table);
    const column = table?.columns.find((item) => item.name === rename.from || item.name === rename.to);
    if (table === undefined || column === undefined) return [];
    const type = qualified(rename.schema, rename.table);
    const name = `${qualified(rename.schema, rename.from)}(${type})`;
    const roles = (readers.get(`${rename.schema}.${rename.table}`) ?? ['anon', 'authenticated', 'service_role']).map(
      (role) => (role === 'PUBLIC' ? 'public' : identifier(role)),
    );
    return [
      {
        ...rename,
        up: [
          `create function ${qualified(rename.schema, rename.from)}(row_of ${type}) returns ${column.type} language sql stable set search_path = '' as $legacy$select row_of.${identifier(rename.to)}::${column.type}$legacy$;`,
          `comment on function ${name} is ${literal(legacyComment)};`,
          `revoke all on function ${name} from public;`,
          ...(roles.length === 0 ? [] : [`grant execute on function ${name} to ${roles.join(', ')};`]),
        ].join('\n'),
        down: `drop function if exists ${name};`,
      },
    ];
  });
}
