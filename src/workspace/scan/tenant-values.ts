import { chainAround } from './chains.ts';
import { isOrgColumn, isOrgIdName, isOrgTable } from './names.ts';
import type { RequestPart } from './origin-of-path.ts';
import { keyName, memberOf, type SyntaxNode, stringValue } from './syntax.ts';

/** The parts of a request, in words. */
export const partWords: Readonly<Record<RequestPart, string>> = {
  body: 'the request body',
  query: 'the query string',
  params: 'the URL',
  headers: 'a request header',
  cookies: 'a cookie',
  state: 'an OAuth state that is not signed',
  token: 'a token that is decoded without being verified',
  message: 'a message of the socket',
};

/** Values that are given to a tenant column, a tenant id, or a name that holds one, at a word that names it. */
export function* tenantValuesAt(node: SyntaxNode): Iterable<SyntaxNode> {
  const at = node.kind === 'string_fragment' ? (node.parent ?? node) : node;
  const parent = at.parent;
  if (parent === null) return;
  if (at.kind === 'string' && parent.kind === 'arguments') {
    const call = parent.parent;
    const callee = call?.child(0);
    const name = callee ? memberOf(callee)?.name : null;
    const column = at.text.slice(1, -1);
    if (parent.child(0) === at && name && /^(?:eq|in|filter|contains|is)$/.test(name) && isOrgColumn(column)) {
      const value = parent.children.at(-1);
      if (value && value !== at) yield value;
    } else if (name === 'from' && isOrgTable(column) && call) {
      for (const link of chainAround(call)?.links ?? []) {
        const value = link.args[1];
        if (link.name === 'eq' && value && stringValue(link.args[0] ?? null) === 'id') yield value;
      }
    }
    return;
  }
  if (parent.kind === 'pair' && parent.child(0) === at && isOrgIdName(keyName(at) ?? '')) {
    const value = parent.child(1);
    if (value && !isAnswer(parent)) yield value;
    return;
  }
  if (parent.kind === 'variable_declarator' && parent.child(0) === at && isOrgIdName(at.text)) {
    const value = parent.child(-1);
    if (value && value !== at && value.kind !== 'type_annotation') yield value;
    return;
  }
  if (
    at.kind === 'property_identifier' &&
    parent.parent?.kind === 'assignment_expression' &&
    parent.parent.child(0) === parent &&
    isOrgIdName(at.text)
  ) {
    const value = parent.parent.child(1);
    if (value) yield value;
  }
}

function isAnswer(pair: SyntaxNode): boolean {
  const call = pair.above('call_expression', 'statement_block');
  return (
    call?.kind === 'call_expression' &&
    /^(?:res|response|reply|NextResponse|Response|console|log|logger)\b/.test(call.text)
  );
}
