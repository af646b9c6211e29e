import type { DbFunction } from '../catalog/types.ts';
import { contract, explain, jsonKey, mentions, setting } from './constants.ts';
import { expression, type Info, plain } from './expression.ts';
import { changed, column, fields, type Scope, type Shape, unknown } from './scope.ts';
import { as, child, constant, list, location, names, type Tree } from './tree.ts';
import { problem, remark, type Walk } from './walk.ts';

const rowToJson = new Set([
  'to_json',
  'to_jsonb',
  'row_to_json',
  'hstore',
  'json_agg',
  'jsonb_agg',
  'array_to_json',
  'json_build_array',
  'jsonb_build_array',
  'json_build_object',
  'jsonb_build_object',
  'json_object_agg',
  'jsonb_object_agg',
  'xmlforest',
]);
const builders = new Set([
  'json_build_object',
  'jsonb_build_object',
  'json_object',
  'jsonb_object',
  'hstore',
  'json_build_array',
  'jsonb_build_array',
  'json_object_agg',
  'jsonb_object_agg',
]);
const populate = /^jsonb?_populate_record(set)?$/;
const extract = /^jsonb?_extract_path(_text)?$/;
/** What runs or stores SQL that is given as text. */
const runsText = new Set([
  'schedule',
  'schedule_in_database',
  'query_to_xml',
  'query_to_json',
  'dblink',
  'dblink_exec',
  'exec_sql',
  'execute_sql',
]);

export function callFunction(walk: Walk, node: Tree, scope: Scope | null): Info {
  const path = names(node, 'funcname').map((part) => part ?? '');
  const name = path.at(-1) ?? '';
  const args = list(node, 'args');
  const schema = path.length > 1 ? (path[0] ?? null) : null;
  const candidates = schema === 'pg_catalog' ? [] : walk.world.functions(schema, name);
  const builtIn = candidates.length === 0;
  const at = walk.source.at(location(node));

  if (builtIn && (name === 'current_setting' || name === 'set_config')) {
    const key = constant(args[0] ?? null);
    if (key !== null) setting(walk, key);
  }
  if (builtIn && builders.has(name))
    for (const key of keysOf(args)) if (walk.world.old.has(key.value)) contract(walk, key, [key.value], null);
  const first = args[0] === undefined ? plain : expression(walk, args[0], scope);
  if (builtIn && (/^jsonb_(set|insert)/.test(name) || extract.test(name)))
    for (const key of keysOf(args.slice(1, 2))) jsonKey(walk, key, first, args[0] ?? null, '#>');
  if (runsText.has(name)) for (const arg of args) textArgument(walk, arg);
  if (!builtIn && candidates.some(composesSql))
    for (const arg of args) nameArgument(walk, arg, candidates[0]?.signature ?? name);

  const rest = args.slice(1).map((arg) => expression(walk, arg, scope));
  for (const item of list(node, 'agg_order')) expression(walk, item, scope);
  const filter = child(node, 'agg_filter');
  if (filter !== null) expression(walk, filter, scope);
  const over = child(node, 'over');
  if (over !== null) expression(walk, { WindowDef: over }, scope);
  const infos = [first, ...rest];
  const named = { before: name, after: name };

  if (builtIn && populate.test(name)) {
    const row = first.row;
    const moving = row?.columns.filter(changed) ?? [];
    const other = rest[0]?.json ?? null;
    if (moving.length > 0 && !moving.every((item) => other?.columns.some((each) => each.key === item.key)))
      problem(
        walk,
        at,
        `${name} fills columns by the keys of JSON, and one of these columns is renamed.`,
        'Name the columns one by one instead of filling a row from JSON.',
      );
    return { ...plain, ...named, row };
  }
  if (builtIn && rowToJson.has(name)) {
    let json: Shape | null = null;
    for (const info of infos) {
      if (info.row === null) continue;
      if (['to_json', 'to_jsonb', 'row_to_json', 'hstore'].includes(name)) json = info.row;
      keepKeys(walk, info.row, at);
    }
    return { ...plain, ...named, json };
  }
  if (builtIn && /^jsonb_(set|strip_nulls|insert)/.test(name)) return { ...first, ...named };
  if (
    builtIn &&
    args.length === 1 &&
    first.row !== null &&
    walk.world.old.has(name) &&
    fields(first.row, name, 'before').some(changed)
  ) {
    problem(walk, at, `\`${name}(…)\` reads the column in the form of a function call.`, 'Write it as `row.column`.');
  }
  const shapes = candidates.map((item) => resultShape(walk, item));
  const [shape] = shapes;
  // Functions of PostgreSQL that take a row and give one give the same one: lag, max, unnest.
  if (shape === undefined) return { ...plain, ...named, row: infos.find((item) => item.row !== null)?.row ?? null };
  const rows = new Set(shapes.map((item) => item?.columns.map((each) => each.key).join() ?? ''));
  return { ...plain, ...named, row: rows.size === 1 ? shape : unknown };
}

