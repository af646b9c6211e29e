import { goesElsewhere } from './elsewhere.ts';
import { objectUses } from './held-objects.ts';
import { keepsToUser } from './member-lookups.ts';
import { isLogCallee, isReplyCallee } from './names.ts';
import type { Origin } from './origin-of-path.ts';
import { originsOf, originsOfBinding } from './origins.ts';
import { partReadBy } from './request-readers.ts';
import { type Binding, bindingOf, declaredBy, referencesOf } from './scope.ts';
import {
  functionAround,
  functionKinds,
  memberOf,
  operatorOf,
  type SyntaxNode,
  stringValue,
  unwrap,
  wrapped,
} from './syntax.ts';

/** A place that reads a property: `a.orgId`, `a['x-org-id']`, `a.get('orgId')`, `const { orgId } = a`. */
export type PropertyRead = {
  readonly key: string;
  /** The expression or the identifier of the pattern. */
  readonly node: SyntaxNode;
  /** For a pattern: what it declares. */
  readonly binding: Binding | null;
  readonly origins: readonly Origin[];
};

/** The property read that a name or a string is part of; null where it is anything else. */
export function propertyReadAt(node: SyntaxNode): PropertyRead | null {
  const at = node.kind === 'string_fragment' ? node.parent : node;
  const parent = at?.parent;
  if (!at || !parent) return null;
  if (at.kind === 'property_identifier' && parent.kind === 'member_expression') return expressionRead(parent, at.text);
  if (at.kind === 'string') {
    const key = at.text.slice(1, -1);
    if (parent.kind === 'subscript_expression' && parent.child(1) === at) return expressionRead(parent, key);
    if (parent.kind === 'arguments' && parent.child(0) === at && parent.parent?.kind === 'call_expression') {
      const callee = parent.parent.child(0);
      const name = callee ? memberOf(callee)?.name : null;
      if (name && /^(?:get|getAll|header|param|query|cookie|getItem)$/.test(name))
        return expressionRead(parent.parent, key);
    }
    // `getHeader(event, 'x-org-id')`
    if (parent.kind === 'arguments' && parent.parent && partReadBy(parent.parent.child(0)?.text ?? '') !== null)
      return expressionRead(parent.parent, key);
    if (parent.kind === 'pair_pattern' && parent.child(0) === at) return patternRead(parent.child(1), key);
  }
  if (at.kind === 'shorthand_property_identifier_pattern') return patternRead(at, at.text);
  if (parent.kind === 'pair_pattern' && parent.child(0) === at) return patternRead(parent.child(1), at.text);
  return null;
}

function expressionRead(node: SyntaxNode, key: string): PropertyRead | null {
  const parent = node.parent;
  if (parent?.kind === 'assignment_expression' && parent.child(0) === node) return null;
  if (parent?.kind === 'unary_expression' && parent.text.startsWith('delete')) return null;
  return { key, node, binding: null, origins: originsOf(node) };
}

function patternRead(target: SyntaxNode | null, key: string): PropertyRead | null {
  if (target === null) return null;
  const identifier = target.kind === 'assignment_pattern' ? target.child(0) : target;
  if (identifier === null) return null;
  const binding = declaredBy(identifier);
  if (binding === null) return null;
  return { key, node: identifier, binding, origins: originsOfBinding(binding) };
}

/** What a value is kept in: the variable that it is declared in or assigned to, through `||`, casts and `String(…)`. */
export function holderOf(node: SyntaxNode): Binding | null {
  let at = wrapped(node);
  for (;;) {
    const parent: SyntaxNode | null = at.parent;
    if (parent === null) return null;
    if (parent.kind === 'binary_expression' && /^(?:\|\||\?\?)$/.test(operatorOf(parent))) at = wrapped(parent);
    else if (parent.kind === 'ternary_expression' && parent.child(0) !== at) at = wrapped(parent);
    else if (
      parent.kind === 'arguments' &&
      parent.child(0) === at &&
      (converts.test(parent.parent?.child(0)?.text ?? '') ||
        /\.(?:safeParse|parse)(?:Async)?$/.test(parent.parent?.child(0)?.text ?? ''))
    )
      at = wrapped(parent.parent ?? parent);
    else if (parent.kind === 'unary_expression' && /^\+/.test(parent.text)) at = wrapped(parent);
    // `${id}`, '' + id: the same as text. With anything beside it, it is a key or a path.
    else if (isAllOfTemplate(parent)) at = wrapped(parent.parent ?? parent);
    else if (isAsText(parent)) at = wrapped(parent);
    else if (
      parent.kind === 'member_expression' &&
      parent.child(0) === at &&
      /^(?:trim|toString|toLowerCase)$/.test(memberOf(parent)?.name ?? '') &&
      parent.parent
    )
      at = wrapped(parent.parent);
    // cookies().get('org_id')?.value
    else if (parent.kind === 'member_expression' && parent.child(0) === at && memberOf(parent)?.name === 'value')
      at = wrapped(parent);
    else if (parent.kind === 'variable_declarator') {
      const name = parent.child(0);
      return name?.kind === 'identifier' ? declaredBy(name) : null;
    } else if (parent.kind === 'assignment_expression' || parent.kind === 'augmented_assignment_expression') {
      const left = parent.child(0);
      return left?.kind === 'identifier' ? bindingOf(left) : null;
    } else return null;
  }
}

