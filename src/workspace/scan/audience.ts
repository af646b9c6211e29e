import { registeredAs } from './flow.ts';
import { decoratorsOf } from './for-platform.ts';
import { bindingOf } from './scope.ts';
import type { SyntaxNode } from './syntax.ts';

/**
 * Whom a handler lets in. `some`: it may be the operator's people alone. `role`: whoever has a role or a right, and that
 * may be one in the own organization.
 */
export type Audience = 'users' | 'role' | 'some';

/** Places where nobody signed in to one organization asks: the operator's own pages, jobs, other services, health. */
const elsewhere =
  /(?:^|[^a-z])(?:admins?|super[-_]?admin|internal|cron|jobs?|webhooks?|workers?|queues?|scripts?|seeds?|health\w*|ready|back-?office|platform|operators?|staff|ops|hooks|public|debug|dev|sitemap|rss|feed|metrics|migrat\w*|schedul\w*|inngest|trigger|sync|marketplace|stats)(?:[^a-z]|$)/i;
export const isElsewhere = (place: string): boolean => elsewhere.test(place);

/** What lets in some callers alone; it may be the operator's people, so that there is nothing to say. */
const some =
  /\b(?:require|assert|ensure|check|verify|only|must|restrict|is|has|authorize|allow|with|guard|can)_?\w*(?:admin|staff|super|operator|internal|root|owner|cron|secret|signature|api_?key|webhook)\w*/i;
/** A role or a right. What follows says which one. */
const role =
  /\b(?:require|assert|ensure|check|verify|only|must|restrict|is|has|authorize|allow|with|guard|can)_?\w*(?:permission|role)\w*[^;{}]{0,80}|\brole\w*['"\]]*\s*[!=]==?[^;{}]{0,80}|[^;{}]{0,80}\.includes\(\s*[\w.?!]*role/gi;
/** Roles of those who run the app. */
const ofOperator = /super|platform|system|staff|internal|operator|\broot\b|global|back_?office|\bgod\b/i;

/** What a text lets in: the body of a handler, or what stands in front of one. */
export function audienceIn(text: string): Audience {
  if (some.test(text)) return 'some';
  const roles = text.match(role) ?? [];
  if (roles.length === 0) return 'users';
  return roles.some((one) => ofOperator.test(one)) ? 'some' : 'role';
}

const narrower = (...all: readonly Audience[]): Audience =>
  all.includes('some') ? 'some' : all.includes('role') ? 'role' : 'users';

/** `@Roles('ADMIN')`, `@Controller('admin/calls')`, `@UseGuards(OrgAdminGuard)`, `@Public()` */
function audienceOfDecorator(decorator: string): Audience {
  if (/^@\w*(?:Admin|Staff)|\w(?:Org|Tenant|Workspace|Member)\w*Guard|^@UseGuards\([^)]*Tenant/i.test(decorator))
    return 'some';
  if (/^@\w*(?:Role|Permission|Scope|Policy|Polic|Abilit)|Roles?Guard/i.test(decorator))
    return ofOperator.test(decorator) ? 'some' : 'role';
  return elsewhere.test(decorator.slice(1)) ? 'some' : audienceIn(decorator);
}

export function audienceOf(handler: SyntaxNode): Audience {
  const { source } = handler;
  const within = audienceIn(handler.text);
  if (within === 'some') return 'some';
  if (handler.kind === 'method_definition') return narrower(within, ...decoratorsOf(handler).map(audienceOfDecorator));
  const route = registeredAs(handler);
  const call = handler.parent?.kind === 'arguments' ? handler.parent.parent : null;
  const callee = call?.child(0)?.text ?? '';
  // `adminProcedure.query(…)`, `withAdmin(…)`
  if (/admin|staff|internal|super|operator|root|public/i.test(callee.replace(/supabase\w*/gi, ''))) return 'some';
  if (route === null)
    return /\bexport\s+(?:const|default)\b[^;]{0,120}\b(?:with|require)\w*Admin/.test(source.text) ? 'some' : within;
  const { before, router, call: registering } = route;
  const first = registering.childOfKind('arguments')?.child(0) ?? null;
  const place =
    (first?.kind === 'object' ? /\b(?:url|path)\s*:\s*(['"`][^'"`]*)/.exec(first.text)?.[1] : first?.text) ?? '';
  if (elsewhere.test(place) || elsewhere.test(router.replace(/([a-z])([A-Z])/g, '$1_$2'))) return 'some';
  const middlewares = before.map(
    (one) => `${one.text} ${one.kind === 'identifier' ? (bindingOf(one)?.init?.text ?? '') : ''}`,
  );
  const inFront = [...source.text.matchAll(/\.\s*(?:use|addHook)\s*\(([^;]{0,200})/g)].map(([, text = '']) => text);
  return narrower(within, ...[...middlewares, ...inFront].map(inFrontOf));
}

/** The same of a middleware: `adminOnly` lets in some, whatever verb it has. */
export const inFrontOf = (middleware: string): Audience =>
  /admin|staff|super|operator/i.test(middleware.replace(/supabase\w*/gi, '')) ? 'some' : audienceIn(middleware);
