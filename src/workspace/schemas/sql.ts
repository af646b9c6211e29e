import type { FileTable, TableOf } from './tables.ts';

/** A change as a journal row of our own migrations keeps it: with its inverse, which was not carried out. */
const journalled = /'\{"kind":"sql"(?:''|\\[\s\S]|[^'\\])*'/g;

/** Tables and columns that migrations and declared schemas make, in the order of their statements. */
export function readSql(text: string, tableOf: TableOf): void {
  const code = text.replace(journalled, "''").replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ');
  const made =
    /\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?(?:"?\w+"?\.)?"?(\w+)"?\s*\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)/gi;
  for (const [, name = '', body = ''] of code.matchAll(made)) {
    for (const [part] of body.matchAll(/(?:[^,()]|\((?:[^()]|\([^()]*\))*\))+/g)) addColumn(tableOf(name), part);
  }
  const added = /\balter\s+table\s+(?:only\s+|if\s+exists\s+)*(?:"?\w+"?\.)?"?(\w+)"?\s+([^;]*)/gi;
  for (const [, name = '', rest = ''] of code.matchAll(added)) {
    for (const [, part = ''] of rest.matchAll(/\badd\s+column\s+(?:if\s+not\s+exists\s+)?([^,;]+)/gi))
      addColumn(tableOf(name), part);
    for (const [, from = '', to = ''] of rest.matchAll(/\brename\s+column\s+"?(\w+)"?\s+to\s+"?(\w+)"?/gi)) {
      const table = tableOf(name);
      if (table.columns.delete(from)) table.columns.add(to);
      const target = table.refers.get(from);
      if (target !== undefined) table.refers.set(to, target);
      table.refers.delete(from);
    }
  }
}

function addColumn(table: FileTable, definition: string): void {
  const name = /^\s*"?(\w+)"?\s+\S/.exec(definition)?.[1];
  const target = /\breferences\s+((?:"?\w+"?\.)?"?\w+"?)/i.exec(definition)?.[1]?.replace(/"/g, '');
  if (name !== undefined && /^(?:constraint|primary|unique|check|foreign|exclude|like)$/i.test(name)) {
    const column = /\bforeign\s+key\s*\(\s*"?(\w+)"?\s*\)/i.exec(definition)?.[1];
    if (column !== undefined && target !== undefined) table.refers.set(column, target);
    return;
  }
  if (name === undefined) return;
  table.columns.add(name);
  if (target !== undefined) table.refers.set(name, target);
}
