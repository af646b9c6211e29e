import { callOf, memberOf, type SyntaxNode, stringValue, unwrap } from './syntax.ts';

/** One call of a builder chain: `.eq('org_id', x)`. */
export type Link = {
  readonly name: string;
  readonly call: SyntaxNode;
  readonly args: readonly SyntaxNode[];
  /** Offset of the dot before the name, where a further call can be put in. */
  readonly dot: number;
};

/** `base.from('calls').select('id').limit(1)` as a base and its calls, first to last. */
export type Chain = {
  readonly base: SyntaxNode;
  readonly links: readonly Link[];
  /** The outermost call. */
  readonly node: SyntaxNode;
  /** The table that `.from('…')` names; null when there is none or it is not a literal. */
  readonly table: string | null;
};

/** The chain that a call belongs to, from its outermost call inwards; null when the node is no method call. */
export function chainAround(node: SyntaxNode): Chain | null {
  let call: SyntaxNode | null = node;
  while (call !== null && call.kind !== 'call_expression') call = call.parent;
  if (call === null) return null;
  for (;;) {
    const member: SyntaxNode | null = call.parent;
    if (member?.kind !== 'member_expression' || member.child(0) !== call) break;
    const outer: SyntaxNode | null = member.parent;
    if (outer?.kind !== 'call_expression' || outer.child(0) !== member) break;
    call = outer;
  }
  return chainOf(call);
}

/** The chain whose outermost call is `node`. */
export function chainOf(node: SyntaxNode): Chain | null {
  const links: Link[] = [];
  let at = unwrap(node);
  const outermost = at;
  for (;;) {
    const call = at.kind === 'call_expression' ? callOf(at) : null;
    const member = call ? memberOf(call.callee) : null;
    if (!call || !member) break;
    const property = call.callee.child(1);
    links.unshift({
      name: member.name,
      call: at,
      get args() {
        return call.args;
      },
      dot: dotBefore(call.callee.source.text, property?.start ?? call.callee.end),
    });
    at = unwrap(member.object);
  }
  if (links.length === 0) return null;
  const from = links.find((link) => link.name === 'from' || link.name === 'table');
  return { base: at, links, node: outermost, table: from ? stringValue(from.args[0] ?? null) : null };
}

function dotBefore(text: string, offset: number): number {
  let at = offset - 1;
  while (at > 0 && text[at] !== '.') at -= 1;
  return text[at - 1] === '?' ? at - 1 : at;
}

const filters = new Set([
  'eq',
  'in',
  'match',
  'filter',
  'or',
  'is',
  'like',
  'ilike',
  'contains',
  'containedBy',
  'textSearch',
  'overlaps',
  'where',
]);
const narrowing =
  /^(?:status|state|active|is_\w+|deleted(?:_at)?|archived(?:_at)?|enabled|disabled|plan|tier|type|kind|role|default|created_at|updated_at|onboarded\w*)$/;

/**
 * Whether a chain names whose row it wants: a filter with a value that is not written in the code, or one by id, slug or
 * org. `.eq('status', 'active')` only narrows: the first active row is still anybody's.
 */
export function identifiesRow(chain: Chain): boolean {
  return chain.links.some((link) => {
    if (!filters.has(link.name)) return false;
    const column = stringValue(link.args[0] ?? null);
    if (link.name === 'is') return false;
    const bare = column?.replace(/^.*\./, '') ?? null;
    // The state of an OAuth flow names its row; that of an order only narrows.
    if (bare === 'state' && link.args[1] && stringValue(link.args[1]) === null) return true;
    if (bare !== null && narrowing.test(bare)) return false;
    return true;
  });
}

/** The same of the text of a chain, where it is plain to see; false says nothing. */
export function identifiesRowInText(text: string): boolean {
  for (const [, name = '', column = ''] of text.matchAll(/\.(\w+)\(\s*['"](?:\w+\.)*(\w+)['"]/g)) {
    if (filters.has(name) && name !== 'is' && !narrowing.test(column)) return true;
  }
  return false;
}

export const writeNames: ReadonlySet<string> = new Set(['insert', 'update', 'upsert', 'delete']);

/** The link that reads or writes. */
export function linkOf(chain: Chain, ...names: readonly string[]): Link | null {
  return chain.links.find((link) => names.includes(link.name)) ?? null;
}
