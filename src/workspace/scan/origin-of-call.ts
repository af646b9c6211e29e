import { chainOf } from './chains.ts';
import { functionOf } from './functions.ts';
import { isOrgIdName } from './names.ts';
import { classified, decoded, isWholeRequest, type Origin, type RequestPart, requestOrigin } from './origin-of-path.ts';
import { type Follow, type Frame, maxCalls, type Walk } from './origin-walk.ts';
import { givesRequest, knowsRequest, partReadBy, readsParsed } from './request-readers.ts';
import { bindingOf, functionName, parametersOf, returnsOf } from './scope.ts';
import { callOf, memberOf, type SyntaxNode, stringValue, unwrap } from './syntax.ts';

const passing =
  /^(?:toString|trim|toLowerCase|toUpperCase|replace|replaceAll|normalize|slice|substring|substr|split|at|pop|shift|flat|filter|concat|valueOf|join|then|catch|finally)$/;
const validating =
  /^(?:parse|safeParse|parseAsync|safeParseAsync|validate|validateAsync|validateSync|cast|check|decode|assert|create|mask)$/;
/** The same of form libraries, which are called by their name. */
const validatingForms =
  /^(?:superValidate|parseWith(?:Zod|Valibot|Yup)|(?:parse|safeParse)(?:Async)?|(?:parse|validate)(?:Form|FormData|Body|Query|Params)(?:Async|Safe)?)$/;
/** Where a result of validation keeps what it has read. */
const result = /^(?:data|value|output)$/;
const verifying =
  /^(?:verify|jwtVerify|verifyToken|verifyIdToken|verifyJwt|verifyState|verifySignature|unsign|unseal|decrypt|verifyAndDecode\w*|verifySigned\w*|verify\w*State|open|unsealData)$/;
const reading =
  /^(?:String|Number|BigInt|(?:Number\.)?parseInt|decodeURIComponent|encodeURIComponent|atob|unescape|structuredClone|Array\.from|Object\.assign|Object\.freeze|Object\.fromEntries|Promise\.resolve|Buffer\.from|qs\.parse|querystring\.parse|asString|first|z\.string)$/;
/** Methods of a request that read a named value, and the part that they read. */
const readers: Readonly<Record<string, RequestPart>> = {
  get: 'headers',
  getAll: 'headers',
  header: 'headers',
  param: 'params',
  query: 'query',
  queries: 'query',
  cookie: 'cookies',
};

/** What a call gives: the result of a function of this file, or what its name says of it. */
export function originsOfCall(node: SyntaxNode, path: readonly string[], at: Walk, walk: Follow): readonly Origin[] {
  const call = callOf(node);
  if (call === null) return [{ kind: 'unknown', node, path }];
  const callee = unwrap(call.callee);
  const calleeText = callee.text;
  const member = memberOf(callee);
  const name = member?.name ?? calleeText;
  if (
    /^jwt_?decode$|^decodeJwt$|^decodeToken$|^parseJwt$|^decodeJWT$/i.test(name) ||
    /^(?:jwt|jsonwebtoken|jose|JWT)\.(?:decode|decodeJwt)$/.test(calleeText)
  )
    return [{ kind: 'request', part: 'token', node, path: path.filter((key) => key !== 'payload') }];
  if (verifying.test(name)) return [{ kind: 'auth', node, path }];
  if (
    calleeText === 'JSON.parse' ||
    reading.test(calleeText) ||
    (node.kind === 'new_expression' && /^(?:URL|URLSearchParams|String)$/.test(calleeText))
  ) {
    return call.args.flatMap((argument) => {
      const origins = walk(argument, calleeText === 'Object.assign' ? path : [], at);
      return origins.map((origin) => decoded(origin, node, path, calleeText));
    });
  }
  const called: Called = { node, args: call.args, name, path, at, walk };
  const known =
    member !== null
      ? ofMethod(called, member.object)
      : callee.kind === 'identifier'
        ? ofFunction(called, callee)
        : null;
  return known ?? classified({ kind: 'call', callee: calleeText, node, path });
}

type Called = {
  readonly node: SyntaxNode;
  readonly args: readonly SyntaxNode[];
  readonly name: string;
  readonly path: readonly string[];
  readonly at: Walk;
  readonly walk: Follow;
};

