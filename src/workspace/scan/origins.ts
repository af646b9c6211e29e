import { chainOf } from './chains.ts';
import { elementOfCallback, isRequestParameter, isRouteContext, isSocketListener } from './flow.ts';
import { isOrgIdName } from './names.ts';
import {
  classified,
  decoded,
  globalOrigin,
  type Origin,
  parts,
  type RequestPart,
  requestOrigin,
} from './origin-of-path.ts';
import { decoratedBy, isServerAction, knowsRequest, partReadBy, sourceOfParameter } from './request-sources.ts';
import { assignmentsTo, type Binding, bindingOf, functionName, parametersOf, returnsOf } from './scope.ts';
import { callOf, isFunction, keyName, memberOf, operatorOf, type SyntaxNode, stringValue, unwrap } from './syntax.ts';

/** Arguments of the call through which a function is looked into. */
type Frame = { readonly fn: SyntaxNode; readonly args: readonly SyntaxNode[]; readonly outer: Frame | null } | null;
type Walk = {
  readonly frame: Frame;
  readonly depth: number;
  readonly calls: number;
  readonly seen: ReadonlySet<string>;
};

/** More steps than any hand-written assignment takes; a guard against cycles that names alone do not show. */
const maxDepth = 24;
/** One call within the project, and one within that (a helper that only reads `req.body`). */
const maxCalls = 2;

/** Where the value of an expression comes from, through aliases, destructuring, fallbacks and calls in this file. */
export function originsOf(expression: SyntaxNode): readonly Origin[] {
  let origins = known.get(expression);
  if (origins === undefined) {
    origins = walk(expression, [], { frame: null, depth: 0, calls: 0, seen: new Set() });
    known.set(expression, origins);
  }
  return origins;
}

/** Several rules ask about the same expressions; trees are shared, so are the answers. */
const known = new WeakMap<SyntaxNode, readonly Origin[]>();

/** Where the value of a binding comes from, as `originsOf` its identifier. */
export function originsOfBinding(binding: Binding): readonly Origin[] {
  return walkBinding(binding, [], { frame: null, depth: 0, calls: 0, seen: new Set() });
}

function walk(expression: SyntaxNode, path: readonly string[], at: Walk): readonly Origin[] {
  const node = unwrap(expression);
  if (at.depth > maxDepth) return [{ kind: 'unknown', node, path }];
  const deeper: Walk = { ...at, depth: at.depth + 1 };
  switch (node.kind) {
    case 'identifier':
    case 'shorthand_property_identifier':
    case 'shorthand_property_identifier_pattern': {
      if (node.text === 'undefined') return [];
      const binding = bindingOf(node);
      return binding ? walkBinding(binding, path, deeper, node) : globalOrigin(node, path);
    }
    case 'member_expression':
    case 'subscript_expression': {
      const member = memberOf(node);
      if (member === null) {
        const object = node.child(0);
        return object ? walk(object, ['*', ...path], deeper) : [];
      }
      const special = specialMember(node, member.object, member.name, path, deeper);
      return (
        special ??
        walk(member.object, [member.name, ...path], deeper).map((origin) =>
          origin.path.length >= path.length + 1 || origin.kind !== 'request'
            ? { ...origin, node: pickNode(origin, node) }
            : origin,
        )
      );
    }
    case 'binary_expression': {
      const [left, right] = node.children;
      const operator = operatorOf(node);
      if (!left || !right) return [];
      if (operator === '&&') return walk(right, path, deeper);
      if (operator === '||' || operator === '??') return [...walk(left, path, deeper), ...walk(right, path, deeper)];
      if (operator === '+') return [...walk(left, path, deeper), ...walk(right, path, deeper)];
      return [];
    }
    case 'ternary_expression': {
      const [, yes, no] = node.children;
      return [...(yes ? walk(yes, path, deeper) : []), ...(no ? walk(no, path, deeper) : [])];
    }
    case 'assignment_expression':
    case 'augmented_assignment_expression': {
      const right = node.child(1);
      return right ? walk(right, path, deeper) : [];
    }
    case 'object':
      return walkObject(node, path, deeper);
    case 'array': {
      const [head, ...rest] = path;
      const items =
        head !== undefined && /^\d+$/.test(head) ? node.children.slice(Number(head), Number(head) + 1) : node.children;
      return items.flatMap((item) =>
        walk(item.kind === 'spread_element' ? (item.child(0) ?? item) : item, rest, deeper),
      );
    }
    case 'string':
      return [{ kind: 'literal', node, path, value: node.text.slice(1, -1) }];
    case 'template_string': {
      const value = stringValue(node);
      if (value !== null) return [{ kind: 'literal', node, path, value }];
      return node.children.flatMap((part) => {
        const inner = part.kind === 'template_substitution' ? part.child(0) : null;
        return inner ? walk(inner, path, deeper) : [];
      });
    }
    case 'call_expression':
    case 'new_expression':
      return walkCall(node, path, deeper);
    case 'null':
    case 'undefined':
    case 'number':
    case 'true':
    case 'false':
      return [];
    default:
      return [{ kind: 'unknown', node, path }];
  }
}

