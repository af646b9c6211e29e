import type { Chain, Link } from '../../chains.ts';
import { type Columns, selectedColumns, tableOfChain } from '../../columns.ts';
import type { Hit } from '../../rule.ts';
import { type SyntaxNode, stringValue, unwrap } from '../../syntax.ts';
import type { TextEdit } from '../../types.ts';
import { namesIn, reasonOf } from './hits.ts';

/** Calls whose first argument names a column. */
export const columnFirst =
  /^(?:eq|neq|gt|gte|lt|lte|is|in|not|order|filter|contains|containedBy|like|ilike|likeAllOf|overlaps|textSearch|rangeGt|rangeLt|match|returns|where|andWhere|orWhere|whereIn|groupBy|orderBy)$/;

/** A string in a call of a builder chain. Returns true when the call settles what the string is. */
export function* inLink(literal: SyntaxNode, link: Link, chain: Chain, columns: Columns): Generator<Hit, boolean> {
  const first = link.args[0];
  const isFirst = first !== undefined && unwrap(first) === literal;
  const table = tableOfChain(chain);
  if (link.name === 'select' && isFirst) {
    yield* inSelect(literal, table, columns);
    return true;
  }
  if (link.name === 'or' && isFirst) {
    const options = link.args[1]?.text ?? '';
    const other = /\b(?:referencedTable|foreignTable)\s*:\s*['"](\w+)['"]/.exec(options)?.[1];
    yield* inChainString(literal, other ?? table, columns, chain, /^\s*\./);
    return true;
  }
  if (columnFirst.test(link.name) && isFirst) {
    const text = stringValue(literal);
    if (text === null || /->/.test(text)) return true;
    const dot = text.lastIndexOf('.');
    const options = link.args[1]?.text ?? '';
    const other = /\b(?:referencedTable|foreignTable)\s*:\s*['"](\w+)['"]/.exec(options)?.[1];
    const owner = dot === -1 ? (other ?? table) : text.slice(0, dot);
    const name = text.slice(dot + 1);
    if (!columns.oldNames.includes(name)) return true;
    if (owner === null) {
      yield {
        node: literal,
        reason: `A filter by ${name} on a query whose table is not to be seen here.`,
        certainty: 'likely',
        advice: true,
        instruction: `If it is called for ${columns.tables.join(', ')}, let the caller name the column, or rename it once all its tables are.`,
      };
      return true;
    }
    const to = columns.renamed(owner, name);
    if (to === null) return true;
    const at = literal.start + 1 + dot + 1;
    yield guarded(literal, owner, name, to, [{ start: at, end: at + name.length, text: to }], chain);
    return true;
  }
  return (
    link.name !== 'rpc' &&
    link.name !== 'query' &&
    link.name !== 'raw' &&
    link.name !== 'unsafe' &&
    link.name !== 'execute' &&
    isFirst &&
    link.name === 'from'
  );
}

function* inSelect(literal: SyntaxNode, table: string | null, columns: Columns): Iterable<Hit> {
  const pattern = columns.pattern;
  if (pattern === null) return;
  const edits: TextEdit[] = [];
  let shown: { table: string; name: string; to: string } | null = null;
  for (const column of selectedColumns(literal.text.slice(1, -1), table, pattern)) {
    if (column.role === 'alias') continue;
    const to = columns.renamed(column.table, column.name);
    if (to === null || column.table === null) continue;
    const start = literal.start + 1 + column.at;
    edits.push({ start, end: start + column.name.length, text: to });
    shown ??= { table: column.table, name: column.name, to };
  }
  if (shown === null) return;
  const only = new RegExp(`(?<![\\w.])${shown.to}(?!\\w)`).test(literal.text);
  const reason = reasonOf(shown.table, shown.name, shown.to);
  if (only)
    yield {
      node: literal,
      reason,
      instruction: `The select names ${shown.to} as well; take ${shown.name} out once the two are merged.`,
    };
  else yield { node: literal, reason, edits };
}

/** Names in `or(…)` and `onConflict`, which belong to the table of the chain. */
export function* inChainString(
  literal: SyntaxNode,
  table: string | null,
  columns: Columns,
  chain: Chain,
  follows?: RegExp,
): Iterable<Hit> {
  const edits: TextEdit[] = [];
  let first: { name: string; to: string } | null = null;
  for (const { start, name } of namesIn(literal, columns)) {
    const text = literal.source.text;
    if (follows && !follows.test(text.slice(start + name.length, start + name.length + 2))) continue;
    const embed = /(\w+)\.$/.exec(text.slice(literal.start, start))?.[1];
    const owner = embed !== undefined && !/^(?:and|or|not)$/.test(embed) ? embed : table;
    const to = columns.renamed(owner, name);
    if (to === null) continue;
    edits.push({ start, end: start + name.length, text: to });
    first ??= { name, to };
  }
  if (first !== null && table !== null) yield guarded(literal, table, first.name, first.to, edits, chain);
}

/** A chain that already names the new column means both, and an edit would make it mean one of them twice. */
function guarded(
  node: SyntaxNode,
  table: string,
  from: string,
  to: string,
  edits: readonly TextEdit[],
  chain: Chain,
): Hit {
  const both = new RegExp(`(?<![\\w.])${to}(?!\\w)`).test(chain.node.text);
  const reason = reasonOf(table, from, to);
  return both
    ? {
        node,
        reason,
        instruction: `The query names ${to} as well: with both columns merged, decide which of the two conditions stays.`,
      }
    : { node, reason, edits };
}
