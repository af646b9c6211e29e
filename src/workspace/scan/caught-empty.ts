import { holderOf } from './org-reads.ts';
import { ends } from './refusals.ts';
import { type Binding, declaredBy, functionName, parametersOf, referencesOf } from './scope.ts';
import { callOf, isFunction, memberOf, operatorOf, type SyntaxNode, unwrap, wrapped } from './syntax.ts';

/** More names than a value passes through; a guard against cycles. */
const maxAliases = 4;

/**
 * Whether a value that may be empty is looked at before anything is done with it: every use of the name that it is kept
 * in is a test, stands behind one that leaves (`if (!orgId) return …`), inside of one (`if (orgId) …`, `enabled: !!orgId`),
 * or does no harm by itself.
 */
export function isCaughtWhenEmpty(whole: SyntaxNode, isHarmless: (node: SyntaxNode) => boolean): boolean {
  const holder = keeperOf(whole);
  return holder !== null && isCaught(holder, isHarmless, 0);
}

/** Whether the value itself was tested where the fallback stands: `if (!user.orgId) return; load(user.orgId ?? '')`. */
export const isTestedAround = (whole: SyntaxNode, value: SyntaxNode): boolean =>
  stands(whole, plain(unwrap(value).text));

function isCaught(holder: Binding, isHarmless: (node: SyntaxNode) => boolean, aliases: number): boolean {
  const uses = referencesOf(holder).filter((use) => !isAssigned(use));
  return (
    uses.length > 0 &&
    uses.every((use) => {
      if (isTest(use) || isHarmless(use) || stands(use, use.text)) return true;
      const alias = aliases < maxAliases ? keeperOf(use) : null;
      return alias !== null && alias.node !== holder.node && isCaught(alias, isHarmless, aliases + 1);
    })
  );
}

/** The name that a value is kept in: a variable, a parameter with a default, a state of React, what `useMemo` gives. */
function keeperOf(whole: SyntaxNode): Binding | null {
  if (/^(?:object_assignment_pattern|assignment_pattern|required_parameter|optional_parameter)$/.test(whole.kind)) {
    const name = whole.child(0);
    return name === null ? null : declaredBy(name);
  }
  const held = holderOf(whole);
  if (held !== null) return held;
  const call = callAround(whole);
  if (call === null) return null;
  const callee = call.child(0)?.text.replace(/^React\./, '') ?? '';
  const declarator = wrapped(call).parent;
  if (/^(?:useState|ref|shallowRef|signal|\$state)(?:<|$)/.test(callee) && declarator?.kind === 'variable_declarator') {
    const name = declarator.child(0);
    const own = name?.kind === 'array_pattern' ? name.child(0) : name;
    return own?.kind === 'identifier' ? declaredBy(own) : null;
  }
  if (/^(?:useMemo|computed|\$derived(?:\.by)?)(?:<|$)/.test(callee) && declarator?.kind === 'variable_declarator') {
    const name = declarator.child(0);
    return name?.kind === 'identifier' ? declaredBy(name) : null;
  }
  return stateSetBy(call);
}

/** The call that a value is an argument of, or that takes the callback which returns it. */
function callAround(whole: SyntaxNode): SyntaxNode | null {
  let at = wrapped(whole);
  for (let parent = at.parent; parent !== null; at = wrapped(parent), parent = at.parent) {
    if (parent.kind === 'arguments') return parent.parent;
    const passes =
      (parent.kind === 'ternary_expression' && parent.child(0) !== at) ||
      parent.kind === 'return_statement' ||
      parent.kind === 'statement_block' ||
      parent.kind === 'arrow_function' ||
      (parent.kind === 'binary_expression' && /^(?:\|\||\?\?)$/.test(operatorOf(parent)));
    if (!passes) return null;
  }
  return null;
}

/** `setOrgId(x)`: the state that goes with a setter of `const [orgId, setOrgId] = useState()`. */
function stateSetBy(call: SyntaxNode): Binding | null {
  const callee = call.child(0);
  if (callee?.kind !== 'identifier' || !/^set[A-Z]/.test(callee.text)) return null;
  for (let at: SyntaxNode | null = call; at !== null; at = at.parent) {
    if (at.kind !== 'statement_block' && at.kind !== 'program') continue;
    for (const statement of at.children) {
      const pattern = statement.kind === 'lexical_declaration' ? statement.child(0)?.child(0) : null;
      const [state, setter] = pattern?.kind === 'array_pattern' ? pattern.children : [];
      if (state?.kind === 'identifier' && setter?.text === callee.text) return declaredBy(state);
    }
  }
  return null;
}

