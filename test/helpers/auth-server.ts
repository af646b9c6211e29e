/**
 * A stand-in for Supabase's auth server: its paths, answers and tokens as far as supabase-js uses them here, over the statements
 * of `sequences.ts`. No mail, no rate limits, no second factor; every email and phone is confirmed at once.
 */
import type { ClientBase, Pool } from 'pg';
import * as z from 'zod';
import { type Claims, signToken, verifyToken } from './jwt.ts';
import type { AuthUser, SignedIn } from './sequences.ts';
import * as sequences from './sequences.ts';

export type AuthServer = {
  /** Answers one request whose path begins behind `/auth/v1`. */
  readonly fetch: (request: Request, path: string) => Promise<Response>;
  /** The session that a client would be given. */
  readonly session: (signedIn: SignedIn) => Session;
};

export type Session = {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly token_type: 'bearer';
  readonly expires_in: number;
  readonly expires_at: number;
  readonly user: UserAnswer;
};

export type UserAnswer = {
  readonly id: string;
  readonly email: string;
  readonly phone: string;
  readonly role: string;
  readonly app_metadata: sequences.Metadata;
  readonly user_metadata: sequences.Metadata;
  readonly [key: string]: unknown;
};

const LIFETIME_SECONDS = 3600;

const metadata = z.record(z.string(), z.unknown());
const credentials = z.object({
  email: z.email().optional(),
  phone: z.string().optional(),
  password: z.string().optional(),
  data: metadata.optional(),
  refresh_token: z.string().optional(),
});
const adminUser = z.object({
  email: z.email().optional(),
  phone: z.string().optional(),
  password: z.string().optional(),
  email_confirm: z.boolean().optional(),
  phone_confirm: z.boolean().optional(),
  app_metadata: metadata.optional(),
  user_metadata: metadata.optional(),
});
const deletion = z.object({ should_soft_delete: z.boolean().optional() });

/** What the server answers instead of a result. */
class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function createAuthServer(options: {
  readonly pool: Pool;
  readonly jwtSecret: string;
  readonly issuer: string;
}): AuthServer {
  const { pool, jwtSecret, issuer } = options;

  const session = ({ user, sessionId, refreshToken }: SignedIn): Session => {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      sub: user.id,
      aud: user.aud,
      exp: now + LIFETIME_SECONDS,
      iat: now,
      email: user.email ?? '',
      phone: user.phone ?? '',
      app_metadata: user.raw_app_meta_data ?? {},
      user_metadata: user.raw_user_meta_data ?? {},
      role: user.role,
      aal: 'aal1',
      amr: [{ method: 'password', timestamp: now }],
      session_id: sessionId,
      is_anonymous: user.is_anonymous,
    };
    return {
      access_token: signToken(jwtSecret, claims),
      refresh_token: refreshToken,
      token_type: 'bearer',
      expires_in: LIFETIME_SECONDS,
      expires_at: now + LIFETIME_SECONDS,
      user: answer(user),
    };
  };

  const claimsOf = (request: Request): Claims => {
    const token = request.headers.get('authorization')?.replace(/^Bearer /i, '');
    const claims = token ? verifyToken(jwtSecret, token) : null;
    if (!claims) throw new Refusal(403, 'bad_jwt', 'invalid JWT: unable to parse or verify signature');
    return claims;
  };

  const requireAdmin = (request: Request): void => {
    if (claimsOf(request).role !== 'service_role') throw new Refusal(403, 'not_admin', 'User not allowed');
  };

  const caller = async (client: ClientBase, request: Request): Promise<AuthUser> => {
    const { sub } = claimsOf(request);
    if (typeof sub !== 'string') throw new Refusal(403, 'bad_jwt', 'invalid claim: missing sub claim');
    const user = await find(client, sub);
    if (!user) throw new Refusal(403, 'user_not_found', 'User from sub claim in JWT does not exist');
    return user;
  };

  const token = async (client: ClientBase, request: Request): Promise<Session> => {
    const grant = new URL(request.url).searchParams.get('grant_type');
    const body = await read(request, credentials);
    if (grant === 'refresh_token') {
      const refreshed = await sequences.refreshSession(client, body.refresh_token ?? '');
      if (!refreshed)
        throw new Refusal(400, 'refresh_token_not_found', 'Invalid Refresh Token: Refresh Token Not Found');
      return session(refreshed);
    }
    if (grant !== 'password') throw new Refusal(400, 'validation_failed', 'unsupported_grant_type');
    const { email, phone, password = '' } = body;
    const signedIn = await sequences.signInWithPassword(client, {
      email,
      phone,
      password,
    });
    if (!signedIn) throw new Refusal(400, 'invalid_credentials', 'Invalid login credentials');
    return session(signedIn);
  };

  const signUp = async (client: ClientBase, request: Request): Promise<Session> => {
    const { email, phone, password, data } = await read(request, credentials);
    if (email) {
      if (await taken(client, email)) throw new Refusal(422, 'user_already_exists', 'User already registered');
      return session(await sequences.signUpWithEmail(client, { email, password, data }));
    }
    if (phone) return session(await sequences.signUpWithPhone(client, { phone, password, data }));
    return session(await sequences.signUpAnonymously(client, data));
  };

  const admin = async (client: ClientBase, request: Request, id: string | undefined): Promise<unknown> => {
    requireAdmin(request);
    if (id === undefined) {
      if (request.method === 'GET')
        return {
          users: (await sequences.listUsers(client)).map(answer),
          aud: 'authenticated',
        };
      const body = await read(request, adminUser);
      if (body.email && (await taken(client, body.email))) {
        throw new Refusal(422, 'email_exists', 'A user with this email address has already been registered');
      }
      const { email, phone, password, user_metadata, app_metadata } = body;
      const confirm = body.email_confirm === true || body.phone_confirm === true;
      const given = {
        email,
        phone,
        password,
        data: user_metadata,
        appMetadata: app_metadata,
        confirm,
      };
      return answer(await sequences.adminCreateUser(client, given));
    }
    const user = await find(client, id);
    if (!user) throw new Refusal(404, 'user_not_found', 'User not found');
    if (request.method === 'PUT') {
      const body = await read(request, adminUser);
      const given = {
        appMetadata: body.app_metadata,
        data: body.user_metadata,
      };
      return answer(await sequences.adminUpdateUser(client, id, given));
    }
    if (request.method === 'DELETE') {
      const soft = (await read(request, deletion)).should_soft_delete === true;
      await (soft ? sequences.softDeleteUser(client, id) : sequences.deleteUser(client, id));
      return {};
    }
    return answer(user);
  };

  const route = async (client: ClientBase, request: Request, path: string): Promise<unknown> => {
    const [, first, second, third] = path.split('/');
    switch (`${request.method} /${first ?? ''}`) {
      case 'GET /health':
        return {
          name: 'auth stand-in',
          description: 'answers as the auth server does',
        };
      case 'GET /settings':
        return {
          disable_signup: false,
          mailer_autoconfirm: true,
          phone_autoconfirm: true,
          external: { email: true },
        };
      case 'POST /signup':
        return signUp(client, request);
      case 'POST /token':
        return token(client, request);
      case 'GET /user':
        return answer(await caller(client, request));
      case 'PUT /user': {
        const user = await caller(client, request);
        const { data = {} } = await read(request, credentials);
        return answer(await sequences.updateOwnMetadata(client, user.id, data));
      }
      case 'POST /logout':
        await sequences.signOut(client, (await caller(client, request)).id);
        return undefined;
      case 'POST /invite': {
        requireAdmin(request);
        const { email, data } = await read(request, credentials);
        if (!email) throw new Refusal(422, 'validation_failed', 'An email address is required');
        return answer(await sequences.invite(client, { email, data }));
      }
      default:
        if (first === 'admin' && second === 'users') return admin(client, request, third || undefined);
        throw new Refusal(404, 'not_found', `${request.method} ${path} is not part of this stand-in`);
    }
  };

  const answerRequest = async (request: Request, path: string): Promise<Response> => {
    const client = await pool.connect();
    try {
      const result = await route(client, request, path);
      return result === undefined ? new Response(null, { status: 204 }) : Response.json(result);
    } catch (error) {
      return refuse(error, request.method, path);
    } finally {
      client.release();
    }
  };

  return { fetch: answerRequest, session };
}

