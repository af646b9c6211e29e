import { elementOfCallback, isRequestParameter, isRouteContext, isSocketListener, partOfType } from './flow.ts';
import { classified, type Origin, requestOrigin } from './origin-of-path.ts';
import type { Follow, Walk } from './origin-walk.ts';
import type { Binding } from './scope.ts';
import { decoratedBy, isServerAction, sourceOfParameter } from './source-of-parameter.ts';
import { callOf, memberOf, type SyntaxNode, unwrap } from './syntax.ts';

/** What a parameter is: the argument that it is given, or what a framework hands over. */
export function originsOfParameter(
  binding: Binding,
  path: readonly string[],
  at: Walk,
  walk: Follow,
): readonly Origin[] {
  const { fn, index } = binding.parameter ?? { fn: binding.node, index: 0 };
  for (let frame = at.frame; frame !== null; frame = frame.outer) {
    if (frame.fn !== fn) continue;
    const argument = frame.args[index];
    return argument ? walk(argument, path, { ...at, frame: frame.outer }) : [];
  }
  const { node } = binding;
  const decorated = decoratedBy(fn, index);
  if (decorated !== null) {
    const { gives, key } = decorated;
    if (gives === 'auth') return [{ kind: 'auth', node, path }];
    if (gives === 'request') return requestOrigin(node, path);
    return [{ kind: 'request', part: gives, node, path: key === null ? path : [key, ...path] }];
  }
  const row = sourceOfParameter(fn, index);
  const parsed = row === null ? {} : parsedBy(fn);
  if (row?.property && path[0] === row.property)
    return [{ kind: 'request', part: row.part, node, path: path.slice(1), ...parsed }];
  if (isRequestParameter(fn, index)) return requestOrigin(node, path);
  const part = partOfType(fn, index);
  if (part !== null) return [{ kind: 'request', part, node, path: path.filter((name) => name !== 'searchParams') }];
  if (isRouteContext(fn, index) && path[0] === 'params')
    return [{ kind: 'request', part: 'params', node, path: path.slice(1) }];
  if (index === 0 && isSocketListener(fn)) return [{ kind: 'request', part: 'message', node, path }];
  if (row !== null) {
    if (row.property === '') return [{ kind: 'request', part: row.part, node, path, parsed: true, ...parsed }];
    // What a middleware knows of the caller, and the request itself, come in the context.
    if (path[0] === 'ctx' || path[0] === 'context') return requestOrigin(node, path.slice(1));
    if (row.property === null) return requestOrigin(node, path);
  }
  if (isServerAction(fn)) return [{ kind: 'request', part: 'body', node, path: ['argument', ...path] }];
  const element = elementOfCallback(fn, index);
  if (element !== null) return walk(element.object, [...element.path, ...path], at);
  return classified({ kind: 'parameter', fn, index, node, path });
}

/** `procedure.input(schema).mutation(fn)`, `createServerFn().inputValidator(schema).handler(fn)`: what has read the data. */
function parsedBy(fn: SyntaxNode): { readonly parsed?: true; readonly schema?: SyntaxNode } {
  let at = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
  while (at !== null) {
    const call = callOf(at);
    const member = call ? memberOf(call.callee) : null;
    const schema = call?.args.find((argument) => argument !== fn);
    if (member === null) return schema !== undefined && at === fn.parent?.parent ? { parsed: true, schema } : {};
    if (schema !== undefined && /^(?:input|inputSchema|schema|inputValidator|validator)$/.test(member.name))
      return { parsed: true, schema };
    at = unwrap(member.object);
  }
  return {};
}
