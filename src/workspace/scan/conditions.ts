import { keyName, memberOf, type SyntaxNode } from './syntax.ts';

/**
 * Whether a question is kept to what it says of one value in every row that it names by another: not where the two are
 * alternatives (`or(eq(t.orgId, own), eq(t.orgId, asked))`), nor where the other one is written.
 */
export function holdsFor(value: SyntaxNode, use: SyntaxNode, query: SyntaxNode): boolean {
  if (isWritten(use, query)) return false;
  let at: SyntaxNode | null = use;
  while (at !== null && !at.contains(value)) at = at.parent;
  return at === null || !parts(at, value, use);
}

/** `.update({ org_id: asked }).eq('org_id', own)`, `data: { orgId: asked }`, `set org_id = $1`: no condition holds it. */
export function isWritten(use: SyntaxNode, query: SyntaxNode): boolean {
  for (let at: SyntaxNode | null = use; at !== null && at !== query; at = at.parent) {
    const parent: SyntaxNode | null = at.parent;
    if (
      parent?.kind === 'pair' &&
      parent.child(1) === at &&
      /^(?:data|create|update)$/.test(keyName(parent.child(0)) ?? '')
    )
      return true;
    if (parent?.kind !== 'arguments') continue;
    const name = memberOf(parent.parent?.child(0) ?? parent)?.name ?? '';
    if (/^(?:insert|upsert|values|set)$/.test(name)) return true;
    if (name === 'update' && !/\bwhere\s*:/.test(at.text)) return true;
    const statement = parent.child(0);
    if (statement !== null && statement !== at && isText(statement)) return isSet(statement.text, placeOf(use, parent));
  }
  return false;
}

/** Whether the node that two values part at asks for the one or the other. */
function parts(at: SyntaxNode, value: SyntaxNode, use: SyntaxNode): boolean {
  const parent = at.parent;
  const list = at.kind === 'arguments' ? at : parent?.kind === 'arguments' ? parent : null;
  const callee = list?.parent?.child(0);
  const name = callee ? (memberOf(callee)?.name ?? callee.text) : '';
  if (at.kind === 'arguments' && /^or\w*$/i.test(name)) return true;
  if (at.kind === 'template_string') {
    if (name === 'or') return true;
    return alternate(at.text, value.start - at.start, use.start - at.start);
  }
  const key = parent?.kind === 'pair' ? keyName(parent.child(0)) : null;
  if (at.kind === 'array' && (key === 'OR' || key === 'in' || /^(?:in|inArray|whereIn|any)$/.test(name))) return true;
  const statement = list?.child(0);
  if (!list || !statement || statement === at || !isText(statement)) return false;
  return (at === list || at.kind === 'array') && alternate(statement.text, placeOf(value, list), placeOf(use, list));
}

const isText = ({ kind }: SyntaxNode): boolean => /^(?:string|template_string)$/.test(kind);

/** Where a value of `query('… $1 …', [x])` stands in the statement; -1 where that is not to be seen. */
function placeOf(value: SyntaxNode, list: SyntaxNode): number {
  const [statement, given] = list.children;
  if (!statement || !given) return -1;
  const values = given.kind === 'array' ? given.children : list.children.slice(1);
  const index = values.findIndex((one) => one.contains(value));
  const marks = [...statement.text.matchAll(/\$(\d+)|\?/g)];
  const mark = marks.find(({ 1: number }, order) => (number === undefined ? order : Number(number) - 1) === index);
  return mark?.index ?? -1;
}

/** `update calls set org_id = $1 where …`, `insert into calls (org_id) values ($1)` */
function isSet(text: string, place: number): boolean {
  const before = place < 0 ? '' : text.slice(0, place);
  const last = [...before.matchAll(/\b(?:set|values|where|from|having|on)\b/gi)].at(-1)?.[0] ?? '';
  return /^(?:set|values)$/i.test(last);
}

/** Whether an `or` stands between two places of a condition, at the depth of brackets where they part. */
function alternate(text: string, one: number, other: number): boolean {
  if (one < 0 || other < 0) return false;
  const between = text.slice(Math.min(one, other), Math.max(one, other));
  let depth = 0;
  let least = 0;
  const ors: number[] = [];
  for (const [token] of between.matchAll(/[()]|\bor\b/gi)) {
    if (token === '(') depth += 1;
    else if (token === ')') {
      depth -= 1;
      least = Math.min(least, depth);
    } else ors.push(depth);
  }
  return ors.includes(least);
}
