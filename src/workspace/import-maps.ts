import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { orAbsent } from './paths.ts';

/** An import map of edge functions: the folder that it holds for, and what its prefixes stand for. */
export type ImportMap = { readonly folder: string; readonly entries: readonly (readonly [string, string])[] };

/** The import maps below `supabase/functions` of some folders: of all functions, and of each. Innermost first. */
export async function importMaps(root: string, folders: readonly string[]): Promise<readonly ImportMap[]> {
  const found: ImportMap[] = [];
  for (const base of new Set(['', ...folders])) {
    const functions = path.posix.join(base, 'supabase/functions');
    const names = (await readdir(path.join(root, functions), { withFileTypes: true }).catch(orAbsent)) ?? [];
    for (const folder of [
      ...names.filter((one) => one.isDirectory()).map(({ name }) => `${functions}/${name}`),
      functions,
    ]) {
      for (const name of ['deno.json', 'deno.jsonc', 'import_map.json']) {
        const text = await readFile(path.join(root, folder, name), 'utf8').catch(orAbsent);
        if (text !== null) found.push({ folder, entries: entriesOf(text, folder) });
      }
    }
  }
  return found.filter(({ entries }) => entries.length > 0);
}

/** Local targets only. Read from the text, since such a file may hold comments; one that is broken maps nothing. */
function entriesOf(text: string, folder: string): ImportMap['entries'] {
  const imports = /"imports"\s*:\s*\{([^}]*)\}/.exec(text)?.[1] ?? '';
  return [...imports.matchAll(/"([^"]+)"\s*:\s*"(\.{1,2}\/[^"]*)"/g)].map(
    ([, prefix = '', target = '']) => [prefix, path.posix.join(folder, target)] as const,
  );
}

/** The path that a specifier means in a file below a map; null where no map says so. */
export function mapped(maps: readonly ImportMap[], from: string, specifier: string): string | null {
  for (const { entries, folder } of maps) {
    if (!from.startsWith(`${folder}/`)) continue;
    for (const [prefix, target] of entries) {
      if (specifier === prefix) return target;
      if (prefix.endsWith('/') && specifier.startsWith(prefix))
        return path.posix.join(target, specifier.slice(prefix.length));
    }
  }
  return null;
}
