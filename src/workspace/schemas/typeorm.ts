import { snake, type TableOf } from './tables.ts';

const entity = /@Entity\s*\(\s*(?:['"`]([\w.]+)['"`]|\{[^}]*?\bname\s*:\s*['"`]([\w.]+)['"`])?[\s\S]*?\bclass\s+(\w+)/g;
const field =
  /@(?:Column|PrimaryColumn|PrimaryGeneratedColumn)\s*\(([\s\S]*?)\)\s*(?:@[\s\S]*?\)\s*)*?(?:public\s+|readonly\s+)*(\w+)\s*[!?]?\s*:/g;
const relation =
  /@(?:ManyToOne|OneToOne)\s*\(\s*(?:\(\s*\w*\s*\)\s*=>\s*|['"`])(\w+)([\s\S]*?)\b(\w+)\s*[!?]?\s*:\s*[A-Z]/g;

/** Whether a file may declare tables of TypeORM. */
export const mayDeclareEntities = (text: string): boolean => /@Entity\s*\(/.test(text);

/** The tables that entities of TypeORM declare. All files at once: one refers to the others by their classes. */
export function readTypeOrm(texts: readonly string[], tableOf: TableOf): void {
  const found = texts.flatMap((text) =>
    [...text.matchAll(entity)].map((match, index, all) => ({
      name: match[1] ?? match[2] ?? snake(match[3] ?? ''),
      of: match[3] ?? '',
      body: text.slice(match.index + match[0].length, all[index + 1]?.index),
    })),
  );
  const names = new Map(found.map(({ of, name }) => [of, name]));
  for (const { name, body } of found) {
    const table = tableOf(name);
    for (const [, options = '', column = ''] of body.matchAll(field)) {
      table.columns.add(column);
      const inDatabase = /\bname\s*:\s*['"`](\w+)['"`]/.exec(options)?.[1];
      if (inDatabase !== undefined) table.columns.add(inDatabase);
    }
    for (const [, to = '', between = '', property = ''] of body.matchAll(relation)) {
      const column = /@JoinColumn\s*\(\s*\{[^}]*?\bname\s*:\s*['"`](\w+)['"`]/.exec(between)?.[1] ?? `${property}Id`;
      table.columns.add(column);
      table.refers.set(column, names.get(to) ?? snake(to));
      // Code says the field, and the database the column.
      const field = `${property}Id`;
      if (field !== column && table.columns.has(field)) table.refers.set(field, names.get(to) ?? snake(to));
    }
  }
}
