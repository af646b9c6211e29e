import { chainOf } from './chains.ts';
import { routeCallOf } from './flow.ts';
import { decides } from './refusals.ts';
import { declaredBy, placesOf, referencesOf } from './scope.ts';
import { isForStaffAlone } from './staff-guards.ts';
import { functionAround, memberOf, operatorOf, type SyntaxNode } from './syntax.ts';

/** Where a secret of the server's own is read. */
const secret =
  /(?:\benv\b[\w.?!]*|\benv\.get\(\s*|\bconfig\b[\w.?]*|\[\s*)['"`]?[\w.]*(?:SECRET|TOKEN|API_?KEY|SERVICE_ROLE|PASSWORD|_KEY\b|[sS]ecret|[tT]oken|[aA]pi[kK]ey)/;
/** Functions that prove who sent a request by its signature. */
const verifying =
  /^(?:verify\w*(?:Signature|Webhook|Hmac|Request|Cron|Secret|Qstash\w*)\w*|constructEvent(?:Async)?|unwrap|timingSafeEqual|validate\w*Signature|isValid\w*Signature|is(?:Cron|Internal|Service|Webhook)\w*|(?:require|assert|ensure|check|verify)\w*(?:Super_?[aA]dmin|SuperUser|PlatformAdmin|SystemAdmin|Staff|Internal|ServiceRole|ServiceKey|AdminApi|AdminKey|AdminRequest|CronSecret|ApiSecret)\w*)$/;
/** Flags of users who work for the one who runs the app, whatever organization they look at. */
const staff =
  /(?<!\bauth\s*[?!]?)\.\s*(?:admin|super_?[aA]dmin)\b|\bis_?(?:[sS]uper_?(?:[aA]dmin|[uU]ser)|[sS]taff|(?:[pP]latform|[gG]lobal|[sS]ystem)_?[aA]dmin|[mM]aster)\b/;

/**
 * Whether a request is only answered for another service that shows a secret or a signature, or for the staff of the
 * operator: such a caller names the organization by right, and there is no user to compare with.
 */
export function isForMachines(node: SyntaxNode): boolean {
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) {
    if (isWrapped(fn) || isForStaff(fn)) return true;
    const body = fn.child(-1);
    if (body !== null && (provesSender(body, node) || isForStaffAlone(body, node))) return true;
  }
  // A page of Astro answers from the top of its file.
  return node.source.path.endsWith('.astro') && functionAround(node) === null && provesSender(node.source.root, node);
}

/** `verifySignatureAppRouter(handler)` */
function isWrapped(fn: SyntaxNode): boolean {
  const call = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
  const callee = call?.child(0);
  return callee ? verifying.test(memberOf(callee)?.name ?? callee.text) : false;
}

/** `platformAdminProcedure.query(fn)`, `superAdminAction.action(fn)`: what it is built on lets nobody else in. */
function isForStaff(fn: SyntaxNode): boolean {
  const call = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
  const base = call === null ? null : chainOf(call)?.base;
  return base != null && staffProcedure.test(memberOf(base)?.name ?? base.text);
}

const staffProcedure =
  /^(?:platform|super|system|global|staff|internal|operator|root)\w*(?:procedure|action|client|handler|route|middleware)$/i;

const marks =
  /\benv\b|\b[A-Z_]*(?:SECRET|TOKEN|API_KEY)\b|\bconfig\s*\.|\b(?:verify|constructEvent|unwrap|timingSafeEqual|validate\w*Signature|isValid\w*Signature|is(?:Cron|Internal|Service|Webhook)|require\w*(?:Admin|Staff|Internal|Service|Super)|assert\w*(?:Admin|Staff|Internal|Service|Super)|ensure\w*(?:Admin|Staff|Internal|Service|Super)|check\w*(?:Admin|Staff|Internal|Secret))\w*|\.\s*(?:admin|super_?[aA]dmin)\b|\bis_?(?:[sS]taff|[sS]uper_?\w+|(?:[pP]latform|[gG]lobal|[sS]ystem)_?[aA]dmin|[mM]aster)\b/g;

function provesSender(body: SyntaxNode, node: SyntaxNode): boolean {
  if (body.text.search(marks) === -1) return false;
  return placesOf(body.source, marks, body).some((place) => {
    if (isOfAnotherHandler(place, node)) return false;
    const call = place.above('call_expression', 'statement_block');
    const callee = call?.kind === 'call_expression' ? call.child(0) : null;
    if (callee?.contains(place) && verifying.test(memberOf(callee)?.name ?? callee.text)) return true;
    const compared = comparisonAround(place);
    if (compared !== null) return isProof(compared.text) && decides(compared);
    // const expected = process.env.CRON_SECRET; if (given !== expected) …
    const name = place.above('variable_declarator', 'statement_block');
    const binding =
      name?.kind === 'variable_declarator' && secret.test(name.text) ? declaredBy(name.child(0) ?? name) : null;
    return (
      binding !== null &&
      referencesOf(binding).some((one) => {
        const other = comparisonAround(one);
        return other?.kind === 'binary_expression' && decides(other);
      })
    );
  });
}

/** A plugin or a factory registers several handlers: what one of them asks for protects no other. */
function isOfAnotherHandler(place: SyntaxNode, node: SyntaxNode): boolean {
  for (let fn = functionAround(place); fn !== null && !fn.contains(node); fn = functionAround(fn)) {
    const pair = fn.parent?.kind === 'pair' ? fn.parent.child(0)?.text : null;
    if (routeCallOf(fn) !== null || pair === 'handler') return true;
  }
  return false;
}

const isProof = (text: string): boolean =>
  secret.test(text) || staff.test(text) || /\b[A-Z_]*(?:SECRET|TOKEN|API_KEY)\b/.test(text);

/** The comparison that a place is part of, or the bare flag: `!user.isStaff`. */
function comparisonAround(place: SyntaxNode): SyntaxNode | null {
  let flag: SyntaxNode | null = null;
  for (let at: SyntaxNode | null = place; at !== null; at = at.parent) {
    if (at.kind === 'binary_expression' && /^[!=]==?$/.test(operatorOf(at))) return at;
    if (/statement|declarator|^arguments$/.test(at.kind)) break;
    if (at.kind === 'member_expression' || at.kind === 'identifier') flag = at;
  }
  return flag !== null && staff.test(flag.text) ? flag : null;
}
