import { goesElsewhere } from './elsewhere.ts';
import { hasOrgGuard, isCompared, refusalsOf } from './guards.ts';
import { isForMachines } from './machine-guards.ts';
import { isLogCallee, isOrgIdName, isOrgName } from './names.ts';
import { orgPlaces } from './org-places.ts';
import { propertyReadAt, usesOf } from './org-reads.ts';
import type { Origin, RequestPart } from './origin-of-path.ts';
import { originsOf, originsOfBinding } from './origins.ts';
import { decides } from './refusals.ts';
import { sqlPlaces } from './request-places.ts';
import {
  type Binding,
  bindingOf,
  declarationIn,
  declarationsIn,
  declaredBy,
  functionName,
  parametersOf,
  placesOf,
  referencesOf,
} from './scope.ts';
import {
  callOf,
  isFunction,
  keyName,
  memberOf,
  nodeAt,
  type Source,
  type SyntaxNode,
  unwrap,
  wrapped,
} from './syntax.ts';
import { tenantValuesAt } from './tenant-values.ts';
import { vocabulary } from './vocabulary.ts';

/** A parameter of a function that decides the tenant: `name#0`, or `name#0.clinic` for a property of it. */
export function tenantParameters(source: Source): readonly string[] {
  const found = new Set<string>();
  for (const offset of [...orgPlaces(source), ...sqlPlaces(source)]) {
    for (const value of tenantValuesAt(nodeAt(source, offset))) {
      if (goesElsewhere(value)) continue;
      for (const origin of originsOf(value)) {
        if (origin.kind !== 'parameter' || origin.path.length > 1) continue;
        const name = functionName(origin.fn);
        if (name === null || isHeldToUser(origin)) continue;
        found.add([`${name}#${origin.index}`, ...origin.path].join('.'));
      }
    }
  }
  return [...found];
}

/** The function itself compares what it is given. */
function isHeldToUser({ fn, index, path }: Origin & { readonly kind: 'parameter' }): boolean {
  const pattern = parametersOf(fn)[index]?.pattern;
  const binding = [...declarationsIn(fn).values()].find(
    (one) => one.parameter?.index === index && one.path.join('.') === path.join('.') && pattern?.contains(one.node),
  );
  return binding !== undefined && isCompared(usesOf({ node: binding.node, binding }));
}

/** A parameter by which a function keeps its caller to the own organizations, and whether it only says so. */
export type Checking = { readonly parameter: string; readonly tells: boolean };

/** What the functions of a file check of what they are given. */
export function checkingParameters(source: Source): readonly Checking[] {
  const found = new Map<string, Checking>();
  const names = new RegExp(`(?<!\\w)(?=\\w*(?:${vocabulary().word}))(?<=[.(,{]\\s*)\\w+(?=\\s*[?,:)=}]|\\s*$)`, 'gim');
  for (const place of placesOf(source, names)) {
    const binding = /identifier/.test(place.kind) ? declaredBy(place) : null;
    const read =
      binding?.parameter && binding.path.length === 0
        ? { key: binding.name, node: place, binding, origins: originsOfBinding(binding) }
        : propertyReadAt(place);
    if (read === null || !isOrgName(read.key)) continue;
    for (const origin of read.origins) {
      if (origin.kind !== 'parameter' || origin.path.length > 1) continue;
      const name = functionName(origin.fn);
      const parameter = [`${name}#${origin.index}`, ...origin.path].join('.');
      if (name === null || found.has(parameter) || !isCompared(usesOf(read), 1)) continue;
      found.set(parameter, { parameter, tells: !refusalsOf(origin.fn) });
    }
  }
  return [...found.values()];
}

/** A value of the request that is given to a function, under a name that says nothing of an organization. */
export type RequestArgument = {
  /** The place that reads the request. */
  readonly node: SyntaxNode;
  readonly part: RequestPart;
  readonly name: string;
} & Given;

/** What a call gives to a function. */
export type Given = {
  /** What the function is called, and by which import it is known; null for one of this file. */
  readonly imported: { readonly module: string; readonly name: string } | null;
  /** `name#0`, as in `tenantParameters`. */
  readonly parameter: string;
  /** The answer of the function decides whether the request goes on. */
  readonly decides: boolean;
};

