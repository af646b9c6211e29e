import { identifier } from '../quote.ts';
import { expression, rowOf } from './expression.ts';
import { fromEntry, rename, starColumns } from './from.ts';
import { resolve } from './reference.ts';
import {
  type Binding,
  bareColumn,
  type Column,
  column,
  fields,
  type Item,
  type Scope,
  type Shape,
  unknown,
} from './scope.ts';
import { tokenAt } from './source.ts';
import { statement } from './statement.ts';
import { as, child, list, location, names, open, string, type Tree } from './tree.ts';
import { edit, problem, type Walk } from './walk.ts';

/** Walks a SELECT in all its forms; returns what its columns are called before and after. */
export function select(walk: Walk, node: Tree, parent: Scope | null): Shape {
  walk.selects += 1;
  const ordinal = walk.selects;
  const tables = withClause(walk, node, parent);
  const base: Scope = { items: [], parent, tables };
  const [larg, rarg] = [child(node, 'larg'), child(node, 'rarg')];
  if (larg !== null && rarg !== null) {
    const first = select(walk, larg, base);
    const second = select(walk, rarg, base);
    // Names are those of the first arm, values come from both.
    const output: Shape = {
      ...first,
      columns: first.columns.map((item, index) => ({
        ...item,
        roots: [...item.roots, ...(second.columns[index]?.roots ?? [])],
      })),
    };
    sort(walk, node, base, output);
    limits(walk, node, base);
    return output;
  }
  const values = list(node, 'valuesLists');
  if (values.length > 0) {
    let width = 0;
    for (const row of values) {
      const items = list(as(row, 'List') ?? {}, 'items');
      width = Math.max(width, items.length);
      for (const item of items) expression(walk, item, base);
    }
    sort(walk, node, base, unknown);
    return {
      columns: Array.from({ length: width }, (_, i) => column(`values ${ordinal}.${i}`, `column${i + 1}`)),
      open: false,
    };
  }
  const scope = fromClause(walk, list(node, 'fromClause'), base);
  const output = targets(walk, list(node, 'targetList'), scope, ordinal);
  const where = child(node, 'whereClause');
  if (where !== null) expression(walk, where, scope);
  for (const item of list(node, 'groupClause')) group(walk, item, scope, output);
  const having = child(node, 'havingClause');
  if (having !== null) expression(walk, having, scope);
  for (const item of list(node, 'windowClause')) expression(walk, item, scope);
  for (const item of list(node, 'distinctClause'))
    if (Object.keys(item).length > 0) byOutput(walk, item, scope, output);
  sort(walk, node, scope, output);
  limits(walk, node, scope);
  return output;
}

export function fromClause(walk: Walk, entries: readonly Tree[], base: Scope): Scope {
  const items: Item[] = [...base.items];
  for (const entry of entries) items.push(...fromEntry(walk, entry, base, items));
  return { ...base, items };
}

/** Names of WITH, visible to what follows; a recursive one sees the columns of its first arm. */
export function withClause(walk: Walk, node: Tree, parent: Scope | null): ReadonlyMap<string, Shape> {
  const tables = new Map<string, Shape>();
  const clause = child(node, 'withClause');
  if (clause === null) return tables;
  for (const item of list(clause, 'ctes')) {
    const cte = as(item, 'CommonTableExpr');
    const query = cte === null ? null : child(cte, 'ctequery');
    if (cte === null || query === null) continue;
    const name = string(cte, 'ctename') ?? '';
    const given = { colnames: cte.aliascolnames };
    const scope: Scope = { items: [], parent, tables };
    const inner = as(query, 'SelectStmt');
    const arms = inner === null ? null : child(inner, 'larg');
    if (clause.recursive === true && inner !== null && arms !== null) {
      walk.selects += 1;
      const innerTables = new Map([...withClause(walk, inner, scope), ...tables]);
      const first = select(walk, arms, { items: [], parent, tables: innerTables });
      const shape = rename(first, given);
      innerTables.set(name, shape);
      const right = child(inner, 'rarg');
      const self: Scope = { items: [], parent, tables: innerTables };
      if (right !== null) select(walk, right, self);
      sort(walk, inner, self, first);
      limits(walk, inner, self);
      tables.set(name, shape);
      continue;
    }
    tables.set(name, rename(statement(walk, query, scope), given));
  }
  return tables;
}

/** A target list or RETURNING: edits it and returns the output columns. */
export function targets(walk: Walk, items: readonly Tree[], scope: Scope, ordinal: number): Shape {
  const columns: Column[] = [];
  let isOpen = false;
  items.forEach((item, index) => {
    const target = as(item, 'ResTarget');
    const value = target === null ? null : child(target, 'val');
    if (target === null || value === null) return;
    const star = starOf(walk, value, scope);
    if (star !== null) {
      columns.push(...star.columns.map((each) => ({ ...each, key: `star ${ordinal}.${index} ${each.key}` })));
      isOpen ||= star.open;
      return;
    }
    const before = new Set(walk.found.roots);
    walk.found.roots.clear();
    const info = expression(walk, value, scope);
    const row = { json: info.json, row: info.row, roots: [...walk.found.roots] };
    for (const root of before) walk.found.roots.add(root);
    const given = string(target, 'name');
    const key = `select ${ordinal}.${columns.length}`;
    if (given !== null) columns.push(column(key, given, { ...row }));
    else if (info.before === info.after) columns.push(column(key, info.before, { ...row }));
    else if (walk.memory.pins.has(ordinal)) {
      keepName(walk, value, info.before);
      columns.push(column(key, info.before, { ...row }));
    } else columns.push({ ...column(key, info.before, { ...row, pin: ordinal }), after: info.after });
  });
  return { columns, open: isOpen };
}

