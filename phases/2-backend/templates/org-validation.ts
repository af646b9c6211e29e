// #if express
import type { NextFunction, Request, RequestHandler, Response } from 'express';
// #endif
__CLIENT_IMPORT__

/**
 * The organization of the authenticated user, and nothing else, decides which rows a request may see. It comes from
 * app_metadata.__COLUMN__ of the verified token, which only the server can write; it must exist, and the user must
 * belong to it. What a request names in a header, a query or a body is compared with it, never believed.
 */

// #if express
// #if declare
declare global {
  namespace Express {
    interface Request {
      /** The validated organization of the authenticated user; set by the auth middleware. */
      org_id?: string;
    }
  }
}
// #endif

type OrgRequest = Request;
type OrgResponse = Response;
type OrgNext = NextFunction;
// #else
// #if pages
declare module 'next' {
  interface NextApiRequest {
    /** The validated organization of the authenticated user; set by what authenticates a request. */
    org_id?: string;
  }
}

// #endif
type OrgRequest = { org_id?: string; user?: { id: string }; method?: string; url?: string };
type OrgResponse = { statusCode: number; headersSent: boolean; setHeader(name: string, value: string): unknown; end(text: string): unknown };
type OrgNext = (error?: unknown) => void;
// #endif

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

const missing = () => new OrgValidationError(401, 'ORG_ID_MISSING', 'The session carries no organization');
const forbidden = () => new OrgValidationError(403, 'FORBIDDEN', 'Access denied to this organization');
const notFound = () => new OrgValidationError(404, 'NOT_FOUND', 'The organization does not exist');

// #if uuid
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Says whether a value has the shape of an organization id. */
export function isOrgId(value: unknown): value is string {
  return typeof value === 'string' && uuid.test(value);
}
// #else
/** Says whether a value can be the id of an organization; the database says whether it is one. */
export function isOrgId(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= 200;
}
// #endif

/** Checks that are under way: requests that come together ask once, and the next one asks again. */
const underWay = new Map<string, Promise<void>>();

/** Resolves when the organization exists and the user belongs to it; rejects with an OrgValidationError. */
export async function validateMembership(userId: string, orgId: string): Promise<void> {
  if (!isOrgId(orgId)) throw missing();
  const key = `${userId} ${orgId}`;
  const known = underWay.get(key);
  if (known) return known;
  const check = checkMembership(userId, orgId)
    .catch((error: unknown) => {
      throw error instanceof OrgValidationError ? error : unchecked(String(error));
    })
    .finally(() => underWay.delete(key));
  underWay.set(key, check);
  return check;
}

