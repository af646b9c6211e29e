import { elementCallback } from './answers.ts';
import { statementAround } from './fixes.ts';
import { type Binding, bindingOf, declarationsIn, parametersOf, placesOf, referencesOf } from './scope.ts';
import { callOf, keyName, memberOf, positionOf, type Source, type SyntaxNode, stringValue, unwrap } from './syntax.ts';

/** A key that a component takes from what a route answers. Offsets and lines, no nodes: it outlives its tree. */
export type Read = {
  readonly url: string;
  readonly key: string;
  /** From each element of a list. */
  readonly list: boolean;
  /** Through `useSWR` or `useQuery`, whose fetcher may give a part of the answer. */
  readonly hook: boolean;
  /** The lines that read it, first to last. */
  readonly lines: readonly number[];
  /** Where the key stands in each read; null where one of them could not be read elsewhere as it stands. */
  readonly reads: readonly number[] | null;
  /** The line of the type that declares the key, and the other keys of that type; null where none was found. */
  readonly declared: {
    readonly start: number;
    readonly end: number;
    readonly text: string;
    readonly others: readonly string[];
  } | null;
};

/**
 * Keys that components read from answers: kept in a state (`api('/api/settings').then(setSettings)`, `settings?.name`)
 * or given by a hook (`const { data: members } = useSWR('/api/members', fetcher)`, `members.map((m) => m.email)`).
 */
