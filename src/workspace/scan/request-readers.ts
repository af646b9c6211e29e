import type { RequestPart } from './origin-of-path.ts';

/** Functions that read a part of the request which they are given. */
const readers: readonly (readonly [RegExp, RequestPart])[] = [
  [/^(?:getQuery|getValidatedQuery|getRequestURL)$/, 'query'],
  [/^(?:readBody|readValidatedBody|readFormData|readMultipartFormData)$/, 'body'],
  [/^(?:getHeaders?|getRequestHeaders?)$/, 'headers'],
  [/^(?:getRouterParams?|getValidatedRouterParams)$/, 'params'],
  [/^(?:getCookie|getSignedCookie|parseCookies)$/, 'cookies'],
];

/** The part of the request that a function of this name reads; null for other functions. */
export const partReadBy = (name: string): RequestPart | null =>
  readers.find(([names]) => names.test(name))?.[1] ?? null;

/** Whether a reader gives what a schema has let through. */
export const readsParsed = (name: string): boolean => /^(?:read|get)Validated/.test(name);

/** Functions that give the request that is being answered, whoever calls them. */
const requests =
  /^(?:toWebRequest|getWebRequest|getRequest|getRequestEvent|useEvent|useRequestEvent|getHTTPEvent|getHttpRequest)$/;

/** `getRequest()` of TanStack Start, `getRequestEvent()` of SvelteKit; a function of the app of that name is none. */
export const givesRequest = (name: string, module: string | null): boolean =>
  requests.test(name) && (module === null ? name !== 'getRequest' : knowsRequest(module) || module.startsWith('#'));

/** What a file says that reads requests so. */
export const readerWords =
  /\b(?:getQuery|getValidatedQuery|read(?:Validated)?Body|read(?:Multipart)?FormData|get(?:Validated)?RouterParams?|getRequestURL|get(?:Request)?Headers?|getCookie|parseCookies|toWebRequest|getWebRequest|getRequest|getRequestEvent|use(?:Request)?Event|getHTTPEvent)\s*[<(]/;

/** Modules whose readers know the request that is being answered without being given it. */
export const knowsRequest = (module: string): boolean =>
  /^(?:@tanstack\/[\w-]*start[\w/-]*|vinxi\/http|@solidjs\/start\/http|h3|#imports|nitropack\/runtime|nitro\/h3|\$app\/server|solid-js\/web|hono\/context-storage)$/.test(
    module,
  );