function refuse(error: unknown, method: string, path: string): Response {
  if (error instanceof Refusal) {
    const body = {
      code: error.status,
      error_code: error.code,
      msg: error.message,
    };
    return Response.json(body, { status: error.status });
  }
  // What the server says when a trigger on auth.users raises; it logs the rest, and so does this.
  const reason = error instanceof Error ? error.message : String(error);
  const creating = path === '/signup' || (path.startsWith('/admin/users') && method === 'POST');
  const msg = creating ? 'Database error saving new user' : 'Database error';
  return Response.json({ code: 500, error_code: 'unexpected_failure', msg, reason }, { status: 500 });
}

async function read<T>(request: Request, shape: z.ZodType<T>): Promise<T> {
  const text = await request.text();
  const given: unknown = text === '' ? {} : JSON.parse(text);
  const parsed = shape.safeParse(given);
  if (!parsed.success) throw new Refusal(400, 'validation_failed', z.prettifyError(parsed.error));
  return parsed.data;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

async function find(client: ClientBase, id: string): Promise<AuthUser | null> {
  if (!UUID.test(id)) return null;
  return (await sequences.listUsers(client)).find((user) => user.id === id.toLowerCase()) ?? null;
}

async function taken(client: ClientBase, email: string): Promise<boolean> {
  return (await sequences.listUsers(client)).some((user) => !user.is_sso_user && user.email === email.toLowerCase());
}

/** A user as the API shows one. */
export function answer(user: AuthUser): UserAnswer {
  return {
    id: user.id,
    aud: user.aud,
    role: user.role ?? '',
    email: user.email ?? '',
    phone: user.phone ?? '',
    email_confirmed_at: user.email_confirmed_at,
    phone_confirmed_at: user.phone_confirmed_at,
    invited_at: user.invited_at,
    last_sign_in_at: user.last_sign_in_at,
    app_metadata: user.raw_app_meta_data ?? {},
    user_metadata: user.raw_user_meta_data ?? {},
    identities: [],
    created_at: user.created_at,
    updated_at: user.updated_at,
    is_anonymous: user.is_anonymous,
  };
}
