import type { Config } from '../config/index.ts';
import type { GuardFinding } from '../rollout/guard-finding.ts';
import { discoverWorkspace } from '../workspace/discover.ts';
import { scan } from '../workspace/scan/scan.ts';
import type { Finding, ScanResult } from '../workspace/scan/types.ts';
import { namesInFiles, tablesInFiles } from '../workspace/tables-in-files.ts';
import { readWaivers } from '../workspace/waivers.ts';

export type Scanned = {
  readonly root: string;
  /** Findings of the app's own code, fixes included; waived ones are apart. */
  readonly findings: readonly Finding[];
  readonly result: ScanResult;
};

/** The code rules over the workspace, without a database: names come from the migrations and generated types. */
export async function scanWithoutDatabase(config: Config, signal: AbortSignal): Promise<Scanned> {
  const workspace = await discoverWorkspace(config.workspace);
  const waivers = await readWaivers(workspace.root);
  const names = namesInFiles(await tablesInFiles(workspace.root, workspace.generatedTypes), config.names);
  const result = await scan(workspace, { ...names, waivers, signal });
  const findings = result.findings.filter((one) => one.fileClass === 'source' || one.fileClass === 'generated');
  return { root: workspace.root, findings, result };
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
