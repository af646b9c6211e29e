import { Lang, parseAsync, type SgNode } from '@ast-grep/napi';

/**
 * A view of a syntax tree that is built only where it is looked at. Crossing into the parser costs about 4 µs a node,
 * a whole 60k-line app 2.5 s; rules start from places found by text, so a tenth of the tree is ever built.
 *
 * Children are the named nodes without comments and `?.`, so that positions are those of the grammar's fields.
 */
export class SyntaxNode {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  readonly parent: SyntaxNode | null;
  readonly source: Source;
  readonly #native: SgNode;
  #children: readonly SyntaxNode[] | null = null;

  constructor(source: Source, native: SgNode, kind: string, parent: SyntaxNode | null) {
    const range = native.range();
    this.source = source;
    this.kind = kind;
    this.start = range.start.index;
    this.end = range.end.index;
    this.parent = parent;
    this.#native = native;
  }

  get text(): string {
    return this.source.text.slice(this.start, this.end);
  }

  get children(): readonly SyntaxNode[] {
    if (this.#children === null) {
      const children: SyntaxNode[] = [];
      for (const native of this.#native.children()) {
        const kind = String(native.kind());
        if (kind === 'comment' || kind === 'optional_chain' || !isNamed(native, kind)) continue;
        children.push(new SyntaxNode(this.source, native, kind, this));
      }
      this.#children = children;
    }
    return this.#children;
  }

  child(index: number): SyntaxNode | null {
    return this.children.at(index) ?? null;
  }

  childOfKind(...kinds: readonly string[]): SyntaxNode | null {
    return this.children.find((child) => kinds.includes(child.kind)) ?? null;
  }

  /** The nearest node above (not this one) of one of the kinds. */
  above(...kinds: readonly string[]): SyntaxNode | null {
    let node = this.parent;
    while (node !== null && !kinds.includes(node.kind)) node = node.parent;
    return node;
  }

  contains(other: SyntaxNode): boolean {
    return this.start <= other.start && other.end <= this.end;
  }
}

/** Punctuation and operators are told by their kind; only for words is the parser asked. */
function isNamed(native: SgNode, kind: string): boolean {
  const first = kind.charCodeAt(0);
  if ((first < 97 || first > 122) && kind !== 'ERROR') return false;
  return kind.includes('_') || native.isNamed();
}

/** One parsed file, shared by all rules. */
export type Source = {
  readonly path: string;
  readonly text: string;
  readonly root: SyntaxNode;
  /** Offset of the first place that the grammar could not read; null when the file is sound. */
  readonly errorAt: number | null;
};

/** Tree-sitter's number for `ERROR`, the same in every grammar; by number no rule is compiled for each file. */
const errorKind = 65535;

/** The grammar for a file name. JSX and plain JavaScript are read as TSX, which is a superset in practice. */
export function languageOf(path: string): Lang {
  return /\.[cm]?ts$/.test(path) ? Lang.TypeScript : Lang.Tsx;
}

/**
 * The first place that is really wrong. A bare `&` in the text of an element (`Terms & Privacy`) is none, though the
 * grammar has no rule for it: TypeScript and every bundler accept it, and the tree around it is sound.
 */
function firstError(root: SgNode): SgNode | null {
  if (root.find(errorKind) === null) return null;
  return (
    root.findAll(errorKind).find((error) => {
      const around = String(error.parent()?.kind());
      return !(/^&[^<>{}]*$/.test(error.text()) && /^jsx_(?:element|fragment)$/.test(around));
    }) ?? null
  );
}

export async function parseSource(path: string, text: string): Promise<Source> {
  let root = (await parseAsync(languageOf(path), text)).root();
  let error = firstError(root);
  if (error !== null && /\.[cm]?js$/.test(path)) {
    // A few things are JavaScript and not TSX (`a<b>(c)` as two comparisons); give the file its own grammar.
    const plain = (await parseAsync(Lang.JavaScript, text)).root();
    const plainError = firstError(plain);
    if (plainError === null) {
      root = plain;
      error = null;
    }
  }
  const source = { path, text, errorAt: error?.range().start.index ?? null } as {
    -readonly [K in keyof Source]: Source[K];
  };
  source.root = new SyntaxNode(source, root, String(root.kind()), null);
  return source;
}

