import { identifiesRow } from './chains.ts';
import { isMembershipTable, isOrgIdName, mentionsOrg } from './names.ts';
import type { Origin } from './origin-of-path.ts';
import { originsOf } from './origins.ts';
import { callOf, type SyntaxNode, unwrap } from './syntax.ts';

const people =
  /^(?:user|session|auth|currentUser|authUser|profile|me|viewer|actor|principal|identity|member(?:ship)?s?|claims|authContext|authorizer|locals)$/;
const giving =
  /require\w*org|get(?:Auth|Session|Current|User|Verified)\w*|resolve\w*Org\w*|auth|session|(?:require|current|load|fetch|use|verify|get|ensure|signed\w*)_?(?:user|member|viewer|profile|identity|account|claims)|^user(?:Of|From)\b|\.user\b/i;

/** The user's own organization, or a row that was found by the user. */
export function isAuthenticated(node: SyntaxNode): boolean {
  const inner = unwrap(node);
  return originsOf(inner).some(isOfUser);
}

function isOfUser(origin: Origin): boolean {
  switch (origin.kind) {
    case 'auth':
      return true;
    case 'row':
      return isMembershipTable(origin.chain.table ?? '') && identifiesRow(origin.chain);
    case 'call':
      return givesUser(origin.callee) ? !isAskedForAnother(origin.node) : isFoundByUser(origin.node, origin.callee);
    case 'parameter':
      return (
        people.test(origin.node.text) ||
        origin.path.some((name) => people.test(name)) ||
        // What a helper is handed as the context of a call: a middleware has put the organization there.
        (/(?:ctx|context)$/i.test(origin.node.text) && origin.path.length === 1 && isOrgIdName(origin.path[0] ?? ''))
      );
    case 'unknown':
      return (
        people.test(origin.path[0] ?? '') ||
        (origin.path[0]?.match(/^[.@~/]|^\w[\w/-]*$/) != null && people.test(origin.path[1] ?? ''))
      );
    default:
      return false;
  }
}

/** `auth.admin.listUsers()` gives everybody. */
const ofEverybody = /\bauth\s*[?!]?\.\s*admin\b/;

const givesUser = (callee: string): boolean =>
  !ofEverybody.test(callee) &&
  (giving.test(callee) ||
    (/^(?:get|require|current|use|resolve|my|own)/i.test(callee.replace(/^.*\./, '')) &&
      mentionsOrg(callee.replace(/^.*\./, ''))));

/** `getUser(req.query.userId)` gives somebody else. */
const isAskedForAnother = (node: SyntaxNode): boolean =>
  callOf(node)?.args.some((argument) =>
    originsOf(argument).some(
      (origin) =>
        origin.kind === 'request' &&
        origin.path.length > 0 &&
        !/authorization|cookie|token|session/i.test(origin.path.join('.')),
    ),
  ) ?? false;

/** `prisma.user.findUnique({ where: { id: session.user.id } })` */
function isFoundByUser(node: SyntaxNode, callee: string): boolean {
  if (!/\.(?:find\w+|query|select|where|limit|executeTakeFirst\w*|get|first|one\w*)$/.test(callee)) return false;
  const text = node.text;
  return (
    /\b(?:session|user|auth|claims|ctx|locals|me|viewer)\b[\w.?!()]*\.(?:id|uid|sub|userId|user_id|email)\b|\buserId\b/.test(
      text,
    ) && !/\b(?:req|request)\.(?:query|body|params|headers)\b/.test(text)
  );
}
