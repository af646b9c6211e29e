import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { gitEnvironment } from '../child-environment.ts';
import { RolloutError } from '../rollout/errors.ts';

/** Commits of single steps, for `--commit`. History is never rewritten: a rollback is a commit of its own. */
export type Git = {
  /** Which of these files git knows as changed against the last commit, or not at all. */
  readonly dirty: (files: readonly string[]) => Promise<readonly string[]>;
  /** Commits these files and nothing else; null when they are as committed. Returns the commit's id. */
  readonly commit: (files: readonly string[], message: string) => Promise<string | null>;
};

/** Starting a program costs more than most of what a step reads, and each step of a run looks at the same folder. */
const known = new Map<string, Git>();

/** The checkout that a folder lies in; null where it lies in none, or there is no git. */
export async function checkoutAt(root: string): Promise<Git | null> {
  const before = known.get(root);
  if (before !== undefined) return before;
  if (process.env.GIT_DIR === undefined && !above(root).some((folder) => existsSync(join(folder, '.git')))) return null;
  const result = await runGit(root, ['rev-parse', '--show-prefix']);
  if (result.exitCode !== 0) return null;
  const found = openGit(root, result.stdout.trim());
  known.set(root, found);
  return found;
}

/** A folder and all that it lies in. */
const above = (folder: string): readonly string[] =>
  dirname(folder) === folder ? [folder] : [folder, ...above(dirname(folder))];

/** @param below The folder's path in the checkout with a `/` at its end, or ''; asked of git where it is not given. */
export function openGit(root: string, below?: string): Git {
  const run = async (args: readonly string[]): Promise<string> => {
    const result = await runGit(root, args);
    if (result.exitCode === 0) return result.stdout;
    const lines = `${result.stderr}${result.stdout}`.trim().split('\n').slice(-5).join('\n');
    throw new RolloutError(
      `git ${args[0]} failed.`,
      'Fix what it names, then rerun; the changes themselves are made and journalled.',
      { kind: 'outside', detail: lines === '' ? result.message : lines },
    );
  };

  const dirty: Git['dirty'] = async (files) => {
    if (files.length === 0) return [];
    const prefix = below ?? (await run(['rev-parse', '--show-prefix'])).trim();
    const text = await run(['status', '--porcelain', '-z', '--no-renames', '--untracked-files=all', '--', ...files]);
    return text
      .split('\0')
      .filter((record) => record.length > 3)
      .map((record) => record.slice(3))
      .map((file) => (file.startsWith(prefix) ? file.slice(prefix.length) : file));
  };

  return {
    dirty,
    commit: async (files, message) => {
      const changed = await dirty(files);
      if (changed.length === 0) return null;
      await run(['add', '--all', '--', ...changed]);
      await run(['commit', '--quiet', '--message', message, '--only', '--', ...changed]);
      return (await run(['rev-parse', 'HEAD'])).trim();
    },
  };
}

const runGit = (root: string, args: readonly string[]) =>
  execa('git', ['--literal-pathspecs', ...args], {
    cwd: root,
    reject: false,
    stdin: 'ignore',
    stripFinalNewline: false,
    // A prompt for a password or an editor would hang behind the wizard.
    extendEnv: false,
    env: { ...gitEnvironment(), GIT_TERMINAL_PROMPT: '0', GIT_EDITOR: 'true' },
  });
