import { execa } from 'execa';
import { installedPrograms } from '../../child-environment.ts';
import { exitCodes, RolloutError } from '../../rollout/errors.ts';
import { type MayRun, type Program, withNode, workspaceProgram } from '../../workspace-program.ts';

/** The Supabase CLI that a run uses. */
export type CliInfo = {
  /** As it says itself: `3.1.0`. */
  readonly version: string;
  /** How it takes a connection string: 3.0 renamed the option, and 2.x knows only the old name. */
  readonly target: '--remote' | '--db-url';
  /** What is started: the installation of the workspace, which wins, or the name of the one on PATH. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
};

export type FindCliOptions = {
  readonly workspace: string;
  /** The environment that the CLI starts in, less what `cliEnvironment` takes off. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Asked before a CLI of the workspace is started; absent: it may be. */
  readonly mayRun?: MayRun;
};

/** The CLI that the workspace has installed, as it would be started; null where there is none. */
export function cliOfWorkspace(workspace: string): Program | null {
  const command = workspaceProgram('supabase', workspace);
  return command === null ? null : { command, why: 'the Supabase CLI' };
}

/** The oldest of those that were tried; how a file is sent (`migrationOf`) is known from here on. */
const oldest = [2, 122] as const;
export const oldestCli = oldest.join('.');

/** Whether a version is one of those that can be used. */
export function isUsable(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

const install = 'Install it in the workspace (npm install --save-dev supabase), or omit --executor supabase-cli.';

/**
 * Finds the CLI in the workspace or on PATH and asks its version first, because the options differ by it.
 *
 * @throws {RolloutError} exit code 2 when it is not there, does not start or is too old, with the line that installs it.
 */
export async function findCli(options: FindCliOptions): Promise<CliInfo> {
  const env = cliEnvironment(options.env);
  const own = cliOfWorkspace(options.workspace);
  if (own !== null && (await options.mayRun?.(own)) === false) {
    throw new RolloutError(
      `The Supabase CLI ${own.command} is a program of the app, and was not allowed to run.`,
      'Name the executor for this run (--executor supabase-cli or --register) or give --run-programs; a configuration file cannot allow it.',
      { exitCode: exitCodes.usage },
    );
  }
  const program = own?.command ?? 'supabase';
  const result = await execa(program, ['--version'], {
    stdin: 'ignore',
    timeout: 30_000,
    reject: false,
    extendEnv: false,
    env: withNode(env),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  options.signal?.throwIfAborted();
  if (result.code === 'ENOENT') throw unusable('is not installed');
  const version = /\d+\.\d+\.\d+\S*/.exec(result.stdout)?.[0];
  if (result.failed || version === undefined) {
    throw unusable('does not start', result.stderr.trim().split('\n').slice(-5).join('\n'));
  }
  if (!isUsable(version)) throw unusable(`is too old: ${version}, and ${oldestCli} or newer is needed`);
  return {
    version,
    target: Number(version.split('.')[0]) >= 3 ? '--remote' : '--db-url',
    program,
    env,
  };
}

export const unusable = (what: string, detail = ''): RolloutError =>
  new RolloutError(`The Supabase CLI ${what}.`, install, {
    kind: 'outside',
    exitCode: exitCodes.usage,
    detail: detail === '' ? undefined : detail,
  });

/**
 * The environment of the CLI: telemetry off, and nothing that would send it to another project, another database or an
 * interactive answer. Its target and its consent come from our command line alone.
 */
export function cliEnvironment(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  // Under npx, PATH leads through the folders above the workspace as well.
  return { ...installedPrograms(env), DO_NOT_TRACK: '1', SUPABASE_TELEMETRY_DISABLED: '1', NO_COLOR: '1' };
}
