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
export const orgLetters = /org|tenant|workspace/i;

const orgs = new Set(['org', 'organization', 'organisation', 'tenant', 'workspace']);
const ids = new Set(['id', 'uuid', 'ids']);

/** A name that holds an organization's id: `orgId`, `requestedOrgId`, `x-tenant-id`, `p_org_id`. */
export function isOrgIdName(name: string): boolean {
  if (!orgLetters.test(name) || !/id/i.test(name)) return false;
  const words = wordsOf(name);
  return words.some(
    (word, index) =>
      (orgs.has(word) && ids.has(words[index + 1] ?? '')) ||
      /^(?:org|organi[sz]ation|tenant|workspace)(?:id|uuid)$/.test(word),
  );
}

/** A name that may hold an organization or its id: also `org`, `currentTenant`. */
export function isOrgName(name: string): boolean {
  const last = wordsOf(name).at(-1) ?? '';
  return isOrgIdName(name) || orgs.has(last);
}

/** A name with an organization in it, loosely: `DEFAULT_TENANT`, `getEffectiveOrg`. For use with other evidence. */
export function mentionsOrg(name: string): boolean {
  return wordsOf(name).some((word) => /^(?:org|organi[sz]ation|tenant|workspace)(?:s|id|ids)?$/.test(word));
}

/** Columns by which a table names its organization. */
const orgColumns =
  /^(?:org_id|organi[sz]ation_id|tenant_id|workspace_id|orgId|organi[sz]ationId|tenantId|workspaceId)$/;
export function isOrgColumn(name: string): boolean {
  return orgColumns.test(name);
}

/** Tables with one row per organization. */
export function isOrgTable(name: string): boolean {
  return /^(?:public\.)?(?:orgs?|organi[sz]ations?|tenants?|workspaces?)$/i.test(name);
}

/** Tables with one row per user and organization. */
export function isMembershipTable(name: string): boolean {
  return /^(?:public\.)?(?:user_?org(?:ani[sz]ation)?s?_?roles?|org(?:ani[sz]ation)?_?(?:members?|users?|memberships?)|memberships?|user_?org(?:ani[sz]ation)?s?|team_?members?|tenant_?(?:users?|members?)|profiles?)$/i.test(
    name,
  );
}

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
export const orgWords =
  /\b(?:[xX]-)?\w*(?:org|organi[sz]ation|tenant|workspace)[-_]?(?:id|uuid)\w*\b|\b(?:org|tenant|organi[sz]ation)\b/gi;
