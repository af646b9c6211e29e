import { identifier } from '../quote.ts';
import { callFunction } from './call.ts';
import { explain, jsonKey, readConstant, replaceInConstant } from './constants.ts';
import { commonName, follow, resolve } from './reference.ts';
import { type Binding, type Column, changed, fields, type Scope, type Shape, unknown } from './scope.ts';
import { select } from './select.ts';
import { isName, tokenAt } from './source.ts';
import { as, child, children, constant, lastLocation, list, location, names, open, string, type Tree } from './tree.ts';
import { edit, problem, remark, shapesOf, type Walk } from './walk.ts';

/** What an expression gives, as far as names depend on it. */
export type Info = {
  /** Fields of a composite value, or of the elements of an array of them. */
  readonly row: Shape | null;
  /** The relation whose column names are the keys of this JSON. */
  readonly json: Shape | null;
  /** Now such JSON, now another: nothing can be said about its keys. */
  readonly mixed: boolean;
  /** The output name if it stands in a target list without AS; `?` as long as it is none of ours. */
  readonly before: string;
  readonly after: string;
};

export const plain: Info = { row: null, json: null, mixed: false, before: '?column?', after: '?column?' };

export function expression(walk: Walk, wrapped: Tree, scope: Scope | null): Info {
  const [kind, node] = open(wrapped);
  switch (kind) {
    case 'ColumnRef':
      return columnReference(walk, node, scope);
    case 'A_Indirection':
      return indirection(walk, node, scope);
    case 'A_Const':
      readConstant(walk, node);
      return plain;
    case 'ParamRef':
      return { ...plain, row: parameterRow(walk, node) };
    case 'A_Expr':
      return operator(walk, node, scope);
    case 'FuncCall':
      return callFunction(walk, node, scope);
    case 'TypeCast': {
      const arg = child(node, 'arg');
      const inner = arg === null ? plain : expression(walk, arg, scope);
      const type = child(node, 'typeName');
      const row = type === null ? null : typeShape(walk, type);
      return { ...inner, row: row ?? null };
    }
    case 'CollateClause': {
      const arg = child(node, 'arg');
      return arg === null ? plain : expression(walk, arg, scope);
    }
    case 'SubLink':
      return sublink(walk, node, scope);
    case 'SelectStmt': {
      select(walk, node, scope);
      return plain;
    }
    case 'CaseExpr': {
      const arg = child(node, 'arg');
      if (arg !== null) expression(walk, arg, scope);
      const results: Info[] = [];
      for (const item of list(node, 'args')) {
        const when = as(item, 'CaseWhen') ?? {};
        const condition = child(when, 'expr');
        const result = child(when, 'result');
        if (condition !== null) expression(walk, condition, scope);
        if (result !== null) results.push(expression(walk, result, scope));
      }
      const otherwise = child(node, 'defresult');
      const last = otherwise === null ? plain : expression(walk, otherwise, scope);
      return { ...merge([...results, last]), before: last.before, after: last.after };
    }
    case 'CoalesceExpr':
    case 'MinMaxExpr':
      return { ...merge(list(node, 'args').map((arg) => expression(walk, arg, scope))), before: '?', after: '?' };
    case 'A_ArrayExpr':
      return merge(list(node, 'elements').map((item) => expression(walk, item, scope)));
    case 'List':
      for (const item of list(node, 'items')) expression(walk, item, scope);
      return plain;
    case 'TypeName':
    case 'String':
    case 'Integer':
      return plain;
    default:
      every(walk, node, scope);
      return plain;
  }
}

/** `$1`: a parameter of the function, or, in a dynamic statement, a value of USING whose type is not known. */
function parameterRow(walk: Walk, node: Tree): Shape | null {
  for (let block = walk.block; block !== null; block = block.parent)
    for (const variable of block.variables.values())
      if (variable.position !== null && variable.position === node.number)
        return rowOf(walk, { kind: 'variable', variable, block });
  return unknown;
}

/** Walks children, wrapped (`{ A_Expr: … }`) or bare (`{ location: …, args: … }`). */
function every(walk: Walk, node: Tree, scope: Scope | null): void {
  for (const item of children(node)) {
    const [key] = Object.keys(item);
    if (key !== undefined && /^[A-Z]/.test(key)) expression(walk, item, scope);
    else every(walk, item, scope);
  }
}

const merge = (infos: readonly Info[]): Info => ({
  ...plain,
  row: infos.find((item) => item.row !== null)?.row ?? null,
  json: infos.find((item) => item.json !== null)?.json ?? null,
  mixed: infos.some((item) => item.mixed),
});

