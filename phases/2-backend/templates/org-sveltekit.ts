import { error, type Handle } from '@sveltejs/kit';
import { missing, OrgValidationError, orgOfSession, sameOrg } from '__CORE__';
// #if service
__CLIENT_IMPORT__
// #endif

declare global {
  namespace App {
    interface Locals {
      /** The validated organization of whoever is asking; null for nobody. */
      __FIELD__: string | null;
    }
  }
}

/** Why there is none, for handlers that need one. */
const refusals = new WeakMap<object, OrgValidationError>();

/** Stands in hooks.server behind the handle that sets event.locals.__SUPABASE_KEY__, and refuses nobody by itself. */
export const handleOrg: Handle = async ({ event, resolve }) => {
  try {
    event.locals.__FIELD__ = await orgOfSession(__ASK__);
  } catch (reason) {
    if (!(reason instanceof OrgValidationError)) throw reason;
    refusals.set(event.locals, reason);
    event.locals.__FIELD__ = null;
  }
  return resolve(event);
};

/** The validated organization; 401, 403 or 404 without one. */
export function requireOrgId(locals: App.Locals): string {
  if (locals.__FIELD__) return locals.__FIELD__;
  return refuse(refusals.get(locals) ?? missing());
}

/** The same, after comparing it with what the request names: another organization is answered 403. */
export function assertSameOrg(locals: App.Locals, supplied: unknown): string {
  const orgId = requireOrgId(locals);
  try {
    return sameOrg(orgId, supplied);
  } catch (reason) {
    return refuse(reason);
  }
}

function refuse(reason: unknown): never {
  if (!(reason instanceof OrgValidationError)) throw reason;
  throw error(reason.status, reason.message);
}
