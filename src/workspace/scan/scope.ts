import { type Binding, bindPattern, blank, declare } from './declarations.ts';
import {
  childAt,
  firstAtOrAfter,
  isFunction,
  keyName,
  memberOf,
  nodeAt,
  type Source,
  type SyntaxNode,
  stringValue,
  unwrap,
} from './syntax.ts';
import { offsetsOf, offsetsOfMatches } from './words.ts';

export type { Binding };

const scopeKinds = new Set([
  'statement_block',
  'program',
  'for_in_statement',
  'for_statement',
  'catch_clause',
  'switch_case',
  'switch_default',
  'class_static_block',
]);
const tables = new WeakMap<SyntaxNode, ReadonlyMap<string, Binding>>();

/** The declaration that an identifier refers to; null for globals. */
export function bindingOf(identifier: SyntaxNode): Binding | null {
  const known = bindings.get(identifier);
  if (known !== undefined) return known;
  const found = lookUp(identifier);
  bindings.set(identifier, found);
  return found;
}

const bindings = new WeakMap<SyntaxNode, Binding | null>();

function lookUp(identifier: SyntaxNode): Binding | null {
  const name = identifier.text;
  for (let node = identifier.parent; node !== null; node = node.parent) {
    if (!scopeKinds.has(node.kind) && !isFunction(node)) continue;
    const binding = declarationIn(node, name);
    if (binding) return binding;
  }
  return null;
}

/** What a scope declares under a name. Only statements that hold the word are looked into. */
export function declarationIn(scope: SyntaxNode, name: string): Binding | null {
  const all = tables.get(scope);
  if (all !== undefined) return all.get(name) ?? null;
  if (isFunction(scope) || scope.kind === 'catch_clause' || scope.kind === 'for_in_statement') {
    return declarationsIn(scope).get(name) ?? null;
  }
  const { children, source } = scope;
  const offsets = offsetsOf(source, name);
  let at = firstAtOrAfter(offsets, scope.start);
  while (at < offsets.length) {
    const offset = offsets[at] ?? 0;
    if (offset >= scope.end) return null;
    const statement = childAt(children, offset);
    const binding = statement && declaredIn(statement, scope).find((one) => one.name === name);
    if (binding) return binding;
    // Further words of the same statement say nothing new.
    at = statement ? firstAtOrAfter(offsets, statement.end) : at + 1;
  }
  return null;
}

/** The declarations of one statement of a scope. */
function declaredIn(statement: SyntaxNode, scope: SyntaxNode): readonly Binding[] {
  let found = statements.get(statement);
  if (found === undefined) {
    const list: Binding[] = [];
    declare(statement, scope, (binding) => list.push(binding));
    found = list;
    statements.set(statement, found);
  }
  return found;
}

const statements = new WeakMap<SyntaxNode, readonly Binding[]>();

/** The binding that an identifier declares. */
export function declaredBy(identifier: SyntaxNode): Binding | null {
  const binding = bindingOf(identifier);
  return binding !== null && binding.node === identifier ? binding : null;
}

export function declarationsIn(scope: SyntaxNode): ReadonlyMap<string, Binding> {
  let table = tables.get(scope);
  if (table === undefined) {
    table = collect(scope);
    tables.set(scope, table);
  }
  return table;
}

function collect(scope: SyntaxNode): ReadonlyMap<string, Binding> {
  const found = new Map<string, Binding>();
  const add = (binding: Binding): void => {
    if (!found.has(binding.name)) found.set(binding.name, binding);
  };
  if (isFunction(scope)) {
    parametersOf(scope).forEach((parameter, index) => {
      const seed = { kind: 'parameter' as const, scope, parameter: { fn: scope, index } };
      bindPattern(parameter.pattern, { ...blank, ...seed, fallback: parameter.fallback }, add);
    });
    return found;
  }
  if (scope.kind === 'catch_clause') {
    const parameter = scope.child(0);
    if (parameter && parameter.kind !== 'statement_block')
      bindPattern(parameter, { ...blank, kind: 'catch', scope }, add);
    return found;
  }
  if (scope.kind === 'for_in_statement') {
    const [left, right] = scope.children;
    if (left && right) bindPattern(left, { ...blank, kind: 'loop', scope, init: right, path: ['*'] }, add);
    return found;
  }
  for (const statement of scope.children) declaredIn(statement, scope).forEach(add);
  return found;
}

