/**
 * Supabase's data API over a PostgreSQL of our own: `@supabase/lite` in front of it, with the database's row security and the
 * roles of the token. Its first request would run `GRANT ALL … TO anon, authenticated, service_role` and change the default
 * privileges of every schema with row security (`ensureRlsContext`, 0.10.0), which would hide exactly what a rollout is about.
 * The field that says "already done" is set before the first request, so no grant is ever made;
 * `test/app/gateway.test.ts` watches that. It writes each refusal of the database to the console; that is its way, not a failure.
 */
import { App } from '@supabase/lite';
import { createPostgresConnection } from '@supabase/lite/postgres';

export type Rest = {
  /** Answers a request below `/rest/v1`. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Reads the schema again; a hosted API does so by itself, seconds after a change. */
  readonly reload: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

type Running = {
  readonly fetch: (request: Request) => Promise<Response>;
  readonly close: () => Promise<void>;
};

/**
 * `databaseUrl` must log in as a superuser: as `authenticator` it sees no table (its introspection reads `information_schema`)
 * and cannot look the user of a token up. Every request then runs as the role of its token.
 */
export async function startRest(options: { readonly databaseUrl: string; readonly jwtSecret: string }): Promise<Rest> {
  let running = await open(options);
  return {
    fetch: (request) => running.fetch(request),
    reload: async () => {
      const old = running;
      running = await open(options);
      await old.close();
    },
    stop: () => running.close(),
  };
}

async function open(options: { readonly databaseUrl: string; readonly jwtSecret: string }): Promise<Running> {
  const connection = createPostgresConnection({
    url: options.databaseUrl,
    postgresOptions: { max: 4, onnotice: () => undefined },
  });
  if (Reflect.get(connection, 'rlsState') !== 'unknown') {
    throw new Error('@supabase/lite no longer keeps rlsState: look how it grants now before it touches a database');
  }
  Reflect.set(connection, 'rlsState', 'active');
  const app = new App({
    connection,
    auth: { enabled: true, jwt_secret: options.jwtSecret },
    storage: { enabled: false },
    studio: { enabled: false },
    options: { server: { apiKeys: false } },
  });
  return {
    fetch: async (request) => app.fetch(request),
    close: () => connection.close(),
  };
}
