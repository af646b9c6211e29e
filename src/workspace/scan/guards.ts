import { registeredAs } from './flow.ts';
import { decoratorsOf } from './for-platform.ts';
import { functionOf } from './functions.ts';
import { argumentsThatAre } from './held-objects.ts';
import { functionIn, inFrontOf } from './in-front.ts';
import { isHeldToOwn, memberLookup, organizationLookup } from './member-lookups.ts';
import { mentionsOrg } from './names.ts';
import { converts, isTenantUse, propertyReadAt, usesOf } from './org-reads.ts';
import type { Origin, RequestOrigin } from './origin-of-path.ts';
import { originsOf } from './origins.ts';
import { decides, holdersOf } from './refusals.ts';
import { bindingOf, declarationsIn, escapeRegExp, parametersOf, placesOf, referencesOf } from './scope.ts';
import { isAuthenticated } from './sessions.ts';
import { functionAround, memberOf, operatorOf, type SyntaxNode, unwrap, wrapped } from './syntax.ts';

/**
 * Whether a value from a request is compared with what the authenticated user may use, and the request refused where it
 * is something else: a comparison with the user's own org, a checking function that is given the user or the request, a
 * look-up in the memberships.
 */
export function isCompared(uses: readonly SyntaxNode[], depth = 0): boolean {
  const inside = uses.filter(isTenantUse);
  return uses.some((use) => isComparedAt(use, inside, depth));
}

/** Whether a value is held against the user's own at all; what follows from it is left to the reader. */
export const meetsUsersOwn = (uses: readonly SyntaxNode[]): boolean =>
  uses.some((use) => {
    const value = wrapped(use);
    const other =
      value.parent?.kind === 'binary_expression' ? value.parent.children.find((one) => one !== value) : null;
    return other != null && /^[!=]==?$/.test(value.parent ? operatorOf(value.parent) : '') && isAuthenticated(other);
  });

/** Verbs of functions that throw, or answer, where the check fails. */
const refusing =
  /^(?:assert|verify|validate|ensure|check|require|authorize|guard|enforce|must|protect|restrict|confirm)/i;
/** Verbs of functions that say whether, or give what there is. */
const telling =
  /^(?:can|has|is|belongs|user|same|match|get|find|load|fetch|look|lookup|query|select|resolve|does|may|allowed)/i;
const checked = /org|tenant|member|access|owner|permission|workspace|auth|role|scope|belong/i;
/** Whether a value has the form of an id, or is there. */
const formal = /uuid|format|schema|valid(?:org|tenant|team)?id|string|param|slug/i;
const ofCaller =
  /\b(?:req|request|user|auth|session|\w*(?:ctx|context)|token|claims|member\w*|locals|event|viewer|actor|principal|identity|userId|uid|c)\b/i;

/** Functions that say whether what they are given was signed by the server. */
const signed = /^(?:verify|validate|check|is_?valid)\w*(?:token|signature|hmac|mac|sig)$/i;

function isComparedAt(use: SyntaxNode, inside: readonly SyntaxNode[], depth: number): boolean {
  const value = wrapped(use);
  const parent = value.parent;
  if (parent === null) return false;
  const told = depth > 0;
  if (parent.kind === 'binary_expression') {
    const operator = operatorOf(parent);
    if (/^[!=]==?$/.test(operator)) {
      const other = parent.children.find((child) => child !== value);
      if (other === undefined) return false;
      return (
        (isAuthenticated(other) || isRowOfKey(other) || isRowOfUser(other, parent)) && decides(parent, inside, 0, told)
      );
    }
    return /^(?:\|\||\?\?)$/.test(operator) && isComparedAt(parent, inside, depth);
  }
  if (parent.kind === 'member_expression' && parent.child(0) === value) {
    // cookies().get('org_id')?.value
    if (memberOf(parent)?.name === 'value') return isComparedAt(parent, inside, depth);
    // orgId.toString() === own
    const call = parent.parent;
    return (
      /^(?:toString|trim|toLowerCase|valueOf)$/.test(memberOf(parent)?.name ?? '') &&
      call?.kind === 'call_expression' &&
      isComparedAt(call, inside, depth)
    );
  }
  for (const argument of argumentsWith(value))
    if (argument.parent?.kind === 'arguments' && isCheckingCall(argument, argument.parent, inside, depth)) return true;
  const lookup = memberLookup(use);
  if (lookup !== null && (refusesItself(lookup.node) || decides(lookup.node, [], 0, told))) return true;
  // `from('branches').eq('id', asked).eq('org_id', user.orgId)`: one of the own organization, or nothing.
  const own = isHeldToOwn(use) ? organizationLookup(use) : null;
  if (own !== null && (refusesItself(own) || decides(own, [], 0, told))) return true;
  return asksPeopleBehind(use, told);
}

