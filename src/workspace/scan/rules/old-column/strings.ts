import { chainAround } from '../../chains.ts';
import { type Columns, tableOfChain, tableOfValue } from '../../columns.ts';
import type { Hit } from '../../rule.ts';
import { looksLikeSql } from '../../sql-tables.ts';
import { callOf, keyName, type SyntaxNode, stringValue, wrapped } from '../../syntax.ts';
import type { TextEdit } from '../../types.ts';
import { inConstant } from './constants.ts';
import { named, namesIn } from './hits.ts';
import { inChainString, inLink } from './queries.ts';
import { inSql } from './sql.ts';
import { tableOfObject, tableOfPattern, tableOfTypePlace } from './tables.ts';

/** A string: a key, a type, an argument of a query, a filter, or SQL. */
export function* inString(literal: SyntaxNode, node: SyntaxNode, columns: Columns): Iterable<Hit> {
  const parent = wrapped(literal).parent;
  // A name in `${…}` is code, not text.
  if (literal.kind === 'template_string' && node.kind !== 'string_fragment' && node !== literal) return;
  if (parent === null) return;
  if (parent.kind === 'subscript_expression') {
    const object = parent.child(0);
    const name = stringValue(literal) ?? '';
    if (object) yield* named(parent, name, tableOfValue(object, columns), columns, renameInside(literal));
    return;
  }
  if (parent.kind === 'pair_pattern' && parent.child(0) === literal) {
    yield* named(literal, stringValue(literal) ?? '', tableOfPattern(literal, columns), columns, renameInside(literal));
    return;
  }
  if (parent.kind === 'pair' && parent.child(0) === literal) {
    yield* named(
      literal,
      stringValue(literal) ?? '',
      tableOfObject(parent.parent, columns),
      columns,
      renameInside(literal),
    );
    return;
  }
  if (parent.kind === 'literal_type') {
    yield* named(
      literal,
      stringValue(literal) ?? '',
      tableOfTypePlace(literal, columns),
      columns,
      renameInside(literal),
    );
    return;
  }
  if (literal.kind === 'string') yield* inConstant(literal, columns);
  // 'organization_id=eq.' + id
  const pair = parent.kind === 'binary_expression' && parent.child(0) === literal ? parent.parent : parent;
  if (pair?.kind === 'pair' && keyName(pair.child(0)) === 'filter') yield* realtimeFilter(literal, pair, columns);
  if (parent.kind === 'pair') {
    const key = keyName(parent.child(0));
    if (key === 'onConflict') {
      const chain = chainAround(parent);
      if (chain) yield* inChainString(literal, tableOfChain(chain), columns, chain);
    }
  }
  if (parent.kind === 'arguments') {
    const call = parent.parent;
    const chain = call ? chainAround(call) : null;
    const link = chain?.links.find((one) => one.call === call);
    if (chain && link) {
      const done = yield* inLink(literal, link, chain, columns);
      if (done) return;
    }
    const drizzle = call ? drizzleTable(call) : null;
    if (drizzle !== null && parent.child(0) === literal) {
      yield* named(literal, stringValue(literal) ?? '', drizzle, columns, renameInside(literal));
      return;
    }
  }
  if (looksLikeSql(literal.text)) yield* inSql(literal, columns);
}

/** Renames the whole content of a string, keeping its quotes. */
function renameInside(literal: SyntaxNode): (to: string) => readonly TextEdit[] {
  return (to) => [{ start: literal.start + 1, end: literal.end - 1, text: to }];
}

/** `{ table: 'invoices', filter: 'organization_id=eq.…' }` of a realtime subscription. */
function* realtimeFilter(literal: SyntaxNode, pair: SyntaxNode, columns: Columns): Iterable<Hit> {
  const table = stringValue(
    pair.parent?.children.find((part) => part.kind === 'pair' && keyName(part.child(0)) === 'table')?.child(1) ?? null,
  );
  const found = namesIn(literal, columns)[0];
  if (!found || found.start !== literal.start + 1) return;
  yield* named(literal, found.name, table, columns, (to) => [
    { start: found.start, end: found.start + found.name.length, text: to },
  ]);
}

/** `uuid('organization_id')` in `pgTable('invoices', { … })`. */
function drizzleTable(call: SyntaxNode): string | null {
  const callee = callOf(call)?.callee.text ?? '';
  if (!/^(?:\w+\.)?(?:uuid|text|varchar|char|bigint|integer|serial|bigserial|smallint)$/.test(callee)) return null;
  for (let at = call.parent; at !== null; at = at.parent) {
    const outer = at.kind === 'call_expression' ? callOf(at) : null;
    if (outer && /(?:pgTable|mysqlTable|sqliteTable|\.table|createTable)$/.test(outer.callee.text))
      return stringValue(outer.args[0] ?? null);
  }
  return null;
}
