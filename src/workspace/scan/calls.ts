import { nameOf } from './call-targets.ts';
import { goesElsewhere } from './elsewhere.ts';
import { isCompared, refusalsOf } from './guards.ts';
import { isForMachines } from './machine-guards.ts';
import { isBesideAnother } from './member-lookups.ts';
import { isOrgIdName, isOrgName, mentionsOrg } from './names.ts';
import { orgPlaces } from './org-places.ts';
import { propertyReadAt, usesOf } from './org-reads.ts';
import { type Origin, parts } from './origin-of-path.ts';
import { originsOf, originsOfBinding } from './origins.ts';
import { sqlPlaces } from './request-places.ts';
import { type Binding, declarationsIn, declaredBy, escapeRegExp, parametersOf, placesOf } from './scope.ts';
import { nodeAt, type Source, type SyntaxNode, wrapped } from './syntax.ts';
import { tenantValuesAt } from './tenant-values.ts';
import { vocabulary } from './vocabulary.ts';

/** Deeper than any options that a function is given. */
const maxPath = 3;

/**
 * A parameter of a function that decides the tenant: `name#0`, or `name#0.clinic` for a property of it. `beside`: only
 * where another one does as well. `gives`: only in what the caller makes of the answer.
 */
export type Deciding = { readonly parameter: string; readonly beside: boolean; readonly gives?: true };

export function tenantParameters(source: Source): readonly Deciding[] {
  const found = new Map<string, Deciding>();
  for (const offset of [...orgPlaces(source), ...sqlPlaces(source)]) {
    for (const value of tenantValuesAt(nodeAt(source, offset))) {
      if (goesElsewhere(value) || isGivenBack(value)) continue;
      for (const origin of originsOf(value)) {
        if (origin.kind !== 'parameter' || origin.path.length > maxPath) continue;
        const name = nameOf(origin.fn);
        if (name === null || proving.test(origin.fn.text) || isHeldToUser(origin) || isForMachines(value)) continue;
        const parameter = [`${name}#${origin.index}`, ...origin.path].join('.');
        const beside = (found.get(parameter)?.beside ?? true) && isBesideAnother(value);
        found.set(parameter, { parameter, beside });
      }
    }
  }
  return [...found.values(), ...[...givingParameters(source)].filter(({ parameter }) => !found.has(parameter))];
}

