import { bindingOf, referencesOf } from '../../src/workspace/scan/scope.ts';
import { operatorOf, type Source, type SyntaxNode, wrapped } from '../../src/workspace/scan/syntax.ts';
import type { TextEdit } from '../../src/workspace/scan/types.ts';
import { descendants, removeLine } from '../code/nodes.ts';

/**
 * A test of a constant that an edit made null: what it leads to never happens, and what is behind its `else`, `??` or
 * `:` always does. Null where there is none.
 */
export function deadTest(source: Source, before: string): readonly TextEdit[] | null {
  for (const declarator of descendants(source.root, 'variable_declarator')) {
    const [name, value] = [declarator.child(0), declarator.child(-1)];
    if (name?.kind !== 'identifier' || value?.text !== 'null' || !/^const\b/.test(declarator.parent?.text ?? ''))
      continue;
    if (before.includes(declarator.text)) continue;
    const binding = bindingOf(name);
    for (const use of binding === null ? [] : referencesOf(binding)) {
      const edit = editOf(use);
      if (edit !== null) return [edit];
    }
  }
  return null;
}

function editOf(use: SyntaxNode): TextEdit | null {
  const value = wrapped(use);
  const { parent } = value;
  if (parent === null) return null;
  const [first, second, third] = parent.children;
  const instead = (node: SyntaxNode | undefined): TextEdit | null =>
    node === undefined ? null : { start: parent.start, end: parent.end, text: node.text };
  if (parent.kind === 'if_statement' && first === value) {
    const otherwise = third?.kind === 'else_clause' ? third.child(0) : null;
    if (otherwise === null) return third === undefined ? removeLine(parent) : null;
    return otherwise.kind === 'statement_block' ? null : instead(otherwise);
  }
  if (parent.kind === 'ternary_expression' && first === value) return instead(third);
  if (parent.kind === 'binary_expression' && first === value && /^(?:\|\||\?\?)$/.test(operatorOf(parent)))
    return instead(second);
  return null;
}
