import type { Catalog, DbFunction, Table, View } from '../catalog/types.ts';
import { type Column, column, type Shape } from './scope.ts';
import { fold } from './source.ts';
import type { ColumnRename } from './types.ts';

export type Relation = {
  readonly schema: string;
  readonly name: string;
  readonly shape: Shape;
};

/** A view's column that is renamed with the table column it shows. */
export type ViewRename = ColumnRename & { readonly materialized: boolean; readonly roots: readonly string[] };

/** The catalog with the names of before and after. */
export type World = {
  readonly catalog: Catalog;
  /** All old and new names: a reference by any other name cannot change its meaning. */
  readonly names: ReadonlySet<string>;
  readonly old: ReadonlySet<string>;
  /** Old name to new name; several old names may become one. */
  readonly next: ReadonlyMap<string, string>;
  /** Old names under which no table or view keeps a column: wherever one can only mean a column, it means a renamed one. */
  readonly only: ReadonlySet<string>;
  readonly relation: (schema: string | null, name: string, path: readonly string[]) => Relation | null;
  /** `schema.table` of every relation with a renamed column, children and views included. */
  readonly touched: ReadonlySet<string>;
  /** Certainly not in the database, nor made by a function of it while it runs. */
  readonly gone: (schema: string | null, name: string) => boolean;
  readonly functions: (schema: string | null, name: string) => readonly DbFunction[];
  /** The fields of a composite type, and whether the type is an array of it. */
  readonly rowType: (
    type: string,
    path: readonly string[],
  ) => { readonly shape: Shape; readonly array: boolean } | null;
};

/** Stands in a path for whatever the caller has in its own. */
export const callersPath = '*';

export const relationKey = (schema: string, name: string): string => `${schema}.${name}`;

/** Children follow their parent's rename, so a child's column is the parent's under another table. */
function rootOf(
  table: Table,
  name: string,
  tables: ReadonlyMap<number, Table>,
  renames: ReadonlyMap<string, ColumnRename>,
): ColumnRename | null {
  const own = renames.get(`${relationKey(table.schema, table.name)}.${name}`);
  if (own !== undefined) return own;
  for (const oid of table.parents) {
    const parent = tables.get(oid);
    const found = parent === undefined ? null : rootOf(parent, name, tables, renames);
    if (found !== null) return found;
  }
  return null;
}

/**
 * @param settled the world after the rename: every column has its new name and nothing changes any more. Walking the
 *   rewritten text there must bind every name to the same column as walking the old text in the old world.
 */
