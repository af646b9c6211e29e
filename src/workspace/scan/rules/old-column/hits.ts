import type { Columns } from '../../columns.ts';
import type { Hit } from '../../rule.ts';
import { plainTable } from '../../sql-tables.ts';
import type { SyntaxNode } from '../../syntax.ts';
import type { TextEdit } from '../../types.ts';

/** A hit for a name whose table is known and renamed; nothing for any other table. */
export function* named(
  node: SyntaxNode,
  name: string,
  table: string | null,
  columns: Columns,
  edits: (to: string) => readonly TextEdit[],
): Iterable<Hit> {
  const to = columns.renamed(table, name);
  if (to === null || table === null) return;
  yield { node, reason: reasonOf(table, name, to), edits: edits(to) };
}

export function reasonOf(table: string, from: string, to: string): string {
  return `${plainTable(table)}.${from} is called ${to} after the rename.`;
}

export function rename(node: SyntaxNode): (to: string) => readonly TextEdit[] {
  return (to) => [{ start: node.start, end: node.end, text: to }];
}

/** Offsets of the old names in a string, in the file. */
export function namesIn(
  literal: SyntaxNode,
  columns: Columns,
): readonly { readonly start: number; readonly name: string }[] {
  const pattern = columns.pattern;
  if (pattern === null) return [];
  return [...literal.text.matchAll(pattern)].map((match) => ({ start: literal.start + match.index, name: match[0] }));
}
