import type { AuthFile, Workspace } from '../project.ts';
import { isRequestParameter, registeredAs } from './flow.ts';
import { originsOf } from './origins.ts';
import type { RuleContext } from './rule.ts';
import { declarationIn, escapeRegExp, functionName, parametersOf, placesOf, referencesOf } from './scope.ts';
import { callOf, functionAround, isFunction, memberOf, type Source, type SyntaxNode, wrapped } from './syntax.ts';
import type { Helpers, TextEdit } from './types.ts';

/** The request that is in scope at a node, by its name; null in a job, a service or a component. */
export function requestInScope(node: SyntaxNode): { readonly name: string; readonly fn: SyntaxNode } | null {
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) {
    const parameters = parametersOf(fn);
    for (let index = 0; index < parameters.length; index += 1) {
      const pattern = parameters[index]?.pattern;
      if (pattern?.kind === 'identifier' && isRequestParameter(fn, index)) return { name: pattern.text, fn };
    }
  }
  return null;
}

/** The import that a fix needs, in the style of the file; none when it is there. */
export function importEdits(source: Source, helpers: Helpers, name: string): readonly TextEdit[] | null {
  const specifier = helpers.importPath(source.path);
  if (specifier === null) return null;
  const { text } = source;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  let after: SyntaxNode | null = null;
  let usesRequire = false;
  let quote = "'";
  let semicolon = true;
  for (const statement of source.root.children) {
    if (statement.kind === 'import_statement') {
      after = statement;
      const module = statement.childOfKind('string');
      if (module) quote = module.text[0] ?? quote;
      semicolon = statement.text.endsWith(';');
      if (module?.text.slice(1, -1) === specifier) {
        const named = statement.childOfKind('import_clause')?.childOfKind('named_imports');
        if (named?.children.some((child) => child.child(0)?.text === name && child.children.length === 1)) return [];
        const last = named?.child(-1);
        if (last && !/^import\s+type\b/.test(statement.text))
          return [{ start: last.end, end: last.end, text: `, ${name}` }];
      }
    } else if (/^(?:const|let|var)\s[^=]+=\s*require\(/.test(statement.text)) {
      usesRequire = true;
      if (new RegExp(`[{,\\s]${name}[\\s,}].*require\\(`).test(statement.text)) return [];
      if (after === null || after.kind !== 'import_statement') after = statement;
      quote = statement.text.includes('"') ? '"' : "'";
      semicolon = statement.text.endsWith(';');
    }
  }
  const end = semicolon ? ';' : '';
  const commonJs = usesRequire && !source.root.children.some((statement) => statement.kind === 'import_statement');
  const line = commonJs
    ? `const { ${name} } = require(${quote}${specifier}${quote})${end}`
    : `import { ${name} } from ${quote}${specifier}${quote}${end}`;
  if (after !== null) return [{ start: after.end, end: after.end, text: `${newline}${line}` }];
  // In a component file the first statement may be one of the template.
  if (source.component !== null) return null;
  const first = source.root.children[0];
  // Directives ('use strict') and a hash-bang stay first.
  const at =
    first && first.kind === 'expression_statement' && first.child(0)?.kind === 'string'
      ? first.end
      : (first?.start ?? text.length);
  return at === first?.end
    ? [{ start: at, end: at, text: `${newline}${line}` }]
    : [{ start: at, end: at, text: `${line}${newline}${newline}` }];
}

/** Whether a handler only runs for an authenticated caller, as far as its own file and the mounts of its router show. */
export function authOf(fn: SyntaxNode, context: RuleContext): 'yes' | 'unknown' {
  if (placesOf(fn.source, /\b(?:user|org|org_id|orgId|auth)\b(?<=\.\s*\w+)/g, fn).some((node) => readsAuth(node)))
    return 'yes';
  const route = registeredAs(fn);
  const known = authenticates(context.workspace);
  if (route) {
    const { before, router } = route;
    if (before.some((argument) => known(argument.text))) return 'yes';
    const used = placesOf(fn.source, new RegExp(`\\b${router.replace(/\W/g, '\\$&')}\\s*\\.\\s*use\\s*\\(`, 'g'));
    for (const place of used) {
      let call: SyntaxNode | null = place;
      while (call !== null && call.kind !== 'call_expression') call = call.parent;
      if (call && call.start < route.call.start && known(call.text.slice(0, 400))) return 'yes';
    }
  }
  if (route === null && isHandedTo(fn, known)) return 'yes';
  if (route === null && (usesGuard(fn.source, known) || allRoutesGuarded(fn.source, known))) return 'yes';
  const { authenticatedFiles } = context.workspace;
  const { path } = fn.source;
  return authenticatedFiles.has(path) || authenticatedFiles.has(`${path}#${functionName(fn)}`) ? 'yes' : 'unknown';
}

/** `export default withAuth(async (req, res) => …)`, also where the handler is declared apart. */
function isHandedTo(fn: SyntaxNode, known: (text: string) => boolean): boolean {
  const name = fn.parent?.kind === 'arguments' ? null : functionName(fn);
  const binding = name === null ? null : declarationIn(fn.source.root, name);
  const places = fn.parent?.kind === 'arguments' ? [fn] : binding === null ? [] : referencesOf(binding);
  return (
    places.length > 0 &&
    places.every(({ parent }) => {
      const call = parent?.kind === 'arguments' && parent.parent !== null ? callOf(parent.parent) : null;
      return call !== null && memberOf(call.callee) === null && known(call.callee.text);
    })
  );
}

const guards = new WeakMap<readonly AuthFile[], (text: string) => boolean>();

/** Tells whether a text names a middleware that authenticates. */
function authenticates({ auth }: Workspace): (text: string) => boolean {
  let known = guards.get(auth);
  if (known === undefined) {
    // What lets a caller through without a token does not authenticate.
    const names = new Set(auth.flatMap((file) => file.exports).filter((name) => !/optional|maybe/i.test(name)));
    const own = [...names].map((name) => `(?<![\\w$])${escapeRegExp(name)}(?![\\w$])`);
    const usual = [
      '\\b(?:require|ensure|is)(?:Auth|User|Login|Session)\\w*\\b',
      '\\bauthenticate\\w*\\b',
      '\\bauthMiddleware\\b',
      '\\bprotect\\b',
    ];
    const pattern = new RegExp([...own, ...usual].join('|'));
    known = (text) => pattern.test(text);
    guards.set(auth, known);
  }
  return known;
}

/** `req.user.orgId`, without `?.`: the handler counts on a user. With `?.` it also runs for nobody. */
function readsAuth(node: SyntaxNode): boolean {
  if (node.kind !== 'property_identifier' || node.parent?.kind !== 'member_expression') return false;
  const user = node.parent;
  if (!originsOf(user).some((origin) => origin.kind === 'auth')) return false;
  const value = wrapped(user);
  const parent = value.parent;
  if (parent?.kind === 'member_expression' && parent.child(0) === value) {
    return (
      !parent.source.text.slice(value.end, parent.end).trimStart().startsWith('?.') && !isGuarded(parent, user.text)
    );
  }
  // const { orgId } = req.user!
  return (
    parent?.kind === 'variable_declarator' &&
    parent.child(0)?.kind === 'object_pattern' &&
    !/\?\?|\|\|/.test(parent.text)
  );
}

/** `if (req.user?.orgId) use(req.user.orgId)`: it is tested first. */
function isGuarded(node: SyntaxNode, user: string): boolean {
  for (let at: SyntaxNode | null = node; at !== null && !isFunction(at); at = at.parent) {
    if (at.kind === 'if_statement' && (at.child(0)?.text ?? '').includes(user)) return true;
    if (
      (at.kind === 'ternary_expression' || at.kind === 'binary_expression') &&
      at.child(0)?.text.includes(user) &&
      !at.child(0)?.contains(node)
    )
      return true;
  }
  return false;
}

/** `router.use(requireAuth)` in the file of a helper. */
function usesGuard(source: Source, known: (text: string) => boolean): boolean {
  return placesOf(source, /\buse(?<=\.\s*use)(?=\s*\()/g).some((place) => {
    const first = place.above('call_expression')?.childOfKind('arguments')?.child(0);
    return first?.kind === 'identifier' && known(first.text);
  });
}

/** Every route of a file is guarded one by one; what its helpers do is then done for a user. */
function allRoutesGuarded(source: Source, known: (text: string) => boolean): boolean {
  let routes = 0;
  for (const place of placesOf(
    source,
    /\b(?:get|post|put|patch|delete)(?<=\b\w*(?:router|app|Router)\s*\.\s*\w+)(?=\s*\(\s*['"`])/g,
  )) {
    const call = place.above('call_expression');
    const handlers = call?.childOfKind('arguments')?.children.slice(1, -1) ?? [];
    if (!handlers.some((handler) => known(handler.text))) return false;
    routes += 1;
  }
  return routes > 0;
}

/** The start of a line's indentation and the indentation itself. */
export function indentAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(start, offset))?.[0] ?? '';
}

/** The statement around a node. */
export function statementAround(node: SyntaxNode): SyntaxNode {
  let at = node;
  while (at.parent !== null && !/^(?:statement_block|program|switch_case|switch_default)$/.test(at.parent.kind))
    at = at.parent;
  return at;
}
