import type { Config } from '../config/index.ts';
import { exitCodes, RolloutError } from '../rollout/errors.ts';
import type { GuardFinding, NotLookedAt } from '../rollout/guard-finding.ts';
import { discoverWorkspace } from '../workspace/discover.ts';
import { sha256 } from '../workspace/hash.ts';
import { namesInCode } from '../workspace/names-in-code.ts';
import { namesInFiles } from '../workspace/names-in-files.ts';
import { scan } from '../workspace/scan/scan.ts';
import type { Finding, Notice, ScanResult } from '../workspace/scan/types.ts';
import { tablesInFiles } from '../workspace/tables-in-files.ts';
import { readWaivers } from '../workspace/waivers.ts';

export type Scanned = {
  readonly root: string;
  /** Findings of the app's own code, fixes included; waived ones are apart. */
  readonly findings: readonly Finding[];
  readonly result: ScanResult;
};

/**
 * The code rules over the workspace, without a database: names come from the migrations and generated types.
 *
 * @param waived False: what was waived counts as well.
 */
export async function scanWithoutDatabase(config: Config, signal: AbortSignal, waived = true): Promise<Scanned> {
  const workspace = await discoverWorkspace(config.workspace);
  const waivers = waived ? await readWaivers(workspace.root) : [];
  const declared = namesInFiles(await tablesInFiles(workspace.root, workspace.generatedTypes), config.names);
  const names = await namesInCode(workspace.root, declared);
  const result = await scan(workspace, { ...names, waivers, signal });
  const findings = result.findings.filter((one) => one.fileClass === 'source' || one.fileClass === 'generated');
  return { root: workspace.root, findings, result };
}

const filesOf = ({ files }: ScanResult): number => Object.values(files).reduce((sum, one) => sum + one, 0);

/** No finding in no file is no good news: a scan of the wrong folder would pass. */
export function requireCode(root: string, result: ScanResult): void {
  if (filesOf(result) > 0) return;
  throw new RolloutError(`There is no code in ${root}.`, "Name the app's folder with --workspace.", {
    exitCode: exitCodes.usage,
  });
}

/** A finding of the code in the form that it shares with those of the database. */
export const toGuardFinding = (one: Finding): GuardFinding => ({
  id: one.id,
  kind: one.kind,
  part: 'code',
  place: { kind: 'file', file: one.file, line: one.line, column: one.column, endLine: one.endLine },
  reason: one.reason,
  instruction: one.instruction ?? (one.fix === null ? '' : 'voxanne-rollout plan shows the edit that fixes it.'),
  level: one.advice ? 'note' : one.certainty === 'certain' ? 'error' : 'warning',
  evidence: one.code,
});

/** A language that no rule reads, in a file that speaks of an organization: a person has to look, once. */
const unread = ({ file, text, line }: Notice): GuardFinding => ({
  id: sha256(`unread\n${file}`).slice(0, 12),
  kind: 'unread',
  part: 'code',
  place: { kind: 'file', file, line: line ?? 1, column: 1, endLine: line ?? 1 },
  reason: text,
  instruction: 'Look at it once, then accept this in the baseline.',
  level: 'note',
});

/** What the code rules find, in the form that the guard shares, with what they could not read. */
export function codeFindings(
  { root, findings, result }: Scanned,
  changed: ReadonlySet<string> | null = null,
): { readonly findings: readonly GuardFinding[]; readonly notLookedAt: readonly NotLookedAt[] } {
  const own = changed === null ? findings : findings.filter((one) => changed.has(one.file));
  const { notices } = result;
  return {
    findings: [...own.map(toGuardFinding), ...notices.filter((one) => one.kind === 'unread').map(unread)],
    notLookedAt: [
      ...(filesOf(result) === 0
        ? [{ what: 'the code', reason: `There is no code in ${root}: name the app's folder with --workspace.` }]
        : []),
      ...notices
        .filter((one) => one.kind === 'syntax-error' || one.kind === 'unreadable')
        .map((one) => ({ what: one.file, reason: one.text })),
    ],
  };
}
