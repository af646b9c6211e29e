import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What each room may import besides itself. Arrows run one way. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  'src/rollout': [],
  'src/config': ['src/rollout'],
  'src/database': ['src/rollout', 'src/config', 'src/supabase/connection'],
  'src/workspace': ['src/rollout', 'src/config'],
  'src/supabase': ['src/rollout', 'src/config', 'src/database'],
  'src/report': ['src/rollout'],
  'src/wizard': ['src/rollout'],
  'src/demo': ['src/rollout'],
  phases: ['src/rollout', 'src/config', 'src/database', 'src/workspace', 'src/supabase'],
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

/** Imported by anybody: where the package lies. */
const shared = ['src/package-root.ts'];

const files = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.includes('templates') && !file.startsWith('app/'))
    .map((file) => join(folder, file));

const imports = (file: string): readonly string[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) =>
    relative(root, join(root, dirname(file), path ?? '')),
  );

describe('rooms', () => {
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
