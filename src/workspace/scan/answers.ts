import { placesOf } from './scope.ts';
import { callOf, keyName, memberOf, type Source, type SyntaxNode, stringValue } from './syntax.ts';

/** The keys at the top of what a GET route answers with. */
export type RouteAnswer = { readonly file: string; readonly path: string; readonly keys: ReadonlySet<string> };

/** `router.get('/', …, (req, res) => { res.json({ organization, … }) })` as path and keys; answers with other shapes are left out. */
export function routeKeys(source: Source): readonly RouteAnswer[] {
  const found: RouteAnswer[] = [];
  if (!/\bget\b/.test(source.text)) return found;
  for (const place of placesOf(source, /(?<=\bres(?:ponse)?[\s?!]*)\.\s*json\s*\(\s*\{/g)) {
    const call = place.kind === 'call_expression' ? place : place.above('call_expression');
    const parts = call ? callOf(call) : null;
    const object = parts?.args[0];
    const receiver = parts ? memberOf(parts.callee)?.object.text : null;
    if (!call || object?.kind !== 'object' || !/^res(?:ponse)?$/.test(receiver ?? '')) continue;
    const route = getRouteAround(call);
    if (route === null) continue;
    const keys = object.children.map((part) =>
      part.kind === 'pair' ? keyName(part.child(0)) : part.kind === 'shorthand_property_identifier' ? part.text : null,
    );
    // A spread may bring any key.
    if (object.children.some((part) => part.kind === 'spread_element')) continue;
    found.push({ file: source.path, path: route, keys: new Set(keys.filter((key) => key !== null)) });
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
