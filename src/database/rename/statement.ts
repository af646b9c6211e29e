import { identifier } from '../quote.ts';
import { mentions } from './constants.ts';
import { expression } from './expression.ts';
import { relationItem, relationShape } from './from.ts';
import { follow, followTarget, itemOf, resolve } from './reference.ts';
import { bindingKey, type Column, changed, closed, column, type Item, type Scope, type Shape } from './scope.ts';
import { fromClause, select, targets, withClause } from './select.ts';
import { isName, tokenAt } from './source.ts';
import { as, child, list, location, open, string, type Tree } from './tree.ts';
import { edit, problem, type Walk } from './walk.ts';

/** Walks one statement; returns the columns it gives (a query's, or those of RETURNING). */
export function statement(walk: Walk, wrapped: Tree, parent: Scope | null): Shape {
  const [kind, node] = open(wrapped);
  switch (kind) {
    case 'SelectStmt': {
      const into = child(node, 'intoClause');
      const shape = select(walk, node, parent);
      if (into !== null) keepTable(walk, child(into, 'rel'), shape);
      return shape;
    }
    case 'InsertStmt':
      return insert(walk, node, parent);
    case 'UpdateStmt':
      return update(walk, node, parent);
    case 'DeleteStmt':
      return remove(walk, node, parent);
    case 'MergeStmt':
      return merge(walk, node, parent);
    case 'CallStmt': {
      const call = child(node, 'funccall');
      if (call !== null) expression(walk, { FuncCall: call }, parent);
      return closed;
    }
    case 'CreateTableAsStmt': {
      const query = child(node, 'query');
      const shape = query === null ? closed : statement(walk, query, parent);
      keepTable(walk, child(child(node, 'into') ?? {}, 'rel'), shape);
      return closed;
    }
    case 'CreateStmt':
      return createTable(walk, node, parent);
    case 'ExplainStmt':
    case 'DeclareCursorStmt':
    case 'PrepareStmt': {
      const query = child(node, 'query');
      return query === null ? closed : statement(walk, query, parent);
    }
    default:
      return otherStatement(walk, kind, node);
  }
}

/** A temporary table keeps the names of its query: other functions may read it, so implicit names get an alias. */
function keepTable(walk: Walk, relation: Tree | null, shape: Shape): void {
  const name = relation === null ? null : string(relation, 'relname');
  if (name === null) return;
  for (const item of shape.columns) if (changed(item) && item.pin !== null) walk.memory.pins.add(item.pin);
  walk.memory.tables.set(name, {
    ...shape,
    columns: shape.columns.map((item) => ({ ...item, pin: null, key: `${name} ${item.key}` })),
  });
}

function createTable(walk: Walk, node: Tree, parent: Scope | null): Shape {
  const relation = child(node, 'relation');
  const columns: Column[] = [];
  let isOpen = false;
  for (const item of list(node, 'tableElts')) {
    const definition = as(item, 'ColumnDef');
    const like = as(item, 'TableLikeClause');
    const source = like === null ? null : child(like, 'relation');
    if (definition !== null) columns.push(column(`new ${columns.length}`, string(definition, 'colname') ?? ''));
    if (source !== null) {
      const shape = relationShape(walk, source, parent);
      columns.push(...shape.columns);
      isOpen ||= shape.open;
    }
  }
  if (list(node, 'inhRelations').length > 0 || node.partspec !== undefined || node.ofTypename !== undefined)
    return otherStatement(walk, 'CreateStmt', node);
  keepTable(walk, relation, { columns: columns.map((item) => ({ ...item, pin: null })), open: isOpen });
  return closed;
}

/** Statements that this does not read: certain only if they do not name the column. */
function otherStatement(walk: Walk, kind: string, node: Tree): Shape {
  // Over a table that is not there it fails, whatever it names; what it makes itself is no such table.
  const relation = kind === 'CreateStmt' ? null : child(node, 'relation');
  if (relation !== null) relationShape(walk, relation, null);
  if (walk.gone !== null) return closed;
  const token = walk.source.tokens.find(
    (each) =>
      (isName(each) && walk.world.old.has(each.value)) || (each.kind === 'string' && mentions(walk, each.value)),
  );
  if (token !== undefined)
    problem(
      walk,
      token.start,
      `a ${kind.replace(/Stmt$/, '')} statement names the column, or one of the same name.`,
      'Change this statement by hand in the same change, or take the table out of the rename.',
    );
  return closed;
}

function returning(walk: Walk, node: Tree, scope: Scope): Shape {
  walk.selects += 1;
  const clause = child(node, 'returningClause');
  const items = clause === null ? list(node, 'returningList') : list(clause, 'exprs');
  return items.length === 0 ? closed : targets(walk, items, scope, walk.selects);
}

function target(walk: Walk, node: Tree): Item {
  const relation = child(node, 'relation');
  if (relation === null) return itemOf(walk, null, closed);
  // A CTE cannot be written to, so names of WITH do not count here.
  return relationItem(walk, relation, { items: [], parent: null, tables: new Map() });
}

function insert(walk: Walk, node: Tree, parent: Scope | null): Shape {
  const base: Scope = { items: [], parent, tables: withClause(walk, node, parent) };
  const item = target(walk, node);
  const columns = list(node, 'cols').map((each) => as(each, 'ResTarget') ?? {});
  const all = columns.map((part) => string(part, 'name') ?? '');
  for (const part of columns)
    followTarget(walk, item.shape, string(part, 'name') ?? '', walk.source.at(location(part)), all);
  const query = child(node, 'selectStmt');
  if (query !== null) statement(walk, query, base);
  const conflict = child(node, 'onConflictClause');
  if (conflict !== null) onConflict(walk, conflict, item, base);
  return returning(walk, node, { ...base, items: [item] });
}

