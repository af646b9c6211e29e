import { chainOf, linkOf } from './chains.ts';
import { assignmentsTo, type Binding, bindingOf, parametersOf, placesOf, returnsOf } from './scope.ts';
import { callOf, isFunction, keyName, memberOf, type Source, type SyntaxNode, stringValue, unwrap } from './syntax.ts';

/** The keys of an object by what is below them; null: not known. */
export type Shape = {
  /** The keys are those of each element of a list. */
  readonly list: boolean;
  /** It may be null instead. */
  readonly nullable: boolean;
  readonly keys: ReadonlyMap<string, Shape | null>;
};

/** What a GET route answers with; `shape` is null where it may have any key. */
export type RouteAnswer = { readonly file: string; readonly path: string; readonly shape: Shape | null };

/** `router.get('/', …, (req, res) => { res.json({ organization, … }) })` as path and keys. */
export function routeAnswers(source: Source): readonly RouteAnswer[] {
  const found: RouteAnswer[] = [];
  if (!/\bget\b/.test(source.text)) return found;
  for (const place of placesOf(source, /\.(?<=\bres(?:ponse)?[\s?!]*\.)\s*json\s*\(/g)) {
    const call = place.kind === 'call_expression' ? place : place.above('call_expression');
    const parts = call ? callOf(call) : null;
    const value = parts?.args[0];
    const receiver = parts ? memberOf(parts.callee)?.object.text : null;
    if (!call || value === undefined || !/^res(?:ponse)?$/.test(receiver ?? '')) continue;
    const route = getRouteAround(call);
    if (route !== null) found.push({ file: source.path, path: route, shape: shapeOf(value, 0) });
  }
  return found;
}

function getRouteAround(node: SyntaxNode): string | null {
  for (let at = node.parent; at !== null; at = at.parent) {
    const call = at.kind === 'call_expression' ? callOf(at) : null;
    const name = call ? memberOf(call.callee)?.name : null;
    if (call && name === 'get') return stringValue(call.args[0] ?? null);
    if (name && /^(?:post|put|patch|delete)$/.test(name)) return null;
  }
  return null;
}

/** More steps than an answer takes from its query to `res.json`; a guard against cycles. */
const maxDepth = 12;

function shapeOf(node: SyntaxNode, depth: number): Shape | null {
  if (depth > maxDepth) return null;
  const value = unwrap(node);
  switch (value.kind) {
    case 'object':
      return shapeOfObject(value, depth + 1);
    case 'identifier':
    case 'shorthand_property_identifier': {
      const binding = bindingOf(value);
      return binding === null ? null : shapeOfBinding(binding, depth + 1);
    }
    case 'binary_expression': {
      // `data || []`: what stands in for nothing has no keys of its own.
      const [left, right] = value.children;
      return left && right && /^(?:\[\s*\]|\{\s*\}|null)$/.test(right.text) ? shapeOf(left, depth + 1) : null;
    }
    case 'ternary_expression': {
      const branches = value.children.slice(1);
      const given = branches.filter((branch) => !/^(?:null|undefined)$/.test(branch.text));
      const shape = given.length === 1 && given[0] ? shapeOf(given[0], depth + 1) : null;
      return shape === null ? null : { ...shape, nullable: shape.nullable || branches.length > given.length };
    }
    case 'call_expression':
      return shapeOfCall(value, depth + 1);
    default:
      return null;
  }
}

function shapeOfCall(node: SyntaxNode, depth: number): Shape | null {
  const call = callOf(node);
  const member = call ? memberOf(call.callee) : null;
  const [first] = call?.args ?? [];
  if (member === null) return null;
  if (member.name === 'all' && member.object.text === 'Promise') return first ? shapeOf(first, depth) : null;
  if (/^(?:filter|slice|sort|reverse|toSorted)$/.test(member.name)) return shapeOf(member.object, depth);
  if (member.name !== 'map' || !first || !isFunction(first)) return null;
  const elements = returnsOf(first).map((value) => shapeOf(value, depth));
  const [element] = elements;
  return elements.length === 1 && element && !element.list ? { ...element, list: true } : null;
}

function shapeOfObject(object: SyntaxNode, depth: number): Shape | null {
  const keys = new Map<string, Shape | null>();
  for (const part of object.children) {
    if (part.kind === 'spread_element') {
      const inner = part.child(0);
      const shape = inner ? shapeOf(inner, depth) : null;
      // What is not known may bring any key.
      if (shape === null || shape.list) return null;
      for (const [key, below] of shape.keys) keys.set(key, below);
    } else if (part.kind === 'pair') {
      const key = keyName(part.child(0));
      const value = part.child(1);
      if (key === null || value === null) return null;
      keys.set(key, shapeOf(value, depth));
    } else if (part.kind === 'shorthand_property_identifier') keys.set(part.text, shapeOf(part, depth));
    else if (part.kind !== 'comment') return null;
  }
  return { list: false, nullable: false, keys };
}

function shapeOfBinding(binding: Binding, depth: number): Shape | null {
  if (assignmentsTo(binding).length > 0) return null;
  if (binding.parameter !== null) {
    const { fn, index } = binding.parameter;
    const call = fn.parent?.parent ? callOf(fn.parent.parent) : null;
    const member = call ? memberOf(call.callee) : null;
    if (index !== 0 || binding.path.length > 0 || member?.name !== 'map' || call?.args[0] !== fn) return null;
    const list = shapeOf(member.object, depth);
    return list?.list ? { ...list, list: false } : null;
  }
  if (binding.init === null || binding.kind !== 'variable') return null;
  if (binding.path.length === 0) return shapeOf(binding.init, depth);
  return binding.path.length === 1 && binding.path[0] === 'data' ? shapeOfRows(binding.init) : null;
}

/** The columns that a query names: `from('calls').select('id, owner:profiles(name)')`. */
function shapeOfRows(query: SyntaxNode): Shape | null {
  const chain = chainOf(unwrap(query));
  const columns = chain === null || chain.table === null ? null : linkOf(chain, 'select')?.args[0];
  const text = columns ? stringValue(columns) : null;
  const keys = text === null ? null : columnsOf(text);
  if (chain === null || keys === null) return null;
  const single = linkOf(chain, 'single', 'maybeSingle') !== null;
  return { list: !single, nullable: single, keys };
}

function columnsOf(text: string): ReadonlyMap<string, Shape | null> | null {
  const keys = new Map<string, Shape | null>();
  for (const [, part = ''] of text.matchAll(/((?:[^,()]|\((?:[^()]|\([^()]*\))*\))+)(?:,|$)/g)) {
    const [, alias, name, below] = /^\s*(?:(\w+)\s*:\s*)?(\w+)[^(]*(\(.*\))?\s*$/s.exec(part) ?? [];
    if (name === undefined) return null;
    // One row or many: an embed does not say which.
    keys.set(alias ?? name, below === undefined ? { list: false, nullable: false, keys: new Map() } : null);
  }
  return keys.size === 0 ? null : keys;
}

/** How a component gets at the elements of a list. */
const elementMethods = new Set(['map', 'forEach', 'filter', 'find', 'some', 'every', 'flatMap']);

/** The function that is given the elements of a list: `members.map((member) => …)`. */
export function elementCallback(list: SyntaxNode): SyntaxNode | null {
  const member = list.parent ? memberOf(list.parent) : null;
  const call = list.parent?.parent ? callOf(list.parent.parent) : null;
  if (member === null || call === null || call.callee !== list.parent || !elementMethods.has(member.name)) return null;
  const fn = call.args[0];
  return fn && isFunction(fn) && parametersOf(fn).length > 0 ? fn : null;
}
