import type { Source, SyntaxNode } from '../../src/workspace/scan/syntax.ts';
import type { TextEdit } from '../../src/workspace/scan/types.ts';
import { countOf, descendants, removeLine } from '../code/nodes.ts';

/** A function of the file that an edit has left with nothing to do, and its calls. */
export function emptyFunction(source: Source, before: string): readonly TextEdit[] | null {
  for (const fn of descendants(source.root, 'function_declaration')) {
    const name = fn.childOfKind('identifier')?.text;
    const body = fn.childOfKind('statement_block');
    if (name === undefined || body === null || body.children.length > 0 || /[^\s{}]/.test(body.text)) continue;
    if (fn.parent?.kind !== 'program' || new RegExp(`function ${name}[^{]*\\{\\s*\\}`).test(before)) continue;
    const calls = descendants(source.root, 'call_expression').filter((call) => call.child(0)?.text === name);
    const removable = calls.every(
      (call) => call.parent?.kind === 'expression_statement' && call.parent.parent?.kind === 'statement_block',
    );
    if (!removable || calls.length !== countOf(source.text, name) - 1) continue;
    const edits = calls.flatMap((call) => (call.parent === null ? [] : [removeLine(call.parent)]));
    return [...edits, withComment(fn)];
  }
  return null;
}

/** A declaration with the comment that describes it. */
function withComment(node: SyntaxNode): TextEdit {
  const { text } = node.source;
  const comment = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*$|(?:^[^\S\n]*\/\/.*\r?\n)+$/m.exec(text.slice(0, node.start));
  const start = comment === null ? node.start : comment.index;
  const rest = /^[^\S\n]*(?:\r?\n){0,2}/.exec(text.slice(node.end))?.[0].length ?? 0;
  return { start, end: node.end + rest, text: '' };
}
