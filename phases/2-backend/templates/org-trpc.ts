import { TRPCError } from '@trpc/server';
import { OrgValidationError, __ASK_IMPORT__, sameOrg } from '__CORE__';
import { __BASE__ } from '__TRPC__';
// #if client
__CLIENT_IMPORT__
// #endif

/** __BASE__ with ctx.orgId: the validated organization of the caller. Without one it answers UNAUTHORIZED or FORBIDDEN. */
export const orgProcedure = __BASE__.use(async ({ ctx, next }) => {
  const orgId = await __ASK__.catch(refuse);
  return next({ ctx: { orgId } });
});

/** The validated organization, after comparing it with what the input names: another one is FORBIDDEN. */
export function assertSameOrg(ctx: { orgId: string }, supplied: unknown): string {
  try {
    return sameOrg(ctx.orgId, supplied);
  } catch (error) {
    return refuse(error);
  }
}

const codes = {
  ORG_ID_MISSING: 'UNAUTHORIZED',
  FORBIDDEN: 'FORBIDDEN',
  NOT_FOUND: 'NOT_FOUND',
  ORG_CHECK_FAILED: 'INTERNAL_SERVER_ERROR',
} as const;

function refuse(error: unknown): never {
  if (!(error instanceof OrgValidationError)) throw error;
  throw new TRPCError({ code: codes[error.code], message: error.message });
}