const isAllOfTemplate = (part: SyntaxNode): boolean =>
  part.kind === 'template_substitution' && part.parent?.text === `\`${part.text}\``;

const isAsText = (sum: SyntaxNode): boolean =>
  sum.kind === 'binary_expression' && operatorOf(sum) === '+' && sum.children.some((one) => stringValue(one) === '');

/** The same id in another type. */
export const converts = /^(?:String|decodeURIComponent|BigInt|(?:Number\.)?parse(?:Int|Float)|Number)$/;

/** `result.data` of what a schema has read: the value, where the name stands for the result of reading it. */
function readOut(reference: SyntaxNode): SyntaxNode {
  const parent = reference.parent;
  return parent !== null && parent.child(0) === reference && /^(?:data|output)$/.test(memberOf(parent)?.name ?? '')
    ? parent
    : reference;
}

/** `const filter = { org_id: asked }; query.match(filter)`: an object that holds the value is given to a function. */
const isHandedOn = (name: SyntaxNode): boolean =>
  objectUses(name).some((use) => use.parent?.kind === 'arguments' && isTenantUse(use));

/** Every place where a value is used: the variable's uses and those of its aliases, or the read itself. */
export function usesOf(read: { readonly node: SyntaxNode; readonly binding: Binding | null }): readonly SyntaxNode[] {
  const first = read.binding ?? holderOf(read.node);
  if (first === null) return [read.node];
  const seen = new Set<SyntaxNode>([first.node]);
  const queue = [first];
  const uses: SyntaxNode[] = [];
  for (let binding = queue.shift(); binding !== undefined && seen.size < 12; binding = queue.shift()) {
    for (const reference of referencesOf(binding)) {
      if (reference.parent?.kind === 'assignment_expression' && reference.parent.child(0) === reference) continue;
      const use = readOut(reference);
      uses.push(use);
      const alias = holderOf(use);
      if (alias !== null && !seen.has(alias.node)) {
        seen.add(alias.node);
        queue.push(alias);
      }
    }
  }
  return uses;
}

/**
 * Whether a use does anything with the org: a log, an answer, a test or a comparison does not, nor does a question for
 * the user's own rows.
 */
export function isTenantUse(use: SyntaxNode): boolean {
  if (keepsToUser(use) || goesElsewhere(use)) return false;
  let at = wrapped(use);
  for (let parent = at.parent; parent !== null; parent = at.parent) {
    switch (parent.kind) {
      case 'call_expression':
      case 'new_expression': {
        const callee = parent.child(0)?.text ?? '';
        if (parent.child(0) === at) return true;
        if (isLogCallee(callee) || isReplyCallee(callee)) return false;
        if (
          converts.test(callee) ||
          /^(?:Boolean|encodeURIComponent|JSON\.stringify)$/.test(callee) ||
          /\.(?:test|trim|toString)$/.test(callee)
        )
          break;
        return true;
      }
      case 'if_statement':
      case 'while_statement':
      case 'throw_statement':
      case 'expression_statement':
        return false;
      case 'unary_expression':
        if (!/^\+/.test(parent.text)) return false;
        break;
      case 'ternary_expression':
        if (parent.child(0) === at) return false;
        break;
      case 'binary_expression': {
        const operator = operatorOf(parent);
        if (!/^(?:\|\||\?\?|&&|\+)$/.test(operator)) return false;
        if (operator === '&&' && parent.child(0) === at) return false;
        break;
      }
      case 'assignment_expression': {
        const left = parent.child(0);
        // A plain variable is an alias whose uses are looked at themselves.
        return left !== null && left.kind !== 'identifier';
      }
      case 'variable_declarator': {
        const name = parent.child(0);
        return name?.kind !== 'identifier' || (at.kind === 'object' && isHandedOn(name));
      }
      case 'return_statement':
        return !isGivenToLog(use);
      default:
        if ((functionKinds as readonly string[]).includes(parent.kind)) return !isGivenToLog(use);
    }
    at = parent;
  }
  return false;
}

/** `pinoHttp({ customProps: (req) => ({ orgId: req.headers['x-org-id'] }) })`, `morgan.token('org', (req) => …)`. */
function isGivenToLog(use: SyntaxNode): boolean {
  const fn = functionAround(use);
  const outer = fn === null ? null : wrapped(fn).parent;
  const call = outer?.above('call_expression', 'statement_block') ?? null;
  return (
    /^(?:pair|arguments)$/.test(outer?.kind ?? '') &&
    call?.kind === 'call_expression' &&
    /^(?:pino\w*|morgan|winston|\w*[lL]ogger|expressPino\w*)\b/.test(call.child(0)?.text ?? '')
  );
}

/** `context.tenantId` is tested and `context` then handed on as a whole. */
export function handedOnWhole(node: SyntaxNode): boolean {
  const object = memberOf(node)?.object;
  const base = object ? unwrap(object) : null;
  const binding = base?.kind === 'identifier' ? bindingOf(base) : null;
  if (binding === null || binding.kind === 'parameter') return false;
  return usesOf({ node: binding.node, binding }).some((use) => use.parent?.kind === 'arguments' && isTenantUse(use));
}
