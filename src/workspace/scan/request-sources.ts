import type { RequestPart } from './origin-of-path.ts';
import { functionName, parametersOf } from './scope.ts';
import { callOf, memberOf, type SyntaxNode } from './syntax.ts';

/** A place where a framework hands over what the sender of a request chose. Another framework is another row. */
export type RequestSource = {
  readonly framework: string;
  /** The name of the call that takes the handler (`.mutation(fn)`), or of the function itself. */
  readonly call?: RegExp;
  readonly named?: RegExp;
  /** The property of the handler's first parameter; null where the parameter is the request, or wraps it. */
  readonly property: string | null;
  readonly part: RequestPart;
  /** What the file has to say for the row to hold. */
  readonly words: RegExp;
  readonly example: string;
  readonly lookAlike: string;
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
    call: /^(?:define)?[eE]ventHandler$/,
    property: null,
    part: 'query',
    words: /\b(?:define)?[eE]ventHandler\b/,
    example: `export default defineEventHandler(async (event) => { const asked = getQuery(event); ${query('asked.orgId')} });`,
    lookAlike: `export default defineEventHandler(async (event) => { ${query('event.context.user.orgId')} });`,
  },
  {
    framework: 'SvelteKit, Remix, React Router',
    named: /^(?:load|loader|action)$/,
    property: null,
    part: 'params',
    words:
      /\bexport\s+(?:async\s+)?(?:function|const)\s+(?:load|loader|action)\b[^(]{0,80}\(\s*(?:\{|\w+\s*:\s*[\w.]*(?:Args|Event)\b)/,
    example: `export async function loader({ params, context }) { ${query('params.orgId')} }`,
    lookAlike: `export async function loader({ request, context }) { ${query('context.user.orgId')} }`,
  },
];

/** Functions that read a part of the request which they are given. */
const readers: readonly (readonly [RegExp, RequestPart])[] = [
  [/^(?:getQuery|getValidatedQuery)$/, 'query'],
  [/^(?:readBody|readValidatedBody|readFormData|readMultipartFormData)$/, 'body'],
  [/^(?:getHeaders?|getRequestHeaders?)$/, 'headers'],
  [/^(?:getRouterParams?|getValidatedRouterParams)$/, 'params'],
  [/^(?:getCookie|parseCookies)$/, 'cookies'],
];

/** The part of the request that a function of this name reads; null for other functions. */
export const partReadBy = (name: string): RequestPart | null =>
  readers.find(([names]) => names.test(name))?.[1] ?? null;

/** The row that a parameter of a function belongs to; null for every other function. */
export function sourceOfParameter(fn: SyntaxNode, index: number): RequestSource | null {
  if (index !== 0) return null;
  const { text } = fn.source;
  return (
    requestSources.find((row) => {
      if (!row.words.test(text)) return false;
      if (row.call !== undefined) return isHandedTo(fn, row.call);
      return row.named?.test(functionName(fn) ?? '') === true && takesRequest(fn);
    }) ?? null
  );
}

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
export const mayHoldSource = (text: string): boolean =>
  /['"]use server['"]/.test(text) || requestSources.some(({ words }) => words.test(text));

function isHandedTo(fn: SyntaxNode, name: RegExp): boolean {
  const call = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
  const callee = call ? callOf(call)?.callee : null;
  const member = callee ? memberOf(callee) : null;
  return name.test(member?.name ?? callee?.text ?? '');
}

/** `load({ params, url })`, `loader(args: LoaderFunctionArgs)`; a function that is merely called `load` takes neither. */
function takesRequest(fn: SyntaxNode): boolean {
  const first = parametersOf(fn)[0];
  if (first === undefined) return false;
  return (
    /(?:LoaderFunctionArgs|ActionFunctionArgs|LoaderArgs|ActionArgs|LoadEvent|RequestEvent)\b/.test(first.type) ||
    (first.pattern.kind === 'object_pattern' && /\b(?:request|params|url|cookies)\b/.test(first.pattern.text))
  );
}
