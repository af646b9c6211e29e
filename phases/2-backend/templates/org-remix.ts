import type { SupabaseClient } from '@supabase/supabase-js';
import { OrgValidationError, orgOfSession, sameOrg } from '__CORE__';

/** The validated organization of whose session the client carries; a loader or an action answers 401, 403 or 404 without. */
export async function requireOrgId(client: SupabaseClient): Promise<string> {
  return orgOfSession(client).catch(answer);
}

/** The same, after comparing it with what the request names: another organization is answered 403. */
export async function assertSameOrg(client: SupabaseClient, supplied: unknown): Promise<string> {
  const orgId = await requireOrgId(client);
  try {
    return sameOrg(orgId, supplied);
  } catch (error) {
    return answer(error);
  }
}

/** What a loader throws is what the caller gets. */
function answer(error: unknown): never {
  if (!(error instanceof OrgValidationError)) throw error;
  throw new Response(JSON.stringify(error.body), {
    status: error.status,
    headers: { 'content-type': 'application/json' },
  });
}