/** The place to show for a read: where the property is named, rather than the request object as a whole. */
function pickNode(origin: Origin, read: SyntaxNode): SyntaxNode {
  return origin.node.source === read.source && read.contains(origin.node) ? read : origin.node;
}

function walkObject(node: SyntaxNode, path: readonly string[], at: Walk): readonly Origin[] {
  const [head, ...rest] = path;
  if (head === undefined) return [{ kind: 'unknown', node, path }];
  const found: Origin[] = [];
  for (const part of node.children) {
    if (part.kind === 'pair') {
      const value = part.child(1);
      if (value && (head === '*' || keyName(part.child(0)) === head)) return walk(value, rest, at);
    } else if (part.kind === 'shorthand_property_identifier' && part.text === head) {
      return walk(part, rest, at);
    } else if (part.kind === 'spread_element') {
      const inner = part.child(0);
      if (inner) found.push(...walk(inner, path, at));
    }
  }
  return found;
}

function walkBinding(binding: Binding, path: readonly string[], at: Walk, use?: SyntaxNode): readonly Origin[] {
  const key = `${binding.scope.source.path}:${binding.node.start}:${path.join('.')}`;
  if (at.seen.has(key)) return [];
  const deeper: Walk = { ...at, depth: at.depth + 1, seen: new Set(at.seen).add(key) };
  const full = [...binding.path, ...path];
  const found: Origin[] = [];
  if (binding.without !== null && path[0] !== undefined && binding.without.includes(path[0])) return [];
  if (binding.parameter !== null) found.push(...walkParameter(binding, full, deeper));
  else if (binding.kind === 'import') {
    const { module, name } = binding.imported ?? { module: '', name: '' };
    return [{ kind: 'unknown', node: use ?? binding.node, path: [module, name, ...path] }];
  } else if (binding.kind === 'function' || binding.kind === 'class' || binding.kind === 'catch') {
    return [{ kind: 'unknown', node: use ?? binding.node, path }];
  } else if (binding.init !== null) {
    found.push(...walk(binding.init, full, deeper).map((origin) => destructured(origin, binding)));
  }
  if (binding.fallback !== null) found.push(...walk(binding.fallback, path, deeper));
  for (const { node, value } of assignmentsTo(binding)) {
    if (node.kind === 'augmented_assignment_expression' && !/^(?:\|\||\?\?)=$/.test(operatorOf(node))) continue;
    found.push(...walk(value, path, deeper));
  }
  return found;
}

/** A value taken by destructuring is read where the pattern names it. */
function destructured(origin: Origin, binding: Binding): Origin {
  if (binding.path.length === 0 || origin.kind !== 'request') return origin;
  return isOrgIdName(origin.path.at(-1) ?? '') || origin.path.length <= binding.path.length
    ? { ...origin, node: binding.node }
    : origin;
}

