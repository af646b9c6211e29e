import { execa } from 'execa';
import { gitEnvironment } from '../child-environment.ts';

/**
 * Files below a folder that git keeps, or would: tracked or new, and not ignored. Null where there is no git checkout. It
 * tells a folder that happens to be called `build` from one that a build fills.
 */
export async function keptByGit(root: string): Promise<ReadonlySet<string> | null> {
  const list = async (args: readonly string[]): Promise<readonly string[] | null> => {
    const result = await execa('git', ['ls-files', '-z', ...args], {
      cwd: root,
      reject: false,
      stdin: 'ignore',
      extendEnv: false,
      env: gitEnvironment(),
    });
    return result.exitCode === 0 ? result.stdout.split('\0').filter((file) => file !== '') : null;
  };
  const [kept, ignored] = await Promise.all([
    list(['--cached', '--others', '--exclude-standard']),
    list(['--cached', '--ignored', '--exclude-standard']),
  ]);
  if (kept === null) return null;
  const out = new Set(ignored ?? []);
  return new Set(kept.filter((file) => !out.has(file)));
}
