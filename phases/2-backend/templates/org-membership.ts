import type { SupabaseClient } from '__SUPABASE__';

/**
 * The organization of whoever is asking: app_metadata.__COLUMN__ of a token whose signature was checked, which only the
 * server can write. It must exist, and the user must belong to it, by what the database says now. What a request names
 * in a header, a query, a body or an argument is compared with it, never believed.
 */

export type OrgErrorCode = 'ORG_ID_MISSING' | 'FORBIDDEN' | 'NOT_FOUND' | 'ORG_CHECK_FAILED';

/** A refusal, with the HTTP status that says it: 401 without an organization, 403 for one of others, 404 for none. */
export class OrgValidationError extends Error {
  readonly status: number;
  readonly statusCode: number;
  readonly code: OrgErrorCode;

  constructor(status: number, code: OrgErrorCode, message: string) {
    super(message);
    this.name = 'OrgValidationError';
    this.status = status;
    this.statusCode = status;
    this.code = code;
  }

  /** What the caller is told. */
  get body() {
    return { error: this.message, code: this.code };
  }
}

export const missing = () => new OrgValidationError(401, 'ORG_ID_MISSING', 'The session carries no organization');
const forbidden = () => new OrgValidationError(403, 'FORBIDDEN', 'Access denied to this organization');
const notFound = () => new OrgValidationError(404, 'NOT_FOUND', 'The organization does not exist');

/** Says whether a value can be the id of an organization; the database says whether it is one. */
export function isOrgId(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= 200;
}

/** Checks that are under way: requests that come together ask once, and the next one asks again. */
const underWay = new Map<string, Promise<void>>();

/**
 * Resolves when the organization exists and the user belongs to it; rejects with an OrgValidationError. `seesAll`: whether
 * the client sees organizations of others, so that one which it does not see does not exist.
 */
export async function validateMembership(client: SupabaseClient, userId: string, orgId: string, seesAll = true): Promise<void> {
  const key = `${userId} ${orgId}`;
  const known = underWay.get(key);
  if (known) return known;
  const check = checkMembership(client, userId, orgId, seesAll)
    .catch((error: unknown) => {
      throw error instanceof OrgValidationError ? error : unchecked(String(error));
    })
    .finally(() => underWay.delete(key));
  underWay.set(key, check);
  return check;
}

async function checkMembership(client: SupabaseClient, userId: string, orgId: string, seesAll: boolean): Promise<void> {
  const organization = await client
    .from('__ORGANIZATIONS__')
    .select('__ORGANIZATIONS_KEY__')
    .eq('__ORGANIZATIONS_KEY__', orgId)__ORGANIZATIONS_LIVING__
    .limit(1);
  if (organization.error) throw unchecked(organization.error.message);
  if (organization.data.length === 0) throw seesAll ? notFound() : forbidden();
  // #if memberships
  const membership = await client
    .from('__MEMBERSHIPS__')
    .select('__MEMBERSHIPS_ORG__')
    .eq('__MEMBERSHIPS_USER__', userId)
    .eq('__MEMBERSHIPS_ORG__', orgId)__MEMBERSHIPS_ACTIVE__
    .limit(1);
  if (membership.error) throw unchecked(membership.error.message);
  if (membership.data.length > 0) return;
  // #endif
  // #if profiles
  const profile = await client
    .from('__PROFILES__')
    .select('__PROFILES_ORG__')
    .eq('__PROFILES_USER__', userId)
    .eq('__PROFILES_ORG__', orgId)__PROFILES_ACTIVE__
    .limit(1);
  if (profile.error) throw unchecked(profile.error.message);
  if (profile.data.length > 0) return;
  // #endif
  throw forbidden();
}

/** The database could not be asked: nobody is let in on a guess, and the reason stays in the log. */
function unchecked(reason: string): OrgValidationError {
  console.error(JSON.stringify({ event: 'org_check_failed', reason }));
  return new OrgValidationError(503, 'ORG_CHECK_FAILED', 'The organization could not be checked');
}

type Verified = { sub: string; org: unknown };

/** The claims of a token whose signature holds; without a token those of the session of the client. Null for none. */
async function verify(client: SupabaseClient, token?: string): Promise<Verified | null> {
  // #if claims
  // By the key set of the project where it signs with one, so that it costs no round trip.
  const { data } = await client.auth.getClaims(token).catch(() => ({ data: null }));
  if (!data) return null;
  const { sub, app_metadata } = data.claims;
  return { sub, org: app_metadata?.__COLUMN__ };
  // #else
  const { data } = await client.auth.getUser(token);
  return data.user ? { sub: data.user.id, org: data.user.app_metadata.__COLUMN__ } : null;
  // #endif
}

/** The validated organization of the bearer of a token. Rejects with an OrgValidationError. */
export async function orgOfToken(client: SupabaseClient, authorization: string | null | undefined): Promise<string> {
  const token = authorization?.replace(/^Bearer\s+/i, '').trim();
  if (!token) throw missing();
  return orgOf(client, await verify(client, token));
}

/**
 * The validated organization of whose session a client carries. Rejects with an OrgValidationError. `asker`: who looks
 * memberships up, where the policies of the app hide them from the caller.
 */
export async function orgOfSession(client: SupabaseClient, asker: SupabaseClient = client): Promise<string> {
  return orgOf(asker, await verify(client), asker !== client);
}

async function orgOf(client: SupabaseClient, verified: Verified | null, seesAll = true): Promise<string> {
  const orgId = typeof verified?.org === 'number' ? String(verified.org) : verified?.org;
  if (!verified || typeof verified.sub !== 'string' || !isOrgId(orgId)) throw missing();
  await validateMembership(client, verified.sub, orgId, seesAll);
  return orgId;
}

/** The own organization, after comparing it with the one that a request names, if it names one. */
export function sameOrg(orgId: string, supplied: unknown): string {
  const named = Array.isArray(supplied) && supplied.length === 1 ? supplied[0] : supplied;
  if (named === undefined || named === null || named === '') return orgId;
  if (typeof named !== 'object' && String(named).toLowerCase() === orgId.toLowerCase()) return orgId;
  throw forbidden();
}
