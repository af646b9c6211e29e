import { execa } from 'execa';
import { gitEnvironment } from '../child-environment.ts';
import { exitCodes, RolloutError } from '../rollout/errors.ts';

/** Files that differ from a commit, and those that git does not know yet. Relative to the workspace. */
export async function changedFiles(root: string, reference: string): Promise<ReadonlySet<string>> {
  const git = async (args: readonly string[]): Promise<readonly string[]> => {
    const done = await execa('git', args, {
      cwd: root,
      reject: false,
      stdin: 'ignore',
      extendEnv: false,
      env: { ...gitEnvironment(), GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0' },
    });
    if (done.exitCode === 0) return done.stdout.split('\0').filter((one) => one !== '');
    throw new RolloutError(
      `git cannot compare with ${reference}.`,
      'Give --changed-since a branch, tag or commit that this checkout has.',
      { exitCode: exitCodes.usage, detail: done.stderr },
    );
  };
  return new Set([
    ...(await git(['diff', '--name-only', '-z', '--relative', '--end-of-options', reference, '--'])),
    ...(await git(['ls-files', '-z', '--others', '--exclude-standard'])),
  ]);
}
