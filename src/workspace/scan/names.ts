import { placeName, tableName, vocabulary } from './vocabulary.ts';

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
  if (!orgLetters.test(name) || !/id|slug/i.test(name)) return false;
  const words = wordsOf(name).join('_');
  const match = vocabulary().idName.exec(words);
  return match !== null && !isOfAnother(words.slice(0, match.index), match[1] ?? '');
}

/** Systems that have organizations, teams and accounts of their own. */
const elsewhere =
  /(?:^|_)(?:external|provider|remote|third_party|slack|git|github|gitlab|bitbucket|stripe|google|microsoft|ms|azure|aws|gcp|discord|twilio|linear|jira|atlassian|notion|hubspot|salesforce|zoom|xero|quickbooks|plaid|paypal|shopify|facebook|instagram|twitter|telegram|whatsapp|vercel|netlify|cloudflare|openai|anthropic|sentry|intercom|zendesk|mailchimp|sendgrid|docusign|vapi|elevenlabs|retell|apple|meta|tiktok|youtube|linkedin|okta|oauth|sso|saml|social|bank|email)$/;
/** Words that may stand before an app's own word and leave it what it is. */
const own =
  /^(?:current|active|selected|requested|my|own|the|this|that|user|users|target|new|old|next|prev|previous|default|session|token|claims?|auth|req|request|input|params?|query|body|header|x|p|v|in|given|effective|resolved|validated|verified|caller|callers|invited|source|dest|destination|from|to|owner|owning|parent|root|personal|primary|first|last|fallback|demo|dev|test|row|record|initial|stored|saved|cached|raw|safe|final|by|for|with|get|set|use|is|has|allowed|filter|where|other|another|foreign|chosen|picked|known|expected|actual|on|and|or|of|if|not|no|all|any|id|ids|app|public|jwt|metadata|data|context|ctx|form|field|url|path|route|cookie|storage|key|switch|select|require|assert|validate|verify|check|ensure|load|fetch|find|a|b|member|members|membership|customer|their|his|her|its|your|our|billing|require|same|orig|original|tmp|temp|let|const|maybe|optional)$/;

/** `externalTeamId` names a team of another system; `bankAccountId` is no account of an app that calls its customers so. */
function isOfAnother(before: string, word: string): boolean {
  if (before === '') return false;
  if (elsewhere.test(before)) return true;
  if (/^(?:org|organi[sz]ation|tenant|workspace)$/.test(word)) return false;
  return !before.split('_').every((one) => own.test(one) || /^\d+$/.test(one));
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

/** Whether a schema says of a table that its rows belong to organizations; without a schema no table is known to be one. */
export const isTenantTable = (name: string): boolean =>
  vocabulary().tenants.has(tableName(name)) && !isOrgTable(name) && !isMembershipTable(name);

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

/** Whether a column that is named like an organization's is known to mean something else in its table. */
export const isOfAnotherTable = (table: string, column: string): boolean =>
  vocabulary().elsewhere.has(placeName(table, column));
