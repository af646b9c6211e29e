import { bindingOf, declarationIn, returnsOf } from '../scan/scope.ts';
import {
  callOf,
  isFunction,
  keyName,
  memberOf,
  type Source,
  type SyntaxNode,
  stringValue,
  unwrap,
} from '../scan/syntax.ts';

/** The sources of one program, and how its modules name each other. */
export type Program = {
  readonly sources: ReadonlyMap<string, Source>;
  readonly resolve: (from: string, specifier: string) => string | null;
};

/** What a parameter stands for, where a function is followed into: `registerRoutes(app)`. */
export type Given = ReadonlyMap<SyntaxNode, SyntaxNode>;

/** How far a value is followed through names, calls and files. */
const far = 12;

/**
 * The expression or declaration that a value comes down to, through names, imports, barrels, `require` and functions of
 * the app that make it. Null where it comes from a package, or is not to be told.
 */
export function meaningOf(node: SyntaxNode, program: Program, given: Given = new Map(), left = far): SyntaxNode | null {
  const inner = unwrap(node);
  if (left === 0) return null;
  if (inner.kind === 'identifier' || inner.kind === 'shorthand_property_identifier') {
    const binding = bindingOf(inner);
    if (binding === null) return null;
    const handed = given.get(binding.node);
    if (handed !== undefined) return meaningOf(handed, program, given, left - 1);
    if (binding.imported !== null)
      return exportedBy(inner.source.path, binding.imported.module, binding.imported.name, program, left - 1);
    if (binding.init === null) return null;
    if (isFunction(binding.init) || binding.kind === 'class') return binding.init;
    const made = meaningOf(binding.init, program, given, left - 1);
    return binding.path.reduce<SyntaxNode | null>((at, key) => at && propertyOf(at, key, program, left - 1), made);
  }
  const member = memberOf(inner);
  if (member !== null) {
    const namespace = bindingOf(unwrap(member.object))?.imported;
    if (namespace?.name === '*') return exportedBy(inner.source.path, namespace.module, member.name, program, left - 1);
    const object = meaningOf(member.object, program, given, left - 1);
    return object === null ? null : propertyOf(object, member.name, program, left - 1);
  }
  const call = callOf(inner);
  if (call === null) return inner;
  const module =
    call.callee.text === 'require' || call.callee.kind === 'import' ? stringValue(call.args[0] ?? null) : null;
  if (module !== null) return exportedBy(inner.source.path, module, 'default', program, left - 1);
  const fn = meaningOf(call.callee, program, given, left - 1);
  if (fn === null || !isFunction(fn)) return inner;
  const result = returnsOf(fn).at(-1);
  return result === undefined ? inner : meaningOf(result, program, given, left - 1);
}

function propertyOf(object: SyntaxNode, name: string, program: Program, left: number): SyntaxNode | null {
  if (object.kind !== 'object') return null;
  for (const one of object.children) {
    if (one.kind === 'pair' && keyName(one.child(0)) === name)
      return meaningOf(one.child(1) ?? one, program, new Map(), left);
    if (one.kind === 'shorthand_property_identifier' && one.text === name)
      return meaningOf(one, program, new Map(), left);
  }
  return null;
}

/** What a module gives under a name; `default` is also the whole of a CommonJS module. */
function exportedBy(from: string, module: string, name: string, program: Program, left: number): SyntaxNode | null {
  const file = program.resolve(from, module);
  const source = file === null ? undefined : program.sources.get(file);
  return source === undefined || left <= 0 ? null : exportOf(source, name, program, left);
}

function exportOf(source: Source, name: string, program: Program, left: number): SyntaxNode | null {
  const follow = (node: SyntaxNode | null): SyntaxNode | null =>
    node === null ? null : isFunction(node) ? node : meaningOf(node, program, new Map(), left - 1);
  let whole: SyntaxNode | null = null;
  const behind: string[] = [];
  for (const statement of source.root.children) {
    if (statement.kind === 'export_statement') {
      const module = stringValue(statement.childOfKind('string'));
      const clause = statement.childOfKind('export_clause');
      for (const part of clause?.children ?? []) {
        const [local, exported = local] = part.children;
        if (local === undefined || exported?.text !== name) continue;
        return module === null ? follow(local) : exportedBy(source.path, module, local.text, program, left - 1);
      }
      if (clause === null && module !== null) behind.push(module);
      if (name === 'default' && /^export\s+default\b/.test(statement.text)) return follow(statement.child(-1));
    }
    const assigned = statement.kind === 'expression_statement' ? statement.child(0) : null;
    if (assigned?.kind !== 'assignment_expression') continue;
    const [target, value] = assigned.children;
    if (!target || !value) continue;
    if (target.text === `exports.${name}` || target.text === `module.exports.${name}`) return follow(value);
    if (target.text === 'module.exports') whole = value;
  }
  if (whole !== null) {
    const all = follow(whole);
    return name === 'default' ? all : all && propertyOf(all, name, program, left - 1);
  }
  const declared = declarationIn(source.root, name);
  if (declared !== null) return follow(declared.node);
  for (const module of behind) {
    const found = exportedBy(source.path, module, name, program, left - 1);
    if (found !== null) return found;
  }
  return null;
}

/** The text of a path, also through constants and templates of them; null where it is not to be told. */
export function textOf(node: SyntaxNode, program: Program): string | null {
  const value = meaningOf(node, program);
  if (value === null) return null;
  if (value.kind === 'string') return stringValue(value);
  if (value.kind !== 'template_string') return null;
  let text = '';
  for (const part of value.children) {
    const inner = part.kind === 'template_substitution' ? part.child(0) : null;
    const piece = inner === null ? part.text : textOf(inner, program);
    if (piece === null) return null;
    text += piece;
  }
  return text;
}
