import { hasOrgGuard, isCompared } from './guards.ts';
import { isOrgIdName } from './names.ts';
import { orgPlaces } from './org-places.ts';
import { holderOf, usesOf } from './org-reads.ts';
import type { RequestPart } from './origin-of-path.ts';
import { originsOf } from './origins.ts';
import { type Binding, bindingOf, declarationsIn, functionName, placesOf } from './scope.ts';
import { isFunction, keyName, memberOf, nodeAt, type Source, type SyntaxNode, unwrap, wrapped } from './syntax.ts';
import { tenantValuesAt } from './tenant-values.ts';

/** A parameter of a function that decides the tenant: `name#0`, or `name#0.clinic` for a property of it. */
export function tenantParameters(source: Source): readonly string[] {
  const found = new Set<string>();
  for (const offset of orgPlaces(source)) {
    for (const value of tenantValuesAt(nodeAt(source, offset))) {
      for (const origin of originsOf(value)) {
        if (origin.kind !== 'parameter' || origin.path.length > 1) continue;
        const name = functionName(origin.fn);
        if (name !== null) found.add([`${name}#${origin.index}`, ...origin.path].join('.'));
      }
    }
  }
  return [...found];
}

/** A value of the request that is given to a function, under a name that says nothing of an organization. */
export type RequestArgument = {
  /** The place that reads the request. */
  readonly node: SyntaxNode;
  readonly part: RequestPart;
  readonly name: string;
  /** What the function is called, and by which import it is known; null for one of this file. */
  readonly imported: { readonly module: string; readonly name: string } | null;
  /** `name#0`, as in `tenantParameters`. */
  readonly parameter: string;
};

/** The values of requests that a file hands to functions without having compared them. */
export function* requestArguments(source: Source): Iterable<RequestArgument> {
  for (const place of placesOf(
    source,
    /(?<![\w$.])_?(?:req|request|ctx|c)\s*\??\.\s*(?:body|query|params|headers|cookies)\b/g,
  )) {
    for (const read of readsAt(place)) {
      const node = read.binding?.node ?? read.node;
      const origin = originsOf(node).find((one) => one.kind === 'request');
      const name = origin?.path.at(-1);
      if (origin?.kind !== 'request' || name === undefined || isOrgIdName(name)) continue;
      const uses = usesOf(read);
      const given = uses.flatMap((use) => callWith(use));
      if (given.length === 0 || isCompared(uses) || hasOrgGuard(node)) continue;
      for (const { parameter, imported } of given) yield { node, part: origin.part, name, imported, parameter };
    }
  }
}

type Read = { readonly node: SyntaxNode; readonly binding: Binding | null };

/** What is read at `req.query`: each name of a pattern, or the property behind it. */
function* readsAt(place: SyntaxNode): Iterable<Read> {
  let top = place;
  while (top.parent !== null && memberOf(top.parent)?.object === top) top = top.parent;
  const declarator = wrapped(top).parent;
  const pattern = declarator?.kind === 'variable_declarator' ? declarator.child(0) : null;
  const scope = declarator?.above('statement_block', 'program', 'switch_case');
  if (pattern?.kind === 'object_pattern' && scope) {
    for (const binding of declarationsIn(scope).values()) {
      if (pattern.contains(binding.node) && binding.without === null) yield { node: binding.node, binding };
    }
    return;
  }
  yield { node: top, binding: holderOf(top) };
}

/** The call that a value is an argument of, itself or as a property of one. */
function callWith(
  use: SyntaxNode,
): readonly { readonly parameter: string; readonly imported: RequestArgument['imported'] }[] {
  let value = wrapped(use);
  let property: string | null = null;
  if (value.parent?.kind === 'arguments' && value.parent.parent?.child(0)?.text === 'String')
    value = wrapped(value.parent.parent);
  const parent = value.parent;
  if (value.kind === 'shorthand_property_identifier') property = value.text;
  else if (parent?.kind === 'pair' && parent.child(1) === value) property = keyName(parent.child(0));
  const argument =
    property === null
      ? value
      : wrapped((value.kind === 'shorthand_property_identifier' ? value.parent : parent?.parent) ?? value);
  const list = argument.parent;
  const callee = list?.kind === 'arguments' ? list.parent?.child(0) : null;
  if (!list || !callee || list.parent?.kind !== 'call_expression') return [];
  const member = memberOf(callee);
  const base = unwrap(member ? member.object : callee);
  if (base.kind !== 'identifier') return [];
  const binding = bindingOf(base);
  if (binding === null) return [];
  const own = binding.kind === 'function' || (binding.init !== null && isFunction(unwrap(binding.init)));
  if (binding.imported === null && !own) return [];
  const name = member?.name ?? binding.imported?.name ?? binding.name;
  return [
    {
      parameter: [`${name}#${list.children.indexOf(argument)}`, ...(property === null ? [] : [property])].join('.'),
      imported: binding.imported,
    },
  ];
}
