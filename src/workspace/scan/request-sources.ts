import type { RequestPart } from './origin-of-path.ts';

/**
 * A place where a framework hands over what the sender of a request chose. Another framework is another row. A function
 * belongs to a row by the call that it is given to, by the property that it stands under, by its name, by the type of its
 * variable or by its file; all that a row names has to hold.
 */
export type RequestSource = {
  readonly framework: string;
  /** The name of the call that takes the handler (`.mutation(fn)`), or an object with it. */
  readonly call?: RegExp;
  /** The name of the function, or of the property that it is. */
  readonly named?: RegExp;
  /** The type of the variable that it is kept in. */
  readonly typed?: RegExp;
  /** The path of the file. */
  readonly file?: RegExp;
  /** It is the default export. */
  readonly isDefault?: true;
  /** The parameter has to be taken apart, or to have a type, as that of a request is. */
  readonly takesRequest?: true;
  /** Which parameter; the first where it is left out. */
  readonly index?: number;
  /** The property of the parameter; null where the parameter is the request, or wraps it; '' where it is the data itself. */
  readonly property: string | null;
  readonly part: RequestPart;
  /** What the file has to say for the row to hold. */
  readonly words: RegExp;
  readonly example: string;
  readonly lookAlike: string;
  /** Where the examples lie, for a row that goes by the file. */
  readonly path?: string;
};

const query = (value: string): string => `return db.from('calls').select('id').eq('org_id', ${value});`;

