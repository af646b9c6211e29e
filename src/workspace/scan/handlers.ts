import { isRequestParameter, isRouteContext, routeCallOf } from './flow.ts';
import { functionName, parametersOf } from './scope.ts';
import { decoratedBy, isServerAction, sourceOfParameter } from './source-of-parameter.ts';
import { functionAround, type SyntaxNode } from './syntax.ts';

/** The outermost function around a place that answers a request; null where nothing shows that one is answered. */
export function handlerAround(node: SyntaxNode): SyntaxNode | null {
  let found: SyntaxNode | null = null;
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) if (isHandler(fn)) found = fn;
  return found;
}

const isHandler = (fn: SyntaxNode): boolean =>
  routeCallOf(fn) !== null ||
  isServerAction(fn) ||
  isMethodOfRoute(fn) ||
  sourceOfParameter(fn, 0) !== null ||
  sourceOfParameter(fn, 1) !== null ||
  parametersOf(fn).some(
    (_, index) => isRequestParameter(fn, index) || isRouteContext(fn, index) || decoratedBy(fn, index) !== null,
  );

/** `export async function GET() {}`: a handler that reads nothing of its request is one all the same. */
const isMethodOfRoute = (fn: SyntaxNode): boolean =>
  /^(?:GET|POST|PUT|PATCH|DELETE)$/.test(functionName(fn) ?? '') &&
  /(?:^|\/)(?:route|\+server)\.[cm]?[jt]sx?$/.test(fn.source.path);
