import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RolloutError } from './rollout/errors.ts';

/**
 * The root of this package, found by its name: the code runs from `src/` in tests and from a bundled chunk in `dist/`,
 * which lie at different depths.
 */
export function packageRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const name = nameOf(join(folder, 'package.json'));
    if (name === 'voxanne-rollout') return folder;
    if (dirname(folder) === folder) break;
  }
  throw new RolloutError(
    `The package that holds ${start} was not found.`,
    'Install voxanne-rollout again: its package.json is missing.',
    { kind: 'defect' },
  );
}

function nameOf(file: string): unknown {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown }).name;
  } catch {
    return undefined; // no package.json here, or not one of ours: look one folder up
  }
}

/** The text of a file that ships with the package: `migrations/sign_up.sql`. */
export const readPackageFile = (path: string): string => readFileSync(join(packageRoot(), path), 'utf8');