/** `team.users.some((one) => one.userId === user.id)` on what was found under the organization. */
function asksPeopleBehind(use: SyntaxNode, told: boolean): boolean {
  const query = organizationLookup(use);
  return query !== null && namesUser(query, told, 0);
}

function namesUser(value: SyntaxNode, told: boolean, steps: number): boolean {
  const declarator = wrapped(value).parent;
  if (declarator?.kind !== 'variable_declarator' || steps > 3) return false;
  return holdersOf(declarator).some((one) =>
    referencesOf(one).some((reference) => {
      let at = reference;
      for (;;) {
        const up: SyntaxNode | null = at.parent;
        if (up !== null && (wrapped(at) !== at || (memberOf(up) !== null && up.child(0) === at))) at = up;
        else if (up?.kind === 'call_expression' && up.child(0) === at) {
          const says = up.childOfKind('arguments')?.text ?? '';
          if (
            /^(?:some|find|filter|every|includes|findIndex|has)$/.test(memberOf(at)?.name ?? '') &&
            ofCaller.test(says)
          )
            return decides(up, [], 0, told);
          at = up;
        } else break;
      }
      const up = at.parent;
      if (up?.kind === 'binary_expression' && /^[!=]==?$/.test(operatorOf(up))) {
        const other = up.children.find((child) => child !== at);
        return other !== undefined && isAuthenticated(other) && decides(up, [], 0, told);
      }
      return up?.kind === 'variable_declarator' && namesUser(at, told, steps + 1);
    }),
  );
}

