import { isCompared } from './guards.ts';
import { isOrgIdName } from './names.ts';
import { propertyReadAt, usesOf } from './org-reads.ts';
import type { Origin } from './origin-of-path.ts';
import { originsOf } from './origins.ts';
import { type Binding, bindingOf, declaredBy, escapeRegExp, placesOf } from './scope.ts';
import { callOf, functionAround, memberOf, type SyntaxNode, stringValue, unwrap, wrapped } from './syntax.ts';

/**
 * Whether the place that names what is read shows that a request is read. `orgOf(request)` of
 * `const orgOf = (asked) => asked.body.org_id` does so at the call alone, and `const { place } = read(request)` has no name.
 */
export function isReadWhereNamed({ node }: Origin): boolean {
  return namesOf(node).some(isOrgIdName) && originsOf(node).some(({ kind }) => kind === 'request');
}

/** `a.orgId`, `a['x-org-id']`, `a.get('org_id')?.value`, `orgId` in a pattern. */
function namesOf(node: SyntaxNode): readonly string[] {
  const inner = unwrap(node);
  const call = callOf(inner);
  if (call !== null) return [...call.args.flatMap((argument) => stringValue(argument) ?? []), ...namesOf(call.callee)];
  const member = memberOf(inner);
  if (member !== null) return [member.name, ...namesOf(member.object)];
  return [bindingOf(inner)?.path.at(-1) ?? stringValue(inner.child(1)) ?? inner.text];
}

/** Whether a helper refuses what it reads under a name where it is not the caller's own. */
export function isComparedIn(read: SyntaxNode, name: string): boolean {
  const fn = functionAround(read);
  if (fn === null) return false;
  return placesOf(fn.source, new RegExp(`(?<![\\w$])${escapeRegExp(name)}(?![\\w$])`, 'g'), fn).some((place) => {
    const other = propertyReadAt(place);
    return other !== null && isCompared(usesOf(other));
  });
}

/** Where a value is taken: the call in `const place = orgOf(request)`, the name in `const { org } = read(request)`. */
export function readOf(value: SyntaxNode): SyntaxNode {
  const inner = unwrap(value);
  const binding = inner.kind === 'identifier' || inner.kind.startsWith('shorthand') ? bindingOf(inner) : null;
  if (binding === null || binding.init === null) return value;
  return binding.path.length > 0 ? binding.node : binding.init;
}

/** The name under which a value is known: its own, or the one that it is declared by: `const orgId = key.split('/')[0]`. */
export function heldAs(value: SyntaxNode): Binding | null {
  const inner = unwrap(value);
  if (inner.kind === 'identifier' || inner.kind.startsWith('shorthand')) return bindingOf(inner);
  const name = wrapped(value).parent?.kind === 'variable_declarator' ? wrapped(value).parent?.child(0) : null;
  return name?.kind === 'identifier' ? declaredBy(name) : null;
}