/** `(asked) => asked.body.org_id`: an organization that a function takes out of a request for the one who calls it. */
function* givingParameters(source: Source): Iterable<Deciding> {
  // `asked.body`, `{ body }`: a helper names the part that it takes; pages and components have none.
  if (!/(?:[.{,]\s*)(?:body|query|params|headers|cookies)\b/.test(source.text)) return;
  for (const offset of orgPlaces(source)) {
    const read = propertyReadAt(nodeAt(source, offset));
    if (read === null || !isOrgIdName(read.key) || !usesOf(read).some(isReturned)) continue;
    for (const origin of read.origins) {
      const name = origin.kind === 'parameter' && Object.hasOwn(parts, origin.path[0] ?? '') ? nameOf(origin.fn) : null;
      if (origin.kind !== 'parameter' || name === null || proving.test(origin.fn.text)) continue;
      if (isCompared(usesOf(read)) || isForMachines(read.node)) continue;
      yield { parameter: [`${name}#${origin.index}`, ...origin.path].join('.'), beside: false, gives: true };
    }
  }
}

const isReturned = (use: SyntaxNode): boolean =>
  /^(?:return_statement|arrow_function)$/.test(wrapped(use).parent?.kind ?? '');

/** A function that reads a signed token: what it finds there is what the server wrote. */
const proving =
  /\b(?:createHmac|timingSafeEqual|createVerify|jwtVerify|constructEvent|verify\w*(?:Hmac|Mac|Signature))\b|\bjwt\s*\.\s*verify\b|\bsubtle\s*\.\s*(?:verify|sign)\b/;

/** `return { orgId: input.orgId }`: who called it decides what becomes of that. */
function isGivenBack(value: SyntaxNode): boolean {
  let at = wrapped(value);
  let parent = at.parent;
  while (parent !== null && /^(?:pair|object|array|spread_element|call_expression|arguments)$/.test(parent.kind)) {
    // `requireString(input.orgId)`: nothing but the value in another form.
    if (parent.kind === 'arguments' && (parent.children.length > 2 || at.kind === 'object')) return false;
    at = wrapped(parent);
    parent = at.parent;
  }
  return at.kind === 'object' && /^(?:return_statement|arrow_function)$/.test(parent?.kind ?? '');
}

/** The function itself compares what it is given. Asked at each call that it hands the parameter to. */
export function isHeldToUser({ fn, index, path }: Origin & { readonly kind: 'parameter' }): boolean {
  const known = held.get(fn) ?? new Map<string, boolean>();
  held.set(fn, known);
  const key = `${index}.${path.join('.')}`;
  const answer = known.get(key) ?? comparesOwn(fn, index, path);
  known.set(key, answer);
  return answer;
}

const held = new WeakMap<SyntaxNode, Map<string, boolean>>();

function comparesOwn(fn: SyntaxNode, index: number, path: readonly string[]): boolean {
  const pattern = parametersOf(fn)[index]?.pattern;
  const binding = [...declarationsIn(fn).values()].find(
    (one) => one.parameter?.index === index && one.path.join('.') === path.join('.') && pattern?.contains(one.node),
  );
  if (binding !== undefined) return isCompared(usesOf({ node: binding.node, binding }));
  // `input.body.orgId !== user.orgId`, wherever in the function it is read.
  const last = path.at(-1);
  if (last === undefined || !/^[\w$]+$/.test(last)) return false;
  return placesOf(fn.source, new RegExp(`(?<![\\w$])${escapeRegExp(last)}(?![\\w$])`, 'g'), fn).some((place) => {
    const read = propertyReadAt(place);
    return (read?.origins ?? []).some(isSame) && read !== null && isCompared(usesOf(read));
  });

  function isSame(origin: Origin): boolean {
    return (
      origin.kind === 'parameter' &&
      origin.fn === fn &&
      origin.index === index &&
      origin.path.join('.') === path.join('.')
    );
  }
}

/** A parameter by which a function keeps its caller to the own organizations, and whether it only says so. */
export type Checking = { readonly parameter: string; readonly tells: boolean };

/** What the functions of a file check of what they are given. */
export function checkingParameters(source: Source): readonly Checking[] {
  const found = new Map<string, Checking>();
  const names = new RegExp(`(?<!\\w)(?=\\w*(?:${vocabulary().word}))(?<=[.(,{]\\s*)\\w+(?=\\s*[?,:)=}!]|\\s*$)`, 'gim');
  for (const place of placesOf(source, names)) {
    const binding = /identifier/.test(place.kind) ? declaredBy(place) : null;
    const read =
      binding?.parameter && binding.path.length === 0
        ? { key: binding.name, node: place, binding, origins: originsOfBinding(binding) }
        : propertyReadAt(place);
    if (read === null || !isOrgName(read.key)) continue;
    for (const origin of read.origins) {
      if (origin.kind !== 'parameter' || origin.path.length > maxPath) continue;
      const name = nameOf(origin.fn);
      const parameter = [`${name}#${origin.index}`, ...origin.path].join('.');
      if (name === null || found.has(parameter) || !isCompared(usesOf(read), 1)) continue;
      found.set(parameter, { parameter, tells: !refusalsOf(origin.fn) });
    }
  }
  for (const { fn, index } of [...tenantsUnderOtherNames(source), ...idsOfOrgFunctions(source)]) {
    const name = nameOf(fn);
    const binding = bindingOfParameter(fn, index);
    const parameter = `${name}#${index}`;
    if (name === null || binding === null || found.has(parameter)) continue;
    if (isCompared(usesOf({ node: binding.node, binding }), 1))
      found.set(parameter, { parameter, tells: !refusalsOf(fn) });
  }
  return [...found.values()];
}

type Parameter = { readonly fn: SyntaxNode; readonly index: number };

/** `(id) => … .eq('org_id', id)`: what the parameter is, the column says. */
function* tenantsUnderOtherNames(source: Source): Iterable<Parameter> {
  for (const offset of [...orgPlaces(source), ...sqlPlaces(source)])
    for (const value of tenantValuesAt(nodeAt(source, offset)))
      for (const origin of originsOf(value)) if (origin.kind === 'parameter' && origin.path.length === 0) yield origin;
}

/** `getWorkspace(id)`: of what it is the id, the name of the function says. */
function* idsOfOrgFunctions(source: Source): Iterable<Parameter> {
  for (const place of placesOf(source, /\b(?:id|slug)\b(?<=[(,]\s*\w+)(?=\s*[:,)])/g)) {
    const parameter = /identifier/.test(place.kind) ? declaredBy(place)?.parameter : null;
    if (parameter && mentionsOrg(nameOf(parameter.fn) ?? '')) yield parameter;
  }
}

const bindingOfParameter = (fn: SyntaxNode, index: number): Binding | null =>
  [...declarationsIn(fn).values()].find((one) => one.parameter?.index === index && one.path.length === 0) ?? null;
