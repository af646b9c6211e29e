import { chainAround, identifiesRow } from './chains.ts';
import { routeCallOf } from './flow.ts';
import { isLogCallee, isMembershipTable, isReplyCallee, mentionsOrg } from './names.ts';
import type { Origin } from './origin-of-path.ts';
import { functionOf, originsOf, originsOfBinding } from './origins.ts';
import { type Binding, bindingOf, declarationsIn, declaredBy, parametersOf, placesOf, referencesOf } from './scope.ts';
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
    else if (parent.kind === 'arguments' && /^(?:String|decodeURIComponent)$/.test(parent.parent?.child(0)?.text ?? ''))
      at = wrapped(parent.parent ?? parent);
    else if (
      parent.kind === 'member_expression' &&
      parent.child(0) === at &&
      /^(?:trim|toString|toLowerCase)$/.test(memberOf(parent)?.name ?? '') &&
      parent.parent
    )
      at = wrapped(parent.parent);
    else if (parent.kind === 'variable_declarator') {
      const name = parent.child(0);
      return name?.kind === 'identifier' ? declaredBy(name) : null;
    } else if (parent.kind === 'assignment_expression' || parent.kind === 'augmented_assignment_expression') {
      const left = parent.child(0);
      return left?.kind === 'identifier' ? bindingOf(left) : null;
    } else return null;
  }
}

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
      uses.push(reference);
      const alias = holderOf(reference);
      if (alias !== null && !seen.has(alias.node)) {
        seen.add(alias.node);
        queue.push(alias);
      }
    }
  }
  return uses;
}

/**
 * Whether a value from a request is compared with what the authenticated user may use: with the user's own org, through
 * a checking function that is given the user or the request, by a look-up in the memberships, or by a middleware.
 */
export function isCompared(uses: readonly SyntaxNode[], depth = 0): boolean {
  return uses.some((use) => isComparedAt(use, depth));
}

const checking =
  /^(?:assert|verify|validate|ensure|check|require|can|has|is|authorize|guard|enforce|belongs|user|same|match)/i;
const checked = /org|tenant|member|access|owner|permission|workspace|auth/i;

function isComparedAt(use: SyntaxNode, depth: number): boolean {
  const value = wrapped(use);
  const parent = value.parent;
  if (parent === null) return false;
  if (parent.kind === 'binary_expression' && /^[!=]==?$/.test(operatorOf(parent))) {
    const other = parent.children.find((child) => child !== value);
    return other !== undefined && isAuthenticated(other);
  }
  if (
    parent.kind === 'arguments' ||
    (parent.kind === 'binary_expression' && /^(?:\|\||\?\?)$/.test(operatorOf(parent)))
  ) {
    if (parent.kind === 'binary_expression') return parent.parent !== null && isComparedAt(parent, depth);
    const call = parent.parent;
    const callee = call?.child(0);
    if (!call || !callee) return false;
    const name = memberOf(callee)?.name ?? callee.text;
    if (name === 'String' || name === 'Number') return isComparedAt(call, depth);
    const member = memberOf(callee);
    if (/^(?:includes|has|some|indexOf)$/.test(name) && member) return isAuthenticated(member.object);
    if (checking.test(name) && (checked.test(name) || mentionsOrg(name))) {
      const others = parent.children.filter((child) => child !== value);
      if (
        others.some(
          (other) =>
            isAuthenticated(other) ||
            /\b(?:req|request|user|auth|session|ctx|context|token|claims|member\w*)\b/i.test(other.text),
        )
      )
        return true;
    }
    if (depth < 1 && callee.kind === 'identifier') {
      const local = bindingOf(callee);
      const fn = local ? functionOf(local) : null;
      if (fn !== null && comparesParameter(fn, parent.children.indexOf(value), depth + 1)) return true;
    }
    return isMembershipLookup(call);
  }
  // match({ user_id: user.id, org_id: x })
  if (parent.kind === 'pair' || parent.kind === 'object') {
    const call = parent.above('call_expression');
    return call !== null && isMembershipLookup(call);
  }
  return false;
}

