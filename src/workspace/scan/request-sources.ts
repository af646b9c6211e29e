import type { RequestPart } from './origin-of-path.ts';
import { functionName, parametersOf } from './scope.ts';
import { callOf, keyName, memberOf, type Source, type SyntaxNode, wrapped } from './syntax.ts';

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
    call: /^(?:define\w*)?[eE]ventHandler$/,
    property: null,
    part: 'query',
    words: /\b(?:define\w*)?[eE]ventHandler\b/,
    example: `export default defineEventHandler(async (event) => { const asked = getQuery(event); ${query('asked.orgId')} });`,
    lookAlike: `export default defineEventHandler(async (event) => { ${query('event.context.user.orgId')} });`,
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
];

/** Functions that read a part of the request which they are given. */
const readers: readonly (readonly [RegExp, RequestPart])[] = [
  [/^(?:getQuery|getValidatedQuery)$/, 'query'],
  [/^(?:readBody|readValidatedBody|readFormData|readMultipartFormData)$/, 'body'],
  [/^(?:getHeaders?|getRequestHeaders?)$/, 'headers'],
  [/^(?:getRouterParams?|getValidatedRouterParams)$/, 'params'],
  [/^(?:getCookie|getSignedCookie|parseCookies)$/, 'cookies'],
];

/** The part of the request that a function of this name reads; null for other functions. */
export const partReadBy = (name: string): RequestPart | null =>
  readers.find(([names]) => names.test(name))?.[1] ?? null;

