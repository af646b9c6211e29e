import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { listFiles } from './files.ts';
import type { FoundNames } from './names-in-files.ts';

/** Words that apps have for the organizations of their customers, beside those that every rule knows. */
const words =
  /^(?:team|account|company|business|clinic|practice|agency|firm|school|store|shop|restaurant|studio|merchant|vendor|hospital|pharmacy|dealership|franchise|branch|office|institution|partner|customer|client|club|site|space|brand|hotel|gym|salon|farm|fund|household)$/;

/** From how many tables on a column is the key of all rather than a relation of a few. */
const enoughTables = 3;

/**
 * The tenant key of an app whose schema lies in no file: the column by which its queries are filtered and its rows are
 * written in most tables. Only a word that means a customer's organization, or one that has members, counts.
 */
export async function namesInCode(root: string, found: FoundNames): Promise<FoundNames> {
  const { vocabulary } = found;
  if (vocabulary.tables.length > 0 || vocabulary.columns.length > 1) return found;
  const { files } = await listFiles(root);
  const tables = new Map<string, Set<string>>();
  const members = new Map<string, string>();
  for (const { fileClass, path: file } of files) {
    if (fileClass !== 'source' || !/\.(?:[cm]?[jt]s|[jt]sx|vue|svelte|astro)$/.test(file)) continue;
    const text = await readFile(path.join(root, file), 'utf8');
    for (const query of text.matchAll(/\.from\(\s*['"`](\w+)['"`]\s*\)((?:(?!\.from\()[^;]){0,600})/g)) {
      const [, table = '', rest = ''] = query;
      const stem = /^(\w+?)_(?:members?|users|memberships?)$/.exec(table)?.[1] ?? /^users?_(\w+?)s$/.exec(table)?.[1];
      if (stem !== undefined) members.set(single(stem), table);
      for (const [, column = ''] of rest.matchAll(/(?:\.(?:eq|in|filter)\(\s*['"`]|[{,]\s*)(\w+_id)\b/g))
        tables.set(column, (tables.get(column) ?? new Set()).add(table));
    }
  }
  const [key] = [...tables]
    .filter(([column, used]) => used.size >= enoughTables && isKey(column, members))
    .sort(([, a], [, b]) => b.size - a.size);
  if (key === undefined) return found;
  const [column] = key;
  const stem = column.replace(/_id$/, '');
  const member = members.get(stem);
  return {
    ...found,
    vocabulary: {
      ...vocabulary,
      columns: [...new Set([...vocabulary.columns, column])].sort(),
      tables: [plural(stem)],
      memberships: member === undefined ? [] : [member],
    },
  };
}

const isKey = (column: string, members: ReadonlyMap<string, string>): boolean => {
  const stem = column.replace(/_id$/, '');
  return words.test(stem) || members.has(stem);
};

const single = (name: string): string =>
  /ies$/.test(name) ? `${name.slice(0, -3)}y` : /[^s]s$/.test(name) ? name.slice(0, -1) : name;

const plural = (name: string): string =>
  /[^aeiou]y$/.test(name) ? `${name.slice(0, -1)}ies` : /(?:s|x|ch|sh)$/.test(name) ? `${name}es` : `${name}s`;
