import { spawn } from 'node:child_process';
import path from 'node:path';
import { childEnvironment } from '../../child-environment.ts';
import { RolloutError } from '../../rollout/errors.ts';

/** How an editor is told the line, by the name of its program. */
const place = (program: string, file: string, line: number): readonly string[] => {
  const name = path.basename(program).replace(/\.(exe|cmd)$/, '');
  if (['code', 'code-insiders', 'cursor', 'codium'].includes(name)) return ['--goto', `${file}:${line}`];
  if (['subl', 'zed', 'hx', 'helix'].includes(name)) return [`${file}:${line}`];
  if (['vi', 'vim', 'nvim', 'nano', 'emacs', 'emacsclient', 'micro', 'kak', 'joe'].includes(name))
    return [`+${line}`, file];
  return [file];
};

/** The program and arguments of `$VISUAL` or `$EDITOR`, without a shell. */
export const editorCommand = (
  env: Readonly<Record<string, string | undefined>>,
  file: string,
  line: number,
): readonly [string, ...string[]] => {
  const [program, ...given] = (env.VISUAL || env.EDITOR || '').split(' ').filter((part) => part !== '');
  if (program === undefined)
    throw new RolloutError('No editor is named.', `Set EDITOR, or open ${file} at line ${line} yourself.`);
  return [program, ...given, ...place(program, file, line)];
};

/** Runs the editor on the terminal and waits until it is closed. */
export const runEditor = async ([program, ...rest]: readonly [string, ...string[]]): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: 'inherit', env: childEnvironment() });
    child.once('error', (error) =>
      reject(
        new RolloutError(
          `The editor "${program}" could not be started: ${error.message}.`,
          'Set EDITOR to one that can.',
          {
            kind: 'outside',
          },
        ),
      ),
    );
    child.once('close', () => resolve());
  });
