import { authOf } from '../../../src/workspace/scan/fixes.ts';
import { routeCallOf } from '../../../src/workspace/scan/flow.ts';
import type { RuleContext } from '../../../src/workspace/scan/rule.ts';
import { functionName, parametersOf } from '../../../src/workspace/scan/scope.ts';
import { callOf, functionAround, type SyntaxNode } from '../../../src/workspace/scan/syntax.ts';
import type { TextEdit } from '../../../src/workspace/scan/types.ts';
import { descendants } from '../../code/nodes.ts';

/** The functions around a place, from the inside. */
export function functionsAround(node: SyntaxNode): readonly SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) found.push(fn);
  return found;
}

/** A handler that is registered under a path, with the call that registers it and its place among the arguments. */
export type Route = { readonly fn: SyntaxNode; readonly call: SyntaxNode; readonly handler: SyntaxNode };

/** The route around a place: `app.get('/x', …, fn)`, also where the function is declared apart in the same file. */
export function routeAround(node: SyntaxNode): Route | null {
  for (const fn of functionsAround(node)) {
    const call = routeCallOf(fn);
    const handler = call && callOf(call)?.args.find((one) => one.contains(fn));
    if (call && handler) return { fn, call, handler };
    const name = functionName(fn);
    if (name === null) continue;
    for (const other of descendants(fn.source.root, 'call_expression')) {
      const last = callOf(other)?.args.at(-1);
      if (
        last?.text !== name ||
        !/\.\s*(?:get|post|put|patch|delete|all|options|head)$/.test(callOf(other)?.callee.text ?? '')
      )
        continue;
      return { fn, call: other, handler: last };
    }
  }
  return null;
}

/** The name of a function's parameter; null where it is a pattern or is not there. */
export function parameterName(fn: SyntaxNode, index = 0): string | null {
  const pattern = parametersOf(fn)[index]?.pattern;
  return pattern?.kind === 'identifier' ? pattern.text : null;
}

/**
 * How a function gets a property of its first parameter: through its name, or by a name in its pattern, which is put
 * there where it is missing. Null where the pattern takes the property apart.
 */
export function propertyOf(
  fn: SyntaxNode,
  property: string,
): { readonly text: string; readonly edits: readonly TextEdit[] } | null {
  const pattern = parametersOf(fn)[0]?.pattern;
  if (pattern === undefined) return null;
  if (pattern.kind === 'identifier') return { text: `${pattern.text}.${property}`, edits: [] };
  if (pattern.kind !== 'object_pattern') return null;
  for (const part of pattern.children) {
    if (part.kind === 'shorthand_property_identifier_pattern' && part.text === property)
      return { text: property, edits: [] };
    if (part.kind === 'pair_pattern' && part.child(0)?.text === property) {
      const value = part.child(1);
      if (value?.kind === 'identifier') return { text: value.text, edits: [] };
    }
    if (part.kind === 'object_assignment_pattern' && part.text.startsWith(property)) return null;
  }
  const [first] = pattern.children;
  const edit =
    first === undefined
      ? { start: pattern.start + 1, end: pattern.end - 1, text: ` ${property} ` }
      : { start: first.start, end: first.start, text: `${property}, ` };
  return { text: property, edits: [edit] };
}

/** A function that says itself that it waits. */
export const isAsync = (fn: SyntaxNode): boolean => /^(?:export\s+)?(?:default\s+)?async\b/.test(fn.text.trimStart());

/** Whether a function is exported under one of these names, or stands in an object of that name. */
export function isHandlerNamed(fn: SyntaxNode, names: RegExp, holder: RegExp): boolean {
  if (names.test(functionName(fn) ?? '')) return true;
  const pair = fn.kind === 'method_definition' ? fn : fn.parent?.kind === 'pair' ? fn.parent : null;
  let at = pair?.parent ?? null;
  while (at !== null && /^(?:object|satisfies_expression|as_expression)$/.test(at.kind)) at = at.parent;
  return at?.kind === 'variable_declarator' && holder.test(at.child(0)?.text ?? '');
}

const asks = new RegExp(
  [
    String.raw`\.auth\s*\.\s*(?:getUser|getClaims|getSession)\s*\(`,
    String.raw`\b(?:require|get|ensure|current|verify|validate)(?:Auth|User|Session|Claims|Login|Token)\w*\s*\(`,
    String.raw`\bgetServerSession\b|\bsafeGetSession\b`,
    // What an earlier handler knows of the caller.
    String.raw`\blocals\.(?:user|session|claims|auth)\b|\bctx\.(?:state\.)?(?:user|session|auth|claims)\b`,
    String.raw`\b(?:locals|ctx|context)\s*:\s*\{[^{}]*\b(?:user|session|claims)\b|\{[^{}]*\b(?:user|session|claims)\b[^{}]*\}\s*=\s*(?:event\.)?locals\b`,
    String.raw`\breq(?:uest)?\.(?:user|auth|session|jwtVerify)\b`,
    String.raw`\bc(?:tx)?\.(?:get\(\s*|var\.)['"]?(?:user|session|auth|jwtPayload|claims|userId)`,
  ].join('|'),
);

/** Whether a handler is for callers who are signed in: it reads who they are, or something in front of it does. */
export function isForUsers(fn: SyntaxNode, context: RuleContext): boolean {
  if (asks.test(fn.text) || authOf(fn, context) === 'yes') return true;
  const route = routeAround(fn);
  const names = context.workspace.auth
    .flatMap(({ exports }) => exports)
    .filter((name) => !/optional|maybe/i.test(name));
  const before = route === null ? [] : (callOf(route.call)?.args.slice(1) ?? []).filter((one) => one !== route.handler);
  return before.some((one) => names.some((name) => new RegExp(`(?<![\\w$])${name}(?![\\w$])`).test(one.text)));
}

/** A middleware in front of the handler of a route, behind those that are there. */
export function inFront({ call, handler }: Route, name: string): readonly TextEdit[] {
  const there = callOf(call)?.args.some((one) => one.text === name) ?? false;
  return there ? [] : [{ start: handler.start, end: handler.start, text: `${name}, ` }];
}

/** `app.get('/calls')`, for words. */
export const routeWords = ({ call }: Route): string => {
  const [path] = callOf(call)?.args ?? [];
  return `${callOf(call)?.callee.text ?? ''}(${path?.text ?? ''})`.replace(/\s+/g, ' ').slice(-80);
};
