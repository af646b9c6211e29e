import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { installedPrograms } from '../../child-environment.ts';
import type { CheckResult } from '../../rollout/check.ts';
import { isUsable, oldestCli } from '../cli/find.ts';
import { failed, passed, runCheck, skipped } from './run-check.ts';

const oldestNode = 20;

export function checkNode(version: string): Promise<CheckResult> {
  return runCheck({ id: 'doctor/node', title: 'Node.js', kind: 'command', expected: `${oldestNode} or newer` }, () =>
    Number(version.split('.')[0]) >= oldestNode
      ? passed(version)
      : failed(version, 'Install a newer Node.js and run the same command again.'),
  );
}

/**
 * Whether the Supabase CLI is there, on PATH or in the workspace, and which it is. Its telemetry is off and its input
 * closed. It is needed only by the executor of that name.
 */
export function checkSupabaseCli(options: {
  readonly workspace: string;
  readonly needed: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}): Promise<CheckResult> {
  const question = {
    id: 'doctor/supabase-cli',
    title: 'Supabase CLI',
    kind: 'command',
    expected: `${oldestCli} or newer${options.needed ? '' : ', where --executor supabase-cli is used'}`,
  } as const;
  const install = 'Install it in the workspace: npm install --save-dev supabase.';
  return runCheck(question, async () => {
    const own = join(options.workspace, 'node_modules', '.bin', 'supabase');
    if (existsSync(own)) {
      return skipped(
        `not checked: ${own} is a program of the app, and doctor starts none`,
        `Check it yourself: ${own} --version.`,
      );
    }
    const result = await execa('supabase', ['--version'], {
      stdin: 'ignore',
      timeout: 20_000,
      reject: false,
      extendEnv: false,
      env: { ...installedPrograms(options.env), DO_NOT_TRACK: '1', SUPABASE_TELEMETRY_DISABLED: '1' },
      ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    });
    options.signal?.throwIfAborted();
    const missing = (observed: string, advice: string) =>
      options.needed ? failed(observed, advice) : skipped(observed, `${advice} The executor pg works without it.`);
    if (result.code === 'ENOENT') return missing('not installed', install);
    const version = /\d+\.\d+\.\d+\S*/.exec(result.stdout)?.[0];
    if (result.failed || version === undefined) {
      const said = result.stderr.trim().split('\n').at(-1) ?? '';
      return missing(`it does not start${said === '' ? '' : `: ${said}`}`, `Install it again. ${install}`);
    }
    return isUsable(version) ? passed(version) : missing(version, `It is too old. ${install}`);
  });
}
