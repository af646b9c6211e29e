import { isOrgId, missing, orgOfToken, sameOrg } from '__CORE__';
__CLIENT_IMPORT__

declare module 'fastify' {
  interface FastifyRequest {
    /** The validated organization of the caller; null until requireOrg has run. */
    __FIELD__: string | null;
  }
}

type OrgRequest = { __FIELD__: string | null; headers: { authorization?: string } };

/** A preHandler: lets a request through only with a validated organization, and answers 401, 403 or 404 otherwise. */
export async function requireOrg(request: OrgRequest): Promise<void> {
  request.__FIELD__ = await orgOfToken(__CLIENT__, request.headers.authorization);
}

/** The validated organization of the caller. */
export function requireOrgId(request: { __FIELD__: string | null }): string {
  if (!isOrgId(request.__FIELD__)) throw missing();
  return request.__FIELD__;
}

/** The same, after comparing it with what the request names: another organization is answered 403. */
export function assertSameOrg(request: { __FIELD__: string | null }, supplied: unknown): string {
  return sameOrg(requireOrgId(request), supplied);
}
