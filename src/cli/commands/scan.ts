import { sarifReport } from '../../report/findings/sarif.ts';
import { type ExitCode, exitCodes } from '../../rollout/errors.ts';
import { plural } from '../../rollout/text.ts';
import type { Finding, ScanResult } from '../../workspace/scan/types.ts';
import { baselineOf } from '../baseline.ts';
import { changedFiles } from '../changed-files.ts';
import { loadSettings } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { run } from '../run.ts';
import { requireCode, scanWithoutDatabase, toGuardFinding } from '../scan-code.ts';
import { version } from '../version.ts';

export type ScanCommandOptions = CommonOptions & {
  readonly format?: 'text' | 'json' | 'sarif';
  readonly baseline?: string;
  readonly changedSince?: string;
};

/**
 * `voxanne-rollout scan`: the code rules without a database. Exit 1 when something is found that the baseline has not, 2
 * where there is nothing to look at.
 */
export const scanCommand = (options: ScanCommandOptions): Promise<ExitCode> =>
  run(options, async ({ output, signal }) => {
    const config = await loadSettings(options);
    const known = await baselineOf(options.baseline, 'scan');
    const { root, findings: own, result } = await scanWithoutDatabase(config, signal);
    requireCode(root, result);
    const changed = options.changedSince === undefined ? null : await changedFiles(root, options.changedSince);
    const fresh = own.filter((one) => !known.has(one.id) && (changed === null || changed.has(one.file)));
    if (options.format === 'sarif') output.script(sarifReport(fresh.map(toGuardFinding), [], version));
    else if (options.format === 'json') output.script(JSON.stringify(reportOf(fresh, result), null, 2));
    else for (const line of linesOf(fresh, result)) output.say(line);
    return fresh.some((one) => !one.advice) ? exitCodes.failed : exitCodes.done;
  });

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
  yield `${plural(counted, 'finding')} in ${plural(files.source, 'file')}${rest}.`;
}
