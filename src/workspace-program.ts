import { existsSync } from 'node:fs';
import { delimiter, dirname, join, relative, resolve } from 'node:path';

/**
 * A program that an app has installed, looked for from `folder` upwards to the workspace and never above it: what lies
 * there belongs to somebody else. Null where there is none.
 */
export function workspaceProgram(name: string, root: string, folder: string = root): string | null {
  const top = resolve(root);
  for (let at = resolve(folder); !relative(top, at).startsWith('..'); at = dirname(at)) {
    const file = join(at, 'node_modules', '.bin', name);
    if (existsSync(file)) return file;
    if (at === top) break;
  }
  return null;
}

/** Something of the app that is about to be started. */
export type Program = {
  /** Its path and arguments, or the command line as the configuration gives it. */
  readonly command: string;
  /** What for, in a few words. */
  readonly why: string;
};

/**
 * Whether a program of the app may be started. The answer is the operator's, who saw the command: with code of the
 * checkout runs whatever somebody committed there, under the operator's account.
 */
export type MayRun = (program: Program) => Promise<boolean>;

/** Why a program was not started, for a check that goes without it. */
export const notAllowed = ({ command }: Program): string =>
  `${command} is a program of the app, and was not allowed to run (--run-programs)`;

/** The same environment with our own Node in reach: programs of npm are scripts that ask PATH for one. */
export function withNode(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const name = Object.keys(env).find((one) => one.toUpperCase() === 'PATH') ?? 'PATH';
  return {
    ...env,
    [name]: [...new Set([...(env[name] ?? '').split(delimiter), dirname(process.execPath)])]
      .filter(Boolean)
      .join(delimiter),
  };
}
