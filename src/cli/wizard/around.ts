import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, relative, sep } from 'node:path';
import { execa } from 'execa';
import { gitEnvironment } from '../../child-environment.ts';
import type { Config } from '../../config/index.ts';
import type { CheckResult } from '../../rollout/check.ts';
import { doctor } from '../../supabase/doctor.ts';
import type { Discovery, DoctorFinding, WorkspaceInfo } from '../../wizard/index.ts';

/** How long looking around may take in all. What is not known by then is left to `voxanne-rollout doctor`. */
const patience = 30_000;
const gitPatience = 5_000;

export type AroundOptions = {
  readonly config: Config;
  /** The database that was named; `undefined` where the operator is still to type one. */
  readonly url: string | undefined;
};

/** What the first frame does not wait for: the checkout, then doctor's findings one by one. Reads only. */
export async function lookAround(
  options: AroundOptions,
  tell: (found: Discovery) => void,
  left: AbortSignal,
): Promise<void> {
  const signal = AbortSignal.any([left, AbortSignal.timeout(patience)]);
  const { config, url } = options;
  tell({ kind: 'workspace', workspace: await workspaceInfo(config.workspace, signal) });
  const checks = doctor({
    dbUrl: url,
    env: process.env,
    workspace: config.workspace,
    ca: config.ca,
    allowPlaintext: config.allowPlaintext,
    executor: config.executor,
    signal,
  });
  for await (const check of checks) {
    if (signal.aborted) return;
    if (
      worthShowing(check) &&
      !(check.id === 'doctor/supabase-cli' && config.executor === 'pg' && check.verdict !== 'passed')
    )
      tell({ kind: 'finding', finding: findingOf(check) });
  }
}

/** The wizard connects by itself and says what is wrong then; the same twice, and its consequences, would be noise. */
const worthShowing = ({ id, verdict, observed }: CheckResult): boolean =>
  !(verdict === 'failed' && (id === 'doctor/source' || id === 'doctor/connection' || id === 'doctor/tls')) &&
  !(verdict === 'skipped' && observed === 'not checked');

const findingOf = ({ title, verdict, observed, advice }: CheckResult): DoctorFinding => ({
  title,
  verdict,
  observed,
  ...(advice === undefined ? {} : { advice }),
});

const shown = (root: string): Pick<WorkspaceInfo, 'shown'> => {
  const inHome = relative(homedir(), root);
  if (inHome === '' || inHome.startsWith('..') || isAbsolute(inHome)) return {};
  return { shown: `~${sep}${inHome}` };
};

/** The checkout of the app, or `null` where the folder is none: no package and no repository. */
export async function workspaceInfo(root: string, signal: AbortSignal): Promise<WorkspaceInfo | null> {
  const git = await execa('git', ['status', '--porcelain=v2', '--branch', '--untracked-files=all', '-z', '--', '.'], {
    cwd: root,
    reject: false,
    stdin: 'ignore',
    timeout: gitPatience,
    cancelSignal: signal,
    // Looking must not refresh the index, which another git command may be about to lock.
    extendEnv: false,
    env: { ...gitEnvironment(), GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0' },
  });
  if (git.exitCode !== 0) {
    const isApp = await access(join(root, 'package.json')).then(
      () => true,
      () => false,
    );
    return isApp ? { root, ...shown(root), branch: null, dirty: 0 } : null;
  }
  const records = git.stdout.split('\0').filter((record) => record !== '');
  const head = records.find((record) => record.startsWith('# branch.head '))?.slice('# branch.head '.length);
  return {
    root,
    ...shown(root),
    branch: head === undefined || head === '(detached)' ? null : head,
    // A renamed file is two records, the second being its old path alone.
    dirty: records.filter((record) => /^(?:[12u] |\? )/.test(record)).length,
  };
}