export const requestSources: readonly RequestSource[] = [
  {
    framework: 'tRPC',
    call: /^(?:query|mutation|subscription)$/,
    property: 'input',
    part: 'body',
    words: /\b\w*[pP]rocedure\b/,
    example: `export const a = protectedProcedure.input(schema).query(async ({ ctx, input }) => { ${query('input.orgId')} });`,
    lookAlike: `export const a = protectedProcedure.input(schema).query(async ({ ctx, input }) => { ${query('ctx.user.orgId')} });`,
  },
  {
    framework: 'tRPC: what makes the context',
    named: /^create\w*Context(?:Inner)?$/,
    property: null,
    part: 'headers',
    words: /@trpc\/server/,
    example: `import { initTRPC } from '@trpc/server'; export const createTRPCContext = async (opts: { headers: Headers }) => { ${query(`opts.headers.get('x-org-id')`)} };`,
    lookAlike: `import { initTRPC } from '@trpc/server'; export const createTRPCContext = async (opts: { headers: Headers }) => { const user = await userOf(opts.headers); ${query('user.app_metadata.org_id')} };`,
  },
  {
    framework: 'oRPC',
    call: /^handler$/,
    property: 'input',
    part: 'body',
    words: /@orpc\//,
    example: `import { os } from '@orpc/server'; export const a = os.input(schema).handler(async ({ input, context }) => { ${query('input.orgId')} });`,
    lookAlike: `import { os } from '@orpc/server'; export const a = os.input(schema).handler(async ({ input, context }) => { ${query('context.user.orgId')} });`,
  },
  {
    framework: 'next-safe-action',
    call: /^action$/,
    property: 'parsedInput',
    part: 'body',
    words: /\bparsedInput\b/,
    example: `export const a = actionClient.schema(s).action(async ({ parsedInput, ctx }) => { ${query('parsedInput.orgId')} });`,
    lookAlike: `export const a = actionClient.schema(s).action(async ({ parsedInput, ctx }) => { ${query('ctx.user.orgId')} });`,
  },
  {
    framework: 'TanStack Start',
    call: /^handler$/,
    property: 'data',
    part: 'body',
    words: /\bcreateServerFn\b/,
    example: `export const a = createServerFn().handler(async ({ data, context }) => { ${query('data.orgId')} });`,
    lookAlike: `export const a = createServerFn().handler(async ({ data, context }) => { ${query('context.user.orgId')} });`,
  },
  {
    framework: 'Nuxt, h3',
    call: /^(?:define\w*Handler|\w*[eE]ventHandler)$/,
    property: null,
    part: 'query',
    words: /\b(?:define\w*Handler|\w*[eE]ventHandler)\b/,
    example: `export default defineEventHandler(async (event) => { const asked = getQuery(event); ${query('asked.orgId')} });`,
    lookAlike: `export default defineEventHandler(async (event) => { ${query('event.context.user.orgId')} });`,
  },
  {
    framework: 'Nuxt, h3: a helper that is given the event',
    call: /^(?:with|create|require)\w*(?:Handler|Auth|User|Session|Event)\w*$/,
    property: null,
    part: 'query',
    words: /\b(?:getQuery|readBody|getRouterParams?|getHeader|getCookie|read\w*FormData)\s*[<(]/,
    example: `export default withAuth(async (event) => { const asked = getQuery(event); ${query('asked.orgId')} });`,
    lookAlike: `export default withAuth(async (event) => { const asked = getQuery(event); ${query('event.context.user.orgId')} });`,
  },
  {
    framework: 'Hono: a middleware in a file of its own',
    call: /^(?:createMiddleware|createHandlers)$/,
    property: null,
    part: 'headers',
    words: /['"]hono(?:\/|['"])/,
    example: `import { createMiddleware } from 'hono/factory'; export const a = createMiddleware(async (c, next) => { ${query(`c.req.header('x-org-id')`)} });`,
    lookAlike: `import { createMiddleware } from 'hono/factory'; export const a = createMiddleware(async (c, next) => { ${query(`c.get('user').orgId`)} });`,
  },
  {
    framework: 'SvelteKit, Remix, React Router',
    named: /^(?:load|loader|action)$/,
    takesRequest: true,
    property: null,
    part: 'params',
    words:
      /\bexport\s+(?:async\s+)?(?:function|const)\s+(?:load|loader|action)\b[^(]{0,80}\(\s*(?:\{|\w+\s*:\s*[\w.]*(?:Args|Event)\b)/,
    example: `export async function loader({ params, context }) { ${query('params.orgId')} }`,
    lookAlike: `export async function loader({ request, context }) { ${query('context.user.orgId')} }`,
  },
  {
    framework: 'SvelteKit, Astro: a typed function',
    typed:
      /\b(?:\w*(?:Page|Layout)(?:Server)?Load|RequestHandler|APIRoute|GetServerSideProps\w*|LoaderFunction|ActionFunction)\b/,
    property: null,
    part: 'params',
    words:
      /:\s*(?:\w*Load|RequestHandler|APIRoute|GetServerSideProps\w*|LoaderFunction|ActionFunction)\b|\bsatisfies\b/,
    example: `export const load: PageServerLoad = async (context) => { ${query('context.params.orgId')} };`,
    lookAlike: `export const load: PageServerLoad = async (context) => { ${query('context.locals.user.orgId')} };`,
  },
  {
    framework: 'SvelteKit: endpoints and pages',
    named: /^(?:load|GET|POST|PUT|PATCH|DELETE|fallback)$/,
    file: /(?:^|\/)\+(?:server|page(?:\.server)?|layout(?:\.server)?)\.[jt]s$/,
    property: null,
    part: 'params',
    words: /\bexport\b/,
    example: `export async function GET(context) { ${query(`context.url.searchParams.get('orgId')`)} }`,
    lookAlike: `export async function GET(context) { ${query('context.locals.user.orgId')} }`,
    path: 'src/routes/a/+server.ts',
  },
  {
    framework: 'SvelteKit: form actions',
    file: /(?:^|\/)\+page\.server\.[jt]s$/,
    call: /^actions$/,
    property: null,
    part: 'body',
    words: /\bexport\s+const\s+actions\b/,
    example: `export const actions = { default: async (context) => { const form = await context.request.formData(); ${query(`form.get('orgId')`)} } };`,
    lookAlike: `export const actions = { default: async (context) => { ${query('context.locals.user.orgId')} } };`,
    path: 'src/routes/a/+page.server.ts',
  },
  {
    framework: 'Handlers by their method',
    named: /^(?:GET|POST|PUT|PATCH|DELETE)$/,
    takesRequest: true,
    property: null,
    part: 'params',
    words: /\b(?:GET|POST|PUT|PATCH|DELETE)\s*[:=(]/,
    example: `export const Route = createFileRoute('/a')({ server: { handlers: { GET: async ({ params, context }) => { ${query('params.orgId')} } } } });`,
    lookAlike: `export const Route = createFileRoute('/a')({ server: { handlers: { GET: async ({ params, context }) => { ${query('context.user.orgId')} } } } });`,
  },
  {
    framework: 'Next pages',
    named: /^getServerSideProps$/,
    property: null,
    part: 'params',
    words: /\bgetServerSideProps\b/,
    example: `export async function getServerSideProps(context) { ${query('context.params.orgId')} }`,
    lookAlike: `export async function getServerSideProps(context) { ${query('context.user.orgId')} }`,
  },
  {
    framework: 'Next App Router: pages and layouts',
    isDefault: true,
    file: /(?:^|\/)app\/(?:.*\/)?(?:page|layout|template|default)\.[jt]sx?$/,
    property: null,
    part: 'params',
    words: /\b(?:params|searchParams)\b/,
    example: `export default async function Page(context) { ${query('(await context.params).orgId')} }`,
    lookAlike: `export default async function Page(context) { ${query('context.user.orgId')} }`,
    path: 'app/a/page.tsx',
  },
  {
    framework: 'Next App Router: what stands beside a page',
    named: /^(?:generateMetadata|generateViewport)$/,
    property: null,
    part: 'params',
    words: /\bgenerate(?:Metadata|Viewport)\b/,
    example: `export async function generateMetadata(context) { ${query('(await context.params).orgId')} }`,
    lookAlike: `export async function generateMetadata(context) { ${query('context.user.orgId')} }`,
    path: 'app/a/page.tsx',
  },
  {
    framework: 'Astro: actions',
    call: /^defineAction$/,
    named: /^handler$/,
    property: '',
    part: 'body',
    words: /\bdefineAction\b/,
    example: `export const a = defineAction({ input: schema, handler: async (input, context) => { ${query('input.orgId')} } });`,
    lookAlike: `export const a = defineAction({ input: schema, handler: async (input, context) => { ${query('context.user.orgId')} } });`,
  },
  {
    framework: 'GraphQL resolvers',
    call: /^(?:Query|Mutation|Subscription|resolvers)$/,
    index: 1,
    property: '',
    part: 'body',
    words: /\b(?:Query|Mutation|Subscription)\s*:\s*\{/,
    example: `export const resolvers = { Query: { a: async (_, args, context) => { ${query('args.orgId')} } } };`,
    lookAlike: `export const resolvers = { Query: { a: async (_, args, context) => { ${query('context.user.orgId')} } } };`,
  },
  {
    framework: 'Lambda and its like',
    named: /^handler$/,
    property: null,
    part: 'body',
    words: /\b(?:queryStringParameters|pathParameters|APIGateway\w+|requestContext|aws-lambda|statusCode)\b/,
    example: `export const handler = async (event) => { const context = event.requestContext; ${query('event.queryStringParameters.orgId')} };`,
    lookAlike: `export const handler = async (event) => { const context = event.requestContext; ${query('event.requestContext.authorizer.orgId')} };`,
  },
  {
    framework: 'Fastify, hapi: routes as objects',
    call: /^route$/,
    named: /^(?:handler|preHandler|onRequest|preValidation)$/,
    property: null,
    part: 'body',
    words: /\.\s*route\s*\(/,
    example: `server.route({ method: 'GET', url: '/a', handler: async (context, reply) => { ${query('context.query.orgId')} } });`,
    lookAlike: `server.route({ method: 'GET', url: '/a', handler: async (context, reply) => { ${query('context.user.orgId')} } });`,
  },
  {
    framework: 'Deno, Bun, workers: servers',
    call: /^(?:serve|addEventListener)$/,
    property: null,
    part: 'body',
    words: /\bserve\s*\(/,
    example: `Deno.serve(async (context) => { ${query(`new URL(context.url).searchParams.get('orgId')`)} });`,
    lookAlike: `Deno.serve(async (context) => { ${query('context.user.orgId')} });`,
  },
  {
    framework: 'Workers: fetch',
    named: /^fetch$/,
    isDefault: true,
    property: null,
    part: 'body',
    words: /\bexport\s+default\s*\{[\s\S]{0,400}\bfetch\s*[(:]|\bBun\.serve\b/,
    example: `export default { async fetch(context, env) { ${query(`context.headers.get('x-org-id')`)} } };`,
    lookAlike: `export default { async fetch(context, env) { ${query('context.user.orgId')} } };`,
  },
  {
    framework: 'tRPC: a middleware',
    call: /^(?:middleware|use)$/,
    property: 'input',
    part: 'body',
    words: /@trpc\/server|\bt\s*\.\s*(?:procedure|middleware)\b/,
    example: `const t = initTRPC.create(); export const a = t.procedure.input(schema).use(async ({ ctx, input }) => { ${query('input.orgId')} });`,
    lookAlike: `export const a = t.procedure.use(async ({ ctx, next }) => { ${query('ctx.user.orgId')} });`,
  },
  {
    framework: 'SvelteKit: hooks',
    named: /^handle\w*$/,
    file: /(?:^|\/)hooks\.server\.[jt]s$/,
    property: null,
    part: 'cookies',
    words: /\bhandle\w*/,
    example: `export const handle = async ({ event, resolve }) => { ${query(`event.cookies.get('org_id')`)} };`,
    lookAlike: `export const handle = async ({ event, resolve }) => { ${query('event.locals.user.orgId')} };`,
    path: 'src/hooks.server.ts',
  },
  {
    framework: 'SvelteKit, Hono, Astro: a typed middleware',
    typed: /\b(?:Handle|MiddlewareHandler|MiddlewareNext|Handler)\b/,
    property: null,
    part: 'headers',
    words: /['"](?:@sveltejs\/kit|hono(?:\/[\w-]+)?|astro)['"]/,
    example: `import type { Handle } from '@sveltejs/kit'; export const inner: Handle = async ({ event, resolve }) => { ${query(`event.request.headers.get('x-org-id')`)} };`,
    lookAlike: `import type { Handle } from '@sveltejs/kit'; export const inner: Handle = async ({ event, resolve }) => { ${query('event.locals.user.orgId')} };`,
  },
  {
    framework: 'SvelteKit: remote functions',
    call: /^(?:query|command|form|batch)$/,
    property: '',
    part: 'body',
    words: /['"]\$app\/server['"]/,
    example: `import { query } from '$app/server'; export const a = query(schema, async (asked) => { const context = getRequestEvent(); ${query('asked.orgId')} });`,
    lookAlike: `import { query } from '$app/server'; export const a = query(schema, async (asked) => { const context = getRequestEvent(); ${query('context.locals.user.orgId')} });`,
  },
  {
    framework: 'Astro: middleware',
    call: /^defineMiddleware$/,
    property: null,
    part: 'cookies',
    words: /\bdefineMiddleware\b/,
    example: `export const onRequest = defineMiddleware(async (context, next) => { ${query(`context.cookies.get('org_id')?.value`)} });`,
    lookAlike: `export const onRequest = defineMiddleware(async (context, next) => { ${query('context.locals.user.orgId')} });`,
  },
  {
    framework: 'Hono: OpenAPI',
    call: /^openapi$/,
    property: null,
    part: 'body',
    words: /\.\s*openapi\s*\(/,
    example: `app.openapi(route, async (context) => { const asked = context.req.valid('param'); ${query('asked.orgId')} });`,
    lookAlike: `app.openapi(route, async (context) => { const asked = context.req.valid('param'); ${query('context.var.user.orgId')} });`,
  },
  {
    framework: 'Fastify: hooks',
    call: /^addHook$/,
    property: null,
    part: 'headers',
    words: /\.\s*addHook\s*\(/,
    example: `app.addHook('preHandler', async (context, reply) => { ${query(`context.headers['x-org-id']`)} });`,
    lookAlike: `app.addHook('preHandler', async (context, reply) => { ${query('context.user.orgId')} });`,
  },
  {
    framework: 'Elysia: what comes before the handlers',
    call: /^(?:derive|resolve|onBeforeHandle|onRequest|onTransform|macro)$/,
    property: null,
    part: 'headers',
    words: /['"]elysia['"]/,
    example: `import { Elysia } from 'elysia'; export const a = new Elysia().derive(async (context) => { ${query(`context.headers['x-org-id']`)} });`,
    lookAlike: `import { Elysia } from 'elysia'; export const a = new Elysia().derive(async (context) => { ${query('context.user.orgId')} });`,
  },
  {
    framework: 'Qwik: loaders',
    call: /^(?:routeLoader|server)\$$/,
    property: null,
    part: 'query',
    words: /\b(?:routeLoader|server)\$/,
    example: `export const useCalls = routeLoader$(async (context) => { ${query(`context.query.get('orgId')`)} });`,
    lookAlike: `export const useCalls = routeLoader$(async (context) => { ${query(`context.sharedMap.get('user').orgId`)} });`,
  },
  {
    framework: 'Qwik: actions',
    call: /^(?:route|global)Action\$$/,
    property: '',
    part: 'body',
    words: /\b(?:route|global)Action\$/,
    example: `export const useSave = routeAction$(async (asked, context) => { ${query('asked.orgId')} });`,
    lookAlike: `export const useSave = routeAction$(async (asked, context) => { ${query(`context.sharedMap.get('user').orgId`)} });`,
  },
  {
    framework: 'GraphQL servers: what makes the context',
    named: /^context$/,
    property: null,
    part: 'headers',
    words:
      /['"](?:@apollo\/server\w*(?:\/[\w-]+)*|apollo-server[\w-]*|graphql-yoga|mercurius|graphql-http[\w/-]*)['"]|\b(?:createYoga|startStandaloneServer)\b/,
    example: `startStandaloneServer(server, { context: async (context) => { ${query(`context.req.headers['x-org-id']`)} } });`,
    lookAlike: `startStandaloneServer(server, { context: async (context) => { ${query('context.req.user.orgId')} } });`,
  },
];
