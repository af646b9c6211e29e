import { isOrgColumn } from './names.ts';
import { looksLikeSql } from './sql-tables.ts';
import { type SyntaxNode, unwrap } from './syntax.ts';

const afterColumn =
  /(?:^|[\s(,."])"?(\w+)"?\s*(?:=\s*(?:any\s*\(\s*)?|\bin\s*\(\s*|\bis\s+not\s+distinct\s+from\s+|\.(?:eq|in)\.\(?)(?:'|"|\$)?$/i;

/** Values of a template that are held against a tenant column: sql`… where org_id = ${x}`, `org_id.eq.${x}`. */
export function* templateValues(template: SyntaxNode): Iterable<SyntaxNode> {
  const { text } = template.source;
  const parts = template.children.filter(({ kind }) => kind === 'template_substitution');
  const inserted = insertedColumns(template.text);
  for (const [index, part] of parts.entries()) {
    const value = part.child(0);
    if (value === null) continue;
    const column =
      afterColumn.exec(text.slice(template.start + 1, part.start))?.[1] ?? positional(inserted, index, parts.length);
    if (column !== undefined && isOrgColumn(column)) yield value;
  }
}

/** Values of a statement with places: `query('… where org_id = $1', [x])`, `run('… org_id = ?', [x])`. */
export function* valuesOfStatement(statement: SyntaxNode): Iterable<SyntaxNode> {
  const list = statement.parent;
  const text = statement.text.slice(1, -1);
  if (list?.kind !== 'arguments' || list.child(0) !== statement || !looksLikeSql(text)) return;
  const given = list.child(1);
  const values = given ? unwrap(given) : null;
  if (values === null || list.children.length < 2) return;
  // An array, or one argument after the other.
  const valueAt = (index: number): SyntaxNode | null =>
    values.kind === 'array' ? (values.children[index] ?? null) : (list.children[index + 1] ?? null);
  let asked = 0;
  for (const match of text.matchAll(/\$(\d+)|\?/g)) {
    const index = match[1] === undefined ? asked : Number(match[1]) - 1;
    asked += 1;
    const column =
      afterColumn.exec(text.slice(0, match.index))?.[1] ??
      positional(insertedColumns(text), asked - 1, Number.POSITIVE_INFINITY);
    const value = column !== undefined && isOrgColumn(column) ? valueAt(index) : null;
    if (value !== null) yield value;
  }
}

/** The columns of `insert into calls (org_id, name) values (…)`. */
function insertedColumns(text: string): readonly string[] {
  const list = /\binsert\s+into\s+[\w."]+\s*\(([^)]*)\)\s*values\b/i.exec(text)?.[1];
  return list === undefined ? [] : list.split(',').map((one) => one.trim().replace(/"/g, ''));
}

const positional = (columns: readonly string[], index: number, count: number): string | undefined =>
  count >= columns.length ? columns[index] : undefined;