function columnReference(walk: Walk, node: Tree, scope: Scope | null): Info {
  const parts = names(node, 'fields');
  const at = walk.source.at(location(node));
  const known = parts.filter((part) => part !== null);
  const binding = resolve(walk, known, scope, 'before');
  // `x.*` as an argument is the row as a whole.
  if (known.length < parts.length) return { ...plain, row: known.length === 0 ? null : rowOf(walk, binding) };
  const after = follow(walk, known, at, scope, binding);
  return { ...meaning(walk, binding), before: known.at(-1) ?? '', after };
}

/** The row that a name stands for, or null if it is no row. */
export function rowOf(walk: Walk, binding: Binding): Shape | null {
  if (binding.kind === 'row') return binding.item.shape;
  if (binding.kind === 'variable') {
    const shapes = shapesOf(walk, binding.variable);
    if (shapes === null) return null;
    return {
      columns: shapes.flatMap((shape) => shape.columns),
      open: shapes.length === 0 || shapes.some((s) => s.open),
    };
  }
  const column =
    binding.kind === 'column' || binding.kind === 'output'
      ? binding.column
      : binding.kind === 'field'
        ? binding.columns[0]
        : undefined;
  return column === undefined ? null : columnRow(walk, column);
}

const columnRow = (walk: Walk, item: Column): Shape | null =>
  item.row ?? (item.type === null ? null : (walk.world.rowType(item.type, walk.path)?.shape ?? null));

function meaning(walk: Walk, binding: Binding): Info {
  const row = rowOf(walk, binding);
  if (binding.kind === 'variable') {
    const sources = walk.memory.jsons.get(binding.variable.id) ?? [];
    const json = sources.find((item) => item !== null) ?? null;
    return { ...plain, row, json, mixed: json !== null && sources.some((item) => item === null) };
  }
  return { ...plain, row, json: binding.kind === 'column' ? binding.column.json : null };
}

/** `(x).field`, `x[1].field`, `($1).field`, `(f(y)).field`. */
function indirection(walk: Walk, node: Tree, scope: Scope | null): Info {
  const arg = child(node, 'arg');
  if (arg === null) return plain;
  let info = expression(walk, arg, scope);
  let from = walk.source.at(lastLocation(arg));
  for (const step of list(node, 'indirection')) {
    const name = child(step, 'String');
    if (name === null) {
      const indices = as(step, 'A_Indices');
      if (indices !== null) every(walk, indices, scope);
      from = Math.max(from, walk.source.at(lastLocation(step)));
      continue;
    }
    const field = string(name, 'sval') ?? '';
    const hits = info.row === null ? [] : fields(info.row, field, 'before');
    const [hit] = hits;
    if (walk.world.names.has(field)) {
      const at = fieldToken(walk, from, field);
      walk.found.references.push(`part ${hit?.key ?? 'none'}`);
      commonName(walk, hits, at?.start ?? from, field);
      if (hit !== undefined && changed(hit)) {
        for (const root of hit.roots) walk.found.roots.add(root);
        if (at !== null) edit(walk, at.start, at.end, identifier(hit.after));
      } else if (hit === undefined && walk.world.old.has(field)) {
        if (info.row?.open === true)
          problem(
            walk,
            at?.start ?? from,
            `\`.${field}\` is a field of a row whose type is not known.`,
            'Give the value a type, for instance with a cast to the table.',
          );
        else
          remark(
            walk,
            at?.start ?? from,
            `\`.${field}\` is a field of something other than a renamed table; it stays.`,
          );
      }
    }
    info = {
      ...plain,
      row: hit === undefined ? null : columnRow(walk, hit),
      json: hit?.json ?? null,
      before: field,
      after: hit?.after ?? field,
    };
  }
  return info;
}

/** The field after a bracket or a parameter: the parser gives no location for it. */
function fieldToken(walk: Walk, from: number, field: string): { readonly start: number; readonly end: number } | null {
  const { tokens } = walk.source;
  for (let i = tokenAt(walk.source, from); i + 1 < tokens.length; i += 1) {
    const [dot, token] = [tokens[i], tokens[i + 1]];
    if (dot?.value !== '.' || !isName(token) || token.value !== field) continue;
    const outer = walk.source.outer(token.start);
    if (walk.claimed.has(outer)) continue;
    walk.claimed.add(outer);
    return token;
  }
  return null;
}

