// #if serverOnly
import 'server-only';
// #endif
// #if own
import { createServerClient } from '@supabase/ssr';
import { cookies } from 'next/headers';
// #endif
import { OrgValidationError, orgOfSession, sameOrg } from '__CORE__';
// #if !own
__CALLER_IMPORT__
// #endif
// #if service
__CLIENT_IMPORT__
// #endif

// #if own
/** The client of whoever is asking, by the cookies of the request. */
async function callerClient() {
  const store = await cookies();
  return createServerClient(process.env.__URL__ ?? '', process.env.__KEY__ ?? '', {
    cookies: {
      getAll: () => store.getAll(),
      setAll: (list: { name: string; value: string; options: object }[]) => {
        try {
          for (const { name, value, options } of list) store.set(name, value, options);
        } catch {
          // A page cannot set cookies: there the middleware refreshes the session.
        }
      },
    },
  });
}

// #endif
/** The validated organization of whoever is asking, in route handlers, server actions and pages. */
export async function requireOrgId(): Promise<string> {
  return orgOfSession(__ASK__);
}

/** The same, after comparing it with what the request names. Throws an OrgValidationError where they differ. */
export async function assertSameOrg(supplied: unknown): Promise<string> {
  return sameOrg(await requireOrgId(), supplied);
}

/** A route handler that answers refusals with their status: 401 without an organization, 403 for one of others. */
export function withOrg<Args extends unknown[], Answer>(
  handler: (...args: Args) => Promise<Answer>,
): (...args: Args) => Promise<Answer | Response> {
  return async (...args) => {
    try {
      return await handler(...args);
    } catch (error) {
      if (!(error instanceof OrgValidationError)) throw error;
      return Response.json(error.body, { status: error.status });
    }
  };
}
