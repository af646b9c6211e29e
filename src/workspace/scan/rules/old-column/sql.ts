import type { Columns } from '../../columns.ts';
import type { Hit } from '../../rule.ts';
import { tablesOfSql } from '../../sql-tables.ts';
import type { SyntaxNode } from '../../syntax.ts';
import type { TextEdit } from '../../types.ts';
import { namesIn, reasonOf } from './hits.ts';

/** The names of a statement, by its tables and their aliases. */
export function* inSql(literal: SyntaxNode, columns: Columns): Iterable<Hit> {
  const tables = tablesOfSql(literal.text);
  const text = literal.source.text;
  const edits: TextEdit[] = [];
  let shown: { table: string; name: string; to: string } | null = null;
  let unsure = false;
  for (const { start, name } of namesIn(literal, columns)) {
    const qualifier = /"?(\w+)"?\."?$/.exec(text.slice(literal.start, start))?.[1];
    let table: string | null = null;
    if (qualifier !== undefined) table = tables.get(qualifier) ?? null;
    else {
      const candidates = [...new Set(tables.values())].filter((one) => columns.renamed(one, name) !== null);
      table = candidates.length === 1 ? (candidates[0] ?? null) : null;
      // With other tables beside it a bare name may be theirs.
      if (table !== null && new Set(tables.values()).size > 1) unsure = true;
    }
    const to = columns.renamed(table, name);
    if (to === null || table === null) continue;
    // AS organization_id names the output; a comment is no code.
    if (
      /\bas\s+"?$/i.test(text.slice(Math.max(literal.start, start - 6), start)) ||
      /--[^\n]*$/.test(text.slice(literal.start, start))
    )
      continue;
    edits.push({ start, end: start + name.length, text: to });
    shown ??= { table, name, to };
  }
  if (shown === null) return;
  const reason = reasonOf(shown.table, shown.name, shown.to);
  if (unsure)
    yield {
      node: literal,
      reason,
      certainty: 'likely',
      instruction: 'The statement reads several tables: rename it where it means this one.',
    };
  else yield { node: literal, reason, edits };
}