export function typeShape(walk: Walk, type: Tree): Shape | null {
  const path = names(type, 'names').map((part) => part ?? '');
  const name = path.at(-1) ?? '';
  if (path[0] === 'pg_catalog') return null;
  return walk.world.relation(path.length > 1 ? (path[0] ?? null) : null, name, walk.path)?.shape ?? null;
}

function sublink(walk: Walk, node: Tree, scope: Scope | null): Info {
  const test = child(node, 'testexpr');
  if (test !== null) expression(walk, test, scope);
  const inner = as(child(node, 'subselect'), 'SelectStmt');
  const shape = inner === null ? unknown : select(walk, inner, scope);
  const [first] = shape.columns;
  if (first === undefined) return plain;
  const scalar = string(node, 'subLinkType') === 'EXPR_SUBLINK';
  return {
    ...plain,
    row: columnRow(walk, first),
    json: first.json,
    ...(scalar ? { before: first.before, after: first.after } : {}),
  };
}

const keyOperators = new Set(['->', '->>', '?', '-', '?|', '?&', '#>', '#>>', '#-', '@>', '<@', '#=']);

function operator(walk: Walk, node: Tree, scope: Scope | null): Info {
  const name = names(node, 'name').at(-1) ?? '';
  const left = child(node, 'lexpr');
  const right = child(node, 'rexpr');
  const l = left === null ? plain : expression(walk, left, scope);
  if (name === '#=' && (l.row?.columns.some(changed) ?? false) && left !== null)
    problem(
      walk,
      walk.source.at(location(node)),
      '`#=` sets fields of a row by their names as a text.',
      'Assign the fields one by one.',
    );
  if (right !== null && keyOperators.has(name)) {
    const elements = as(right, 'A_ArrayExpr');
    for (const item of elements === null ? [right] : list(elements, 'elements')) {
      const text = constant(item);
      if (text !== null) jsonKey(walk, text, l, left, name);
      else if (left !== null && name !== '-') triggerArgument(walk, item, l);
    }
  }
  for (const [a, b] of [
    [left, right],
    [right, left],
  ] as const)
    catalogName(walk, a, b);
  const r = right === null ? plain : expression(walk, right, scope);
  if (name === '||') {
    return { ...plain, json: l.json ?? r.json, mixed: l.mixed || r.mixed };
  }
  return name === '-' ? { ...plain, json: l.json, mixed: l.mixed } : plain;
}

/** `column_name = 'organization_id'` over the system catalogs asks for the column by its name as a text. */
function catalogName(walk: Walk, reference: Tree | null, value: Tree | null): void {
  const node = as(reference, 'ColumnRef');
  if (node === null || value === null || !['column_name', 'attname'].includes(names(node, 'fields').at(-1) ?? ''))
    return;
  const all = [value, ...list(as(value, 'List') ?? {}, 'items'), ...list(as(value, 'A_ArrayExpr') ?? {}, 'elements')];
  for (const text of all.map((item) => constant(item)))
    if (text !== null && walk.world.old.has(text.value)) {
      const at = walk.source.at(text.location);
      if (walk.world.only.has(text.value)) {
        explain(walk, text.location);
        replaceInConstant(walk, at, text.value, walk.world.next.get(text.value) ?? text.value);
        continue;
      }
      problem(
        walk,
        at,
        `looks for the column '${text.value}' in the catalog by its name as a text, and some table keeps a column of that name.`,
        'Change the text by hand in the same change.',
      );
    }
}

/** `to_jsonb(new) ->> tg_argv[0]`: that argument of the trigger names a column. */
function triggerArgument(walk: Walk, wrapped: Tree, left: Info): void {
  const index = triggerArgumentIndex(wrapped);
  if (index !== null && left.json !== null) walk.found.columnArguments.add(index);
}

export function triggerArgumentIndex(wrapped: Tree): number | null {
  const cast = as(wrapped, 'TypeCast');
  if (cast !== null) return triggerArgumentIndex(child(cast, 'arg') ?? {});
  const node = as(wrapped, 'A_Indirection');
  const base = node === null ? null : as(child(node, 'arg'), 'ColumnRef');
  if (node === null || base === null || names(base, 'fields').at(-1) !== 'tg_argv') return null;
  const index = as(list(node, 'indirection')[0] ?? null, 'A_Indices');
  const value = index === null ? null : as(child(index, 'uidx'), 'A_Const');
  const number = value === null ? null : child(value, 'ival');
  return number === null ? null : typeof number.ival === 'number' ? number.ival : 0;
}
