import { type Binding, bindingOf, declarationsIn, declaredBy, referencesOf } from './scope.ts';
import { isFunction, memberOf, operatorOf, type SyntaxNode, wrapped } from './syntax.ts';

/** More steps than an answer takes from its query to the test that refuses; a guard against cycles. */
const maxSteps = 5;

/** Functions that end a request by what they are: `redirect()`, `notFound()`, `ctx.throw(403)`, `error(403)`. */
const ending =
  /^(?:redirect|permanentRedirect|notFound|forbidden|unauthorized|error|fail|abort|reject|exit|throw\w*|deny\w*|refuse\w*|forbid\w*|close|disconnect|terminate|navigateTo|invalid|bail|panic|raise|halt|unreachable|sendError|handleError)$/i;

/** Functions that throw where their condition does not hold. */
const asserting =
  /^(?:assert\w*|\w*invariant|ensure\w*|ok|must\w*|require\w*|precondition\w*|throwIf\w*|throwUnless)$/i;

/**
 * Whether what a condition says, or a look-up gives, decides that the request ends: `if (!member) return …`,
 * `invariant(a === b)`, `a === b ? use() : null`. A value that is only logged, or tested without a consequence, lets
 * everybody pass. `within`: the uses that such a condition may stand around instead.
 */
export function decides(value: SyntaxNode, within: readonly SyntaxNode[] = [], steps = 0, told = false): boolean {
  if (steps > maxSteps) return false;
  let at = wrapped(value);
  for (let parent = at.parent; parent !== null; at = wrapped(parent), parent = at.parent) {
    switch (parent.kind) {
      case 'unary_expression':
      case 'sequence_expression':
      case 'array':
        break;
      case 'binary_expression': {
        const right = parent.child(1);
        // `same || refuse()`, `same && use()`
        if (/^(?:\|\||&&|\?\?)$/.test(operatorOf(parent)) && parent.child(0) === at && right !== null) {
          if (ends(right) || within.some((use) => right.contains(use))) return true;
        }
        break;
      }
      case 'member_expression':
      case 'subscript_expression':
        if (parent.child(0) !== at) return false;
        break;
      case 'call_expression':
        // `rows.at(0)`, `members.some(…)`
        if (parent.child(0) !== at) return false;
        break;
      case 'arguments': {
        const callee = parent.parent?.child(0);
        const name = callee ? (memberOf(callee)?.name ?? callee.text) : '';
        if (asserting.test(name)) return true;
        if (
          !/^(?:Boolean|String|Number|isEmpty|isNil|isEqual|all|allSettled|resolve|not|count|size|err|isErr)$/.test(
            name,
          )
        ) {
          return false;
        }
        if (parent.parent === null) return false;
        at = parent.parent;
        continue;
      }
      case 'if_statement': {
        const [, ...branches] = parent.children;
        return branches.some((branch) => ends(branch) || within.some((use) => branch.contains(use)));
      }
      case 'ternary_expression': {
        if (parent.child(0) !== at) break;
        return true;
      }
      case 'while_statement':
      case 'switch_statement':
        return true;
      case 'return_statement':
        if (told) return true;
        return callbackDecides(parent, within, steps);
      case 'arrow_function':
        if (told) return true;
        return callbackDecides(at, within, steps);
      case 'variable_declarator':
        return holdersOf(parent).some((one) =>
          referencesOf(one).some((reference) => decides(reference, within, steps + 1, told)),
        );
      case 'assignment_expression': {
        const left = parent.child(0);
        const binding = left?.kind === 'identifier' && left !== at ? bindingOf(left) : null;
        return (
          binding !== null &&
          referencesOf(binding).some((reference) => reference !== left && decides(reference, within, steps + 1, told))
        );
      }
      default:
        return false;
    }
  }
  return false;
}

/** `ids.some((one) => one === id)`: what the callback says is what the call says. */
function callbackDecides(node: SyntaxNode, within: readonly SyntaxNode[], steps: number): boolean {
  let fn: SyntaxNode | null = node;
  while (fn !== null && !isFunction(fn)) fn = fn.parent;
  const call = fn?.parent?.kind === 'arguments' ? fn.parent.parent : null;
  const member = call ? memberOf(call.child(0) ?? call) : null;
  if (!call || member === null || !/^(?:some|find|findLast|every|filter|findIndex)$/.test(member.name)) return false;
  return decides(call, within, steps + 1);
}

/** What a declarator declares: its name, or each of its pattern. */
export function holdersOf(declarator: SyntaxNode): readonly Binding[] {
  const pattern = declarator.child(0);
  const scope = declarator.above('statement_block', 'program', 'switch_case', 'switch_default');
  if (!pattern) return [];
  if (pattern.kind === 'identifier') {
    const one = declaredBy(pattern);
    return one === null ? [] : [one];
  }
  if (!scope) return [];
  return [...declarationsIn(scope).values()].filter((binding) => pattern.contains(binding.node));
}

/** Whether a branch leaves: it returns, throws, goes on with the next one, or calls what ends a request. */
export function ends(branch: SyntaxNode): boolean {
  switch (branch.kind) {
    case 'return_statement':
    case 'throw_statement':
    case 'continue_statement':
    case 'break_statement':
      return true;
    case 'call_expression': {
      const callee = branch.child(0);
      const name = callee ? (memberOf(callee)?.name ?? callee.text) : '';
      return ending.test(name) || /^next\(\s*[^)\s]/.test(branch.text);
    }
    case 'expression_statement':
    case 'await_expression':
    case 'parenthesized_expression':
    case 'else_clause':
    case 'statement_block':
    case 'if_statement':
    case 'try_statement':
      return branch.children.some(ends);
    default:
      return false;
  }
}
