/** A node of the parser's output: plain JSON whose shape is told by its key (`{ SelectStmt: { … } }`). */
export type Tree = { readonly [key: string]: unknown };

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

export function child(node: Tree, key: string): Tree | null {
  const value = node[key];
  return isTree(value) ? value : null;
}

export function list(node: Tree, key: string): readonly Tree[] {
  const value = node[key];
  return Array.isArray(value) ? value.filter(isTree) : [];
}

export function string(node: Tree, key: string): string | null {
  const value = node[key];
  return typeof value === 'string' ? value : null;
}

export const flag = (node: Tree, key: string): boolean => node[key] === true;

/** Byte offset in the parsed text. Protobuf leaves out zero. */
export function location(node: Tree): number {
  const value = node.location;
  return typeof value === 'number' ? value : 0;
}

/** Opens the wrapper: `{ ColumnRef: {…} }` gives `['ColumnRef', {…}]`. */
export function open(wrapped: Tree): readonly [kind: string, node: Tree] {
  const [kind] = Object.keys(wrapped);
  const node = kind === undefined ? null : child(wrapped, kind);
  return kind === undefined || node === null ? ['', {}] : [kind, node];
}

/** The node if the wrapper holds one of this kind. */
export const as = (wrapped: Tree | null, kind: string): Tree | null => (wrapped === null ? null : child(wrapped, kind));

/** Names of a list of `String` nodes; a `*` is null. */
export const names = (node: Tree, key: string): readonly (string | null)[] =>
  list(node, key).map((item) => {
    const text = child(item, 'String');
    return text === null ? null : (string(text, 'sval') ?? '');
  });

/** The text of a string constant, or null for any other expression. Casts of a constant are looked through. */
export function constant(wrapped: Tree | null): { readonly value: string; readonly location: number } | null {
  if (wrapped === null) return null;
  const cast = as(wrapped, 'TypeCast');
  if (cast !== null) return constant(child(cast, 'arg'));
  const node = as(wrapped, 'A_Const');
  const text = node === null ? null : child(node, 'sval');
  return node === null || text === null ? null : { value: string(text, 'sval') ?? '', location: location(node) };
}

/** Direct children that are nodes, in the parser's order. */
export function children(node: Tree): readonly Tree[] {
  return Object.values(node).flatMap((value) =>
    Array.isArray(value) ? value.filter(isTree) : isTree(value) ? [value] : [],
  );
}

/** The greatest location inside a node: where its last located part begins. */
export function lastLocation(node: Tree): number {
  const own = typeof node.location === 'number' ? node.location : 0;
  return children(node).reduce((last, item) => Math.max(last, lastLocation(item)), own);
}