function onConflict(walk: Walk, node: Tree, item: Item, base: Scope): void {
  const own: Scope = { ...base, items: [item] };
  const infer = child(node, 'infer');
  if (infer !== null) {
    inferred(walk, infer, item, own);
    const where = child(infer, 'whereClause');
    if (where !== null) expression(walk, where, own);
  }
  const both: Scope = { ...base, items: [item, itemOf(walk, 'excluded', item.shape, { bare: false })] };
  setTargets(walk, list(node, 'targetList'), item, both);
  const where = child(node, 'whereClause');
  if (where !== null) expression(walk, where, both);
}

/**
 * `ON CONFLICT (organization_id, user_id)`. In plpgsql these names are resolved like any expression, so a variable of
 * the same name is an error; in double brackets the column may be written with its table.
 */
function inferred(walk: Walk, infer: Tree, item: Item, scope: Scope): void {
  const { tokens } = walk.source;
  const starts: number[] = [];
  let depth = 0;
  for (let i = tokenAt(walk.source, walk.source.at(location(infer))); i < tokens.length; i += 1) {
    const value = tokens[i]?.value;
    if (value === '(') depth += 1;
    if (value === ')') depth -= 1;
    if (depth === 0) break;
    if (depth === 1 && (value === '(' || value === ',') && starts.length < list(infer, 'indexElems').length)
      starts.push(i + 1);
  }
  list(infer, 'indexElems').forEach((wrapped, index) => {
    const element = as(wrapped, 'IndexElem') ?? {};
    const name = string(element, 'name');
    const value = child(element, 'expr');
    if (value !== null) expression(walk, value, scope);
    const token = tokens[starts[index] ?? -1];
    if (name === null || token === undefined || !walk.world.names.has(name)) return;
    const before = walk.source.outer(token.start);
    const count = walk.found.edits.length;
    const binding = resolve(walk, [name], { ...scope, parent: null }, 'before');
    const after = follow(walk, [name], token.start, { ...scope, parent: null }, binding);
    const own = walk.found.edits.slice(count).find((each) => each.start === before);
    if (own === undefined || !own.text.includes('.')) return;
    // Qualified: legal only as an expression. Bare where that means the same.
    walk.found.edits.splice(walk.found.edits.indexOf(own), 1);
    const plainly = bindingKey(resolve(walk, [after], { ...scope, parent: null }, 'after')) === bindingKey(binding);
    edit(
      walk,
      token.start,
      token.end,
      plainly ? identifier(after) : `(${item.name === null ? '' : `${identifier(item.name)}.`}${identifier(after)})`,
    );
  });
}

function setTargets(walk: Walk, items: readonly Tree[], item: Item, scope: Scope): void {
  const all = items.map((each) => string(as(each, 'ResTarget') ?? {}, 'name') ?? '');
  for (const each of items) {
    const part = as(each, 'ResTarget') ?? {};
    followTarget(walk, item.shape, string(part, 'name') ?? '', walk.source.at(location(part)), all);
    const value = child(part, 'val');
    const multiple = as(value, 'MultiAssignRef');
    if (multiple !== null) {
      // `(a, b) = (select …)` stands once in the text and once per column in the tree.
      const source = child(multiple, 'source');
      if (source !== null && multiple.colno === 1) expression(walk, source, scope);
    } else if (value !== null) expression(walk, value, scope);
  }
}

function update(walk: Walk, node: Tree, parent: Scope | null): Shape {
  const base: Scope = { items: [], parent, tables: withClause(walk, node, parent) };
  const item = target(walk, node);
  const scope = fromClause(walk, list(node, 'fromClause'), { ...base, items: [] });
  const all: Scope = { ...scope, items: [item, ...scope.items] };
  setTargets(walk, list(node, 'targetList'), item, all);
  const where = child(node, 'whereClause');
  if (where !== null) expression(walk, where, all);
  return returning(walk, node, all);
}

function remove(walk: Walk, node: Tree, parent: Scope | null): Shape {
  const base: Scope = { items: [], parent, tables: withClause(walk, node, parent) };
  const item = target(walk, node);
  const scope = fromClause(walk, list(node, 'usingClause'), base);
  const all: Scope = { ...scope, items: [item, ...scope.items] };
  const where = child(node, 'whereClause');
  if (where !== null) expression(walk, where, all);
  return returning(walk, node, all);
}

function merge(walk: Walk, node: Tree, parent: Scope | null): Shape {
  const base: Scope = { items: [], parent, tables: withClause(walk, node, parent) };
  const item = target(walk, node);
  const source = child(node, 'sourceRelation');
  const scope = source === null ? base : fromClause(walk, [source], base);
  const all: Scope = { ...scope, items: [item, ...scope.items] };
  const condition = child(node, 'joinCondition');
  if (condition !== null) expression(walk, condition, all);
  for (const each of list(node, 'mergeWhenClauses')) {
    const clause = as(each, 'MergeWhenClause') ?? {};
    const when = child(clause, 'condition');
    if (when !== null) expression(walk, when, all);
    setTargets(walk, list(clause, 'targetList'), item, all);
    for (const value of list(clause, 'values')) expression(walk, value, all);
  }
  return returning(walk, node, all);
}
