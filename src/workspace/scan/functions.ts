import type { Binding } from './scope.ts';
import { callOf, isFunction, type SyntaxNode, unwrap } from './syntax.ts';

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