/** The deepest node that covers an offset. Inside a comment or between tokens that is the node around it. */
export function nodeAt(source: Source, offset: number): SyntaxNode {
  let node = source.root;
  for (;;) {
    const children = node.children;
    let low = 0;
    let high = children.length - 1;
    let found: SyntaxNode | null = null;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const child = children[middle];
      if (child === undefined) break;
      if (offset < child.start) high = middle - 1;
      else if (offset >= child.end) low = middle + 1;
      else {
        found = child;
        break;
      }
    }
    if (found === null) return node;
    node = found;
  }
}

/** 1-based line and column of an offset. */
export function positionOf(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let from = 0;
  for (;;) {
    const next = text.indexOf('\n', from);
    if (next === -1 || next >= offset) return { line, column: offset - from + 1 };
    line += 1;
    from = next + 1;
  }
}

/** Kinds that hold statements of their own and parameters. */
export const functionKinds = [
  'function_declaration',
  'function_expression',
  'generator_function_declaration',
  'generator_function',
  'arrow_function',
  'method_definition',
] as const;

export function isFunction(node: SyntaxNode): boolean {
  return (functionKinds as readonly string[]).includes(node.kind);
}

/** The function around a node; null at the top of a file. */
export function functionAround(node: SyntaxNode): SyntaxNode | null {
  return node.above(...functionKinds);
}

const wrappers = new Set([
  'parenthesized_expression',
  'as_expression',
  'satisfies_expression',
  'non_null_expression',
  'await_expression',
  'type_assertion',
]);

/** The expression without parentheses, casts, `!` and `await`. */
export function unwrap(node: SyntaxNode): SyntaxNode {
  let inner = node;
  while (wrappers.has(inner.kind)) {
    const next = inner.kind === 'type_assertion' ? inner.child(-1) : inner.child(0);
    if (next === null) return inner;
    inner = next;
  }
  return inner;
}

/** The outermost node that is this value with casts, parentheses and `await` around it. */
export function wrapped(node: SyntaxNode): SyntaxNode {
  let outer = node;
  while (outer.parent !== null && wrappers.has(outer.parent.kind) && unwrap(outer.parent) === unwrap(outer)) {
    outer = outer.parent;
  }
  return outer;
}

/** The text of a string literal or of a template without substitutions; null for anything else. */
export function stringValue(node: SyntaxNode | null): string | null {
  if (node === null) return null;
  const inner = unwrap(node);
  if (inner.kind === 'string') return inner.text.slice(1, -1);
  if (inner.kind === 'template_string' && inner.childOfKind('template_substitution') === null) {
    return inner.text.slice(1, -1);
  }
  return null;
}

/** The operator of a binary or an augmented assignment expression. */
export function operatorOf(node: SyntaxNode): string {
  const [left, right] = node.children;
  if (left === undefined || right === undefined) return '';
  return node.source.text
    .slice(left.end, right.start)
    .replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
    .trim();
}

/** `a.b`, `a?.b`, `a['b']`: the object and the name; null for a computed name. */
export function memberOf(node: SyntaxNode): { readonly object: SyntaxNode; readonly name: string } | null {
  if (node.kind === 'member_expression') {
    const [object, property] = node.children;
    return object && property ? { object, name: property.text } : null;
  }
  if (node.kind === 'subscript_expression') {
    const [object, index] = node.children;
    if (!object || !index) return null;
    const name = stringValue(index) ?? (index.kind === 'number' ? index.text : null);
    return name === null ? null : { object, name };
  }
  return null;
}

/** The callee and the arguments of a call. */
export function callOf(
  node: SyntaxNode,
): { readonly callee: SyntaxNode; readonly list: SyntaxNode; readonly args: readonly SyntaxNode[] } | null {
  if (node.kind !== 'call_expression' && node.kind !== 'new_expression') return null;
  const callee = node.child(0);
  const list = node.childOfKind('arguments');
  return callee && list ? { callee, list, args: list.children } : null;
}

/** The name that a property key has; null for a computed one. */
export function keyName(node: SyntaxNode | null): string | null {
  if (node === null) return null;
  if (node.kind === 'string') return node.text.slice(1, -1);
  if (node.kind === 'computed_property_name') return stringValue(node.child(0));
  return /^(property_identifier|shorthand_property_identifier(_pattern)?|identifier|private_property_identifier|number)$/.test(
    node.kind,
  )
    ? node.text
    : null;
}
