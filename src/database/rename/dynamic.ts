import { explain, mentions, replaceInConstant } from './constants.ts';
import { expression, triggerArgumentIndex } from './expression.ts';
import { parseSql } from './parser.ts';
import { closed, type Shape, unknown } from './scope.ts';
import { createSource, literalContent, tokenAt } from './source.ts';
import { statement } from './statement.ts';
import { as, child, constant, list, names, type Tree } from './tree.ts';
import { analysed, problem, type Walk } from './walk.ts';

const byHand = 'Write this statement without EXECUTE, or change it by hand in the same change.';

/**
 * The argument of EXECUTE. A constant is read as the statement it is; so is `format` with a constant whose `%I` and `%L`
 * stand for one name or value each. Anything else is known only at run time.
 */
export function dynamicSql(walk: Walk, wrapped: Tree): Shape {
  const text = constant(wrapped);
  if (text !== null) return constantSql(walk, text, false);
  const call = as(wrapped, 'FuncCall');
  if (call !== null && names(call, 'funcname').at(-1) === 'format') {
    const [template, ...args] = list(call, 'args');
    const first = constant(template ?? null);
    args.forEach((arg, index) => {
      formatArgument(walk, arg, first?.value ?? '', index);
    });
    if (first !== null) return constantSql(walk, first, true);
  }
  walk.found.dynamic ??= walk.source.outer(0);
  expression(walk, wrapped, null);
  return unknown;
}

function constantSql(
  walk: Walk,
  text: { readonly value: string; readonly location: number },
  template: boolean,
): Shape {
  const at = walk.source.at(text.location);
  explain(walk, text.location);
  if (template && /%(\d+\$)?-?\d*s/.test(text.value)) walk.found.dynamic ??= walk.source.outer(at);
  const sql = template ? placeholders(text.value) : text.value;
  if (sql === null) {
    if (mentions(walk, text.value)) problem(walk, at, 'SQL built at run time names the column.', byHand);
    return unknown;
  }
  const token = walk.source.tokens[tokenAt(walk.source, at)];
  const content = token === undefined ? null : literalContent(token.value);
  let parsed: readonly Tree[];
  try {
    parsed = parseSql(sql);
  } catch {
    // Not a statement as it stands: only a problem if it names the column.
    if (mentions(walk, text.value)) problem(walk, at, 'SQL built at run time names the column.', byHand);
    return unknown;
  }
  if (token === undefined || content === null) {
    if (mentions(walk, text.value)) problem(walk, at, 'SQL in a constant with escapes names the column.', byHand);
    return unknown;
  }
  const outside = walk.source;
  const { block, filled } = walk;
  walk.filled = template && /%(\d+\$)?-?\d*[Is]/.test(text.value);
  walk.source = createSource(
    sql,
    (index) => outside.outer(token.start + content.map(index)),
    (part) => outside.escape(content.escape(part)),
  );
  // Nothing of the function is in sight of a dynamic statement.
  walk.block = null;
  try {
    let shape: Shape = closed;
    for (const item of parsed) {
      const each = child(item, 'stmt');
      if (each !== null) shape = analysed(walk, outside.outer(token.start), () => statement(walk, each, null));
    }
    return shape;
  } finally {
    walk.source = outside;
    walk.block = block;
    walk.filled = filled;
  }
}

/** `%I` becomes a name and `%L` a value of the same length, so that positions stay; null for `%s` and widths. */
function placeholders(template: string): string | null {
  let result = '';
  for (let i = 0; i < template.length; i += 1) {
    if (template[i] !== '%') {
      result += template[i];
      continue;
    }
    const kind = template[i + 1];
    if (kind === '%') result += '% ';
    else if (kind === 'I') result += 'zz';
    else if (kind === 'L') result += "''";
    else return null;
    i += 1;
  }
  return result;
}

/** `%I` filled with the old name, or with an argument of the trigger. */
function formatArgument(walk: Walk, arg: Tree, template: string, index: number): void {
  const specifiers = [...template.matchAll(/%(?:%|(?:\d+\$)?-?\d*([sIL]))/g)].flatMap((match) =>
    match[1] === undefined ? [] : [match[1]],
  );
  const key = constant(arg);
  if (key !== null && walk.world.old.has(key.value) && specifiers[index] !== 'L') {
    explain(walk, key.location);
    const at = walk.source.at(key.location);
    if (specifiers[index] === 'I' && walk.world.only.has(key.value))
      replaceInConstant(walk, at, key.value, walk.world.next.get(key.value) ?? key.value);
    else problem(walk, at, 'SQL built at run time names the column.', byHand);
    return;
  }
  const argument = triggerArgumentIndex(arg);
  if (argument !== null && specifiers[index] === 'I') walk.found.columnArguments.add(argument);
  expression(walk, arg, null);
}
