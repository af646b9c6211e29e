import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');

export type Program = {
  /** `bin/voxanne-rollout.js` of a build of its own. */
  readonly bin: string;
  readonly remove: () => void;
};

/**
 * Builds the command line as it is shipped, in a folder of its own: what others build meanwhile in `dist/` is neither
 * used nor disturbed.
 */
export const buildProgram = (): Program => {
  const folder = mkdtempSync(path.join(tmpdir(), 'voxanne-e2e-'));
  for (const name of ['src', 'phases', 'migrations', 'node_modules', 'tsconfig.json'])
    symlinkSync(path.join(root, name), path.join(folder, name));
  // Node follows links of the program it starts: these two must really lie beside the build.
  cpSync(path.join(root, 'package.json'), path.join(folder, 'package.json'));
  mkdirSync(path.join(folder, 'bin'));
  cpSync(path.join(root, 'bin/voxanne-rollout.js'), path.join(folder, 'bin/voxanne-rollout.js'));
  execFileSync(process.execPath, [path.join(root, 'scripts/build.js')], { cwd: folder, stdio: 'pipe' });
  return {
    bin: path.join(folder, 'bin/voxanne-rollout.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
};
