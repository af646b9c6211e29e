import { eachBefore, type registeredAs } from './flow.ts';
import { functionOf } from './functions.ts';
import { bindingOf, escapeRegExp, placesOf } from './scope.ts';
import { callOf, isFunction, type SyntaxNode, unwrap } from './syntax.ts';

type Registered = NonNullable<ReturnType<typeof registeredAs>>;

/** All that runs in front of a handler: what its route names, and what its router uses before the route. */
export function inFrontOf({ before, router, call }: Registered): readonly SyntaxNode[] {
  if (router === '') return eachBefore(before);
  const used = placesOf(
    call.source,
    new RegExp(`(?<![\\w$])${escapeRegExp(router)}\\s*\\.\\s*(?:use|addHook)\\s*\\(`, 'g'),
  ).flatMap((place) => {
    const use = place.start < call.start ? place.above('call_expression') : null;
    return use === null ? [] : [...(callOf(use)?.args ?? [])];
  });
  return eachBefore([...before, ...used]);
}

/** The function that a middleware is, in this file: itself, or by its name. */
export function functionIn(middleware: SyntaxNode): SyntaxNode | null {
  const inner = unwrap(middleware);
  if (isFunction(inner)) return inner;
  const binding = inner.kind === 'identifier' ? bindingOf(inner) : null;
  return binding === null ? null : functionOf(binding);
}
