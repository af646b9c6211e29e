import { argumentsThatAre } from './held-objects.ts';
import { questionAround, tableAsked } from './member-lookups.ts';
import { isOfAnotherTable } from './names.ts';
import { keyName, memberOf, type SyntaxNode, stringValue, wrapped } from './syntax.ts';

/**
 * Whether a value only goes to a column that is named like an organization's and belongs to a table where it means
 * something else: the `organization_id` of a table that refers to companies of another register.
 */
export function goesElsewhere(use: SyntaxNode): boolean {
  const value = wrapped(use);
  const parent = value.parent;
  if (parent === null) return false;
  const inDrizzle = parent.kind === 'arguments' ? memberOf(parent.child(0) ?? parent) : null;
  if (inDrizzle !== null && parent.child(0) !== value && isOfAnotherTable(inDrizzle.object.text, inDrizzle.name))
    return true;
  const column = columnAt(value, parent);
  if (column === null) return false;
  const object = value.kind === 'shorthand_property_identifier' ? parent : parent.parent;
  const held = object?.kind === 'object' && questionAround(use) === null ? argumentsThatAre(object) : [use];
  return held.length > 0 && held.every((one) => isAskedOfAnother(one, column));
}

function isAskedOfAnother(use: SyntaxNode, column: string): boolean {
  const query = questionAround(use);
  const table = query === null ? null : tableAsked(query);
  return table !== null && isOfAnotherTable(table, column);
}

function columnAt(value: SyntaxNode, parent: SyntaxNode): string | null {
  if (value.kind === 'shorthand_property_identifier') return value.text;
  if (parent.kind === 'pair' && parent.child(1) === value) return keyName(parent.child(0));
  if (parent.kind === 'arguments' && parent.child(0) !== value) return stringValue(parent.child(0));
  if (parent.kind === 'template_substitution') {
    const before = parent.source.text.slice(parent.parent?.start ?? parent.start, parent.start);
    return /(\w+)"?\s*(?:=\s*|\.(?:eq|in)\.\(?)$/.exec(before)?.[1] ?? null;
  }
  return null;
}
