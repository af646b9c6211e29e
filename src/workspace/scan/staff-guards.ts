import { chainAround } from './chains.ts';
import { isMembershipTable, isTenantTable } from './names.ts';
import { originsOf } from './origins.ts';
import { decides } from './refusals.ts';
import { placesOf } from './scope.ts';
import { isAuthenticated } from './sessions.ts';
import { callOf, memberOf, operatorOf, type SyntaxNode, stringValue, unwrap, wrapped } from './syntax.ts';

/** Roles that nobody has in an organization; an `admin` may be one of the organization. */
const operatorRole =
  /^(?:super_?(?:admin|user)|(?:platform|system|global|internal)(?:_?(?:admin|user|staff|owner|operator|support))?|staff|operator|root|god)$/i;
/** Tables of the people who work for the one who runs the app. */
const operatorTable =
  /^(?:(?:super|platform|system|global|internal)_?(?:admins?|users?|staff|members?|operators?|roles?|team)|staff(?:_(?:users?|members?))?|operators?)$/i;
/** Functions that say whether somebody is one of them, or who it is. */
const telling =
  /^(?:(?:is|has|get|fetch|load|find|resolve|check|current)\w*(?:Super_?(?:Admin|User)|(?:Platform|System)(?:Admin|User|Staff|Member|Operator|Role|Access))|(?:is|has)\w*Staff(?:Member|User|Access|Role)?)$/i;
/** Lists of their addresses. */
const list = /^(?:[A-Z0-9]+_)*(?:STAFF|ADMIN|SUPER_?ADMIN|OPERATOR|INTERNAL)_(?:EMAIL|USER_ID|ID|DOMAIN)S?$/;

const marks =
  /['"`](?:super_?(?:admin|user)|platform\w*|system\w*|global\w*|internal\w*|staff\w*|operators?|root|god)['"`]|\b(?:is|has|get|fetch|load|find|resolve|check|current)\w*(?:Super_?(?:Admin|User)|Platform\w+|System\w+|Staff\w*)(?=\s*\()|\b[A-Z0-9_]*(?:STAFF|ADMIN|OPERATOR|INTERNAL)_(?:EMAIL|USER_ID|ID|DOMAIN)S?\b/gi;

const words =
  /super|platform|staff|operator|['"`](?:system|global|internal|root|god)|(?:ADMIN|INTERNAL)_(?:EMAIL|USER_ID|ID|DOMAIN)|System[A-Z]/i;
const hasWord = new WeakMap<SyntaxNode, boolean>();

/**
 * Whether a function goes on for the staff of the operator alone: by a role that no organization gives, a row of a table
 * of its people, a list of addresses, or a function that is named for it and whose answer decides.
 */
export function isForStaffAlone(body: SyntaxNode, node: SyntaxNode): boolean {
  // Few functions have a word of it; the marks look at every word of a body, and each place in a function asks again.
  let mayBe = hasWord.get(body);
  if (mayBe === undefined) {
    mayBe = words.test(body.text);
    hasWord.set(body, mayBe);
  }
  if (!mayBe) return false;
  return placesOf(body.source, marks, body).some((place) => {
    const test = testAt(place.kind === 'string_fragment' ? (place.parent ?? place) : place);
    return test !== null && refuses(test, node);
  });
}

/** What says whether the caller is one of them; null where the words stand for anything else. */
function testAt(at: SyntaxNode): SyntaxNode | null {
  const parent = at.parent;
  if (parent === null) return null;
  const text = stringValue(at);
  if (text === null) {
    const call = wrapped(at).parent;
    const member = memberOf(call ?? at);
    // `isPlatformAdmin(user)`; what is asked of an id that the sender named says nothing of the caller.
    if (call?.kind === 'call_expression' && call.child(0) === at && telling.test(at.text)) return ofCaller(call);
    const asks = list.test(at.text) && member !== null && /^(?:includes|has|indexOf)$/.test(member.name);
    return asks && call?.parent?.kind === 'call_expression' ? ofCaller(call.parent) : comparedWithList(at);
  }
  if (parent.kind === 'arguments' && operatorTable.test(text)) return lookupIn(parent, text);
  if (parent.kind === 'array') return includedIn(parent);
  if (parent.kind !== 'binary_expression' || !operatorRole.test(text)) return null;
  const other = parent.children.find((one) => one !== at);
  return other && /role|type|level|access|plan_?admin/i.test(other.text) && !isOfRequest(other) ? parent : null;
}

const isOfRequest = (node: SyntaxNode): boolean => originsOf(node).some(({ kind }) => kind === 'request');

const ofCaller = (call: SyntaxNode): SyntaxNode | null =>
  callOf(call)?.args.some((argument) =>
    originsOf(argument).some(({ kind, path }) => kind === 'request' && path.length > 0),
  )
    ? null
    : call;

/** `user.email !== ADMIN_EMAIL` */
function comparedWithList(at: SyntaxNode): SyntaxNode | null {
  const value = memberOf(at.parent ?? at)?.name === at.text ? (at.parent ?? at) : at;
  const comparison = wrapped(value).parent;
  if (!list.test(at.text) || comparison?.kind !== 'binary_expression') return null;
  const other = comparison.children.find((one) => !one.contains(at));
  return other && isAuthenticated(other) ? comparison : null;
}

/** `['super_admin', 'staff'].includes(role)`; with a role of organizations among them it says nothing. */
function includedIn(array: SyntaxNode): SyntaxNode | null {
  const call = array.parent?.parent;
  const [role] = call ? (callOf(call)?.args ?? []) : [];
  return memberOf(array.parent ?? array)?.name === 'includes' &&
    call &&
    role &&
    !isOfRequest(role) &&
    array.children.every((one) => operatorRole.test(stringValue(one) ?? ''))
    ? call
    : null;
}

/** `from('platform_members').select().eq('user_id', user.id)`: `staff` may be the people of an organization, as its columns say. */
function lookupIn(list: SyntaxNode, table: string): SyntaxNode | null {
  const chain = list.parent ? chainAround(list.parent) : null;
  if (chain?.table !== table || isTenantTable(table) || isMembershipTable(table)) return null;
  const byUser = chain.links.some(
    ({ name, args: [column, value] }) =>
      name === 'eq' &&
      /user|^id$|auth|profile|email|account/i.test(stringValue(column ?? null) ?? '') &&
      value !== undefined &&
      (isAuthenticated(value) || /^(?:user_?id|uid)$/i.test(unwrap(value).text)) &&
      !isOfRequest(value),
  );
  return byUser && chain.links.every(({ name }) => !/^(?:insert|update|upsert|delete)$/.test(name)) ? chain.node : null;
}

/** `if (role === 'staff') return …` sends the staff away: it lets in everybody else. */
function refuses(test: SyntaxNode, node: SyntaxNode): boolean {
  const condition = wrapped(test).parent;
  const letsIn = test.kind !== 'binary_expression' || /^==/.test(operatorOf(test));
  if (letsIn && condition?.kind === 'if_statement' && condition.child(0)?.contains(test))
    return condition.child(1)?.contains(node) === true;
  return decides(test);
}