const keysOf = (args: readonly Tree[]): readonly { readonly value: string; readonly location: number }[] =>
  args.flatMap((arg) => {
    const array = as(arg, 'A_ArrayExpr');
    return (array === null ? [arg] : list(array, 'elements')).flatMap((item) => constant(item) ?? []);
  });

/**
 * A row of a renamed table as JSON gets another key by itself, as it does in every answer of the API. A derived row
 * keeps its keys: the select that makes it gets an alias.
 */
function keepKeys(walk: Walk, row: Shape, at: number): void {
  const moving = row.columns.filter(changed);
  for (const item of moving) if (item.pin !== null) walk.memory.pins.add(item.pin);
  const own = moving.find((item) => item.pin === null);
  if (own === undefined) return;
  const known = walk.found.rowJson !== null;
  walk.found.rowJson ??= walk.source.outer(at);
  for (const root of own.roots) walk.found.roots.add(root);
  if (!known)
    remark(walk, at, `A row becomes JSON here, so its key changes from ${own.before} to ${own.after} by itself.`);
}

/** The fields of a function's result; null for a scalar. */
export function resultShape(walk: Walk, item: DbFunction): Shape | null {
  const outputs = item.arguments.filter((argument) => argument.mode !== 'i' && argument.mode !== 'v');
  if (outputs.length > 1 || outputs.some((argument) => argument.mode === 't'))
    return {
      columns: outputs.map((argument, index) =>
        column(`out ${item.oid}.${index}`, argument.name ?? `column${index + 1}`, { type: argument.type }),
      ),
      open: false,
    };
  const [single] = outputs;
  if (single !== undefined) return walk.world.rowType(single.type, walk.path)?.shape ?? null;
  if (/^(SETOF )?record$/i.test(item.returns)) return unknown;
  return walk.world.rowType(item.returns, walk.path)?.shape ?? null;
}

const composesSql = (item: DbFunction): boolean => item.language === 'plpgsql' && /\bexecute\b/i.test(item.body);

function nameArgument(walk: Walk, wrapped: Tree, callee: string): void {
  const key = constant(wrapped);
  if (key === null || !walk.world.old.has(key.value)) return;
  explain(walk, key.location);
  problem(
    walk,
    walk.source.at(key.location),
    `the old name is given to ${callee}, which builds SQL at run time.`,
    'Change both functions together by hand, or take the table out of the rename.',
  );
}

function textArgument(walk: Walk, wrapped: Tree): void {
  const text = constant(wrapped);
  if (text === null || !mentions(walk, text.value)) return;
  explain(walk, text.location);
  problem(
    walk,
    walk.source.at(text.location),
    'SQL that names the column is handed on as text.',
    'Change this text by hand in the same change.',
  );
}

/** Functions in FROM: `{ shape, scalar }`; a scalar's column is named after the alias. */
export function fromFunction(
  walk: Walk,
  wrapped: Tree,
  scope: Scope | null,
): { readonly shape: Shape | null; readonly name: string } {
  const info = expression(walk, wrapped, scope);
  const call = child(wrapped, 'FuncCall');
  const name = call === null ? '' : (names(call, 'funcname').at(-1) ?? '');
  return { shape: info.row, name };
}
