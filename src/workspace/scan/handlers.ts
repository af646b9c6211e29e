import { nameOf } from './call-targets.ts';
import { isRequestParameter, isRouteContext, routeCallOf } from './flow.ts';
import { decoratorsOf } from './for-platform.ts';
import { functionName, parametersOf } from './scope.ts';
import { decoratedBy, isServerAction, sourceOfParameter } from './source-of-parameter.ts';
import { functionAround, type SyntaxNode } from './syntax.ts';

/** The outermost function around a place that answers a request; null where nothing shows that one is answered. */
export function handlerAround(node: SyntaxNode): SyntaxNode | null {
  let found: SyntaxNode | null = null;
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) if (isHandler(fn)) found = fn;
  return found;
}

/** The outermost function around a place that others can call by a name. */
export function namedAround(node: SyntaxNode): SyntaxNode | null {
  let found: SyntaxNode | null = null;
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) if (nameOf(fn) !== null) found = fn;
  return found;
}

/** Whether a place stands in a handler that is registered with a router. */
export function isRouted(node: SyntaxNode): boolean {
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) if (routeCallOf(fn) !== null) return true;
  return false;
}

const isHandler = (fn: SyntaxNode): boolean =>
  routeCallOf(fn) !== null ||
  isServerAction(fn) ||
  isMethodOfRoute(fn) ||
  isMethodOfController(fn) ||
  sourceOfParameter(fn, 0) !== null ||
  sourceOfParameter(fn, 1) !== null ||
  parametersOf(fn).some(
    (_, index) => isRequestParameter(fn, index) || isRouteContext(fn, index) || decoratedBy(fn, index) !== null,
  );

/** `@Get() list() {}`: the same of a controller. */
const isMethodOfController = (fn: SyntaxNode): boolean =>
  fn.kind === 'method_definition' && decoratorsOf(fn).some((one) => /^@(?:Get|Post|Put|Patch|Delete|All)\b/.test(one));

/** `export async function GET() {}`: a handler that reads nothing of its request is one all the same. */
const isMethodOfRoute = (fn: SyntaxNode): boolean =>
  /^(?:GET|POST|PUT|PATCH|DELETE)$/.test(functionName(fn) ?? '') &&
  /(?:^|\/)(?:route|\+server)\.[cm]?[jt]sx?$/.test(fn.source.path);