function walkParameter(binding: Binding, path: readonly string[], at: Walk): readonly Origin[] {
  const { fn, index } = binding.parameter ?? { fn: binding.node, index: 0 };
  for (let frame = at.frame; frame !== null; frame = frame.outer) {
    if (frame.fn !== fn) continue;
    const argument = frame.args[index];
    return argument ? walk(argument, path, { ...at, frame: frame.outer }) : [];
  }
  const decorated = decoratedBy(fn, index);
  if (decorated !== null) {
    const { gives, key } = decorated;
    if (gives === 'auth') return [{ kind: 'auth', node: binding.node, path }];
    if (gives === 'request') return requestOrigin(binding.node, path);
    return [{ kind: 'request', part: gives, node: binding.node, path: key === null ? path : [key, ...path] }];
  }
  if (isRequestParameter(fn, index)) return requestOrigin(binding.node, path);
  if (isRouteContext(fn, index) && path[0] === 'params') {
    return [{ kind: 'request', part: 'params', node: binding.node, path: path.slice(1) }];
  }
  if (index === 0 && isSocketListener(fn)) return [{ kind: 'request', part: 'message', node: binding.node, path }];
  const row = sourceOfParameter(fn, index);
  if (row !== null) {
    if (row.property === '') return [{ kind: 'request', part: row.part, node: binding.node, path, parsed: true }];
    // What a middleware knows of the caller, and the request itself, come in the context.
    if (path[0] === 'ctx' || path[0] === 'context') return requestOrigin(binding.node, path.slice(1));
    if (row.property === null) return requestOrigin(binding.node, path);
    if (path[0] === row.property) return [{ kind: 'request', part: row.part, node: binding.node, path: path.slice(1) }];
  }
  if (isServerAction(fn)) return [{ kind: 'request', part: 'body', node: binding.node, path: ['argument', ...path] }];
  const element = elementOfCallback(fn, index);
  if (element !== null) return walk(element.object, [...element.path, ...path], at);
  return classified({ kind: 'parameter', fn, index, node: binding.node, path });
}

/** Members that mean something whatever their object is. */
function specialMember(
  node: SyntaxNode,
  object: SyntaxNode,
  name: string,
  path: readonly string[],
  at: Walk,
): readonly Origin[] | null {
  if (/^(?:user_metadata|raw_user_meta_data|userMetadata|app_metadata|raw_app_meta_data|appMetadata)$/.test(name)) {
    // The claims of a token that was only decoded are the sender's, whatever they are called.
    const sent = walk(object, [], at).find((origin) => origin.kind === 'request');
    if (sent?.kind === 'request') return [{ ...sent, node, path: [...sent.path, name, ...path] }];
    return /user/i.test(name)
      ? [{ kind: 'user-metadata', node, path }]
      : [{ kind: 'auth', node, path: [name, ...path] }];
  }
  if (name === 'env' && /^(?:process|import\.meta)$/.test(object.text)) return [{ kind: 'environment', node, path }];
  if (/^(?:localStorage|sessionStorage)$/.test(name)) return [{ kind: 'storage', node, path }];
  if (name === 'locals' && /^res(?:ponse)?$/.test(object.text)) return [{ kind: 'auth', node, path }];
  // socket.io: what the browser sent with its first request; `auth` is named by what it is for.
  if (name === 'handshake')
    return path[0] === 'auth'
      ? [{ kind: 'request', part: 'message', node, path: path.slice(1) }]
      : requestOrigin(node, path);
  const part = parts[name];
  if (part === undefined) return null;
  const base = walk(object, [], at);
  const request = base.find((origin) => origin.path.length === 1 && origin.path[0] === 'request');
  return request ? [{ kind: 'request', part, node, path }] : null;
}

