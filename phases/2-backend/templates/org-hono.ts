import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { HTTPException } from 'hono/http-exception';
import { missing, OrgValidationError, orgOfToken, sameOrg } from '__CORE__';
__CLIENT_IMPORT__

/** What requireOrg puts into the context: c.get('orgId') is the validated organization of the caller. */
export type OrgVariables = { orgId: string };

/** Lets a request through only with a validated organization, and answers 401, 403 or 404 otherwise. */
export const requireOrg = createMiddleware<{ Variables: OrgVariables }>(async (c, next) => {
  c.set('orgId', await orgOfToken(__CLIENT__, c.req.header('authorization')).catch(refuse));
  await next();
});

/** The validated organization of the caller. */
export function requireOrgId(c: Context): string {
  const orgId: unknown = c.get('orgId');
  return typeof orgId === 'string' && orgId !== '' ? orgId : refuse(missing());
}

/** The same, after comparing it with what the request names: another organization is answered 403. */
export function assertSameOrg(c: Context, supplied: unknown): string {
  const orgId = requireOrgId(c);
  try {
    return sameOrg(orgId, supplied);
  } catch (error) {
    return refuse(error);
  }
}

/** As the exception of Hono, which answers what it carries. */
function refuse(error: unknown): never {
  if (!(error instanceof OrgValidationError)) throw error;
  const res = new Response(JSON.stringify(error.body), {
    status: error.status,
    headers: { 'content-type': 'application/json' },
  });
  throw new HTTPException(error.status as 401 | 403 | 404 | 503, { res, message: error.message });
}