export function createWorld(
  catalog: Catalog,
  renames: readonly ColumnRename[],
  views: readonly ViewRename[],
  settled = false,
  present: ReadonlySet<string> | null = null,
): World {
  const byName = new Map(renames.map((item) => [`${relationKey(item.schema, item.table)}.${item.from}`, item]));
  const byOid = new Map(catalog.tables.map((table) => [table.oid, table]));
  const byView = new Map(views.map((item) => [`${relationKey(item.schema, item.table)}.${item.from}`, item]));
  const relations = new Map<string, Relation>();
  const touched = new Set<string>();
  const add = (
    of: Table | View,
    rename: (
      name: string,
    ) => { to: string; roots: readonly string[]; aside?: string | undefined; stays?: string | undefined } | null,
  ): void => {
    const key = relationKey(of.schema, of.name);
    const columns = of.columns.map((item): Column => {
      const change = rename(item.name);
      const id = `${of.oid}.${item.number}`;
      if (change === null) return column(id, item.name, { type: item.type });
      touched.add(key);
      if (change.aside !== undefined) {
        if (settled) return column(id, change.aside, { type: item.type });
        // The column that stays holds the same values: a reference to either is a reference to that one.
        const stays = of.columns.find((other) => other.name === (change.stays ?? change.to));
        const same = `${of.oid}.${stays?.number ?? item.number}`;
        return {
          ...column(same, item.name, { type: item.type, roots: change.roots, aside: change.aside }),
          after: change.to,
        };
      }
      return {
        ...column(id, settled ? change.to : item.name, { type: item.type, roots: change.roots }),
        after: change.to,
      };
    });
    relations.set(key, { schema: of.schema, name: of.name, shape: { columns, open: false } });
  };
  for (const table of catalog.tables)
    add(table, (name) => {
      const root = rootOf(table, name, byOid, byName);
      return root === null
        ? null
        : { to: root.to, roots: [relationKey(root.schema, root.table)], aside: root.aside, stays: root.stays };
    });
  for (const view of catalog.views)
    add(view, (name) => byView.get(`${relationKey(view.schema, view.name)}.${name}`) ?? null);

  const old = new Set(renames.map((item) => item.from));
  const kept = new Set([
    ...catalog.tables.flatMap((table) =>
      table.columns.filter((item) => rootOf(table, item.name, byOid, byName) === null).map((item) => item.name),
    ),
    ...catalog.views.flatMap((view) =>
      view.columns
        .map((item) => item.name)
        .filter((name) => !byView.has(`${relationKey(view.schema, view.name)}.${name}`)),
    ),
  ]);
  const functions = new Map<string, DbFunction[]>();
  for (const item of catalog.functions) functions.set(item.name, [...(functions.get(item.name) ?? []), item]);
  const byTable = new Map<string, Relation[]>();
  for (const item of relations.values()) byTable.set(item.name, [...(byTable.get(item.name) ?? []), item]);

  const relation: World['relation'] = (schema, name, path) => {
    if (schema !== null) return relations.get(relationKey(schema, name)) ?? null;
    for (const each of path) {
      const found = relations.get(relationKey(each, name));
      if (found !== undefined) return found;
    }
    // Without a path of its own a function uses its caller's. One candidate is certain, two are not.
    if (!path.includes(callersPath)) return null;
    const candidates = byTable.get(name) ?? [];
    return candidates.length === 1 ? (candidates[0] ?? null) : null;
  };
  return {
    catalog,
    gone: goneFrom(catalog, present),
    relation,
    touched,
    names: new Set(renames.flatMap((item) => [item.from, item.to])),
    old,
    only: new Set([...old].filter((name) => !kept.has(name))),
    next: new Map(renames.map((item) => [item.from, item.to])),
    functions: (schema, name) =>
      (functions.get(name) ?? []).filter((item) => schema === null || item.schema === schema),
    rowType: (type, path) => {
      const parsed = parseTypeName(type);
      if (parsed === null) return null;
      const found = relation(parsed.schema, parsed.name, path);
      return found === null ? null : { shape: found.shape, array: parsed.array };
    },
  };
}

/** A function, a job or a caller may make a temporary table of any name; those of functions can be read. */
function goneFrom(catalog: Catalog, present: ReadonlySet<string> | null): World['gone'] {
  if (present === null) return () => false;
  const names = new Set([...present].map((each) => each.slice(each.indexOf('.') + 1)));
  const made = new Set(
    catalog.functions.flatMap((item) =>
      [...item.body.toLowerCase().matchAll(makesTable)].map((match) => (match[1] ?? '').replaceAll('"', '')),
    ),
  );
  return (schema, name) =>
    (schema === null ? !names.has(name) : !present.has(relationKey(schema, name))) && !made.has(name.toLowerCase());
}

const makesTable =
  /\b(?:create\s+(?:(?:global|local|temp|temporary|unlogged|or|replace|materialized)\s+)*(?:table|view)|into\s+(?:temp|temporary|unlogged)(?:\s+table)?|rename\s+to)\s+(?:if\s+not\s+exists\s+)?(?:"?[\w$]+"?\s*\.\s*)?("[^"]+"|[\w$]+)/g;

/** Reads `public."Calls"[]`, `SETOF calls`, `calls%rowtype`; null for anything that cannot name a table. */
export function parseTypeName(
  type: string,
): { readonly schema: string | null; readonly name: string; readonly array: boolean } | null {
  const match =
    /^\s*(?:setof\s+)?((?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*))?)\s*(%\s*rowtype)?\s*((?:\[\d*\])*|array)\s*$/iu.exec(
      type,
    );
  const path = match?.[1];
  if (path === undefined) return null;
  const parts = [...path.matchAll(/"((?:[^"]|"")+)"|[^."\s]+/g)].map((part) =>
    part[1] === undefined ? fold(part[0]) : part[1].replaceAll('""', '"'),
  );
  const name = parts.at(-1);
  if (name === undefined) return null;
  return { schema: parts.length > 1 ? (parts[0] ?? null) : null, name, array: (match?.[3] ?? '') !== '' };
}
