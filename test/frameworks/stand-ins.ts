/**
 * What stands in for Next and SvelteKit, which are not installed here: as much of their modules as the sample apps and the
 * modules that the rollout writes call, with their types, and a thin router that hands requests over as they do.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** The request that a call of `cookies()` means. */
const current = new AsyncLocalStorage<Request>();
Reflect.set(globalThis, Symbol.for('sample request'), current);

type Loaded = Readonly<Record<string, unknown>>;
type Handler = (...args: readonly unknown[]) => unknown;

const isHandler = (value: unknown): value is Handler => typeof value === 'function';

const cookiesOf = `(request) => (request.headers.get('cookie') ?? '').split('; ').filter(Boolean).map((one) => ({ name: one.slice(0, one.indexOf('=')), value: one.slice(one.indexOf('=') + 1) }))`;

export const nextModules = {
  'server-only': '',
  'next/headers': `const parsed = ${cookiesOf};
export const cookies = async () => { const request = globalThis[Symbol.for('sample request')].getStore(); return { getAll: () => parsed(request), set: () => undefined }; };`,
};

export const nextTypes = `declare module 'server-only' {}
declare module 'next/headers' {
  type Options = Partial<{ path: string; maxAge: number }>;
  export function cookies(): Promise<{ getAll(): { name: string; value: string }[]; set(name: string, value: string, options?: Options): void }>;
}
`;

/** Route handlers by their address, and server actions, which are called by name with a list of arguments. */
export const nextRouter =
  (routes: Readonly<Record<string, Loaded>>, actions: Loaded) =>
  (request: Request): Promise<Response> =>
    current.run(request, async () => {
      const { pathname } = new URL(request.url);
      const action = /^\/action\/(\w+)$/.exec(pathname)?.[1];
      if (action !== undefined) {
        const called = actions[action];
        const args: unknown = await request.json();
        if (!isHandler(called) || !Array.isArray(args)) return new Response(null, { status: 404 });
        // What an action throws is an error page: a status of 500.
        return Response.json((await called(...args)) ?? null);
      }
      const handler = routes[pathname]?.[request.method];
      const answer = isHandler(handler) ? await handler(request, { params: Promise.resolve({}) }) : null;
      return answer instanceof Response ? answer : new Response(null, { status: 404 });
    });

export const kitModules = {
  '@sveltejs/kit': `export class HttpError { constructor(status, message) { this.status = status; this.body = { message }; } }
export const error = (status, message) => { throw new HttpError(status, message); };
export const json = (data, init) => Response.json(data, init);
export const fail = (status, data) => ({ failed: true, status, data });`,
  '@sveltejs/kit/hooks': `export const sequence = (...handles) => ({ event, resolve }) => {
  const step = (index, at) => index < handles.length ? handles[index]({ event: at, resolve: (next) => step(index + 1, next) }) : resolve(at);
  return step(0, event);
};`,
  '$env/static/public':
    'export const PUBLIC_SUPABASE_URL = process.env.SUPABASE_URL; export const PUBLIC_SUPABASE_ANON_KEY = process.env.SUPABASE_ANON_KEY;',
  '$env/static/private': 'export const SUPABASE_SERVICE_ROLE_KEY = process.env.SUPABASE_SERVICE_ROLE_KEY;',
};

export const kitTypes = `declare module '@sveltejs/kit' {
  export type RequestEvent = { locals: App.Locals; url: URL; request: Request; params: Record<string, string>; cookies: { getAll(): { name: string; value: string }[]; set(name: string, value: string, options: { path: string }): void } };
  export type Handle = (input: { event: RequestEvent; resolve: (event: RequestEvent) => Promise<Response> }) => Promise<Response>;
  export type RequestHandler = (event: RequestEvent) => Response | Promise<Response>;
  export type Actions = Record<string, (event: RequestEvent) => unknown>;
  export function error(status: number, message: string): never;
  export function json(data: unknown, init?: ResponseInit): Response;
  export function fail(status: number, data: object): object;
}
declare module '@sveltejs/kit/hooks' {
  export function sequence(...handles: import('@sveltejs/kit').Handle[]): import('@sveltejs/kit').Handle;
}
declare module '*/$types' {
  export type { Actions, RequestHandler } from '@sveltejs/kit';
}
declare module '$env/static/public' {
  export const PUBLIC_SUPABASE_URL: string;
  export const PUBLIC_SUPABASE_ANON_KEY: string;
}
declare module '$env/static/private' {
  export const SUPABASE_SERVICE_ROLE_KEY: string;
}
`;

