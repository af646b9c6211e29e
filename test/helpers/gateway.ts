/**
 * One port for `/auth/v1` and `/rest/v1`, as a Supabase project has it: the stand-in of the auth server and the data API over
 * the same database, with one secret for every token.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import pg from 'pg';
import { answer, createAuthServer, type Session, type UserAnswer } from './auth-server.ts';
import { signToken } from './jwt.ts';
import { startRest } from './rest.ts';
import * as sequences from './sequences.ts';

export type GatewayOptions = {
  readonly databaseUrls: {
    /** Logs in as `supabase_auth_admin`, or as a superuser. */
    readonly auth: string;
    /** Logs in as a superuser; see `startRest`. */
    readonly rest: string;
  };
  readonly jwtSecret: string;
};

/** Every way in which a user comes to be. */
export type SignUp = {
  readonly email: {
    readonly email: string;
    readonly password: string;
    readonly data?: sequences.Metadata;
  };
  readonly phone: {
    readonly phone: string;
    readonly password: string;
    readonly data?: sequences.Metadata;
  };
  readonly anonymous: { readonly data?: sequences.Metadata };
  readonly oauth: {
    readonly email: string;
    readonly provider: string;
    readonly data?: sequences.Metadata;
  };
  readonly sso: { readonly email: string; readonly ssoProviderId?: string };
  readonly invite: {
    readonly email: string;
    readonly data?: sequences.Metadata;
  };
  readonly admin: {
    readonly email?: string;
    readonly phone?: string;
    readonly password?: string;
    readonly data?: sequences.Metadata;
    readonly appMetadata?: sequences.Metadata;
    readonly confirm?: boolean;
  };
};

/** `session` is `null` where nobody has signed in: an invitation, an admin's create. */
export type SignedUp = {
  readonly user: UserAnswer;
  readonly session: Session | null;
};

export type Gateway = {
  readonly url: string;
  readonly anonKey: string;
  readonly serviceKey: string;
  readonly signUp: <K extends keyof SignUp>(kind: K, given: SignUp[K]) => Promise<SignedUp>;
  readonly signIn: (given: { readonly email: string; readonly password: string }) => Promise<Session>;
  /** The data API reads the schema again: call it after columns or tables have changed. */
  readonly reload: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

export async function startGateway({ databaseUrls, jwtSecret }: GatewayOptions): Promise<Gateway> {
  const pool = new pg.Pool({ connectionString: databaseUrls.auth, max: 4 });
  // A database dropped under an idle connection is a test's own doing, not a reason to end the process.
  pool.on('error', () => undefined);
  const rest = await startRest({ databaseUrl: databaseUrls.rest, jwtSecret });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the gateway has no port');
  const url = `http://127.0.0.1:${address.port}`;
  const auth = createAuthServer({ pool, jwtSecret, issuer: `${url}/auth/v1` });

  const route = async (request: Request): Promise<Response> => {
    if (request.method === 'OPTIONS') return new Response(null, { status: 204 });
    const { pathname } = new URL(request.url);
    if (pathname.startsWith('/auth/v1/')) return auth.fetch(request, pathname.slice('/auth/v1'.length));
    if (pathname.startsWith('/rest/v1')) return rest.fetch(request);
    return Response.json({ message: 'no Route matched with those values' }, { status: 404 });
  };
  server.on('request', (incoming, outgoing) => {
    respond(incoming, outgoing, url, route).catch((error: unknown) => {
      outgoing.statusCode = 500;
      outgoing.end(
        JSON.stringify({
          message: error instanceof Error ? error.message : String(error),
        }),
      );
    });
  });

  const withClient = async <T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    const client = await pool.connect();
    try {
      return await work(client);
    } finally {
      client.release();
    }
  };
  const signUps: {
    readonly [K in keyof SignUp]: (client: pg.PoolClient, given: SignUp[K]) => Promise<SignedUp>;
  } = {
    email: async (client, given) => signedUp(await sequences.signUpWithEmail(client, given)),
    phone: async (client, given) => signedUp(await sequences.signUpWithPhone(client, given)),
    anonymous: async (client, given) => signedUp(await sequences.signUpAnonymously(client, given.data)),
    oauth: async (client, given) => signedUp(await sequences.signUpWithProvider(client, given)),
    sso: async (client, given) => signedUp(await sequences.signUpWithSso(client, given)),
    invite: async (client, given) => ({
      user: answer(await sequences.invite(client, given)),
      session: null,
    }),
    admin: async (client, given) => ({
      user: answer(await sequences.adminCreateUser(client, given)),
      session: null,
    }),
  };
  const signedUp = (signedIn: sequences.SignedIn): SignedUp => {
    const session = auth.session(signedIn);
    return { user: session.user, session };
  };

  return {
    url,
    anonKey: apiKey(jwtSecret, 'anon'),
    serviceKey: apiKey(jwtSecret, 'service_role'),
    signUp: (kind, given) => withClient((client) => signUps[kind](client, given)),
    signIn: async (given) => {
      const signedIn = await withClient((client) => sequences.signInWithPassword(client, given));
      if (!signedIn) throw new Error(`no sign-in for ${given.email}`);
      return auth.session(signedIn);
    },
    reload: rest.reload,
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await Promise.all([rest.stop(), pool.end()]);
    },
  };
}

/** A key of the older kind: a token that names a role and no user. */
function apiKey(jwtSecret: string, role: 'anon' | 'service_role'): string {
  const now = Math.floor(Date.now() / 1000);
  return signToken(jwtSecret, {
    iss: 'supabase',
    ref: 'test',
    role,
    iat: now,
    exp: now + 86_400,
  });
}

async function respond(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  url: string,
  route: (request: Request) => Promise<Response>,
): Promise<void> {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  // The gateway of a project lets the key speak where no user does.
  const key = headers.get('apikey');
  if (key && !headers.has('authorization')) headers.set('authorization', `Bearer ${key}`);
  const method = incoming.method ?? 'GET';
  const body = method === 'GET' || method === 'HEAD' ? null : await readBody(incoming);
  const response = await route(new Request(new URL(incoming.url ?? '/', url), { method, headers, body }));
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) outgoing.setHeader(name, value);
  outgoing.setHeader('access-control-allow-origin', '*');
  outgoing.setHeader('access-control-allow-methods', 'GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS');
  outgoing.setHeader('access-control-allow-headers', incoming.headers['access-control-request-headers'] ?? '*');
  outgoing.setHeader('access-control-expose-headers', 'content-range');
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}
