import { bindingOf, placesOf } from './scope.ts';
import { callOf, memberOf, type Source, type SyntaxNode, stringValue, unwrap } from './syntax.ts';

/** Roles that the API checks for: `['admin', 'viewer'].includes(role)`, `z.enum([…])` under the key role. */
export function acceptedRoles(source: Source): readonly string[] {
  const found: string[] = [];
  for (const place of placesOf(
    source,
    /\.\s*includes\s*\(\s*(?:\w+\.)*\w*[rR]ole\b|\brole\s*:\s*z\s*\.\s*enum\s*\(/g,
  )) {
    const call = place.kind === 'call_expression' ? place : place.above('call_expression', 'pair');
    if (call === null) continue;
    if (call.kind === 'pair' || place.kind === 'property_identifier') {
      const pair = call.kind === 'pair' ? call : call.above('pair');
      found.push(...stringsOf(callOf(unwrap(pair?.child(1) ?? call))?.args[0] ?? null));
      if (call.kind === 'pair') continue;
    }
    const object = memberOf(callOf(call)?.callee ?? call)?.object;
    if (object) found.push(...stringsOf(object));
  }
  return found;
}

/** The strings of an array, or of the array that a name stands for. */
function stringsOf(node: SyntaxNode | null): readonly string[] {
  if (node === null) return [];
  const inner = unwrap(node);
  if (inner.kind === 'array') {
    return inner.children.map((child) => stringValue(child)).filter((value) => value !== null);
  }
  if (inner.kind !== 'identifier') return [];
  const binding = bindingOf(inner);
  return binding?.init && binding.path.length === 0 && unwrap(binding.init).kind === 'array'
    ? stringsOf(binding.init)
    : [];
}

/** Roles of a `<select>` that is about roles, and of a list of roles that becomes radio buttons. */
export function offeredRoles(source: Source): readonly { readonly role: string; readonly node: SyntaxNode }[] {
  const found: { role: string; node: SyntaxNode }[] = [];
  for (const place of placesOf(source, /<option\b/g)) {
    const element = place.kind === 'jsx_opening_element' ? place : place.above('jsx_opening_element');
    const select = element?.parent?.above('jsx_element');
    const head = select?.child(0)?.text ?? '';
    if (!element || !/^<(?:select|Select)\b/.test(head) || !/\brole\b|[rR]ole\b/.test(head)) continue;
    const value = /\bvalue=(?:\{\s*)?['"]([\w-]+)['"]/.exec(element.text)?.[1];
    if (value !== undefined) found.push({ role: value, node: element });
  }
  for (const place of placesOf(
    source,
    /\]\s*(?:as\s+const\s*)?\)?\s*\.\s*map\s*\(\s*\(?\s*(?:r|role|value|option)\b/g,
  )) {
    const array = place.kind === 'array' ? place : place.childOfKind('array');
    const call = array?.above('call_expression');
    if (!array || !call || !/name=["']role["']|setRole\b/.test(call.text)) continue;
    for (const item of array.children) {
      const role = stringValue(item);
      if (role !== null) found.push({ role, node: item });
    }
  }
  return found;
}
