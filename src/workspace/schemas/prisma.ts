import { snake, type TableOf } from './tables.ts';

/** The models of a Prisma schema. Code says the names of fields, and the database those of `@map`: both are columns. */
export function readPrisma(text: string, tableOf: TableOf): void {
  for (const [, model = '', body = ''] of text.matchAll(/^\s*model\s+(\w+)\s*\{([\s\S]*?)^\s*\}/gm)) {
    const table = tableOf(snake(model));
    const mapped = new Map<string, string>();
    for (const [, field = '', rest = ''] of body.matchAll(/^\s*(\w+)\s+(\S.*)$/gm)) {
      const relation = /^(\w+)\??\s[^\n]*@relation\([^)]*\bfields:\s*\[\s*(\w+)/.exec(rest);
      if (relation !== null) {
        const [, target = '', column = ''] = relation;
        table.refers.set(column, snake(target));
        const inDatabase = mapped.get(column);
        if (inDatabase !== undefined) table.refers.set(inDatabase, snake(target));
        continue;
      }
      table.columns.add(field);
      const name = /@map\(\s*"(\w+)"/.exec(rest)?.[1];
      if (name !== undefined) {
        mapped.set(field, name);
        table.columns.add(name);
        const target = table.refers.get(field);
        if (target !== undefined) table.refers.set(name, target);
      }
    }
  }
}
