/** A table's name as a rename knows it: without quotes, and without the schema that every table has. */
export function plainTable(table: string): string {
  return table.replace(/^"?public"?\./, '').replace(/"/g, '');
}

const sqlVerb =
  /\b(?:select\s+[\s\S]*?\bfrom|insert\s+into|update\s+[\w".]+\s+set|delete\s+from|alter\s+table|create\s+(?:unique\s+)?index|returning|on\s+conflict)\b/i;

/** Whether a text is SQL rather than a sentence. */
export function looksLikeSql(text: string): boolean {
  return sqlVerb.test(text);
}

/** The tables of a statement by alias and by name. A bare column is that of the only table that is renamed. */
export function tablesOfSql(text: string): ReadonlyMap<string, string> {
  const tables = new Map<string, string>();
  for (const match of text.matchAll(
    /\b(?:from|join|into|update|table|on)\s+(?:only\s+)?((?:"?\w+"?\.)?"?\w+"?)(?:\s+(?:as\s+)?(?!(?:where|set|on|join|left|right|inner|outer|cross|full|group|order|limit|using|values|returning|select|default|union|having|for|as)\b)("?\w+"?))?/gi,
  )) {
    const table = plainTable(match[1] ?? '');
    if (/^(?:select|conflict|lateral|unnest|delete|update)$/i.test(table)) continue;
    // `ON a.x = b.x`: only `CREATE INDEX … ON table (…)` names a table.
    if (/^on\s/i.test(match[0]) && !/\bindex\b/i.test(text.slice(Math.max(0, match.index - 80), match.index))) continue;
    tables.set(table, table);
    if (match[2] !== undefined) tables.set(match[2].replace(/"/g, ''), table);
  }
  return tables;
}
