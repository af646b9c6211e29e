import { Lang, parse, type SgNode } from '@ast-grep/napi';
import { type Component, isComponent, readComponent } from './components.ts';

/**
 * A view of a syntax tree that is built only where it is looked at. Crossing into the parser costs 1 to 4 µs for each
 * thing asked of a node, and the object that it hands over burdens the garbage collector; so rules start from places
 * found by text, and a node asks for its range, its kind and its children when somebody wants them and not before.
 *
 * Children are the named nodes without comments and `?.`, so that positions are those of the grammar's fields.
 */
export class SyntaxNode {
  readonly parent: SyntaxNode | null;
  readonly source: Source;
  /** Null for a root, whose tree grows when it is first looked into. */
  readonly #native: SgNode | null;
  #kind: string | null;
  #start = -1;
  #end = -1;
  #children: readonly SyntaxNode[] | null = null;

  constructor(source: Source, native: SgNode | null, kind: string | null, parent: SyntaxNode | null) {
    this.source = source;
    this.#native = native;
    this.#kind = kind;
    this.parent = parent;
  }

  get kind(): string {
    this.#kind ??= String(this.#native?.kind());
    return this.#kind;
  }

  get start(): number {
    if (this.#start < 0) this.#locate();
    return this.#start;
  }

  get end(): number {
    if (this.#start < 0) this.#locate();
    return this.#end;
  }

  /** An edit of nothing says where a node is, and carries a third of what a range does: lines and columns as well. */
  #locate(): void {
    const native = this.#native ?? this.source.tree;
    const place = native?.replace('');
    this.#start = place?.startPos ?? 0;
    this.#end = place?.endPos ?? this.source.text.length;
  }

  get text(): string {
    return this.source.text.slice(this.start, this.end);
  }

  get children(): readonly SyntaxNode[] {
    if (this.#children === null) this.#children = leaves.has(this.kind) ? none : this.#build();
    return this.#children;
  }

  #build(): readonly SyntaxNode[] {
    const natives = (this.#native ?? this.source.tree)?.namedChildren() ?? [];
    const children: SyntaxNode[] = [];
    // Kinds are asked for only where the text shows that one of the children may have to go.
    const mixed = natives.length > 0 && hasExtras(this.source, this.start, this.end);
    for (const native of natives) {
      const kind = mixed ? String(native.kind()) : null;
      if (kind === 'comment' || kind === 'optional_chain') continue;
      children.push(new SyntaxNode(this.source, native, kind, this));
    }
    return children;
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

const none: readonly SyntaxNode[] = [];

/** Kinds without children, which need not be asked for them. */
const leaves = new Set([
  'identifier',
  'property_identifier',
  'private_property_identifier',
  'shorthand_property_identifier',
  'shorthand_property_identifier_pattern',
  'type_identifier',
  'predefined_type',
  'string_fragment',
  'escape_sequence',
  'number',
  'true',
  'false',
  'null',
  'undefined',
  'this',
  'jsx_text',
  'prisma',
  'sql',
]);

/** Offsets of what may be a comment or a `?.`, in order, by source. */
const extras = new WeakMap<Source, readonly number[]>();

function hasExtras(source: Source, start: number, end: number): boolean {
  let offsets = extras.get(source);
  if (offsets === undefined) {
    offsets = Array.from(source.text.matchAll(/\/[/*]|\?\./g), (match) => match.index);
    extras.set(source, offsets);
  }
  const next = offsets[firstAtOrAfter(offsets, start)];
  return next !== undefined && next < end;
}

/** The index of the first number of an ascending list that is not below a bound. */
export function firstAtOrAfter(ascending: readonly number[], bound: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Tree-sitter's number for `ERROR`, the same in every grammar; by number no rule is compiled for each file. */
const errorKind = 65535;

/** The grammar for a file name. JSX and plain JavaScript are read as TSX, which is a superset in practice. */
export function languageOf(path: string): Lang {
  return /\.[cm]?ts$/.test(path) ? Lang.TypeScript : Lang.Tsx;
}

/**
 * The first place that is really wrong. A bare `&` in the text of an element (`Terms & Privacy`) or of an attribute is
 * none, though the grammar has no rule for it, nor is a member of an interface that is called like a keyword: TypeScript
 * and every bundler accept them, and the tree around is sound.
 */
function firstError(root: SgNode): SgNode | null {
  if (root.find(errorKind) === null) return null;
  return (
    root.findAll(errorKind).find((error) => {
      const around = String(error.parent()?.kind());
      const text = error.text();
      if (/^&[^<>{}]*$/.test(text) && /^(?:jsx_(?:element|fragment)|string)$/.test(around)) return false;
      return !(/^(?:interface_body|object_type)$/.test(around) && /^\w+\??\s*:[^{}();]*[;,]?$/.test(text));
    }) ?? null
  );
}

/**
 * One file, shared by all rules. It is parsed when a rule first looks into it: half of the code of an app holds no word
 * that a rule starts from, and costs no more than the search for one. A Prisma schema has no tree; the rule that reads
 * it works on its text.
 */
export class Source {
  readonly path: string;
  /** The code: for a component file its scripts and expressions, each at its own offset, and blanks between them. */
  readonly text: string;
  /** The file as it stands. */
  readonly written: string;
  readonly component: Component | null;
  readonly root: SyntaxNode;
  #tree: SgNode | null = null;
  #errorAt: number | null | undefined;

  constructor(path: string, text: string) {
    this.path = path;
    this.written = text;
    this.component = isComponent(path) ? readComponent(path, text) : null;
    this.text = this.component?.text ?? text;
    this.root = new SyntaxNode(this, null, rootKindOf(path), null);
  }

  /** The parser's root node; null for a file that has no tree. */
  get tree(): SgNode | null {
    if (this.#tree === null && this.root.kind === 'program') this.#tree = this.#parse();
    return this.#tree;
  }

  get isParsed(): boolean {
    return this.#tree !== null;
  }

  /** Offset of the first place that the grammar could not read; null when the file is sound. */
  get errorAt(): number | null {
    if (this.#errorAt === undefined) {
      const error = this.tree === null ? null : firstError(this.tree);
      this.#errorAt = error?.range().start.index ?? null;
    }
    return this.#errorAt;
  }

  #parse(): SgNode {
    const language = this.component?.typescript ? Lang.TypeScript : languageOf(this.path);
    const tree = parse(language, legible(this.text)).root();
    if (!/\.[cm]?js$/.test(this.path) || firstError(tree) === null) return tree;
    // A few things are JavaScript and not TSX (`a<b>(c)` as two comparisons); give the file its own grammar.
    const plain = parse(Lang.JavaScript, this.text).root();
    return firstError(plain) === null ? plain : tree;
  }
}

/** What the grammar does not know yet (`export type *`, `f<typeof import('a')>()`), as something as long that means the same. */
const legible = (text: string): string =>
  text
    .replace(/\bexport type(?= ?\*)/g, 'export     ')
    .replace(
      /\btypeof (import ?\( ?['"][^'"\n]*['"] ?\))/g,
      (_, module: string) => `typeof ${module.replace(/[^\w]/g, '_')}`,
    );

/** Prisma schemas and SQL have no tree here: the rules that read them work on their text. */
function rootKindOf(path: string): string {
  if (path.endsWith('.prisma')) return 'prisma';
  return path.endsWith('.sql') ? 'sql' : 'program';
}

/** One text as a source; what edits and previews look at. */
export async function parseSource(path: string, text: string): Promise<Source> {
  return new Source(path, text);
}

/** The deepest node that covers an offset, below one that does. Inside a comment or between tokens that is the node around it. */
export function nodeAt(source: Source, offset: number, within: SyntaxNode = source.root): SyntaxNode {
  let node = within;
  for (;;) {
    const found = childAt(node.children, offset);
    if (found === null) return node;
    node = found;
  }
}

/** The one of several neighbours that covers an offset. */
export function childAt(children: readonly SyntaxNode[], offset: number): SyntaxNode | null {
  let low = 0;
  let high = children.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const child = children[middle];
    if (child === undefined) return null;
    if (offset < child.start) high = middle - 1;
    else if (offset >= child.end) low = middle + 1;
    else return child;
  }
  return null;
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

/** A call; its arguments are built when they are asked for, since most calls of a chain are told by their names. */
export class Call {
  readonly callee: SyntaxNode;
  readonly list: SyntaxNode;

  constructor(callee: SyntaxNode, list: SyntaxNode) {
    this.callee = callee;
    this.list = list;
  }

  get args(): readonly SyntaxNode[] {
    return this.list.children;
  }
}

/** The callee and the arguments of a call. */
export function callOf(node: SyntaxNode): Call | null {
  if (node.kind !== 'call_expression' && node.kind !== 'new_expression') return null;
  const callee = node.child(0);
  const list = node.childOfKind('arguments');
  return callee && list ? new Call(callee, list) : null;
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
