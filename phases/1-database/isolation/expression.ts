import { loadParser, parseSql, remember } from '../../../src/database/rename/parser.ts';
import { child, list, open, string, type Tree } from '../../../src/database/rename/tree.ts';

/**
 * The conjuncts of a boolean SQL expression, each in a form that is equal for equal meaning: PostgreSQL prints a stored
 * expression with its own brackets, casts of constants to text and column labels, and none of them counts here.
 */
export async function conjuncts(expression: string): Promise<readonly string[]> {
  await loadParser();
  return partsOf(expression);
}

const partsOf = remember((expression): readonly string[] => {
  const root = rootOf(expression);
  return root === null ? [] : flatten(root).map((one) => JSON.stringify(bare(one)));
});

/** Every conjunct of `part` stands in `whole`: `whole` lets through no row that `part` does not. */
export async function implies(whole: string | null, part: string | null): Promise<boolean> {
  if (part === null) return whole === null;
  if (whole === null) return false;
  const there = new Set(await conjuncts(whole));
  return (await conjuncts(part)).every((one) => there.has(one));
}

export async function tree(expression: string): Promise<Tree | null> {
  await loadParser();
  return rootOf(expression);
}

function rootOf(expression: string): Tree | null {
  const [statement] = parseSql(`SELECT ${expression}`);
  const select = statement === undefined ? null : child(child(statement, 'stmt') ?? {}, 'SelectStmt');
  const target = select === null ? undefined : list(select, 'targetList')[0];
  return target === undefined ? null : child(child(target, 'ResTarget') ?? {}, 'val');
}

function flatten(wrapped: Tree): readonly Tree[] {
  const [kind, node] = open(wrapped);
  return kind === 'BoolExpr' && string(node, 'boolop') === 'AND_EXPR' ? list(node, 'args').flatMap(flatten) : [wrapped];
}

/** The tree without places, labels and casts to text. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  const node = value as Tree;
  const cast = child(node, 'TypeCast');
  // A column of a domain is printed with a cast to what the domain is based on.
  const column = child(child(cast ?? {}, 'arg') ?? {}, 'ColumnRef') !== null;
  if (cast !== null && (typeName(cast) === 'text' || column)) return bare(child(cast, 'arg'));
  const target = child(node, 'ResTarget');
  if (target !== null) return { ResTarget: bare({ val: target.val }) };
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => key !== 'location' && !key.startsWith('list_') && !key.startsWith('rexpr_list'))
      .map(([key, item]) => [key, bare(item)]),
  );
}

const typeName = (cast: Tree): string | null => {
  const names = list(child(cast, 'typeName') ?? {}, 'names').map((one) => string(child(one, 'String') ?? {}, 'sval'));
  return names.at(-1) ?? null;
};

/** Two expressions ask the same, whatever alias their columns carry. */
export const same = (left: Tree, right: Tree): boolean =>
  JSON.stringify(unaliased(bare(left))) === JSON.stringify(unaliased(bare(right)));

function unaliased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unaliased);
  if (typeof value !== 'object' || value === null) return value;
  const cast = child(value as Tree, 'TypeCast');
  const constant = cast === null ? null : child(cast, 'arg');
  // A constant of an enum says its type where PostgreSQL prints it.
  if (constant !== null && child(constant, 'A_Const') !== null) return unaliased(constant);
  const reference = child(value as Tree, 'ColumnRef');
  if (reference !== null) return { column: list(reference, 'fields').at(-1) };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unaliased(item)]));
}

/** Every node of one kind, wherever it stands. */
export function nodes(root: Tree, kind: string): readonly Tree[] {
  const found: Tree[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
      return;
    }
    const own = child(value as Tree, kind);
    if (own !== null) found.push(own);
    for (const item of Object.values(value)) visit(item);
  };
  visit(root);
  return found;
}