export function readsOf(source: Source): readonly (Read & { readonly node: SyntaxNode })[] {
  const found: (Read & { node: SyntaxNode })[] = [];
  for (const place of placesOf(source, /(?<=['"`])\/api\/[\w/-]+(?=['"`])/g)) {
    const literal = place.kind === 'string_fragment' ? place.parent : place;
    const url = stringValue(literal);
    const call = literal?.above('call_expression');
    if (!literal || url === null || !call) continue;
    const answer = answerOfHook(call) ?? answerInState(literal, call);
    if (answer === null) continue;
    const base = { url, hook: answer.hook };
    const groups = new Map<string, { node: SyntaxNode; list: boolean; type: string }[]>();
    for (const read of keyReads(answer)) {
      const id = `${read.key} ${read.list}`;
      groups.set(id, [...(groups.get(id) ?? []), read]);
    }
    for (const [id, group] of groups) {
      const [first] = group;
      if (first === undefined) continue;
      const key = id.replace(/ .*$/, '');
      const nodes = group.map(({ node }) => node).sort((a, b) => a.start - b.start);
      const all = source.text.match(new RegExp(`\\.\\s*${key}\\b`, 'g'))?.length ?? 0;
      found.push({
        ...base,
        key,
        list: first.list,
        node: nodes[0] ?? first.node,
        lines: [...new Set(nodes.map((node) => positionOf(source.text, node.start).line))],
        // A read of another value of that type would break with it.
        reads: all === nodes.length && nodes.every(canBeAbsent) ? nodes.map(propertyStart) : null,
        declared: declarationOf(source, first.type, key),
      });
    }
  }
  return found;
}

type Answer = { readonly binding: Binding; readonly type: string; readonly hook: boolean };

/** `const { data: x = [] } = useSWR(url, …)`, `useQuery({ queryFn: () => api(url) })`. */
function answerOfHook(call: SyntaxNode): Answer | null {
  let at: SyntaxNode | null = call;
  if (!isHook(at)) {
    for (at = call.parent; at !== null && at.kind !== 'statement_block'; at = at.parent) if (isHook(at)) break;
  }
  if (at === null || !isHook(at)) return null;
  // Behind `.then` the value is another one.
  if (at !== call && call.parent?.kind === 'member_expression') return null;
  const hook = at;
  const scope = statementAround(hook).parent;
  if (scope === null) return null;
  const binding = [...declarationsIn(scope).values()].find(
    (one) => one.init !== null && unwrap(one.init) === hook && one.path.length === 1 && one.path[0] === 'data',
  );
  return binding ? { binding, type: hook.childOfKind('type_arguments')?.text ?? '', hook: true } : null;
}

const isHook = (node: SyntaxNode): boolean =>
  node.kind === 'call_expression' && /^use(?:SWR\w*|(?:Suspense)?Query)$/.test(node.child(0)?.text ?? '');

/** `api(url).then(setX)` with `const [x, setX] = useState()`. */
function answerInState(literal: SyntaxNode, call: SyntaxNode): Answer | null {
  if (callOf(call)?.args[0] !== literal) return null;
  if (/\bmethod\s*:\s*['"`](?:POST|PUT|PATCH|DELETE)/i.test(call.text)) return null;
  const then = call.parent?.kind === 'member_expression' ? call.parent.parent : null;
  const setter = then ? callOf(then)?.args[0] : null;
  if (setter?.kind !== 'identifier') return null;
  const own = bindingOf(setter);
  if (own === null) return null;
  const binding = [...declarationsIn(own.scope).values()].find(
    (other) => other.init === own.init && other.path[0] === '0',
  );
  return binding ? { binding, type: binding.init?.childOfKind('type_arguments')?.text ?? '', hook: false } : null;
}

type KeyRead = { readonly key: string; readonly node: SyntaxNode; readonly list: boolean; readonly type: string };

function keyReads({ binding, type }: Answer): readonly KeyRead[] {
  const found: KeyRead[] = [];
  const name = /^<\s*(\w+)/.exec(type)?.[1] ?? '';
  for (const reference of referencesOf(binding)) {
    const fn = elementCallback(reference);
    if (fn === null) {
      const member = reference.parent ? memberOf(reference.parent) : null;
      if (member && member.object === reference && reference.parent)
        found.push({ key: member.name, node: reference.parent, list: false, type: name });
      continue;
    }
    const [parameter] = parametersOf(fn);
    if (!parameter) continue;
    const element = /^\w+$/.test(parameter.type) ? parameter.type : name;
    if (parameter.pattern.kind === 'object_pattern') {
      for (const part of parameter.pattern.children) {
        const key = part.kind === 'pair_pattern' ? keyName(part.child(0)) : /^\w+/.exec(part.text)?.[0];
        if (key && part.kind !== 'rest_pattern') found.push({ key, node: part, list: true, type: '' });
      }
      continue;
    }
    const own = declarationsIn(fn).get(parameter.pattern.text);
    for (const use of own ? referencesOf(own) : []) {
      const member = use.parent ? memberOf(use.parent) : null;
      if (member && member.object === use && use.parent)
        found.push({ key: member.name, node: use.parent, list: true, type: element });
    }
  }
  return found;
}

/** Shown, put into a text, gone on from with a dot, or given a value for when there is none. */
function canBeAbsent(node: SyntaxNode): boolean {
  const parent = node.parent;
  if (node.kind !== 'member_expression' || parent === null) return false;
  if (parent.kind === 'jsx_expression') return parent.parent?.kind !== 'jsx_attribute';
  if (parent.kind === 'member_expression') return parent.child(0) === node;
  if (parent.kind === 'binary_expression')
    return parent.child(0) === node && /^\s*(?:\|\||\?\?)/.test(parent.source.text.slice(node.end));
  return parent.kind === 'template_substitution' || (parent.kind === 'ternary_expression' && parent.child(0) === node);
}

const propertyStart = (member: SyntaxNode): number => member.child(1)?.start ?? member.end;

function declarationOf(source: Source, name: string, key: string): Read['declared'] {
  if (name === '') return null;
  const [place] = placesOf(source, new RegExp(`\\b${name}\\b(?<=\\b(?:interface|type)\\s+\\w+)`, 'g'));
  const declaration = place?.parent;
  if (!declaration || !/^(?:interface|type_alias)_declaration$/.test(declaration.kind)) return null;
  const body = declaration.child(-1);
  if (!body || !/^(?:interface_body|object_type)$/.test(body.kind)) return null;
  const properties = body.children.filter((one) => one.kind === 'property_signature');
  const property = properties.find((one) => nameOf(one) === key);
  if (property === undefined) return null;
  const others = properties.map(nameOf).filter((one) => one !== key);
  return { start: property.start, end: property.end, text: property.text, others };
}

const nameOf = (property: SyntaxNode): string =>
  keyName(property.children.find((one) => /^(?:property_identifier|string)$/.test(one.kind)) ?? null) ?? '';
