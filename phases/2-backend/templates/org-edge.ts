import { createClient } from '__SUPABASE__';
import { OrgValidationError, orgOfToken, sameOrg } from '__CORE__';

// The edge runtime sets both.
const client = createClient(Deno.env.get('SUPABASE_URL') ?? '', Deno.env.get('SUPABASE_SERVICE_ROLE_KEY') ?? '', {
  auth: { persistSession: false, autoRefreshToken: false },
});

/** The validated organization of whoever is asking. */
export async function requireOrgId(req: Request): Promise<string> {
  return orgOfToken(client, req.headers.get('Authorization'));
}

/** The same, after comparing it with what the request names. Throws an OrgValidationError where they differ. */
export async function assertSameOrg(req: Request, supplied: unknown): Promise<string> {
  return sameOrg(await requireOrgId(req), supplied);
}

/** A handler that answers refusals with their status: 401 without an organization, 403 for one of others. */
export function withOrg(handler: (req: Request) => Promise<Response>): (req: Request) => Promise<Response> {
  return async (req) => {
    try {
      return await handler(req);
    } catch (error) {
      if (!(error instanceof OrgValidationError)) throw error;
      const headers = { 'Content-Type': 'application/json', 'Access-Control-Allow-Origin': '*' };
      return new Response(JSON.stringify(error.body), { status: error.status, headers });
    }
  };
}
