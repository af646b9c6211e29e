import type { SyntaxNode } from '../../src/workspace/scan/syntax.ts';
import type { Finding, TextEdit } from '../../src/workspace/scan/types.ts';

/** Every node of a kind below a node, in order. */
export function descendants(node: SyntaxNode, kind: string): readonly SyntaxNode[] {
  const found: SyntaxNode[] = [];
  const enter = (at: SyntaxNode): void => {
    if (at.kind === kind) found.push(at);
    for (const child of at.children) enter(child);
  };
  for (const child of node.children) enter(child);
  return found;
}

/** Removes a statement with its line, and with one of the blank lines where it stood between two. */
export function removeLine(statement: SyntaxNode): TextEdit {
  const { text } = statement.source;
  const end = statement.end + (/^[^\S\r\n]*/.exec(text.slice(statement.end))?.[0].length ?? 0);
  const before = text.slice(0, statement.start);
  const blankBefore = /\r?\n[^\S\r\n]*\r?\n[^\S\r\n]*$/.exec(before);
  const blankAfter = /^\r?\n[^\S\r\n]*\r?\n/.test(text.slice(end));
  if (blankBefore !== null && blankAfter) return { start: blankBefore.index, end, text: '' };
  const lineBreak = /\r?\n[^\S\r\n]*$/.exec(before);
  if (lineBreak !== null) return { start: statement.start - lineBreak[0].length, end, text: '' };
  // The first line of the file takes the break behind it along.
  const behind = /^\uFEFF?$/.test(before) ? (/^(?:\r?\n)/.exec(text.slice(end))?.[0].length ?? 0) : 0;
  return { start: statement.start, end: end + behind, text: '' };
}

/** How often a name stands in a text as a word of its own, not behind a dot. */
export const countOf = (text: string, name: string): number =>
  text.match(new RegExp(`(?<![\\w$.])${name.replace(/\$/g, '\\$')}(?![\\w$])`, 'g'))?.length ?? 0;

/** Where a finding starts in the text that was scanned. */
export function offsetOf(text: string, finding: Pick<Finding, 'line' | 'column'>): number {
  let offset = 0;
  for (let line = 1; line < finding.line; line += 1) offset = text.indexOf('\n', offset) + 1;
  return offset + finding.column - 1;
}
