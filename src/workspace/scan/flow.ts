import type { RequestPart } from './origin-of-path.ts';
import { functionName, parametersOf } from './scope.ts';
import { callOf, keyName, memberOf, type SyntaxNode, stringValue, unwrap, wrapped } from './syntax.ts';

/** `socket.on('message', (raw) => …)` of a server; a browser that opens the socket itself hears its own server. */
export function isSocketListener(fn: SyntaxNode): boolean {
  const call = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
  const callee = call?.kind === 'call_expression' ? call.child(0) : null;
  const member = callee ? memberOf(callee) : null;
  if (!call || member === null || !/^(?:on|once|addEventListener)$/.test(member.name)) return false;
  const event = stringValue(callOf(call)?.args[0] ?? null);
  if (event === null || /^(?:error|close|open|connection|connect|disconnect|exit|finish|end)$/.test(event))
    return false;
  return (
    /(?:socket|ws|connection|client|conn)$/i.test(member.object.text) &&
    !/\bnew\s+WebSocket\s*\(|\bio\s*\(/.test(fn.source.text)
  );
}

const overElements =
  /^(?:map|forEach|filter|find|findIndex|findLast|some|every|flatMap|sort|toSorted|reduce|reduceRight)$/;

/** `rows.map((row) => …)`: what the parameter is an element of; `.then((result) => …)`: what it is. */
export function elementOfCallback(
  fn: SyntaxNode,
  index: number,
): { readonly object: SyntaxNode; readonly path: readonly string[] } | null {
  const call = fn.parent?.kind === 'arguments' && fn.parent.child(0) === fn ? fn.parent.parent : null;
  const callee = call?.kind === 'call_expression' ? call.child(0) : null;
  const member = callee ? memberOf(callee) : null;
  if (member === null) return null;
  if (member.name === 'then' && index === 0) return { object: member.object, path: [] };
  if (!overElements.test(member.name)) return null;
  const position = member.name.startsWith('reduce') ? 1 : 0;
  return index === position || (/ort/.test(member.name) && index < 2) ? { object: member.object, path: ['*'] } : null;
}

const requestNames = /^_?(?:req|request|ctx|context|c|event)$/;
const requestTypes =
  /\b(?:\w*Request|IncomingMessage|Context|KoaContext|APIGatewayProxyEvent|H3Event|\w*RequestEvent|\w*LoadEvent|APIContext|(?:Loader|Action)(?:Function)?Args)\b/;
/** Types of what is a part of a request by itself, as it is handed to a helper. */
const partTypes: readonly (readonly [RegExp, RequestPart])[] = [
  [/^(?:AstroCookies|Cookies|\w*RequestCookies)\b/, 'cookies'],
  [/^(?:IncomingHttpHeaders|ReadonlyHeaders|Headers)\b/, 'headers'],
  [/^(?:URL|URLSearchParams)\b/, 'query'],
  [/^FormData\b/, 'body'],
];
/** A file that no browser loads, by its place. */
const ofServer =
  /(?:^|\/)(?:server|api|backend|middleware|functions|edge)\/|\.server\.[cm]?[jt]sx?$|(?:^|\/)(?:hooks\.server|middleware|proxy)\./;

/** The part of a request that a parameter is by its type: `(locals, cookies: Cookies)`; null for all others. */
export function partOfType(fn: SyntaxNode, index: number): RequestPart | null {
  const type = parametersOf(fn)[index]?.type ?? '';
  const part = partTypes.find(([types]) => types.test(type))?.[1] ?? null;
  // Forms and addresses are what a browser handles as well.
  return part === 'cookies' || ofServer.test(fn.source.path) ? part : null;
}
const routeMethods = /^(?:get|post|put|patch|delete|all|use|options|head|route)$/;

/** Whether a parameter is the request that a server framework hands over. */
export function isRequestParameter(fn: SyntaxNode, index: number): boolean {
  const parameter = parametersOf(fn)[index];
  if (!parameter || parameter.pattern.kind === 'rest_pattern') return false;
  if (/^(?:\w*Response|Reply|FastifyReply|NextFunction|string|number)\b/.test(parameter.type)) return false;
  if (requestTypes.test(parameter.type)) return true;
  const name = parameter.pattern.text;
  if (/^_?req(?:uest)?$/.test(name)) return true;
  if (index === 1 && isConnectionListener(fn)) return true;
  const route = routeCallOf(fn);
  if (route !== null && index === 0) {
    // `app.get('/x', (a, b) => …)`: whatever the names are. An error handler has the error first.
    return parametersOf(fn).length !== 4 || requestNames.test(name);
  }
  return false;
}

/** `wss.on('connection', (ws, request) => …)`. */
function isConnectionListener(fn: SyntaxNode): boolean {
  const call = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
  const member = call ? memberOf(call.child(0) ?? call) : null;
  return (
    member?.name === 'on' &&
    /^(?:connection|upgrade|request)$/.test(stringValue(call?.childOfKind('arguments')?.child(0) ?? null) ?? '')
  );
}

/** `router.get('/x', …, fn)`: the call that registers a handler; null when the function is not one. */
export function routeCallOf(fn: SyntaxNode): SyntaxNode | null {
  let outer: SyntaxNode | null = fn.parent;
  // asyncHandler(async (req, res) => …) and arrays of handlers
  while (outer !== null && (outer.kind === 'arguments' || outer.kind === 'array' || outer.kind === 'call_expression')) {
    if (outer.kind === 'call_expression') {
      const call = callOf(outer);
      const member = call ? memberOf(call.callee) : null;
      const path = call?.args[0];
      if (
        member &&
        routeMethods.test(member.name) &&
        path &&
        /^(?:string|template_string|regex|array)$/.test(unwrap(path).kind)
      )
        return outer;
      if (member && member.name === 'use') return outer;
      if (member && routeMethods.test(member.name) && chainOf(member.object) !== null) return outer;
      if (member) return null;
    }
    outer = outer.parent;
  }
  return null;
}

/** The calls of `router.route('/x').all(…).get(…)` up to this one, the first of them first; null for anything else. */
function chainOf(node: SyntaxNode): readonly SyntaxNode[] | null {
  const call = callOf(node);
  const member = call ? memberOf(call.callee) : null;
  if (call === null || member === null) return null;
  if (member.name === 'route') return stringValue(call.args[0] ?? null) === null ? null : [node];
  const before = routeMethods.test(member.name) ? chainOf(member.object) : null;
  return before && [...before, node];
}

/** What registers a handler: the router, and what runs in front of the handlers of this call. */
export type Registration = { readonly router: string; readonly before: readonly SyntaxNode[] };

/** Takes a call of `routeCallOf` apart, also where the path stands in front: `router.route('/x').all(auth).get(fn)`. */
export function registrationOf(route: SyntaxNode, fn: SyntaxNode): Registration {
  const call = callOf(route);
  const object = call ? memberOf(call.callee)?.object : undefined;
  const chain = object ? chainOf(object) : null;
  const own = (call?.args ?? []).filter((argument) => !argument.contains(fn));
  if (chain === null) {
    const isPath = /^(?:string|template_string|regex|array)$/.test(unwrap(own[0] ?? fn).kind);
    return { router: object?.text ?? 'router', before: isPath ? own.slice(1) : own };
  }
  const all = chain.filter((one) => memberOf(callOf(one)?.callee ?? one)?.name === 'all');
  const first = chain[0] ? callOf(chain[0]) : null;
  return {
    router: (first && memberOf(first.callee)?.object.text) ?? 'router',
    before: [...all.flatMap((one) => callOf(one)?.args ?? []), ...own],
  };
}

/** The hooks of Fastify, and what hapi asks, that run in front of a handler. */
const hooks = /^(?:preHandler|onRequest|preValidation|preParsing|pre|auth)$/;

/** `app.route({ preHandler: [auth], handler: fn })`, `server.route({ options: { pre: [auth], handler: fn } })`. */
function objectRouteOf(fn: SyntaxNode): (Registration & { readonly call: SyntaxNode }) | null {
  const own = fn.kind === 'method_definition' ? fn : wrapped(fn).parent;
  const name =
    own?.kind === 'method_definition' ? functionName(fn) : own?.kind === 'pair' ? keyName(own.child(0)) : null;
  if (!own || name !== 'handler') return null;
  const before: SyntaxNode[] = [];
  let object = own.parent;
  for (let depth = 0; object?.kind === 'object' && depth < 2; depth += 1) {
    before.push(...hooksIn(object));
    const holder: SyntaxNode | null = wrapped(object).parent;
    const call = holder?.kind === 'arguments' ? holder.parent : null;
    const member = call ? memberOf(call.child(0) ?? call) : null;
    if (call && member?.name === 'route') return { call, router: member.object.text, before };
    if (holder?.kind !== 'pair' || !/^(?:options|config)$/.test(keyName(holder.child(0)) ?? '')) return null;
    object = holder.parent;
  }
  return null;
}

const hooksIn = (object: SyntaxNode): readonly SyntaxNode[] =>
  object.children.flatMap((part) => {
    if (part.kind === 'method_definition') return hooks.test(functionName(part) ?? '') ? part : [];
    const value = part.kind === 'pair' && hooks.test(keyName(part.child(0)) ?? '') ? part.child(1) : null;
    return value ?? [];
  });

/** How a handler is registered, by a call or in an object; null where it is not. */
export function registeredAs(fn: SyntaxNode): (Registration & { readonly call: SyntaxNode }) | null {
  const route = routeCallOf(fn);
  return route === null ? objectRouteOf(fn) : { ...registrationOf(route, fn), call: route };
}

/** Each of what runs in front of a handler: the items of lists and of `{ preHandler: [auth] }`. */
export const eachBefore = (before: readonly SyntaxNode[]): readonly SyntaxNode[] =>
  before.flatMap((one) => {
    const inner = unwrap(one);
    if (inner.kind === 'array') return eachBefore(inner.children);
    return inner.kind === 'object' ? eachBefore(hooksIn(inner)) : inner;
  });

/** The second argument of a Next route handler: `(request, { params })`. */
export function isRouteContext(fn: SyntaxNode, index: number): boolean {
  return index === 1 && /^(?:GET|POST|PUT|PATCH|DELETE)$/.test(functionName(fn) ?? '');
}