const isAssigned = (use: SyntaxNode): boolean =>
  /assignment_expression$/.test(use.parent?.kind ?? '') && use.parent?.child(0) === use;

/** Whether a use only asks whether there is something: a condition, a comparison, the look of an id. */
function isTest(use: SyntaxNode): boolean {
  let at = wrapped(use);
  for (let parent = at.parent; parent !== null; at = wrapped(parent), parent = at.parent) {
    switch (parent.kind) {
      case 'unary_expression':
        if (parent.text.startsWith('!')) return true;
        break;
      case 'if_statement':
      case 'ternary_expression':
      case 'while_statement':
        return parent.child(0) === at;
      case 'binary_expression': {
        const operator = operatorOf(parent);
        if (/^[!=]==?$/.test(operator)) return true;
        if (operator === '&&' && parent.child(0) === at) return true;
        if (!/^(?:&&|\|\|)$/.test(operator)) return false;
        break;
      }
      case 'member_expression':
        // `orgId.length`, `orgId.trim()`
        if (parent.child(0) !== at || !/^(?:length|trim|toLowerCase)$/.test(memberOf(parent)?.name ?? '')) return false;
        break;
      case 'call_expression':
        if (parent.child(0) !== at) return false;
        break;
      case 'arguments': {
        const callee = parent.parent?.child(0);
        const name = callee ? (memberOf(callee)?.name ?? callee.text) : '';
        return /^(?:Boolean|test|is[A-Z]\w*|valid\w*)$/.test(name);
      }
      // `enabled: orgId !== ''`, and the list of what an effect depends on
      case 'array':
        return /^(?:use\w*Effect|useMemo|useCallback|watch\w*)$/.test(parent.parent?.parent?.child(0)?.text ?? '');
      default:
        return false;
    }
  }
  return false;
}

const plain = (text: string): string => text.replace(/\?\.|!(?=[.)\]]|$)/g, (one) => (one === '?.' ? '.' : ''));

/** Whether a place is only reached where the value under this name is there. */
function stands(node: SyntaxNode, name: string): boolean {
  let at = node;
  for (let parent = at.parent; parent !== null; at = parent, parent = at.parent) {
    switch (parent.kind) {
      case 'if_statement': {
        const [condition, yes, no] = parent.children;
        if (condition && at === yes && says(condition, name, true)) return true;
        if (condition && at === no && says(condition, name, false)) return true;
        break;
      }
      case 'ternary_expression': {
        const [condition, yes, no] = parent.children;
        if (condition && at === yes && says(condition, name, true)) return true;
        if (condition && at === no && says(condition, name, false)) return true;
        break;
      }
      case 'binary_expression': {
        const left = parent.child(0);
        if (operatorOf(parent) === '&&' && left && at !== left && says(left, name, true)) return true;
        if (operatorOf(parent) === '||' && left && at !== left && says(left, name, false)) return true;
        break;
      }
      case 'statement_block':
      case 'program':
      case 'switch_case': {
        for (const before of parent.children) {
          if (before.start >= at.start) break;
          const [condition, yes] = before.kind === 'if_statement' ? before.children : [];
          if (condition && yes && ends(yes) && says(condition, name, false)) return true;
        }
        break;
      }
      case 'object':
        // React Query, SWR: nothing is asked before the value is there.
        if (waitsFor(parent, name)) return true;
        break;
      case 'arguments':
        // `useQuery({ orgId: org?.id ?? '' }, { enabled: !!org?.id })` of tRPC: what it waits for stands beside.
        if (parent.children.some((one) => one !== at && waitsFor(one, name))) return true;
        break;
      default:
    }
  }
  return false;
}

