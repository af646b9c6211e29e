import { type Binding, declarationsIn, referencesOf } from '../../src/workspace/scan/scope.ts';
import { callOf, functionAround, isFunction, type SyntaxNode, unwrap } from '../../src/workspace/scan/syntax.ts';

/** What sends a person elsewhere: it must not happen while the organization is loading. */
const redirects =
  /\b(?:router|navigation|history)\s*\??\.\s*(?:push|replace)\s*\(|\b(?:navigate|redirect|permanentRedirect|signOut|logout)\s*\(|\blocation\s*(?:\.\s*(?:href|assign|replace))?\s*[=(]|<(?:Navigate|Redirect)\b/;

/** What the code of a component does with a value that is null until the session was read. */
export type NullUses = {
  /** Every use accepts null, or stands where it is not null, or in a function that can wait for it. */
  readonly accepted: boolean;
  /** Statements that send people elsewhere when there is no value: they have to wait for it. */
  readonly redirects: readonly SyntaxNode[];
  /** It is sent elsewhere in a shape that is not known, so that nothing can be put in front of it. */
  readonly unclear: boolean;
};

export function nullUsesOf(binding: Binding, component: SyntaxNode): NullUses {
  const uses = referencesOf(binding);
  const found = new Set<SyntaxNode>();
  let unclear = false;
  for (const use of uses) {
    const test = testAround(use, component);
    if (test === null || !redirects.test(test.text)) continue;
    if (test.kind === 'if_statement' && !redirects.test(test.child(0)?.text ?? '')) found.add(test);
    else unclear = true;
  }
  return {
    accepted: uses.every((use) => accepts(use, binding, component)),
    redirects: [...found],
    unclear,
  };
}

/** The statement or expression whose test a value is part of. */
function testAround(use: SyntaxNode, component: SyntaxNode): SyntaxNode | null {
  for (let at = use; at.parent !== null && at.parent !== component && !isFunction(at.parent); at = at.parent) {
    const { parent } = at;
    if (/^(?:if_statement|ternary_expression)$/.test(parent.kind) && parent.child(0) === at) return parent;
    if (parent.kind === 'binary_expression' && parent.child(0) === at && /^\s*(?:&&|\|\|)/.test(after(at))) {
      // Within the test of a statement it is the statement that counts.
      const outer = testAround(parent, component);
      return outer ?? parent;
    }
  }
  return null;
}

const after = (node: SyntaxNode): string => node.source.text.slice(node.end, node.end + 12);

function accepts(use: SyntaxNode, binding: Binding, component: SyntaxNode): boolean {
  const inner = innerFunctionOf(use, component);
  if (inner !== null && canWait(inner, binding)) return true;
  return leftBefore(use, binding.name, component) || toleratesNull(use, component, binding.name);
}

/** Where a value may be null: it is tested, shown, or put into a text. `name`: the test that makes it not null. */
export function toleratesNull(use: SyntaxNode, component: SyntaxNode, name = ''): boolean {
  for (let at = use; at.parent !== null && at !== component; at = at.parent) {
    const { parent } = at;
    switch (parent.kind) {
      case 'unary_expression':
      case 'template_substitution':
        return true;
      case 'parenthesized_expression':
        if (parent.parent?.kind === 'if_statement' && parent.parent.child(0) === parent) return true;
        break;
      case 'binary_expression': {
        const [left, right] = parent.children;
        if (left === at) return /^\s*(?:&&|\|\||\?\?|[!=]==?|\+)/.test(after(at));
        if (right === at && left && /^\s*(?:[!=]==?|\+)/.test(after(left))) return true;
        if (left && /^\s*&&/.test(after(left)) && holds(left, name)) return true;
        break;
      }
      case 'ternary_expression': {
        const [condition, yes] = parent.children;
        if (condition === at) return true;
        if (yes === at && condition && holds(condition, name)) return true;
        break;
      }
      case 'if_statement': {
        const [condition, yes] = parent.children;
        if (condition === at) return true;
        if (yes === at && condition && holds(unwrap(condition), name)) return true;
        break;
      }
      case 'jsx_expression': {
        const attribute = parent.parent;
        if (attribute?.kind !== 'jsx_attribute') return true;
        return /^(?:key|data-|aria-)/.test(attribute.text);
      }
      case 'array':
        if (isDependencies(parent)) return true;
        break;
      case 'arguments':
        return /^console\./.test(parent.parent?.child(0)?.text ?? '');
      default:
        break;
    }
    if (
      /^(?:pair|shorthand_property_identifier|variable_declarator|return_statement|spread_element)$/.test(parent.kind)
    )
      return false;
  }
  return false;
}

/** `orgId`, `orgId && ready`, `!!orgId`: true only with a value. */
function holds(condition: SyntaxNode, name: string): boolean {
  const parts = condition.text.split(/\s*&&\s*/).map((part) => part.replace(/^[(\s]+|[)\s]+$/g, ''));
  return !/\|\|/.test(condition.text) && parts.some((part) => part === name || part === `!!${name}`);
}

/** `if (!orgId) return …` in front of it in the same block of the component. */
function leftBefore(use: SyntaxNode, name: string, component: SyntaxNode): boolean {
  const body = component.childOfKind('statement_block');
  return (
    body?.children.some(
      (statement) =>
        statement.kind === 'if_statement' &&
        statement.end <= use.start &&
        statement.children.length === 2 &&
        /^(?:return_statement|statement_block)$/.test(statement.child(1)?.kind ?? '') &&
        /\breturn\b/.test(statement.child(1)?.text ?? '') &&
        !redirects.test(statement.text) &&
        unwrap(statement.child(0) ?? statement)
          .text.split(/\s*\|\|\s*/)
          .some((part) => part === `!${name}`),
    ) ?? false
  );
}

/** The outermost function in a component around a node. */
function innerFunctionOf(node: SyntaxNode, component: SyntaxNode): SyntaxNode | null {
  let inner: SyntaxNode | null = null;
  for (let fn = functionAround(node); fn !== null && fn !== component; fn = functionAround(fn)) inner = fn;
  return inner;
}

/** It tests the value, or can be made to return without it: see `guard`. */
function canWait(fn: SyntaxNode, binding: Binding): boolean {
  const body = fn.childOfKind('statement_block');
  if (body === null || fn.childOfKind('type_annotation') !== null) return false;
  if (declarationsIn(body).has(binding.name)) return false;
  if (new RegExp(`if\\s*\\(\\s*!\\s*${binding.name}\\b[^)]*\\)\\s*\\{?\\s*return\\b`).test(body.text)) return true;
  return referencesOf(binding).some((one) => body.contains(one) && isArgument(one, body));
}

/** The argument of a call in a function that can be made to return without it. */
export function isGuardable(node: SyntaxNode, component: SyntaxNode): boolean {
  const inner = innerFunctionOf(node, component);
  const body = inner?.childOfKind('statement_block');
  return !!inner && !!body && inner.childOfKind('type_annotation') === null && isArgument(node, body);
}

function isArgument(node: SyntaxNode, within: SyntaxNode): boolean {
  for (let at = node.parent; at !== null && at !== within; at = at.parent) if (at.kind === 'arguments') return true;
  return false;
}

/** `[orgId]` of `useEffect(() => …, [orgId])`. */
export function isDependencies(array: SyntaxNode): boolean {
  const call = array.parent?.parent ? callOf(array.parent.parent) : null;
  if (call === null || !/^(?:React\.)?use[A-Z]\w*$/.test(call.callee.text)) return false;
  const [first] = call.args;
  return call.args.length > 1 && call.args.at(-1) === array && first !== undefined && isFunction(first);
}
