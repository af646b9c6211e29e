import { chainAround } from './chains.ts';
import { isOrgColumn, isOrgIdName, isOrgTable } from './names.ts';
import type { RequestPart } from './origin-of-path.ts';
import { declaredBy, referencesOf } from './scope.ts';
import { templateValues, valuesOfStatement } from './sql-values.ts';
import { callOf, keyName, memberOf, type SyntaxNode, stringValue, unwrap } from './syntax.ts';

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

/** Filters of supabase-js, Kysely, Knex and their like whose first argument is a column, and whose last is its value. */
const filters = /^(?:eq|in|filter|contains|is|where|whereIn|andWhere|orWhere|having|whereRef|set)$/;
/** Drizzle's conditions, which are given a column of a table object. */
const conditions = /^(?:eq|inArray|arrayContains|ne)$/;

/** Values that are given to a tenant column, a tenant id, or a name that holds one, at a word that names it. */
export function* tenantValuesAt(node: SyntaxNode): Iterable<SyntaxNode> {
  const at = node.kind === 'string_fragment' ? (node.parent ?? node) : node;
  const parent = at.parent;
  if (parent === null) return;
  if (at.kind === 'template_string') {
    yield* templateValues(at);
    if (parent.kind === 'arguments') yield* valuesOfStatement(at);
    return;
  }
  if (at.kind === 'string' && parent.kind === 'arguments') {
    yield* valuesOfArgument(at, parent);
    return;
  }
  if (at.kind === 'property_identifier' && parent.kind === 'member_expression' && isOrgIdName(at.text)) {
    const list = parent.parent;
    const callee = list?.kind === 'arguments' ? list.parent?.child(0) : null;
    const value = list?.child(1);
    if (list?.child(0) === parent && value && callee && conditions.test(memberOf(callee)?.name ?? callee.text)) {
      yield value;
      return;
    }
  }
  if (parent.kind === 'pair' && parent.child(0) === at && isOrgIdName(keyName(at) ?? '')) {
    const value = parent.child(1);
    if (value && !isAnswer(parent)) yield* operands(value);
    return;
  }
  if (at.kind === 'string' && parent.kind === 'variable_declarator' && isOrgColumn(at.text.slice(1, -1))) {
    yield* valuesByConstant(parent.child(0));
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

/** `const key = 'org_id'`: what `.eq(key, x)` and `{ [key]: x }` give to the column. */
function* valuesByConstant(name: SyntaxNode | null): Iterable<SyntaxNode> {
  const binding = name?.kind === 'identifier' ? declaredBy(name) : null;
  for (const use of binding === null ? [] : referencesOf(binding)) {
    const holder = use.parent;
    if (holder?.kind === 'arguments' && holder.child(0) === use) {
      const callee = holder.parent?.child(0);
      const value = holder.children.at(-1);
      if (callee && value && value !== use && filters.test(memberOf(callee)?.name ?? '')) yield value;
    } else if (holder?.kind === 'computed_property_name') {
      const value = holder.parent?.kind === 'pair' ? holder.parent.child(1) : null;
      if (value) yield value;
    }
  }
}

function* valuesOfArgument(at: SyntaxNode, list: SyntaxNode): Iterable<SyntaxNode> {
  const call = list.parent;
  const callee = call?.child(0);
  const name = callee ? memberOf(callee)?.name : null;
  const column = at.text.slice(1, -1);
  if (list.child(0) === at && name && filters.test(name) && isOrgColumn(column.replace(/^.*\./, ''))) {
    const value = list.children.at(-1);
    if (value && value !== at) yield value;
  } else if (name === 'from' && isOrgTable(column) && call) {
    for (const link of chainAround(call)?.links ?? []) {
      const value = link.args[1];
      if (link.name === 'eq' && value && stringValue(link.args[0] ?? null) === 'id') yield value;
    }
  } else yield* valuesOfStatement(at);
}

/** `{ equals: x }`, `{ in: [x] }` of Prisma, or the value itself. */
function* operands(value: SyntaxNode): Iterable<SyntaxNode> {
  const inner = unwrap(value);
  if (inner.kind !== 'object') {
    yield value;
    return;
  }
  for (const part of inner.children) {
    const operand =
      part.kind === 'pair' && /^(?:equals|in|_eq|_in|connect|id)$/.test(keyName(part.child(0)) ?? '')
        ? part.child(1)
        : null;
    if (operand) yield operand;
  }
}

function isAnswer(pair: SyntaxNode): boolean {
  const call = pair.above('call_expression', 'statement_block');
  return (
    call !== null &&
    callOf(call) !== null &&
    /^(?:res|response|reply|NextResponse|Response|console|log|logger)\b/.test(call.text)
  );
}
