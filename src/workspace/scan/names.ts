import { vocabulary } from './vocabulary.ts';

/** `requestedOrgId`, `requested_org_id`, `x-requested-org-id` -> requested, org, id. */
export function wordsOf(name: string): readonly string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

/** What every name of an organization has in it; a text without it needs no closer look for one. */
export const orgLetters = { test: (text: string): boolean => vocabulary().letters.test(text) };

/** A name that holds an organization's id: `orgId`, `requestedOrgId`, `x-tenant-id`, `p_org_id`. */
export function isOrgIdName(name: string): boolean {
  if (!orgLetters.test(name) || !/id/i.test(name)) return false;
  return vocabulary().idName.test(wordsOf(name).join('_'));
}

/** A name that may hold an organization or its id: also `org`, `currentTenant`. */
export function isOrgName(name: string): boolean {
  return isOrgIdName(name) || vocabulary().name.test(wordsOf(name).join('_'));
}

/** A name with an organization in it, loosely: `DEFAULT_TENANT`, `getEffectiveOrg`. For use with other evidence. */
export function mentionsOrg(name: string): boolean {
  return vocabulary().mention.test(wordsOf(name).join('_'));
}

/** Columns by which a table names its organization. */
export const isOrgColumn = (name: string): boolean => vocabulary().column.test(name);

/** Tables with one row per organization. */
export const isOrgTable = (name: string): boolean => vocabulary().table.test(name);

/** Tables with one row per user and organization. */
export const isMembershipTable = (name: string): boolean => vocabulary().membership.test(name);

/** Calls whose arguments only end up in a log. */
export function isLogCallee(text: string): boolean {
  return /^(?:this\.)?(?:console|log|logger|winston|pino|Sentry|req\.log|request\.log|fastify\.log|app\.log|server\.log|debug|posthog|analytics|metrics|span|tracer)(?:[.?]|$)/.test(
    text,
  );
}

/** Calls that send an answer to the caller. */
export function isReplyCallee(text: string): boolean {
  return /^(?:res|response|reply|NextResponse|Response)\b/.test(text);
}

/** Words that start a look at an organization's id; matched against the text before any tree is built. */
export const orgWords = (): RegExp => vocabulary().words;
