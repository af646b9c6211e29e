import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { orAbsent } from './paths.ts';
import type { Rename } from './scan/types.ts';
import type { Vocabulary } from './scan/vocabulary.ts';

/** A table as files show it: its columns, and the tables that they refer to. */
export type FileTable = { readonly columns: Set<string>; readonly refers: Map<string, string> };

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
  for (const folder of ['supabase/migrations', 'supabase/schemas']) {
    const names = (await readdir(path.join(root, folder)).catch(orAbsent)) ?? [];
    for (const name of names.filter((one) => one.endsWith('.sql')).sort())
      readSql(await readFile(path.join(root, folder, name), 'utf8'), tableOf);
  }
  for (const file of generatedTypes) readTypes(await readFile(path.join(root, file), 'utf8'), tableOf);
  return tables;
}

function readSql(text: string, tableOf: (name: string) => FileTable): void {
  const code = text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ');
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

function readTypes(text: string, tableOf: (name: string) => FileTable): void {
  for (const [, name = '', row = ''] of text.matchAll(/\b(\w+):\s*\{\s*Row:\s*\{([^}]*)\}/g)) {
    for (const [, column = ''] of row.matchAll(/^\s*(\w+)\??:/gm)) tableOf(name).columns.add(column);
  }
}

/** What the configuration says of names, as far as it does. */
export type GivenNames = {
  readonly from: readonly string[] | null;
  readonly to: string;
  readonly organizations: string | null;
};

const plain = (name: string): string => name.replace(/^.*\./, '');

/**
 * The names of organizations without a database: the configuration's, else the table that a membership table ties to
 * users and that most tables refer to. Old names are those that the configuration gives; nothing is called old by guess.
 */
export function namesInFiles(
  tables: ReadonlyMap<string, FileTable>,
  given: GivenNames,
): { readonly vocabulary: Vocabulary; readonly renames: readonly Rename[] } {
  const all = [...tables];
  const referring = (target: string) =>
    all.filter(([, one]) => [...one.refers.values()].some((to) => plain(to) === target));
  const tie = ({ refers }: FileTable, target: string): boolean => {
    const to = [...refers.values()].map(plain);
    return to.includes(target) && to.some((one) => /^(?:users?|profiles?|accounts?)$/.test(one) && one !== target);
  };
  const candidates = [...tables.keys()]
    .filter((name) => !/^(?:users?|profiles?)$/.test(name) && referring(name).some(([, one]) => tie(one, name)))
    .map((name) => ({ name, weight: referring(name).length }))
    .filter(({ weight }) => weight > 1)
    .sort((a, b) => b.weight - a.weight);
  const organizations = given.organizations === null ? (candidates[0]?.name ?? null) : plain(given.organizations);
  const columns = new Set([given.to, ...(given.from ?? [])]);
  const memberships: string[] = [];
  if (organizations !== null) {
    for (const [name, one] of referring(organizations)) {
      for (const [column, to] of one.refers)
        if (plain(to) === organizations && name !== organizations) columns.add(column);
      if (tie(one, organizations) && one.columns.size <= 8) memberships.push(name);
    }
  }
  return {
    vocabulary: {
      columns: [...columns].sort(),
      tables: organizations === null ? [] : [organizations],
      memberships: memberships.sort(),
    },
    renames: all.flatMap(([table]) => (given.from ?? []).map((from) => ({ table, from, to: given.to }))),
  };
}
