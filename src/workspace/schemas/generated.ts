import { behindBracket, type TableOf } from './tables.ts';

/** Tables of the types that `supabase gen types` writes, with what their relations say. */
export function readTypes(text: string, tableOf: TableOf): void {
  for (const match of text.matchAll(/\b(\w+):\s*\{\s*Row:\s*\{([^}]*)\}/g)) {
    const [, name = '', row = ''] = match;
    const table = tableOf(name);
    for (const [, column = ''] of row.matchAll(/^\s*(\w+)\??:/gm)) table.columns.add(column);
    const end = behindBracket(text, text.indexOf('{', match.index));
    for (const [, column = '', target = ''] of text
      .slice(match.index, end)
      .matchAll(/\bcolumns:\s*\[\s*["'](\w+)["']\s*\][^{}]*?\breferencedRelation:\s*["'](\w+)["']/g))
      if (!table.refers.has(column)) table.refers.set(column, target);
  }
}
