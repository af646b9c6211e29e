import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What each room may import besides itself. Arrows run one way. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  'src/rollout': [],
  'src/config': ['src/rollout'],
  'src/isolation': ['src/rollout'],
  'src/database': ['src/rollout', 'src/config', 'src/isolation', 'src/supabase/connection'],
  'src/workspace': ['src/rollout', 'src/config'],
  'src/supabase': ['src/rollout', 'src/config', 'src/isolation', 'src/database'],
  'src/report': ['src/rollout'],
  'src/wizard': ['src/rollout'],
  'src/demo': ['src/rollout'],
  phases: ['src/rollout', 'src/config', 'src/isolation', 'src/database', 'src/workspace', 'src/supabase'],
  'src/cli': [
    'src/rollout',
    'src/config',
    'src/database',
    'src/workspace',
    'src/supabase',
    'src/report',
    'src/wizard',
    'src/demo',
    'phases',
  ],
};

/** Imported by anybody: where the package lies, and what child processes are given. */
const shared = ['src/package-root.ts', 'src/child-environment.ts', 'src/workspace-program.ts'];

const files = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.includes('templates') && !file.startsWith('app/'))
    .map((file) => join(folder, file));

const imports = (file: string): readonly string[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) =>
    relative(root, join(root, dirname(file), path ?? '')),
  );

/** Folders whose files may call each other in a circle, with the reason. */
const knots: Readonly<Record<string, string>> = {
  'src/database/rename': 'an expression holds a query that holds expressions, and each has a file of its own',
};

/** Files that import each other in a circle, each circle once. */
function circles(): readonly (readonly string[])[] {
  const all = [...new Set(Object.keys(arrows).flatMap(files))];
  const known = new Set(all);
  const next = new Map(all.map((file) => [file, imports(file).filter((path) => known.has(path))]));
  const reach = (from: string): ReadonlySet<string> => {
    const seen = new Set<string>();
    const open = [...(next.get(from) ?? [])];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      open.push(...(next.get(file) ?? []));
    }
    return seen;
  };
  const reached = new Map(all.map((file) => [file, reach(file)]));
  const found = new Set(
    all
      .filter((file) => reached.get(file)?.has(file))
      .map((file) => all.filter((other) => reached.get(file)?.has(other) && reached.get(other)?.has(file)).join('\n')),
  );
  return [...found].map((circle) => circle.split('\n'));
}

describe('rooms', () => {
  test('no files import each other in a circle', () => {
    const wrong = circles().filter(
      (circle) => !Object.keys(knots).some((folder) => circle.every((file) => file.startsWith(`${folder}/`))),
    );
    expect(wrong).toEqual([]);
  });

  test.each(Object.entries(arrows))('%s imports only what its arrows allow', (room, allowed) => {
    const wrong = files(room).flatMap((file) =>
      imports(file)
        .filter((path) => !shared.includes(path) && ![room, ...allowed].some((one) => path.startsWith(`${one}/`)))
        .map((path) => `${file} -> ${path}`),
    );
    expect(wrong).toEqual([]);
  });

  test('only report and cli write to the console', () => {
    const wrong = Object.keys(arrows)
      .filter((room) => room !== 'src/report' && room !== 'src/cli')
      .flatMap(files)
      .filter((file) => /\bconsole\.\w+\(/.test(readFileSync(join(root, file), 'utf8')));
    expect(wrong).toEqual([]);
  });
});
