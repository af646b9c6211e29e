import { missing, orgOfToken, sameOrg } from '__CORE__';
__CLIENT_IMPORT__

type OrgState = { orgId?: unknown };
type OrgContext = { state: OrgState; get(header: string): string };

/** Lets a request through only with a validated organization, in ctx.state.orgId; Koa answers 401, 403 or 404 otherwise. */
export async function requireOrg(ctx: OrgContext, next: () => Promise<unknown>): Promise<void> {
  ctx.state.orgId = await orgOfToken(__CLIENT__, ctx.get('authorization')).catch(expose);
  await next();
}

/** The validated organization of the caller. */
export function requireOrgId(ctx: { state: OrgState }): string {
  const { orgId } = ctx.state;
  return typeof orgId === 'string' && orgId !== '' ? orgId : expose(missing());
}

/** The same, after comparing it with what the request names: another organization is answered 403. */
export function assertSameOrg(ctx: { state: OrgState }, supplied: unknown): string {
  const orgId = requireOrgId(ctx);
  try {
    return sameOrg(orgId, supplied);
  } catch (error) {
    return expose(error);
  }
}

/** Koa shows the message of an error that says so. */
function expose(error: unknown): never {
  throw error instanceof Error ? Object.assign(error, { expose: true }) : error;
}