const waitsFor = (options: SyntaxNode, name: string): boolean =>
  options.kind === 'object' &&
  options.children.some((part) => /^['"]?enabled\b/.test(part.text) && plain(part.text).includes(name));

/** Whether a condition that holds says that the value is there, or (`there` false) that it must be missing. */
function says(condition: SyntaxNode, name: string, there: boolean): boolean {
  const node = unwrap(condition);
  if (node.kind === 'binary_expression') {
    const operator = operatorOf(node);
    const [left, right] = node.children;
    if (!left || !right) return false;
    if (operator === (there ? '&&' : '||')) return says(left, name, there) || says(right, name, there);
    const other = isNamed(left, name) ? right : isNamed(right, name) ? left : null;
    if (other === null) return false;
    const empty = /^(?:''|""|``|null|undefined|0)$/.test(other.text);
    return there
      ? (/^!==?$/.test(operator) ? empty : /^===?$/.test(operator) && !empty) || /^>/.test(operator)
      : empty && /^===?$/.test(operator);
  }
  if (node.kind === 'unary_expression' && node.text.startsWith('!')) {
    const inner = node.child(0);
    return inner !== null && says(inner, name, !there);
  }
  return there && isNamed(node, name);
}

/** The value, `Boolean(value)`, `value.trim()`, `UUID.test(value)`, `isUuid(value)`. */
function isNamed(node: SyntaxNode, name: string): boolean {
  const inner = unwrap(node);
  if (plain(inner.text) === name) return true;
  const call = callOf(inner);
  if (call !== null) {
    const method = memberOf(call.callee);
    const callee = method?.name ?? call.callee.text;
    if (method !== null && /^(?:trim|toLowerCase)$/.test(callee)) return isNamed(method.object, name);
    return (
      /^(?:Boolean|String|test|is[A-Z]\w*|valid\w*)$/.test(callee) &&
      call.args.some((argument) => isNamed(argument, name))
    );
  }
  const member = memberOf(inner);
  return member !== null && member.name === 'length' && isNamed(member.object, name);
}

/**
 * A row that a function of its own brings into another form: `return { orgId: row.org_id ?? '', … }`. Whoever uses the
 * result is looked at there. A row that is made for the database has its columns on the other side.
 */
export function isRowInOtherForm(whole: SyntaxNode, value: SyntaxNode): boolean {
  const read = memberOf(unwrap(value));
  if (read === null) return false;
  let at = wrapped(whole);
  if (at.parent?.kind === 'arguments' && at.parent.parent?.child(0)?.text === 'String') at = wrapped(at.parent.parent);
  const object = at.parent?.kind === 'pair' ? at.parent.parent : null;
  if (object?.kind !== 'object' || object.children.length < 2) return false;
  const outer = wrapped(object).parent;
  let fn: SyntaxNode | null = outer;
  if (outer?.kind === 'return_statement') while (fn !== null && !isFunction(fn)) fn = fn.parent;
  if (fn === null || !isFunction(fn)) return false;
  if (!read.name.includes('_')) return isTurned(fn, read.object);
  return fn.kind === 'function_declaration' || wrapped(fn).parent?.kind === 'variable_declarator';
}

/** `mapToExport(role: Role)`, `toResponse(call)`: what it is given is only shown in another form. */
function isTurned(fn: SyntaxNode, object: SyntaxNode): boolean {
  const name = functionName(fn) ?? '';
  return (
    /^(?:map|to|as|format|serialize|present|transform)(?:[A-Z]\w*)?(?:Export|Response|View|Dto|DTO|Json|JSON|Summary|Csv|CSV)\w*$/.test(
      name,
    ) && parametersOf(fn)[0]?.pattern.text === unwrap(object).text
  );
}

const keyName = /(?:^|[a-z_])[kK]eys?(?:For\w+)?$|_KEYS?$/;
const secret = /(?:api|secret|private|public|access|service|anon|role|crypt\w*|sign\w*|primary|foreign)_?key/i;
const isKeyName = (name: string): boolean => keyName.test(name) && !secret.test(name);

const isQueryKey = (pair: SyntaxNode): boolean => /^(?:query|mutation|swr)Key$/.test(pair.child(0)?.text ?? '');

/** Whether a value only tells one entry of a cache, a list or a screen from another: `const scopeKey = orgId ?? 'none'`. */
export function isPartOfKey(whole: SyntaxNode): boolean {
  for (let at = wrapped(whole), parent = at.parent; parent !== null; at = parent, parent = at.parent) {
    switch (parent.kind) {
      case 'variable_declarator':
        return parent.child(0) !== at && isKeyName(parent.child(0)?.text ?? '');
      case 'pair':
        // A query's key is read by its function, which is looked at elsewhere.
        return parent.child(0) !== at && isKeyName(parent.child(0)?.text ?? '') && !isQueryKey(parent);
      case 'call_expression': {
        const callee = parent.child(0)?.text ?? '';
        if (parent.child(0) !== at && /^(?:set|build|make|create|get|gen\w*)[A-Z]\w*$/.test(callee))
          return isKeyName(callee);
        if (parent.child(0) === at || !/^(?:String|encodeURIComponent)$/.test(callee)) return false;
        break;
      }
      case 'return_statement':
        break;
      case 'statement_block':
        if (at.kind !== 'return_statement') return false;
        break;
      case 'function_declaration':
      case 'method_definition':
        return isKeyName(functionName(parent) ?? '');
      case 'arrow_function':
      case 'function_expression':
        break;
      case 'arguments':
      case 'array':
      case 'template_string':
      case 'template_substitution':
      case 'binary_expression':
      case 'ternary_expression':
      case 'parenthesized_expression':
      case 'as_expression':
        break;
      default:
        return false;
    }
  }
  return false;
}