/** Adds the alias that keeps an output name: ` AS organization_id`. */
function keepName(walk: Walk, value: Tree, name: string): void {
  const node = as(value, 'ColumnRef');
  const start = node === null ? null : walk.source.at(location(node));
  if (node === null || start === null) {
    problem(
      walk,
      0,
      `the output name \`${name}\` of an expression would change.`,
      'Give the expression a name with AS.',
    );
    return;
  }
  const token = walk.source.tokens[tokenAt(walk.source, start) + 2 * (names(node, 'fields').length - 1)];
  if (token !== undefined) edit(walk, token.end, token.end, ` as ${identifier(name)}`);
}

function starOf(walk: Walk, value: Tree, scope: Scope): Shape | null {
  const reference = as(value, 'ColumnRef');
  if (reference !== null) {
    const parts = names(reference, 'fields');
    if (parts.at(-1) !== null) return null;
    const known = parts.filter((part) => part !== null);
    if (known.length === 0) return starColumns(scope);
    const binding: Binding =
      known.length === 1
        ? resolve(walk, known, dotted(scope), 'before')
        : resolve(walk, known.slice(-1), dotted(scope), 'before');
    return rowOf(walk, binding) ?? unknown;
  }
  const node = as(value, 'A_Indirection');
  const arg = node === null ? null : child(node, 'arg');
  if (node === null || arg === null) return null;
  const steps = list(node, 'indirection');
  if (as(steps.at(-1) ?? null, 'A_Star') === null) return null;
  return expression(walk, arg, scope).row ?? unknown;
}

/** In `x.*` the name can only be a relation or a record, never a column. */
const dotted = (scope: Scope): Scope => ({
  ...scope,
  items: scope.items.map((item) => ({ ...item, bare: false })),
  parent: scope.parent === null ? null : dotted(scope.parent),
});

function sort(walk: Walk, node: Tree, scope: Scope, output: Shape): void {
  for (const item of list(node, 'sortClause')) {
    const by = child(as(item, 'SortBy') ?? {}, 'node');
    if (by !== null) byOutput(walk, by, scope, output);
  }
}

/** ORDER BY and DISTINCT ON: a bare name means an output column first. */
function byOutput(walk: Walk, wrapped: Tree, scope: Scope, output: Shape): void {
  if (asOutput(walk, wrapped, output)) return;
  // A name that is no output column today must not become one: for the new text, output columns come first.
  const shadow =
    as(wrapped, 'ColumnRef') === null
      ? null
      : { columns: output.columns.filter((item) => item.before !== nameOf(wrapped)), open: false };
  const item: Item | null =
    shadow === null ? null : { ordinal: 0, name: null, schema: null, shape: shadow, bare: true, dotted: false };
  expression(walk, wrapped, item === null ? scope : { items: [item], parent: scope, tables: new Map() });
}

const nameOf = (wrapped: Tree): string | null => names(as(wrapped, 'ColumnRef') ?? {}, 'fields')[0] ?? null;

function asOutput(walk: Walk, wrapped: Tree, output: Shape): boolean {
  const reference = as(wrapped, 'ColumnRef');
  const [name, ...rest] = reference === null ? [] : names(reference, 'fields');
  if (reference === null || name == null || rest.length > 0) return false;
  const hits = fields(output, name, 'before');
  const [hit] = hits;
  if (hit === undefined) return false;
  const at = walk.source.at(location(reference));
  if (new Set(hits.map((each) => each.after)).size > 1) {
    problem(
      walk,
      at,
      `\`${name}\` means output columns of which only one is renamed.`,
      'Give the output columns different names.',
    );
    return true;
  }
  if (fields(output, hit.after, 'after').length > hits.length) {
    problem(
      walk,
      at,
      `\`${hit.after}\` would mean two output columns after the rename.`,
      'Give the output columns different names.',
    );
    return true;
  }
  if (walk.world.names.has(name)) walk.found.references.push(`output ${hit.key}`);
  const token = walk.source.tokens[tokenAt(walk.source, at)];
  if (hit.after !== name && token !== undefined) edit(walk, token.start, token.end, identifier(hit.after));
  return true;
}

/** GROUP BY: a bare name means an input column first. */
function group(walk: Walk, wrapped: Tree, scope: Scope, output: Shape): void {
  const [kind, node] = open(wrapped);
  if (kind === 'GroupingSet') {
    for (const item of list(node, 'content')) group(walk, item, scope, output);
    return;
  }
  const reference = as(wrapped, 'ColumnRef');
  const [name, ...rest] = reference === null ? [] : names(reference, 'fields');
  const local: Scope = { ...scope, parent: null };
  const input = name == null || rest.length > 0 || bareColumn(local, name, 'before').kind !== 'none';
  if (input || !asOutput(walk, wrapped, output)) {
    expression(walk, wrapped, scope);
    return;
  }
  const after = fields(output, name, 'before')[0]?.after ?? name;
  if (bareColumn(local, after, 'after').kind !== 'none')
    problem(
      walk,
      walk.source.at(location(reference ?? {})),
      `GROUP BY \`${after}\` would mean another column after the rename.`,
      'Name the column together with its table.',
    );
}

function limits(walk: Walk, node: Tree, scope: Scope): void {
  for (const key of ['limitCount', 'limitOffset']) {
    const part = child(node, key);
    if (part !== null) expression(walk, part, scope);
  }
}
