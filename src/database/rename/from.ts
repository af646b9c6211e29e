import { identifier } from '../quote.ts';
import { fromFunction } from './call.ts';
import { expression } from './expression.ts';
import { commonName, itemOf } from './reference.ts';
import {
  type Column,
  changed,
  closed,
  column,
  findTable,
  type Item,
  type Scope,
  type Shape,
  unknown,
} from './scope.ts';
import { select } from './select.ts';
import { isName, tokenAt } from './source.ts';
import { as, child, flag, lastLocation, list, names, open, string, type Tree } from './tree.ts';
import { edit, problem, type Walk } from './walk.ts';

// Schemas of the platform and of PostgreSQL: none of their relations has a tenant column.
const platform =
  /^(pg_.*|information_schema|auth|storage|_?realtime|vault|cron|net|extensions|graphql(_public)?|supabase_.*|pgsodium.*|pgbouncer)$/;

/** The fields of a table, view, CTE, transition table or temporary table. */
export function relationShape(walk: Walk, node: Tree, scope: Scope | null): Shape {
  const schema = string(node, 'schemaname');
  const name = string(node, 'relname') ?? '';
  if (schema === null) {
    const local = findTable(scope, name) ?? walk.memory.tables.get(name);
    if (local !== undefined) return local;
  }
  if (schema !== null && platform.test(schema)) return closed;
  const found = walk.world.relation(schema, name, walk.path);
  if (found !== null) return found.shape;
  if (schema === null && (/^pg_/.test(name) || walk.path.some((each) => platform.test(each) && each !== 'extensions')))
    return closed;
  if (walk.filled || !walk.world.gone(schema, name)) return unknown;
  walk.gone = schema === null ? name : `${schema}.${name}`;
  return closed;
}

export function relationItem(walk: Walk, node: Tree, scope: Scope | null): Item {
  const alias = child(node, 'alias');
  const shape = rename(relationShape(walk, node, scope), alias);
  return itemOf(walk, alias === null ? string(node, 'relname') : string(alias, 'aliasname'), shape, {
    // `public.calls.organization_id` names the table itself, however FROM found it.
    schema: alias === null ? schemaOf(walk, node) : null,
  });
}

const schemaOf = (walk: Walk, node: Tree): string | null => {
  const schema = string(node, 'schemaname');
  return schema ?? walk.world.relation(null, string(node, 'relname') ?? '', walk.path)?.schema ?? null;
};

/** Column aliases (`t(a, b)`) fix names, whatever happens below. */
export function rename(shape: Shape, alias: Tree | null): Shape {
  const given = alias === null ? [] : names(alias, 'colnames');
  if (given.length === 0) return shape;
  const columns = shape.columns.map((item, index): Column => {
    const name = given[index];
    return name == null ? item : { ...item, before: name, after: name, pin: null };
  });
  const more = given.slice(columns.length).map((name, index) => column(`alias ${columns.length + index}`, name ?? ''));
  return { columns: [...columns, ...more], open: shape.open && more.length === 0 };
}

/**
 * One entry of FROM. Returns every entry it makes visible; a join's own columns come last, as an entry without name
 * whose parts are visible only with a qualifier.
 */
export function fromEntry(walk: Walk, wrapped: Tree, scope: Scope, left: readonly Item[]): readonly Item[] {
  const [kind, node] = open(wrapped);
  const lateral: Scope = { ...scope, items: left };
  const outside: Scope = { ...scope, items: [] };
  const alias = child(node, 'alias');
  const aliasName = alias === null ? null : string(alias, 'aliasname');
  switch (kind) {
    case 'RangeVar':
      return [relationItem(walk, node, scope)];
    case 'RangeSubselect': {
      const inner = as(child(node, 'subquery'), 'SelectStmt');
      const shape = inner === null ? unknown : select(walk, inner, flag(node, 'lateral') ? lateral : outside);
      return [itemOf(walk, aliasName, rename(shape, alias))];
    }
    case 'RangeFunction':
      return [functionEntry(walk, node, lateral, alias, aliasName)];
    case 'JoinExpr':
      return join(walk, node, scope, left);
    case 'RangeTableSample': {
      const relation = child(node, 'relation');
      return relation === null ? [] : fromEntry(walk, relation, scope, left);
    }
    default: {
      // XMLTABLE and JSON_TABLE name their columns in place.
      expression(walk, wrapped, lateral);
      const columns = list(node, 'columns').map((item, index) => {
        const [, each] = open(item);
        return column(`${kind} ${index}`, string(each, 'colname') ?? string(each, 'name') ?? '');
      });
      return [itemOf(walk, aliasName, rename({ columns, open: false }, alias))];
    }
  }
}