/** The organization of the key that the caller has shown: `from('api_keys').eq('key_hash', hash)`. */
const isRowOfKey = (node: SyntaxNode): boolean =>
  originsOf(node).some(
    (origin) =>
      origin.kind === 'row' &&
      (/api_?key|access_?token|credential/i.test(origin.chain.table ?? '') ||
        origin.chain.links.some(
          ({ name, args }) => name === 'eq' && /(?:key|token|secret)(?:_?hash)?['"`]?$/i.test(args[0]?.text ?? ''),
        )),
  );

/** `job.orgId !== orgId || job.userId !== user.id`: the row that it is held against is the user's own. */
function isRowOfUser(other: SyntaxNode, comparison: SyntaxNode): boolean {
  const row = memberOf(unwrap(other))?.object.text;
  if (row === undefined) return false;
  let whole = wrapped(comparison);
  while (whole.parent?.kind === 'binary_expression' && /^(?:\|\||&&)$/.test(operatorOf(whole.parent)))
    whole = wrapped(whole.parent);
  return binariesIn(whole).some((one) => {
    const [left, right] = one.children;
    const own = [left, right].find((side) => side && memberOf(unwrap(side))?.object.text === row);
    const name = own ? (memberOf(unwrap(own))?.name ?? '') : '';
    const against = own === left ? right : left;
    return (
      one !== comparison &&
      /user|owner|member|author|created_?by/i.test(name) &&
      against !== undefined &&
      isOwnId(against)
    );
  });
}

const isOwnId = (node: SyntaxNode): boolean => isAuthenticated(node) || /^(?:user_?id|uid)$/i.test(unwrap(node).text);

function binariesIn(node: SyntaxNode): readonly SyntaxNode[] {
  const inner = unwrap(node);
  if (inner.kind !== 'binary_expression') return [];
  return /^[!=]==?$/.test(operatorOf(inner)) ? [inner] : inner.children.flatMap(binariesIn);
}

/** The value, or the object that it is a property of: `hasAccess({ userId, orgId })`. */
function argumentsWith(value: SyntaxNode): readonly SyntaxNode[] {
  const pair = value.parent?.kind === 'pair' && value.parent.child(1) === value ? value.parent : value;
  const object = pair.parent;
  return object?.kind === 'object' && (pair !== value || value.kind === 'shorthand_property_identifier')
    ? argumentsThatAre(object)
    : [value];
}

/** `findFirstOrThrow`, `.throwOnError()`: an answer without a row ends the request. */
const refusesItself = (query: SyntaxNode): boolean =>
  /OrThrow\s*\(|\.one\s*\(|findOneOrFail\s*\(/.test(query.text) ||
  (/\.single\s*\(/.test(query.text) && /\.throwOnError\s*\(/.test(query.text));

function isCheckingCall(value: SyntaxNode, list: SyntaxNode, inside: readonly SyntaxNode[], depth: number): boolean {
  const call = list.parent;
  const callee = call?.child(0);
  if (!call || !callee) return false;
  const member = memberOf(callee);
  const name = member?.name ?? callee.text;
  const told = depth > 0;
  if (
    converts.test(callee.text) ||
    /^(?:asString|(?:normali[sz]e|parse|clean|sanitize|coerce|trim|to)(?:[A-Z_]\w*)?)$/.test(name)
  )
    return isComparedAt(call, inside, depth);
  if (/^(?:includes|has|some|indexOf)$/.test(name) && member)
    return isAuthenticated(member.object) && decides(call, inside, 0, told);
  if (name === 'assertSameOrg' && isOwnCheck(callee)) {
    // Without the caller among its arguments it has to be waited for: it finds the caller by itself.
    return list.children.length > 1 || call.parent?.kind === 'await_expression';
  }
  // `verifyUnsubscribeToken(person, orgId, token)`: the link was signed for this organization.
  if (signed.test(name) && list.children.length > 1) return decides(call, inside, 0, told);
  if (checked.test(name) || mentionsOrg(name)) {
    const others = value.kind === 'object' ? list.children : list.children.filter((child) => child !== value);
    const forCaller = others.some((other) => isAuthenticated(other) || ofCaller.test(other.text));
    // `getWorkspaceForUser(user.id, id)` asks for one of the user's own.
    const named =
      /member|access|owner|permission|auth|role|belong|(?:For|Of|By)(?:User|Member|Viewer|Caller)/i.test(name) &&
      !formal.test(name);
    if (refusing.test(name) && (forCaller || named))
      return (
        goesOnWith(call) ||
        call.parent?.kind === 'expression_statement' ||
        isAwaitedAlone(call) ||
        !isTold(name) ||
        decides(call, inside, 0, told)
      );
    if (telling.test(name) && named && forCaller) return decides(call, inside, 0, told);
  }
  if (depth >= 1 || callee.kind !== 'identifier') return false;
  const local = bindingOf(callee);
  const fn = local ? functionOf(local) : null;
  if (fn === null || !comparesParameter(fn, list.children.indexOf(value), depth + 1)) return false;
  // A helper that only says so decides nothing by itself.
  return !saysOnly(fn) || decides(call, inside, 0, told);
}

/** The helper of the modules that step 2.1 writes. */
function isOwnCheck(callee: SyntaxNode): boolean {
  const binding = callee.kind === 'identifier' ? bindingOf(callee) : null;
  return (
    binding?.kind === 'import' &&
    /(?:^|\/)(?:voxanne-)?org(?:[-.]\w+)?(?:\.[cm]?[jt]s)?$/.test(binding.imported?.module ?? '')
  );
}

/** `const { orgId } = await verifyMembership(…)`: what it gives back is what the request goes on with. */
function goesOnWith(call: SyntaxNode): boolean {
  const declarator = wrapped(call).parent;
  return declarator?.kind === 'variable_declarator' && declarator.child(0)?.kind === 'object_pattern';
}

const isAwaitedAlone = (call: SyntaxNode): boolean => wrapped(call).parent?.kind === 'expression_statement';

/** `checkAccess()` may say it or throw; `assertAccess()` and `requireAccess()` throw. */
const isTold = (name: string): boolean => /^(?:check|verify|validate|authorize|confirm)/i.test(name);

/** A call that refuses by itself, and whose answer nobody keeps: `await this.assertMember(user, orgId);`. */
const refusingCall =
  /[;{}]\s*(?:await\s+)?(?:[\w$]+\s*\.\s*)*(?:assert|ensure|require|enforce|authorize|guard|verify|check|validate)\w*\s*\(/;

/** No `throw`, no call that ends the request: a function that gives back whether. */
const saysOnly = (fn: SyntaxNode): boolean =>
  /\breturn\b|=>\s*[^{\s]/.test(fn.text) &&
  !refusingCall.test(fn.text) &&
  !/\bthrow\b|\b(?:res|reply|response)\b[\s\S]{0,40}\b(?:status|sendStatus|code|send|json)\b|\b(?:redirect|notFound|forbidden|unauthorized|error)\s*\(/.test(
    fn.text,
  );

/** Whether a function ends the request where it refuses, rather than to say whether. */
export const refusalsOf = (fn: SyntaxNode): boolean => !saysOnly(fn);

/** Whether a function compares one of its parameters with the authenticated org. */
export function comparesParameter(fn: SyntaxNode, index: number, depth = 1): boolean {
  const pattern = parametersOf(fn)[index]?.pattern;
  if (pattern?.kind !== 'identifier') return false;
  const binding = declarationsIn(fn).get(pattern.text);
  return binding !== undefined && isCompared(usesOf({ node: binding.node, binding }), depth);
}

const guard =
  /\b(?:verify|require|check|ensure|assert|validate|enforce|guard|with|authorize)(?:Same|Own|User|Valid)?(?:Org|Tenant|Organi[sz]ation|Member|Workspace)\w*|\b(?:Org|Tenant|Organi[sz]ation|Member|Workspace)\w*Guard\b/i;

/** Whether what stands in front of a handler compares the organization, as its name says. */
export const isOrgGuard = (text: string): boolean => {
  if (guard.test(text)) return true;
  // `requireTeamMember`, `teamGuard` in an app that says team.
  return (
    text.match(/\b(?:verify|require|check|ensure|assert|validate|enforce|guard|authorize)\w+|\b\w+Guard\b/gi) ?? []
  ).some((name) => mentionsOrg(name) && !/id$/i.test(name));
};

/**
 * A middleware of the route, or a guard of the controller, that compares the org before the handler runs: by its name, or
 * as it reads the same of the request and refuses.
 */
export function hasOrgGuard(node: SyntaxNode, origin: RequestOrigin | null = null): boolean {
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) {
    if (fn.kind === 'method_definition' && guardsOf(fn).some(isOrgGuard)) return true;
    const route = registeredAs(fn);
    if (route === null) continue;
    if (inFrontOf(route).some((one) => isOrgGuard(one.text.slice(0, 200)) || refusesTheSame(one, origin))) return true;
  }
  return false;
}

/** What a middleware reads of the request is what the handler reads, and it goes on with nothing but the own. */
function refusesTheSame(middleware: SyntaxNode, origin: RequestOrigin | null): boolean {
  const key = origin?.path.at(-1);
  const fn = functionIn(middleware);
  if (origin === null || key === undefined || fn === null) return false;
  return placesOf(fn.source, new RegExp(`(?<![\\w$])${escapeRegExp(key)}(?![\\w$])`, 'g'), fn).some((place) => {
    const read = propertyReadAt(place);
    const isSame = (one: Origin): boolean =>
      one.kind === 'request' && one.part === origin.part && one.path.join('.') === origin.path.join('.');
    return (read?.origins ?? []).some(isSame) && read !== null && isCompared(usesOf(read));
  });
}

/** `@UseGuards(…)` of a method and of its class. */
const guardsOf = (method: SyntaxNode): readonly string[] =>
  decoratorsOf(method).filter((text) => /^@UseGuards\b/.test(text));