async function checkMembership(userId: string, orgId: string): Promise<void> {
  const organization = await __CLIENT__
    .from('__ORGANIZATIONS__')
    .select('__ORGANIZATIONS_KEY__')
    .eq('__ORGANIZATIONS_KEY__', orgId)__ORGANIZATIONS_LIVING__
    .maybeSingle();
  if (organization.error) throw unchecked(organization.error.message);
  if (!organization.data) throw notFound();
  // #if memberships
  const membership = await __CLIENT__
    .from('__MEMBERSHIPS__')
    .select('__MEMBERSHIPS_ORG__')
    .eq('__MEMBERSHIPS_USER__', userId)
    .eq('__MEMBERSHIPS_ORG__', orgId)__MEMBERSHIPS_ACTIVE__
    .limit(1);
  if (membership.error) throw unchecked(membership.error.message);
  if (membership.data.length > 0) return;
  // #endif
  // #if profiles
  const profile = await __CLIENT__
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

/** A user of the auth server, or the claims of a token whose signature was checked. */
type AuthenticatedUser = { id?: string; sub?: string; app_metadata?: Record<string, unknown> | null };

/** The validated organization of a verified user. Rejects with an OrgValidationError. */
export async function orgOfUser(user: AuthenticatedUser): Promise<string> {
  const claim = user.app_metadata?.__COLUMN__;
  const orgId = typeof claim === 'number' ? String(claim) : claim;
  const userId = user.id ?? user.sub;
  if (!userId || !isOrgId(orgId)) throw missing();
  await validateMembership(userId, orgId);
  return orgId;
}

/**
 * The same for middleware: null when there is no valid organization. With a response, the refusal is answered; without
 * one (optional authentication) the request goes on as anonymous.
 */
export async function resolveOrgId(user: AuthenticatedUser, req: OrgRequest, res?: OrgResponse): Promise<string | null> {
  try {
    return await orgOfUser(user);
  } catch (error) {
    if (!(error instanceof OrgValidationError)) throw error;
    report(error, req);
    if (res) answerRefusal(error, res);
    return null;
  }
}

/**
 * The organization for requests without a token in development. It has to be named on purpose, in DEV_ORG_ID, and never
 * counts in production.
 */
export function devOrgId(req: OrgRequest, res: OrgResponse): string | null {
  const orgId = process.env.NODE_ENV === 'development' ? process.env.DEV_ORG_ID : undefined;
  if (isOrgId(orgId)) return orgId;
  const error = missing();
  report(error, req);
  answerRefusal(error, res);
  return null;
}

/** The validated organization of the request. Throws an OrgValidationError where the auth middleware set none. */
export function requireOrgId(req: OrgRequest): string {
  return isOrgId(req.org_id) ? req.org_id : refuse(req, missing());
}

/**
 * The validated organization of the request, after comparing it with the one that the request names, if it names one.
 * Throws an OrgValidationError with 403 where they differ.
 */
export function assertSameOrg(req: OrgRequest, supplied: unknown): string {
  const orgId = requireOrgId(req);
  const named = Array.isArray(supplied) && supplied.length === 1 ? supplied[0] : supplied;
  if (named === undefined || named === null || named === '') return orgId;
  if (typeof named !== 'object' && String(named).toLowerCase() === orgId.toLowerCase()) return orgId;
  return refuse(req, forbidden());
}

// #if express
/** Express middleware: lets a request through only with a validated organization. Stands after authentication. */
export const validateOrg: RequestHandler = async (req, res, next) => {
  try {
    const orgId = requireOrgId(req);
    const user = (req as { user?: { id?: string } }).user;
    if (!user?.id) throw missing();
    if (orgId !== process.env.DEV_ORG_ID || process.env.NODE_ENV !== 'development') {
      await validateMembership(user.id, orgId);
    }
    next();
  } catch (error) {
    if (error instanceof OrgValidationError) report(error, req);
    if (!answerRefusal(error, res)) next(error);
  }
};
// #endif

/** Answers a refusal with its status, and says whether an error was one. For catch blocks, which come first otherwise. */
export function answerRefusal(error: unknown, res: OrgResponse): boolean {
  if (!(error instanceof OrgValidationError) || res.headersSent) return false;
  // #if express
  res.status(error.status).json(error.body);
  // #else
  res.statusCode = error.status;
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify(error.body));
  // #endif
  return true;
}

/**
 * A handler that answers refusals with their status, and hands any other error to the error handling of the app, also
 * where the handler is async: Express 4 does not wait for it.
 */
export function answeringRefusals<Req extends OrgRequest, Res extends OrgResponse>(
  handler: (req: Req, res: Res, next: OrgNext) => unknown,
): (req: Req, res: Res, next?: OrgNext) => Promise<void> {
  return async function (this: unknown, req, res, next) {
    try {
      await handler.call(this, req, res, next as OrgNext);
    } catch (error) {
      if (answerRefusal(error, res)) return;
      if (!next) throw error;
      next(error);
    }
  };
}

const reported = new WeakSet<OrgValidationError>();

function report(error: OrgValidationError, req: OrgRequest): void {
  if (reported.has(error)) return;
  reported.add(error);
  reportRefusal(req, error.status, error.code);
}

/** One line per refusal, for whoever watches. It names no user, no address and no value of the request. */
export function reportRefusal(req: OrgRequest, status: number, code = status === 401 ? 'UNAUTHENTICATED' : 'FORBIDDEN'): void {
  const path = (req.url ?? '').replace(/[?].*$/, '').replace(/[0-9a-f-]{16,}|[^/]*@[^/]*/gi, ':id');
  console.warn(JSON.stringify({ event: 'request_refused', status, code, method: req.method, path }));
}

function refuse(req: OrgRequest, error: OrgValidationError): never {
  report(error, req);
  throw error;
}