function functionEntry(walk: Walk, node: Tree, scope: Scope, alias: Tree | null, aliasName: string | null): Item {
  const columns: Column[] = [];
  let isOpen = false;
  let last = '';
  const functions = list(node, 'functions');
  functions.forEach((each, index) => {
    const call = as(each, 'List');
    const expressionNode = call === null ? null : (list(call, 'items')[0] ?? null);
    if (expressionNode === null) return;
    const { shape, name } = fromFunction(walk, expressionNode, scope);
    last = name;
    const own = list(as(list(call ?? {}, 'items')[1] ?? null, 'List') ?? {}, 'items');
    const definitions = [...list(node, 'coldeflist'), ...own];
    if (definitions.length > 0)
      definitions.forEach((item, at) => {
        columns.push(column(`definition ${at}`, string(as(item, 'ColumnDef') ?? {}, 'colname') ?? ''));
      });
    else if (shape !== null) {
      columns.push(...shape.columns);
      isOpen ||= shape.open;
    } else columns.push(column(`result ${index}`, functions.length === 1 ? (aliasName ?? name) : name));
  });
  if (flag(node, 'ordinality')) columns.push(column('ordinality', 'ordinality'));
  return itemOf(walk, aliasName ?? last, rename({ columns, open: isOpen }, alias));
}

const join_ = 'Join with ON and name the columns of both tables.';

function join(walk: Walk, node: Tree, scope: Scope, left: readonly Item[]): readonly Item[] {
  const larg = child(node, 'larg');
  const rarg = child(node, 'rarg');
  if (larg === null || rarg === null) return [];
  const l = fromEntry(walk, larg, scope, left);
  const r = fromEntry(walk, rarg, scope, [...left, ...l]);
  const lc = visible(l);
  const rc = visible(r);
  const merged: { column: Column; item: Item | null }[] = [];
  const used = new Set<Column>();
  const merge = (before: string, a: Owned, b: Owned, name: string): void => {
    used.add(a.column).add(b.column);
    const type = string(node, 'jointype');
    const item = type === 'JOIN_RIGHT' ? b.item : type === 'JOIN_FULL' ? null : a.item;
    merged.push({
      item,
      column: {
        ...a.column,
        key: `merged ${a.column.key} ${b.column.key}`,
        before,
        after: name,
        pin: null,
        roots: [...a.column.roots, ...b.column.roots],
      },
    });
  };

  if (flag(node, 'isNatural')) natural(walk, node, lc, rc, merge);
  const using = names(node, 'usingClause');
  if (using.length > 0) {
    const opening = usingToken(walk, rarg);
    using.forEach((name, index) => {
      if (name === null) return;
      const a = lc.find((item) => item.column.before === name);
      const b = rc.find((item) => item.column.before === name);
      if (a === undefined || b === undefined) {
        if (walk.world.old.has(name))
          problem(walk, opening.at, `USING (${name}) joins with a relation whose columns are not known.`, join_);
        return;
      }
      const after = commonName(walk, [a.column, b.column], opening.at, `USING (${name})`) ?? name;
      const token = opening.tokens[index];
      for (const root of [...a.column.roots, ...b.column.roots]) walk.found.roots.add(root);
      if (walk.world.names.has(name)) walk.found.references.push(`using ${a.column.key} ${b.column.key}`);
      // Both sides must have the new name once: a second such column would be ambiguous.
      if (after !== name && [lc, rc].some((side) => side.filter((item) => item.column.after === after).length > 1))
        problem(walk, opening.at, `USING (${after}) would be ambiguous after the rename.`, join_);
      else if (after !== name && token !== undefined) edit(walk, token.start, token.end, identifier(after));
      merge(name, a, b, after);
    });
  }
  const quals = child(node, 'quals');
  if (quals !== null) expression(walk, quals, { ...scope, items: [...left, ...l, ...r] });

  const own = [...merged, ...[...lc, ...rc].filter((item) => !used.has(item.column))];
  const shape: Shape = {
    columns: own.map((item) => item.column),
    open: [...l, ...r].some((item) => item.bare && item.shape.open),
  };
  const alias = child(node, 'alias');
  if (alias !== null) return [itemOf(walk, string(alias, 'aliasname'), rename(shape, alias))];
  const via = new Map(own.map((item) => [item.column, item.item] as const));
  return [...[...l, ...r].map((item) => ({ ...item, bare: false })), itemOf(walk, null, shape, { dotted: false, via })];
}