/** `getQuery(event)`, `cookies()`, a function of this file; null for all others. */
function ofFunction(called: Called, callee: SyntaxNode): readonly Origin[] | null {
  const { node, args, name, path, at, walk } = called;
  const first = args[0] ?? null;
  const local = bindingOf(callee);
  const fn = local ? functionOf(local) : null;
  const module = local?.imported?.module ?? null;
  if (fn === null) {
    if (givesRequest(name, module)) return requestOrigin(node, path);
    const part = partReadBy(name);
    if (part !== null) {
      const key = stringValue(readsRequest(first, called) ? (args[1] ?? null) : first);
      if (readsRequest(first, called) || (module !== null && knowsRequest(module))) {
        const rest = readsParsed(name) ? inResult(path) : path.filter((one) => one !== 'searchParams');
        const full = key === null ? rest : [key, ...rest];
        const checked = readsParsed(name) ? { parsed: true as const, schema: args.at(-1) } : {};
        return [{ kind: 'request', part, node, path: full, ...checked }];
      }
    }
    if (validatingForms.test(name)) {
      const sent = validated(called);
      if (sent !== null) return sent;
    }
  }
  const keyed = keyedRead(called);
  if (keyed !== null) return [keyed];
  if (
    fn !== null &&
    /\b(?:createHmac|timingSafeEqual|createVerify|jwtVerify|verify\w*(?:Hmac|Mac|Signature)|isValidSignature)\b|\.verify\s*\(/.test(
      fn.text,
    )
  )
    return [{ kind: 'auth', node, path }];
  if (fn !== null && at.calls < maxCalls) {
    const frame: Frame = { fn, args, outer: at.frame };
    const inner: Walk = { ...at, frame, calls: at.calls + 1 };
    const found = returnsOf(fn).flatMap((value) => walk(value, path, inner));
    return found.map((origin) =>
      origin.kind === 'parameter' && origin.fn === fn ? { kind: 'unknown' as const, node, path } : origin,
    );
  }
  // Next: cookies().get('x'), headers().get('x')
  if (/^(?:cookies|headers)$/.test(name) && module?.startsWith('next/'))
    return [{ kind: 'request', part: name === 'cookies' ? 'cookies' : 'headers', node, path }];
  return null;
}

/** `c.req.header('x')`, `request.json()`, `schema.parse(body)`, a method of this class; null for all others. */
function ofMethod(called: Called, object: SyntaxNode): readonly Origin[] | null {
  const { node, args, name, path, at, walk } = called;
  const first = args[0] ?? null;
  const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (reader !== undefined) {
    const key = stringValue(first);
    const origins = walk(object, [], at);
    const request = origins.find((origin) => origin.kind === 'request' || origin.path[0] === 'request');
    if (request && key !== null) {
      if (request.kind === 'request')
        return [{ ...request, node, path: [...request.path, key, ...path.filter((one) => one !== 'value')] }];
      // Hono: c.get('orgId') is what a middleware has set; Koa: ctx.get('x-org-id') is a header.
      if (name === 'get' && /^(?:c|ctx|context)$/.test(object.text) && !key.includes('-'))
        return [{ kind: 'auth', node, path: [key, ...path] }];
      return [{ kind: 'request', part: reader, node, path: [key, ...path] }];
    }
    // Hono: `const { orgId } = c.req.param()`
    if (request && args.length === 0 && !/^get/.test(name)) return [{ kind: 'request', part: reader, node, path }];
  }
  if (/^(?:json|formData|form|text|parseBody|valid|body)$/.test(name)) {
    const request = walk(object, [], at).find(
      (origin) => (origin.path.length === 1 && origin.path[0] === 'request') || isWholeBody(origin),
    );
    // Oak: `await ctx.request.body().value`
    if (request) return [{ kind: 'request', part: 'body', node, path: path[0] === 'value' ? path.slice(1) : path }];
  }
  // Nest: `context.switchToHttp().getRequest()`
  if (name === 'getRequest' && /\bswitchTo(?:Http|Ws|Rpc)\s*\(/.test(object.text)) return requestOrigin(node, path);
  if (name === 'getContext' && /^GqlExecutionContext\b/.test(object.text)) return requestOrigin(node, path);
  if (name === 'getItem' && walk(object, [], at).some((origin) => origin.kind === 'storage'))
    return [{ kind: 'storage', node, path: [stringValue(first) ?? '*', ...path] }];
  if (
    (validating.test(name) || validatingForms.test(name)) &&
    first !== null &&
    !/^(?:JSON|Date|path|url|Math)$/.test(object.text)
  ) {
    const sent = validated(called);
    if (sent !== null) return sent;
  }
  const picked = /^(?:map|flatMap)$/.test(name) && first !== null ? memberPicked(first) : null;
  if (picked !== null) return walk(object, ['*', ...picked, ...path.filter((key) => !/^\d+$|^\*$/.test(key))], at);
  // `parts.find((part) => part.name === 'org_id')?.data`: one of several values by its name.
  const wanted = /^find(?:Last)?$/.test(name) ? /[!=]==?\s*['"]([\w-]+)['"]/.exec(first?.text ?? '')?.[1] : undefined;
  if (wanted !== undefined && isOrgIdName(wanted)) return walk(object, [wanted, ...path], at);
  if (passing.test(name))
    return walk(
      object,
      path.filter((key) => !/^\d+$/.test(key)),
      at,
    );
  const chain = chainOf(node);
  if (chain?.table !== null && chain !== null) return [{ kind: 'row', chain, node, path }];
  if (/^getUser$|^getSession$|^getClaims$/.test(name)) return null;
  // this.helper(x) and helper objects of this file
  const method = object.text === 'this' && at.calls < maxCalls ? methodOf(node, name) : null;
  if (method === null) return null;
  const frame: Frame = { fn: method, args, outer: at.frame };
  return returnsOf(method).flatMap((value) => walk(value, path, { ...at, frame, calls: at.calls + 1 }));
}

const isWholeBody = (origin: Origin): boolean =>
  origin.kind === 'request' && origin.part === 'body' && origin.path.length === 0;

/** The event of h3 is known by what reads it, also in a wrapper of the app: `withUser(async (event) => getQuery(event))`. */
function readsRequest(first: SyntaxNode | null, { at, walk }: Called): boolean {
  if (first === null) return false;
  return walk(first, [], at).some(
    (origin) =>
      isWholeRequest(origin) ||
      (origin.kind === 'parameter' && origin.path.length === 0 && /^(?:e|ev|evt|event|h3Event)$/.test(first.text)),
  );
}

const inResult = (path: readonly string[]): readonly string[] => (result.test(path[0] ?? '') ? path.slice(1) : path);

/** What a schema has read out of the request; the schema comes first in some libraries. */
function validated({ node, args, name, path, at, walk }: Called): readonly Origin[] | null {
  const object = memberOf(callOf(node)?.callee ?? node)?.object;
  for (const argument of args) {
    const others = args.filter((one) => one !== argument);
    const parsed = { parsed: true as const, schema: others[0] ?? object };
    const origins = walk(argument, inResult(path), at);
    const sent = origins.filter((origin) => origin.kind === 'request');
    if (sent.length > 0) return sent.map((origin) => ({ ...origin, ...parsed }));
    // Superforms and zodix read the request, or the event, by themselves.
    if (/^super|Form|Body|Query|Params/.test(name) && walk(argument, [], at).some(isWholeRequest))
      return [{ kind: 'request', part: 'body', node: argument, path: inResult(path), ...parsed }];
  }
  return null;
}

/** `(row) => row.org_id`: the properties that a callback takes from an element; null where it does anything else. */
function memberPicked(callback: SyntaxNode): readonly string[] | null {
  const fn = unwrap(callback);
  const name = fn.kind === 'arrow_function' ? parametersOf(fn)[0]?.pattern : null;
  const body = fn.child(-1);
  if (name?.kind !== 'identifier' || body === null) return null;
  const path: string[] = [];
  let at = unwrap(body);
  for (let member = memberOf(at); member !== null; member = memberOf(at)) {
    path.unshift(member.name);
    at = unwrap(member.object);
  }
  return path.length > 0 && at.kind === 'identifier' && at.text === name.text ? path : null;
}

/** `cookie(req.headers.cookie, 'org_id')`: a helper that takes a named value out of a part of the request. */
function keyedRead({ node, args, path, at, walk }: Called): Origin | null {
  const key = args.map((argument) => stringValue(argument)).find((value) => value !== null && isOrgIdName(value));
  if (key === undefined || key === null) return null;
  for (const argument of args) {
    const sent = walk(argument, [], at).find((origin) => origin.kind === 'request');
    if (sent?.kind !== 'request') continue;
    const part = /^cookie$/i.test(sent.path.at(-1) ?? '') ? 'cookies' : sent.part;
    return { kind: 'request', part, node, path: [key, ...path] };
  }
  return null;
}

function methodOf(node: SyntaxNode, name: string): SyntaxNode | null {
  const body = node.above('class_body', 'object');
  return body?.children.find((child) => child.kind === 'method_definition' && functionName(child) === name) ?? null;
}