/** What a name stands for in another module: that of an import, or of `const { load } = require('./calls')`. */
export function importedBy(binding: Binding): Binding['imported'] {
  if (binding.imported !== null || binding.init === null) return binding.imported;
  const call = /^\s*(?:await\s+)?(?:require|import)\s*\(/.test(binding.init.text.slice(0, 40))
    ? unwrap(binding.init)
    : null;
  const module = call?.kind === 'call_expression' ? stringValue(call.childOfKind('arguments')?.child(0) ?? null) : null;
  return module === null ? null : { module, name: binding.path[0] ?? '*' };
}

type Parameter = { readonly pattern: SyntaxNode; readonly type: string; readonly fallback: SyntaxNode | null };

/** The parameters of a function: the pattern, its type and its default. */
export function parametersOf(fn: SyntaxNode): readonly Parameter[] {
  let known = parameters.get(fn);
  if (known === undefined) {
    known = parametersIn(fn);
    parameters.set(fn, known);
  }
  return known;
}

const parameters = new WeakMap<SyntaxNode, readonly Parameter[]>();

function parametersIn(fn: SyntaxNode): readonly Parameter[] {
  const list = fn.childOfKind('formal_parameters');
  if (list === null) {
    const only = fn.kind === 'arrow_function' ? fn.child(0) : null;
    return only?.kind === 'identifier' ? [{ pattern: only, type: '', fallback: null }] : [];
  }
  return list.children.flatMap((parameter) => {
    if (parameter.kind !== 'required_parameter' && parameter.kind !== 'optional_parameter') {
      return patternKinds.has(parameter.kind) ? [{ pattern: parameter, type: '', fallback: null }] : [];
    }
    const pattern = parameter.children.find((child) => patternKinds.has(child.kind));
    if (!pattern) return [];
    const type = parameter.childOfKind('type_annotation')?.text.replace(/^:\s*/, '') ?? '';
    const last = parameter.child(-1);
    const fallback = last && last !== pattern && last.kind !== 'type_annotation' ? last : null;
    return [{ pattern, type, fallback }];
  });
}
const patternKinds = new Set([
  'identifier',
  'object_pattern',
  'array_pattern',
  'rest_pattern',
  'assignment_pattern',
  'this',
]);

/** The body of a function: a block, or the expression of an arrow. */
export function bodyOf(fn: SyntaxNode): SyntaxNode | null {
  return fn.child(-1);
}

/** The name by which a function is called: its own, its variable's, or its property's. */
export function functionName(fn: SyntaxNode): string | null {
  if (fn.kind === 'method_definition')
    return keyName(fn.children.find((child) => child.kind.endsWith('identifier')) ?? null);
  const own = fn.kind === 'arrow_function' ? null : fn.childOfKind('identifier');
  if (own) return own.text;
  const parent = fn.parent;
  if (parent?.kind === 'variable_declarator' || parent?.kind === 'pair') return keyName(parent.child(0));
  if (parent?.kind === 'assignment_expression') {
    const left = parent.child(0);
    return left ? (memberOf(left)?.name ?? left.text) : null;
  }
  if (parent?.kind === 'public_field_definition') return keyName(parent.childOfKind('property_identifier'));
  return null;
}

/** Every use of a binding but its declaration, in order. Found by text, then confirmed in the tree. */
export function referencesOf(binding: Binding): readonly SyntaxNode[] {
  let known = references.get(binding);
  if (known === undefined) {
    known = referencesWhere(binding, () => true);
    references.set(binding, known);
  }
  return known;
}

function referencesWhere(binding: Binding, accepts: (text: string, end: number) => boolean): readonly SyntaxNode[] {
  const { scope, name } = binding;
  const { source } = scope;
  const offsets = offsetsOf(source, name);
  const found: SyntaxNode[] = [];
  for (let at = firstAtOrAfter(offsets, scope.start); at < offsets.length; at += 1) {
    const offset = offsets[at] ?? 0;
    if (offset >= scope.end) break;
    const end = offset + name.length;
    if (isNoIdentifier(source.text, offset, end) || !accepts(source.text, end)) continue;
    const node = nodeAt(source, offset, scope);
    if (
      node !== binding.node &&
      (node.kind === 'identifier' ||
        node.kind === 'shorthand_property_identifier' ||
        node.kind === 'shorthand_property_identifier_pattern') &&
      node.text === name &&
      bindingOf(node)?.node === binding.node
    )
      found.push(node);
  }
  return found;
}

const references = new WeakMap<Binding, readonly SyntaxNode[]>();

/** `.name` and `'name'` are told by their neighbours, without a walk down the tree. `...name` is a use. */
function isNoIdentifier(text: string, start: number, end: number): boolean {
  const before = text[start - 1];
  if (before === '.') return text[start - 2] !== '.';
  return (before === "'" || before === '"') && text[end] === before;
}

/** What is assigned to a binding after its declaration: `x = y`, `x ||= y`. */
export function assignmentsTo(binding: Binding): readonly Assignment[] {
  if (binding.kind === 'import' || binding.kind === 'function' || binding.kind === 'class') return [];
  const known = assignments.get(binding);
  if (known !== undefined) return known;
  const found = referencesWhere(binding, mayBeAssigned).flatMap((reference) => {
    const parent = reference.parent;
    if (parent === null || parent.child(0) !== reference) return [];
    if (parent.kind !== 'assignment_expression' && parent.kind !== 'augmented_assignment_expression') return [];
    const value = parent.child(1);
    return value ? [{ node: parent, value }] : [];
  });
  assignments.set(binding, found);
  return found;
}

type Assignment = { readonly node: SyntaxNode; readonly value: SyntaxNode };
const assignments = new WeakMap<Binding, readonly Assignment[]>();

/** An `=` behind the name, or a comment that may hide one. */
const assigns = /\s*(?:[-+*/%&|^?<>]{0,3}=(?![=>])|\/[/*])/y;
function mayBeAssigned(text: string, end: number): boolean {
  assigns.lastIndex = end;
  return assigns.test(text);
}

/** The deepest nodes at the matches of a pattern, within a node. */
export function placesOf(source: Source, pattern: RegExp, within: SyntaxNode = source.root): readonly SyntaxNode[] {
  const whole = within.parent === null;
  return offsetsOfMatches(source.text, pattern, whole ? 0 : within.start, whole ? source.text.length : within.end).map(
    (offset) => nodeAt(source, offset, within),
  );
}

export function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** What a function gives back: the expressions of its `return`s, or the body of a short arrow. */
export function returnsOf(fn: SyntaxNode): readonly SyntaxNode[] {
  const body = bodyOf(fn);
  if (body === null) return [];
  if (body.kind !== 'statement_block') return [unwrap(body)];
  return placesOf(body.source, /(?<![\w$.])return(?![\w$])/g, body).flatMap((node) => {
    if (node.kind !== 'return_statement') return [];
    let around = node.parent;
    while (around !== null && !isFunction(around)) around = around.parent;
    const value = node.child(0);
    return around === fn && value ? [value] : [];
  });
}