/** Whether a function compares one of its parameters with the authenticated org. */
export function comparesParameter(fn: SyntaxNode, index: number, depth = 0): boolean {
  const pattern = parametersOf(fn)[index]?.pattern;
  if (pattern?.kind !== 'identifier') return false;
  const binding = declarationsIn(fn).get(pattern.text);
  return binding !== undefined && isCompared(usesOf({ node: binding.node, binding }), depth);
}

/** The user's own org, or a row that was found by the user. */
export function isAuthenticated(node: SyntaxNode): boolean {
  const inner = unwrap(node);
  return originsOf(inner).some((origin) => {
    if (origin.kind === 'auth') return true;
    if (origin.kind === 'row') return isMembershipTable(origin.chain.table ?? '') && identifiesRow(origin.chain);
    if (origin.kind === 'call')
      return /require\w*org|get(?:Auth|Session|Current|User|Verified)\w*|resolve\w*Org\w*|auth/i.test(origin.callee);
    return (
      origin.kind === 'unknown' &&
      /^(?:user|session|auth|currentUser|authUser|profile|member(?:ship)?s?|claims)$/.test(origin.path[0] ?? '')
    );
  });
}

/** `.from('user_org_roles').eq('user_id', req.user.id).eq('org_id', x)`: the database says whether the user is a member. */
function isMembershipLookup(call: SyntaxNode): boolean {
  const chain = chainAround(call);
  if (chain === null || chain.table === null) return false;
  if (chain.links.some((link) => /^(?:insert|update|upsert|delete)$/.test(link.name))) return false;
  return chain.links.some((link) => {
    const column = stringValue(link.args[0] ?? null);
    const value = link.args[1];
    if (link.name === 'match') return /\buser_?id\b/i.test(link.args[0]?.text ?? '');
    if (link.name !== 'eq' || column === null || !value) return false;
    // By another user's id it says nothing about the one who asks.
    if (originsOf(value).some((origin) => origin.kind === 'request')) return false;
    if (/^(?:user_id|profile_id|member_id|owner_id|auth_user_id|auth_id)$/.test(column)) return true;
    return column === 'id' && /^(?:profiles?|users)$/.test(chain.table ?? '');
  });
}

/** A middleware of the route that compares the org before the handler runs. */
export function hasOrgGuard(node: SyntaxNode): boolean {
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) {
    const route = routeCallOf(fn);
    const list = route?.childOfKind('arguments');
    if (!route || !list) continue;
    const guard =
      /\b(?:verify|require|check|ensure|assert|validate|enforce|guard)(?:Same|Own|User)?(?:Org|Tenant|Organi[sz]ation|Member|Workspace)\w*/i;
    if (list.children.some((argument) => !argument.contains(node) && guard.test(argument.text.slice(0, 200))))
      return true;
    const router = route.child(0)?.child(0)?.text ?? '';
    const uses = placesOf(
      fn.source,
      new RegExp(`(?<![\\w$])${router.replace(/[^\w]/g, '\\$&')}\\s*\\.\\s*use\\s*\\(`, 'g'),
    );
    if (
      router !== '' &&
      uses.some(
        (place) => place.start < route.start && guard.test(place.above('call_expression')?.text.slice(0, 300) ?? ''),
      )
    )
      return true;
  }
  return false;
}

/** Whether a use does anything with the org: a log, an answer, a test or a comparison does not. */
export function isTenantUse(use: SyntaxNode): boolean {
  let at = wrapped(use);
  for (let parent = at.parent; parent !== null; parent = at.parent) {
    switch (parent.kind) {
      case 'call_expression': {
        const callee = parent.child(0)?.text ?? '';
        if (parent.child(0) === at) return true;
        if (isLogCallee(callee) || isReplyCallee(callee)) return false;
        if (
          /^(?:String|Number|Boolean|encodeURIComponent|JSON\.stringify)$/.test(callee) ||
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
        return false;
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
      case 'variable_declarator':
        return parent.child(0)?.kind !== 'identifier';
      case 'return_statement':
        return true;
      default:
        if ((functionKinds as readonly string[]).includes(parent.kind)) return true;
    }
    at = parent;
  }
  return false;
}
