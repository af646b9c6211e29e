import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Where the files of one test run find the build that the first of them made; `global-setup.ts` names it. */
export const sharedBuild = 'VOXANNE_TEST_BUILD';

export type Build = {
  /** `bin/voxanne-rollout.js` of the build. */
  readonly bin: string;
  readonly remove: () => void;
};

/**
 * The command line as `npm run build` makes it, from the sources of now, in a folder of its own: tests then never run a
 * stale build, nor one that is being replaced. One test run builds it once.
 */
export function builtProgram(): Build {
  const shared = process.env[sharedBuild];
  if (shared === undefined) {
    const folder = build();
    return { bin: binOf(folder), remove: () => rmSync(folder, { recursive: true, force: true }) };
  }
  if (!existsSync(shared)) {
    const folder = build();
    try {
      renameSync(folder, shared);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      // Another file began at the same moment and was ready first: both are built from the same sources.
      if (!existsSync(shared)) throw error;
    }
  }
  return { bin: binOf(shared), remove: () => undefined };
}

function build(): string {
  const folder = mkdtempSync(join(tmpdir(), 'voxanne-build-'));
  for (const name of ['src', 'phases', 'migrations', 'node_modules', 'scripts', 'tsconfig.json']) {
    symlinkSync(join(root, name), join(folder, name));
  }
  // Node follows links of the program it starts: these two must really lie beside the build.
  for (const name of ['bin', 'package.json']) cpSync(join(root, name), join(folder, name), { recursive: true });
  const built = spawnSync(process.execPath, ['scripts/build.js'], { cwd: folder, encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`The build failed:\n${built.stderr}`);
  return folder;
}

const binOf = (folder: string): string => join(folder, 'bin/voxanne-rollout.js');
