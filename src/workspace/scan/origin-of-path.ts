import type { Chain } from './chains.ts';
import { isOrgName } from './names.ts';
import type { SyntaxNode } from './syntax.ts';

/** A part of a request that its sender chooses. `state`: decoded without a signature; `token`: a JWT read without verification. */
export type RequestPart = 'body' | 'query' | 'params' | 'headers' | 'cookies' | 'state' | 'token' | 'message';

/** Where a value comes from, as far as the file shows it. */
export type Origin = {
  readonly node: SyntaxNode;
  readonly path: readonly string[];
} /** `parsed`: it went through a schema, which drops the keys that it does not name; `schema` where the file shows it. */ & (
  | {
      readonly kind: 'request';
      readonly part: RequestPart;
      readonly parsed?: true;
      readonly schema?: SyntaxNode | undefined;
    }
  /** What the auth middleware or the session put there: `req.user`, `app_metadata`. */
  | { readonly kind: 'auth' }
  | { readonly kind: 'user-metadata' }
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'row'; readonly chain: Chain }
  | { readonly kind: 'storage' }
  | { readonly kind: 'environment' }
  | { readonly kind: 'parameter'; readonly fn: SyntaxNode; readonly index: number }
  | { readonly kind: 'call'; readonly callee: string }
  | { readonly kind: 'unknown' }
);

export type RequestOrigin = Origin & { readonly kind: 'request' };

/** What the properties of a request hold, in the frameworks that are known here. */
export const parts: Readonly<Record<string, RequestPart>> = {
  body: 'body',
  rawBody: 'body',
  query: 'query',
  params: 'params',
  headers: 'headers',
  cookies: 'cookies',
  signedCookies: 'cookies',
  searchParams: 'query',
  queryStringParameters: 'query',
  multiValueQueryStringParameters: 'query',
  pathParameters: 'params',
  multiValueHeaders: 'headers',
};

/** Where a path within a request leads. */
export function requestOrigin(node: SyntaxNode, path: readonly string[]): readonly Origin[] {
  const [head, ...rest] = path;
  // Koa and Hono: ctx.request.body, ctx.req.query
  // h3: event.context.params; Fastify: request.raw; a context that a middleware has filled: c.var.user
  if (/^(?:req|request|raw|node|context|ctx|var|event)$/.test(head ?? '')) return requestOrigin(node, rest);
  if (head === undefined) return [{ kind: 'unknown', node, path: ['request'] }];
  if (head === 'nextUrl' || head === 'url' || head === 'originalUrl')
    return [{ kind: 'request', part: 'query', node, path: rest.filter((name) => name !== 'searchParams') }];
  const part = parts[head];
  if (part !== undefined) return [{ kind: 'request', part, node, path: rest }];
  if (
    /^(?:user|auth|org|org_id|orgId|organization|organizationId|tenant|tenantId|session|locals|state|currentUser|authContext|claims|orgContext|member|membership|requestContext|authorizer|principal|identity|viewer|profile|supabase|sharedMap)$/.test(
      head,
    ) ||
    isOrgName(head)
  ) {
    return rest.includes('user_metadata') || rest.includes('raw_user_meta_data')
      ? [{ kind: 'user-metadata', node, path: rest }]
      : [{ kind: 'auth', node, path }];
  }
  return [{ kind: 'unknown', node, path: ['request', ...path] }];
}

/** The request itself, or what wraps it, of which nothing has been read yet. */
export const isWholeRequest = ({ kind, path }: Origin): boolean =>
  kind === 'unknown' && path.length === 1 && path[0] === 'request';

/** Names in a path that settle what a value is, wherever its object came from. */
export function classified(origin: Origin): readonly Origin[] {
  const { path, node } = origin;
  if (
    path.some((name) => /^(?:user_metadata|raw_user_meta_data|userMetadata|unsafeMetadata|unsafe_metadata)$/.test(name))
  ) {
    return [{ kind: 'user-metadata', node, path }];
  }
  if (path.some((name) => /^(?:app_metadata|raw_app_meta_data|appMetadata)$/.test(name)))
    return [{ kind: 'auth', node, path }];
  return [origin];
}

/** What a name stands for that the file does not declare. */
export function globalOrigin(node: SyntaxNode, path: readonly string[]): readonly Origin[] {
  if (node.text === 'process' && path[0] === 'env') return [{ kind: 'environment', node, path: path.slice(1) }];
  if (/^(?:localStorage|sessionStorage)$/.test(node.text)) return [{ kind: 'storage', node, path }];
  if (node.text === 'Astro' && !/^(?:props|slots|self|site)$/.test(path[0] ?? '')) return requestOrigin(node, path);
  return classified({ kind: 'unknown', node, path: [node.text, ...path] });
}

/** What comes out of decoding: a request stays a request; an OAuth state becomes one part of its own. */
export function decoded(origin: Origin, node: SyntaxNode, path: readonly string[], callee: string): Origin {
  if (origin.kind !== 'request')
    return origin.kind === 'parameter' && /state/i.test(origin.node.text) && callee === 'JSON.parse'
      ? { kind: 'request', part: 'state', node, path }
      : { ...origin, path: [...origin.path, ...path] };
  if (callee === 'Buffer.from' || callee === 'atob' || callee === 'decodeURIComponent' || callee === 'String')
    return { ...origin, path: [...origin.path, ...path] };
  const last = origin.path.at(-1) ?? '';
  if (/state/i.test(last) && callee === 'JSON.parse') return { kind: 'request', part: 'state', node, path };
  if (origin.part === 'headers' && /^authorization$/i.test(last)) return { kind: 'request', part: 'token', node, path };
  return { ...origin, path: [...origin.path, ...path].filter((name) => name !== 'searchParams') };
}
