import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { listFiles } from './files.ts';
import { mayDeclareTables, readDrizzle } from './schemas/drizzle.ts';
import { readTypes } from './schemas/generated.ts';
import { readPrisma } from './schemas/prisma.ts';
import { readSql } from './schemas/sql.ts';
import type { FileTable } from './schemas/tables.ts';
import { mayDeclareEntities, readTypeOrm } from './schemas/typeorm.ts';

export type { FileTable };

/** The tables that migrations, declared schemas and generated types of a workspace make, by name. */
export async function tablesInFiles(
  root: string,
  generatedTypes: readonly string[],
): Promise<ReadonlyMap<string, FileTable>> {
  const tables = new Map<string, FileTable>();
  const tableOf = (name: string): FileTable => {
    const known = tables.get(name) ?? { columns: new Set<string>(), refers: new Map<string, string>() };
    tables.set(name, known);
    return known;
  };
  const textOf = (file: string): Promise<string> => readFile(path.join(root, file), 'utf8');
  for (const file of await schemaFiles(root)) readSql(await textOf(file), tableOf);
  const { files } = await listFiles(root);
  const declared: string[] = [];
  const entities: string[] = [];
  for (const { path: file, fileClass } of files) {
    if (/^(?:test|vendored|built|minified)$/.test(fileClass)) continue;
    if (file.endsWith('.prisma')) readPrisma(await textOf(file), tableOf);
    else if (/\.[cm]?[jt]s$/.test(file) && /schema|tables?|model|db|drizzle|entit/i.test(file)) {
      const text = await textOf(file);
      if (mayDeclareTables(text)) declared.push(text);
      if (mayDeclareEntities(text)) entities.push(text);
    }
  }
  readDrizzle(declared, tableOf);
  readTypeOrm(entities, tableOf);
  for (const file of generatedTypes) readTypes(await textOf(file), tableOf);
  return tables;
}

/** Folders in which a schema is kept as SQL; what else lies about as SQL may be of another database. */
const schemaFolder =
  /(?:^|\/)(?:supabase\/(?:migrations|schemas)|(?:db|database|drizzle|sql|postgres)\/(?:migrations|schemas?)|migrations|drizzle)$/;

/** SQL of migrations and declared schemas, wherever the app keeps them, in the order of their names. */
async function schemaFiles(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  const enter = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(path.join(root, folder), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const inner = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (depth < 6 && !/^(?:\.|node_modules$|dist$|build$|out$|coverage$|public$)/.test(entry.name))
          await enter(inner, depth + 1);
      } else if (entry.isFile() && entry.name.endsWith('.sql') && !/(?:^|[._-])down\.sql$/.test(entry.name)) {
        // Prisma keeps each migration in a folder of its own.
        if (schemaFolder.test(folder) || schemaFolder.test(path.posix.dirname(folder))) found.push(inner);
      }
    }
  };
  await enter('', 0);
  return found;
}
