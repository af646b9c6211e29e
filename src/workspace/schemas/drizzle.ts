import { behindBracket, snake, type TableOf } from './tables.ts';

const made =
  /\b(?:const|let)\s+(\w+)\s*=\s*\w*(?:pg|mysql|sqlite|createTable|\bt)\w*(?:Table)?\w*\s*\(\s*["'`](\w+)["'`]\s*,/g;

/** Whether a file may declare tables of Drizzle. */
export const mayDeclareTables = (text: string): boolean =>
  /\b\w*(?:[pP]gTable|[mM]ysqlTable|[sS]qliteTable|createTable)\s*\(/.test(text);

/** The tables that Drizzle schemas declare. All files at once: one refers to the tables of another by their variables. */
export function readDrizzle(texts: readonly string[], tableOf: TableOf): void {
  const names = new Map<string, string>();
  for (const text of texts) for (const [, variable = '', name = ''] of text.matchAll(made)) names.set(variable, name);
  for (const text of texts) {
    for (const match of text.matchAll(made)) {
      const [, variable = '', name = ''] = match;
      const open = text.indexOf('(', match.index);
      readTable(text.slice(open, behindBracket(text, open)), tableOf(snake(name || variable)), names);
    }
  }
}

function readTable(body: string, table: ReturnType<TableOf>, names: ReadonlyMap<string, string>): void {
  const target = (variable: string): string => snake(names.get(variable) ?? variable);
  const columns = [
    ...body.matchAll(/(?<=[{,]\s*(?:\/\/[^\n]*\n\s*)*)(\w+)\s*:\s*(?:\w+\.)?\w+(?:<[^>]*>)?\(\s*(?:["'`](\w+)["'`])?/g),
  ];
  for (const [index, column] of columns.entries()) {
    const [, field = '', name] = column;
    const rest = body.slice(column.index, columns[index + 1]?.index ?? body.length);
    const to = /\.references\(\s*\(\s*\)\s*(?::\s*\w+\s*)?=>\s*(\w+)\s*\./.exec(rest)?.[1];
    for (const one of name === undefined ? [field, snake(field)] : [field, name]) {
      table.columns.add(one);
      if (to !== undefined) table.refers.set(one, target(to));
    }
  }
  const foreign =
    /\bforeignKey\s*\(\s*\{[\s\S]*?\bcolumns:\s*\[\s*\w+\.(\w+)\s*\][\s\S]*?\bforeignColumns:\s*\[\s*(\w+)\s*\./g;
  for (const [, field = '', to = ''] of body.matchAll(foreign)) {
    for (const one of [field, snake(field)]) if (table.columns.has(one)) table.refers.set(one, target(to));
  }
}