/** The values of requests that a file hands to functions without having compared them. */
export function* requestArguments(source: Source, deciding: readonly string[]): Iterable<RequestArgument> {
  for (const binding of functionsIn(source, deciding)) {
    for (const reference of referencesOf(binding)) {
      const call = callAt(reference);
      if (call === null || isLogCallee(call.child(0)?.text ?? '')) continue;
      for (const value of valuesOf(call)) {
        const argument = requestValue(value);
        if (argument === null) continue;
        for (const given of givenBy(value)) yield { ...argument, ...given };
      }
    }
  }
}

/** Functions that other files give to this one, and those of its own that decide a tenant; each is called somewhere. */
function* functionsIn(source: Source, deciding: readonly string[]): Iterable<Binding> {
  const { text } = source;
  const names = new Set(deciding.map((one) => one.replace(/#.*$/, '')));
  for (const [, clause = '', module = ''] of text.matchAll(
    /\bimport\b(?!\s+type\b)([^;'"]*)\bfrom\s*['"]([^'"]+)['"]/g,
  )) {
    // Components, constants and hooks are given nothing that becomes a query's tenant here.
    if (isOfApp(module)) for (const [name] of clause.matchAll(/(?<![\w$])(?!use[A-Z])[a-z_$][\w$]*/g)) names.add(name);
  }
  for (const name of names) {
    const called = new RegExp(`(?<![\\w$.])${name.replace(/\$/g, '\\$')}(?:\\s*\\.\\s*\\w+)?\\s*\\(\\s*[^)\\s]`);
    if (!called.test(text)) continue;
    const binding = declarationIn(source.root, name);
    if (binding !== null && (binding.kind === 'import' || isOwnFunction(binding))) yield binding;
  }
}

/** A path, an alias, or a package under a scope, which may be one of the workspace. */
const isOfApp = (module: string): boolean =>
  /^(?:\.|~|#|\$|@\/|@[\w-]+\/|[\w-]+\/)/.test(module) &&
  !/^(?:next|react|hono|drizzle-orm|@supabase|@trpc|@tanstack|@sveltejs|@radix-ui|@hookform|@prisma|@nestjs)\//.test(
    module,
  );

const isOwnFunction = (binding: Binding): boolean =>
  binding.kind === 'function' ||
  (binding.init !== null && binding.path.length === 0 && isFunction(unwrap(binding.init)));

/** `load(…)`, `calls.load(…)` */
function callAt(reference: SyntaxNode): SyntaxNode | null {
  const parent = reference.parent;
  if (parent?.kind === 'call_expression' && parent.child(0) === reference) return parent;
  const outer = parent?.kind === 'member_expression' && parent.child(0) === reference ? parent.parent : null;
  return outer?.kind === 'call_expression' && outer.child(0) === parent ? outer : null;
}

/** What a call is given: its arguments, and the values of an object among them. */
function* valuesOf(call: SyntaxNode): Iterable<SyntaxNode> {
  for (const argument of callOf(call)?.args ?? []) {
    const inner = unwrap(argument);
    if (inner.kind !== 'object') {
      yield inner;
      continue;
    }
    for (const part of inner.children) {
      const value = part.kind === 'pair' ? part.child(1) : part.kind === 'shorthand_property_identifier' ? part : null;
      if (value !== null) yield unwrap(value);
    }
  }
}

function requestValue(value: SyntaxNode): Pick<RequestArgument, 'node' | 'part' | 'name'> | null {
  if (
    !/^(?:identifier|shorthand_property_identifier|member_expression|subscript_expression|call_expression|binary_expression)$/.test(
      value.kind,
    )
  )
    return null;
  const origin = originsOf(value).find((one) => one.kind === 'request');
  const name = origin?.path.at(-1);
  if (origin?.kind !== 'request' || name === undefined || isOrgIdName(name) || origin.node.source !== value.source)
    return null;
  const binding = /identifier/.test(value.kind) ? bindingOf(value) : null;
  const uses = usesOf({ node: binding?.node ?? value, binding });
  if (isCompared(uses) || hasOrgGuard(value) || isForMachines(value)) return null;
  return { node: origin.node, part: origin.part, name: name === 'argument' ? value.text : name };
}

/** The call that a value is an argument of, itself or as a property of one. */
export function givenBy(use: SyntaxNode): readonly Given[] {
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
  if (binding === null || (binding.imported === null && !isOwnFunction(binding))) return [];
  const name = member?.name ?? binding.imported?.name ?? binding.name;
  return [
    {
      parameter: [`${name}#${list.children.indexOf(argument)}`, ...(property === null ? [] : [property])].join('.'),
      imported: binding.imported,
      decides: decides(list.parent),
    },
  ];
}
