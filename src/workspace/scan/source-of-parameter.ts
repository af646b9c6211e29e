import type { RequestPart } from './origin-of-path.ts';
import { readerWords } from './request-readers.ts';
import { type RequestSource, requestSources } from './request-sources.ts';
import { functionName, parametersOf } from './scope.ts';
import { callOf, keyName, memberOf, type Source, type SyntaxNode, wrapped } from './syntax.ts';

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

/** Where a file says `use server`: at its head, somewhere below, or nowhere. It is asked for each function of a file. */
function saysServer(source: Source): 'head' | 'below' | 'nowhere' {
  let known = serverWords.get(source);
  if (known === undefined) {
    const { text } = source;
    known = text.includes('use server') ? (directive.test(text) ? 'head' : 'below') : 'nowhere';
    serverWords.set(source, known);
  }
  return known;
}

const serverWords = new WeakMap<Source, ReturnType<typeof saysServer>>();

/** Whether anybody may call a function over HTTP with arguments of their choice: a server action. */
export function isServerAction(fn: SyntaxNode): boolean {
  const said = saysServer(fn.source);
  if (said === 'nowhere') return false;
  const body = fn.childOfKind('statement_block')?.text ?? '';
  if (directive.test(body.slice(1))) return true;
  if (said === 'below') return false;
  const declared = fn.parent?.kind === 'variable_declarator' ? fn.parent.parent : fn;
  return declared?.parent?.kind === 'export_statement';
}

/** Whether the words of a file make one of the rows possible. */
export const mayHoldSource = (source: Source): boolean =>
  /['"]use server['"]|\bhandshake\b|\bAstro\s*\.|@(?:Query|Body|Param|Headers?|Req|Args?|MessageBody|Cookies?)\s*\(/.test(
    source.text,
  ) ||
  readerWords.test(source.text) ||
  rowsOf(source).length > 0;

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