/** Modules whose readers know the request that is being answered without being given it. */
export const knowsRequest = (module: string): boolean =>
  /^(?:@tanstack\/[\w-]*start[\w/-]*|vinxi\/http|@solidjs\/start\/http|h3|#imports|nitropack\/runtime)$/.test(module);

/** Decorators of Nest and its like, by the part of the request that they hand over. */
const decorators: readonly (readonly [RegExp, RequestPart | 'request' | 'auth'])[] = [
  [/^(?:Query|QueryParams?|QueryParam)$/, 'query'],
  [/^(?:Body|BodyParam|Args|Arg|RawBody|UploadedFile|UploadedFiles|Payload)$/, 'body'],
  [/^(?:Params?|PathParams?|HostParam|Path)$/, 'params'],
  [/^(?:Headers?|HeaderParams?)$/, 'headers'],
  [/^(?:Cookies?|CookieParams?|SignedCookies)$/, 'cookies'],
  [/^(?:MessageBody)$/, 'message'],
  [/^(?:Req|Request|Ctx|Context)$/, 'request'],
  [/^(?:\w*User\w*|\w*Session\w*|\w*Auth\w*|Claims|Current\w+|Active\w+|ConnectedSocket)$/, 'auth'],
];

/** What a decorator hands to a parameter, with the key that it names. */
export type Decorated = { readonly gives: RequestPart | 'request' | 'auth'; readonly key: string | null };

/** The decorator of a parameter that hands over a part of the request; null for all others. */
export function decoratedBy(fn: SyntaxNode, index: number): Decorated | null {
  if (fn.kind !== 'method_definition') return null;
  const list = parametersOf(fn)[index]?.pattern.parent;
  for (const child of list?.children ?? []) {
    if (child.kind !== 'decorator') continue;
    const [, name = '', key = null] =
      /^@\s*(?:\w+\s*\.\s*)?(\w+)\s*\(\s*(?:['"`]([\w-]+)['"`])?/.exec(child.text) ?? [];
    const gives = decorators.find(([names]) => names.test(name))?.[1];
    if (gives !== undefined) return { gives, key };
  }
  return null;
}

/** The row that a parameter of a function belongs to; null for every other function. */
export function sourceOfParameter(fn: SyntaxNode, index: number): RequestSource | null {
  return (
    rowsOf(fn.source).find(
      (row) =>
        index === (row.index ?? 0) &&
        (row.call === undefined || isHandedTo(fn, row.call)) &&
        (row.named === undefined || row.named.test(functionName(fn) ?? '')) &&
        (row.typed === undefined || row.typed.test(typeOf(fn))) &&
        (row.isDefault === undefined || isDefaultExport(fn)) &&
        (row.takesRequest === undefined || takesRequest(fn)),
    ) ?? null
  );
}

/** The rows that the words and the path of a file make possible. */
function rowsOf(source: Source): readonly RequestSource[] {
  let rows = possible.get(source);
  if (rows === undefined) {
    const { path, text } = source;
    rows = requestSources.filter(({ file, words }) => file?.test(path) !== false && words.test(text));
    possible.set(source, rows);
  }
  return rows;
}

const possible = new WeakMap<Source, readonly RequestSource[]>();

const directive = /^\s*(?:(?:\/\*[\s\S]*?\*\/|\/\/.*\n)\s*)*['"]use server['"]/;

/** Whether anybody may call a function over HTTP with arguments of their choice: a server action. */
export function isServerAction(fn: SyntaxNode): boolean {
  const { text } = fn.source;
  if (!text.includes('use server')) return false;
  const body = fn.childOfKind('statement_block')?.text ?? '';
  if (directive.test(body.slice(1))) return true;
  if (!directive.test(text)) return false;
  const declared = fn.parent?.kind === 'variable_declarator' ? fn.parent.parent : fn;
  return declared?.parent?.kind === 'export_statement';
}

/** Whether the words of a file make one of the rows possible. */
export const mayHoldSource = (source: Source): boolean =>
  /['"]use server['"]|\bhandshake\b|\bAstro\s*\.|@(?:Query|Body|Param|Headers?|Req|Args?|MessageBody|Cookies?)\s*\(/.test(
    source.text,
  ) || rowsOf(source).length > 0;

/** The call, or the object of that name, that a function is given to: itself, by its name, or as a property. */
function isHandedTo(fn: SyntaxNode, name: RegExp): boolean {
  if (fn.kind === 'function_declaration') {
    const own = functionName(fn);
    return (
      own !== null &&
      new RegExp(
        `(?:${name.source.replace(/^\^|\$$/g, '')})\\s*\\((?:[^()]*,)?\\s*${own.replace(/\$/g, '\\$')}\\s*\\)`,
      ).test(fn.source.text)
    );
  }
  let at = wrapped(fn);
  // `handlers: { GET: fn }`, `{ Query: { calls: fn } }`: up to three objects lie around it.
  for (let depth = 0; depth < 4; depth += 1) {
    const parent = at.parent;
    if (parent === null) return false;
    if (parent.kind === 'arguments') {
      const call = parent.parent;
      const callee = call ? callOf(call)?.callee : null;
      const member = callee ? memberOf(callee) : null;
      return name.test(member?.name ?? callee?.text ?? '');
    }
    if (parent.kind === 'pair') {
      if (depth > 0 && name.test(keyName(parent.child(0)) ?? '')) return true;
      at = parent.parent ? wrapped(parent.parent) : parent;
    } else if (fn.kind === 'method_definition' && parent.kind === 'object') at = wrapped(parent);
    else if (parent.kind === 'variable_declarator') return depth > 0 && name.test(parent.child(0)?.text ?? '');
    else return false;
  }
  return false;
}

/** The type of the variable that a function is kept in, or that it `satisfies`. */
function typeOf(fn: SyntaxNode): string {
  const outer = fn.parent;
  if (outer?.kind === 'satisfies_expression') return outer.child(1)?.text ?? '';
  const declarator = wrapped(fn).parent;
  return declarator?.kind === 'variable_declarator' ? (declarator.childOfKind('type_annotation')?.text ?? '') : '';
}

function isDefaultExport(fn: SyntaxNode): boolean {
  let at: SyntaxNode | null = fn.parent;
  while (at !== null && /^(?:pair|object|arguments|call_expression|satisfies_expression|as_expression)$/.test(at.kind))
    at = at.parent;
  if (at?.kind === 'export_statement') return /^export\s+default\b/.test(at.text.slice(0, 30));
  const name = functionName(fn);
  return name !== null && new RegExp(`\\bexport\\s+default\\s+${name.replace(/\$/g, '\\$')}\\b`).test(fn.source.text);
}

/** `load({ params, url })`, `loader(args: LoaderFunctionArgs)`; a function that is merely called `load` takes neither. */
function takesRequest(fn: SyntaxNode): boolean {
  const first = parametersOf(fn)[0];
  if (first === undefined) return false;
  return (
    /(?:LoaderFunctionArgs|ActionFunctionArgs|LoaderArgs|ActionArgs|LoadEvent|RequestEvent|APIContext|APIEvent)\b/.test(
      first.type,
    ) ||
    (first.pattern.kind === 'object_pattern' && /\b(?:request|params|url|cookies)\b/.test(first.pattern.text))
  );
}
