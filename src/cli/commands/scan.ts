import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import * as z from 'zod';
import { gitEnvironment } from '../../child-environment.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import { discoverWorkspace } from '../../workspace/discover.ts';
import { sarifOf } from '../../workspace/scan/sarif.ts';
import { scan } from '../../workspace/scan/scan.ts';
import type { Finding, ScanResult } from '../../workspace/scan/types.ts';
import { namesInFiles, tablesInFiles } from '../../workspace/tables-in-files.ts';
import { readWaivers } from '../../workspace/waivers.ts';
import { loadSettings } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { run } from '../run.ts';
import { version } from '../version.ts';

export type ScanCommandOptions = CommonOptions & {
  readonly format?: 'text' | 'json' | 'sarif';
  readonly baseline?: string;
  readonly changedSince?: string;
};

/** `voxanne-rollout scan`: the code rules without a database. Exit 1 when something is found that the baseline has not. */
export const scanCommand = (options: ScanCommandOptions): Promise<ExitCode> =>
  run(options, async ({ output, signal }) => {
    const config = await loadSettings(options);
    const workspace = await discoverWorkspace(config.workspace);
    const known = options.baseline === undefined ? new Set<string>() : await baselineOf(options.baseline);
    const changed =
      options.changedSince === undefined ? null : await changedFiles(workspace.root, options.changedSince);
    const waivers = await readWaivers(workspace.root);
    const names = namesInFiles(await tablesInFiles(workspace.root, workspace.generatedTypes), config.names);
    const result = await scan(workspace, { ...names, waivers, signal });
    const own = result.findings.filter((one) => one.fileClass === 'source' || one.fileClass === 'generated');
    const fresh = own.filter((one) => !known.has(one.id) && (changed === null || changed.has(one.file)));
    if (options.format === 'sarif') output.script(sarifOf(fresh, version));
    else if (options.format === 'json') output.script(JSON.stringify(reportOf(fresh, result), null, 2));
    else for (const line of linesOf(fresh, result)) output.say(line);
    return fresh.some((one) => !one.advice) ? exitCodes.failed : exitCodes.done;
  });

const baseline = z.object({ findings: z.array(z.object({ id: z.string() })) });
const sarif = z.object({
  runs: z.array(
    z.object({ results: z.array(z.object({ partialFingerprints: z.object({ 'voxanneFinding/v1': z.string() }) })) }),
  ),
});

/** The findings of an earlier scan, from what `--format json` or `--format sarif` wrote. */
async function baselineOf(file: string): Promise<ReadonlySet<string>> {
  const refuse = (cause: unknown): never => {
    throw new RolloutError(
      `The baseline ${file} cannot be read as findings.`,
      'Write one with: voxanne-rollout scan --format json > FILE',
      { exitCode: exitCodes.usage, cause },
    );
  };
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    return refuse(error);
  }
  const plain = baseline.safeParse(value);
  if (plain.success) return new Set(plain.data.findings.map(({ id }) => id));
  const hosted = sarif.safeParse(value);
  if (!hosted.success) return refuse(hosted.error);
  return new Set(
    hosted.data.runs.flatMap(({ results }) => results.map((one) => one.partialFingerprints['voxanneFinding/v1'])),
  );
}

/** Files that differ from a commit, and those that git does not know yet. Relative to the workspace. */
async function changedFiles(root: string, reference: string): Promise<ReadonlySet<string>> {
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

const reportOf = (findings: readonly Finding[], { files, notices, unread, waived }: ScanResult) => ({
  findings: findings.map(({ fix, ...one }) => ({ ...one, fixable: fix !== null })),
  waived: waived.length,
  files,
  unread,
  notChecked: notices.filter(({ kind }) => kind !== 'skipped'),
});

function* linesOf(findings: readonly Finding[], { files, notices, unread }: ScanResult): Iterable<string> {
  for (const one of findings) {
    yield `${one.file}:${one.line}:${one.column}  ${one.kind}${one.advice ? ' (advice)' : ''}  ${one.id}`;
    yield `  ${one.reason}`;
    if (one.instruction !== null) yield `  ${one.instruction}`;
  }
  for (const one of notices) if (one.kind !== 'skipped') yield `${one.file}  ${one.text}`;
  const others = Object.entries(unread).map(([ending, count]) => `${count} ${ending}`);
  const rest = others.length === 0 ? '' : `, not read: ${others.join(', ')}`;
  const counted = findings.filter((one) => !one.advice).length;
  yield `${counted} ${counted === 1 ? 'finding' : 'findings'} in ${files.source} ${files.source === 1 ? 'file' : 'files'}${rest}.`;
}