export const edgeModules = { 'npm:@supabase/supabase-js@2': `export * from '@supabase/supabase-js';` };

/** What a module hands to `Deno.serve` while it is loaded. There is a Deno as long as it runs. */
export async function servedBy(load: () => Promise<unknown>): Promise<(request: Request) => Promise<Response>> {
  const served: unknown[] = [];
  const within = async (work: () => unknown): Promise<unknown> => {
    Reflect.set(globalThis, 'Deno', {
      env: { get: (name: string) => process.env[name] },
      serve: (handler: unknown) => served.push(handler),
    });
    try {
      return await work();
    } finally {
      Reflect.deleteProperty(globalThis, 'Deno');
    }
  };
  await within(load);
  const [handler] = served;
  if (!isHandler(handler)) throw new Error('the module serves nothing');
  return async (request) => {
    const answer = await within(() => handler(request));
    return answer instanceof Response ? answer : new Response(null, { status: 500 });
  };
}

/** Loaders and actions of a route module, as Remix calls them: what they throw is answered as well. */
export const remixRouter =
  (routes: readonly (readonly [address: RegExp, module: Loaded])[]) =>
  async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    for (const [address, module] of routes) {
      const params = address.exec(pathname)?.groups;
      const handler = request.method === 'GET' ? module.loader : module.action;
      if (!address.test(pathname) || !isHandler(handler)) continue;
      try {
        const answer: unknown = await handler({ request, params: params ?? {}, context: {} });
        if (answer instanceof Response) return answer;
      } catch (error) {
        if (error instanceof Response) return error;
        throw error;
      }
    }
    return new Response(null, { status: 404 });
  };

/** Endpoints and the actions of pages by their address, behind the handle of hooks.server. */
export const kitRouter =
  (hooks: Loaded, routes: Readonly<Record<string, Loaded>>) =>
  async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const jar = (request.headers.get('cookie') ?? '').split('; ').filter((one) => one !== '');
    const event = {
      request,
      url,
      params: {},
      locals: {},
      cookies: {
        getAll: () =>
          jar.map((one) => ({ name: one.slice(0, one.indexOf('=')), value: one.slice(one.indexOf('=') + 1) })),
        set: () => undefined,
      },
    };
    const resolve = async (given: unknown): Promise<Response> => {
      const route = routes[url.pathname];
      const actions = route?.actions as Readonly<Record<string, unknown>> | undefined;
      const named = url.search.replace(/^\?\//, '');
      const handler = request.method === 'POST' && actions !== undefined ? actions[named] : route?.[request.method];
      if (!isHandler(handler)) return new Response(null, { status: 404 });
      const answer: unknown = await handler(given);
      if (answer instanceof Response) return answer;
      const failed = answer as { failed?: boolean; status?: number };
      return Response.json(answer, { status: failed.failed === true ? (failed.status ?? 400) : 200 });
    };
    if (!isHandler(hooks.handle)) throw new Error('hooks.server exports no handle');
    try {
      const answer: unknown = await hooks.handle({ event, resolve });
      return answer instanceof Response ? answer : new Response(null, { status: 500 });
    } catch (error) {
      const thrown = error as { status?: number; body?: unknown };
      if (typeof thrown.status !== 'number') throw error;
      return Response.json(thrown.body, { status: thrown.status });
    }
  };