const passing =
  /^(?:toString|trim|toLowerCase|toUpperCase|replace|replaceAll|normalize|slice|substring|substr|split|at|pop|shift|flat|filter|concat|valueOf|join|then|catch|finally)$/;
const validating =
  /^(?:parse|safeParse|parseAsync|safeParseAsync|validate|validateAsync|validateSync|cast|check|decode|assert|create|mask)$/;
const verifying =
  /^(?:verify|jwtVerify|verifyToken|verifyIdToken|verifyJwt|verifyState|verifySignature|unsign|unseal|decrypt|verifyAndDecode\w*|verifySigned\w*|verify\w*State|open|unsealData)$/;
const reading =
  /^(?:String|Number|BigInt|(?:Number\.)?parseInt|decodeURIComponent|encodeURIComponent|atob|unescape|structuredClone|Array\.from|Object\.assign|Object\.freeze|Object\.fromEntries|Promise\.resolve|Buffer\.from|qs\.parse|querystring\.parse|asString|first|z\.string)$/;

function walkCall(node: SyntaxNode, path: readonly string[], at: Walk): readonly Origin[] {
  const call = callOf(node);
  if (call === null) return [{ kind: 'unknown', node, path }];
  const callee = unwrap(call.callee);
  const first = call.args[0] ?? null;
  const member = memberOf(callee);
  const calleeText = callee.text;
  const name = member?.name ?? calleeText;

  if (
    /^jwt_?decode$|^decodeJwt$|^decodeToken$|^parseJwt$|^decodeJWT$/i.test(name) ||
    /^(?:jwt|jsonwebtoken|jose|JWT)\.(?:decode|decodeJwt)$/.test(calleeText)
  ) {
    return [{ kind: 'request', part: 'token', node, path: path.filter((key) => key !== 'payload') }];
  }
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
  if (member === null && callee.kind === 'identifier') {
    const local = bindingOf(callee);
    const fn = local ? functionOf(local) : null;
    const part = fn === null ? partReadBy(name) : null;
    if (part !== null && first !== null && walk(first, [], at).some(isWholeRequest)) {
      const key = stringValue(call.args[1] ?? null);
      return [{ kind: 'request', part, node, path: key === null ? path : [key, ...path] }];
    }
    if (part !== null && local?.imported && knowsRequest(local.imported.module)) {
      const key = stringValue(first);
      return [{ kind: 'request', part, node, path: key === null ? path : [key, ...path] }];
    }
    const keyed = keyedRead(node, call.args, path, at);
    if (keyed !== null) return [keyed];
    if (
      fn !== null &&
      /\b(?:createHmac|timingSafeEqual|createVerify|jwtVerify|verify\w*(?:Hmac|Mac|Signature)|isValidSignature)\b|\.verify\s*\(/.test(
        fn.text,
      )
    ) {
      return [{ kind: 'auth', node, path }];
    }
    if (fn !== null && at.calls < maxCalls) {
      const frame: Frame = { fn, args: call.args, outer: at.frame };
      const inner: Walk = { ...at, frame, calls: at.calls + 1 };
      const found = returnsOf(fn).flatMap((value) => walk(value, path, inner));
      return found.map((origin) =>
        origin.kind === 'parameter' && origin.fn === fn ? { kind: 'unknown' as const, node, path } : origin,
      );
    }
    // Next: cookies().get('x'), headers().get('x')
    if (/^(?:cookies|headers)$/.test(calleeText) && local?.imported?.module.startsWith('next/')) {
      return [{ kind: 'request', part: calleeText === 'cookies' ? 'cookies' : 'headers', node, path }];
    }
    return classified({ kind: 'call', callee: calleeText, node, path });
  }
  if (member !== null) {
    const object = member.object;
    if (
      name === 'get' ||
      name === 'header' ||
      name === 'getAll' ||
      name === 'param' ||
      name === 'query' ||
      name === 'cookie'
    ) {
      const key = stringValue(first);
      const origins = walk(object, [], at);
      const request = origins.find((origin) => origin.kind === 'request' || origin.path[0] === 'request');
      if (request && key !== null) {
        if (request.kind === 'request')
          return [{ ...request, node, path: [...request.path, key, ...path.filter((part) => part !== 'value')] }];
        const part: RequestPart =
          name === 'param' ? 'params' : name === 'query' ? 'query' : name === 'cookie' ? 'cookies' : 'headers';
        // Hono: c.get('orgId') is what a middleware has set; Koa: ctx.get('x-org-id') is a header.
        if (name === 'get' && /^(?:c|ctx|context)$/.test(object.text) && !key.includes('-'))
          return [{ kind: 'auth', node, path: [key, ...path] }];
        return [{ kind: 'request', part, node, path: [key, ...path] }];
      }
    }
    if (/^(?:json|formData|text|parseBody|valid)$/.test(name)) {
      const request = walk(object, [], at).find((origin) => origin.path.length === 1 && origin.path[0] === 'request');
      if (request) return [{ kind: 'request', part: 'body', node, path }];
    }
    if (/^getItem$/.test(name)) {
      const storage = walk(object, [], at).find((origin) => origin.kind === 'storage');
      if (storage) return [{ kind: 'storage', node, path: [stringValue(first) ?? '*', ...path] }];
    }
    if (validating.test(name) && first !== null && !/^(?:JSON|Date|path|url|Math)$/.test(object.text)) {
      const rest = path[0] === 'data' || path[0] === 'value' ? path.slice(1) : path;
      const origins = walk(first, rest, at).filter((origin) => origin.kind === 'request');
      if (origins.length > 0) return origins.map((origin) => ({ ...origin, parsed: true as const }));
    }
    const picked = /^(?:map|flatMap)$/.test(name) && first !== null ? memberPicked(first) : null;
    if (picked !== null) return walk(object, ['*', ...picked, ...path.filter((key) => !/^\d+$|^\*$/.test(key))], at);
    if (passing.test(name))
      return walk(
        object,
        path.filter((key) => !/^\d+$/.test(key)),
        at,
      );
    const chain = chainOf(node);
    if (chain?.table !== null && chain !== null) return [{ kind: 'row', chain, node, path }];
    if (/^getUser$|^getSession$|^getClaims$/.test(name))
      return classified({ kind: 'call', callee: calleeText, node, path });
    // this.helper(x) and helper objects of this file
    const method = object.text === 'this' && at.calls < maxCalls ? methodOf(node, name) : null;
    if (method !== null) {
      const frame: Frame = { fn: method, args: call.args, outer: at.frame };
      return returnsOf(method).flatMap((value) => walk(value, path, { ...at, frame, calls: at.calls + 1 }));
    }
  }
  return classified({ kind: 'call', callee: calleeText, node, path });
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

const isWholeRequest = ({ kind, path }: Origin): boolean =>
  kind === 'unknown' && path.length === 1 && path[0] === 'request';

/** `cookie(req.headers.cookie, 'org_id')`: a helper that takes a named value out of a part of the request. */
function keyedRead(node: SyntaxNode, args: readonly SyntaxNode[], path: readonly string[], at: Walk): Origin | null {
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

/** The function that a binding names in this file. */
export function functionOf(binding: Binding): SyntaxNode | null {
  const init = binding.init === null ? null : unwrap(binding.init);
  if (init === null || binding.path.length > 0) return null;
  if (isFunction(init)) return init;
  // const load = useCallback(async () => …), cache(async () => …)
  const call = callOf(init);
  const inner = call?.args[0];
  return inner &&
    isFunction(inner) &&
    /^(?:React\.)?(?:useCallback|cache|memo|memoize|once|debounce)$/.test(call.callee.text)
    ? inner
    : null;
}

function methodOf(node: SyntaxNode, name: string): SyntaxNode | null {
  const body = node.above('class_body', 'object');
  return body?.children.find((child) => child.kind === 'method_definition' && functionName(child) === name) ?? null;
}