type Owned = { readonly column: Column; readonly item: Item | null };

const visible = (items: readonly Item[]): readonly Owned[] =>
  items
    .filter((item) => item.bare)
    .flatMap((item) =>
      item.shape.columns.map((each) => ({
        column: each,
        item: item.via === undefined ? item : (item.via.get(each) ?? null),
      })),
    );

/** NATURAL JOIN must join the same columns after the rename as before. */
function natural(
  walk: Walk,
  node: Tree,
  l: readonly Owned[],
  r: readonly Owned[],
  merge: (before: string, a: Owned, b: Owned, after: string) => void,
): void {
  const at = walk.source.at(lastLocation(child(node, 'rarg') ?? node));
  const pairs = (when: 'before' | 'after'): Map<string, readonly [Owned, Owned]> => {
    const result = new Map<string, readonly [Owned, Owned]>();
    for (const a of l)
      for (const b of r) if (a.column[when] === b.column[when]) result.set(`${a.column.key} ${b.column.key}`, [a, b]);
    return result;
  };
  const before = pairs('before');
  const after = pairs('after');
  for (const [a, b] of before.values()) {
    merge(a.column.before, a, b, a.column.after);
    for (const root of [...a.column.roots, ...b.column.roots]) walk.found.roots.add(root);
  }
  if ([...before.keys()].some((key) => !after.has(key)) || [...after.keys()].some((key) => !before.has(key)))
    problem(walk, at, 'NATURAL JOIN would join other columns after the rename.', join_);
  if ([...l, ...r].some((item) => item.item?.shape.open === true) && [...l, ...r].some((item) => changed(item.column)))
    problem(walk, at, 'NATURAL JOIN with a relation whose columns are not known.', join_);
}

function usingToken(
  walk: Walk,
  rarg: Tree,
): { readonly at: number; readonly tokens: readonly { start: number; end: number }[] } {
  const { tokens } = walk.source;
  const from = walk.source.at(lastLocation(rarg));
  for (let i = tokenAt(walk.source, from); i < tokens.length; i += 1) {
    const token = tokens[i];
    if (token?.kind !== 'name' || token.value !== 'using' || tokens[i + 1]?.value !== '(') continue;
    if (walk.claimed.has(walk.source.outer(token.start))) continue;
    walk.claimed.add(walk.source.outer(token.start));
    const result: { start: number; end: number }[] = [];
    for (let j = i + 2; j < tokens.length && tokens[j]?.value !== ')'; j += 1) {
      const each = tokens[j];
      if (isName(each)) result.push(each);
    }
    return { at: token.start, tokens: result };
  }
  return { at: from, tokens: [] };
}

export const starColumns = (scope: Scope): Shape => ({
  columns: scope.items.filter((item) => item.bare).flatMap((item) => item.shape.columns),
  open: scope.items.some((item) => item.bare && item.shape.open),
});
