import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { counts } from '../../../phases/code/checks.ts';
import { readCode } from '../../../phases/code/code.ts';
import { scanCode } from '../../../phases/code/scan.ts';
import { stepOfPlace } from '../../../phases/step-of-place.ts';
import type { Target } from '../../../phases/target.ts';
import { RolloutError } from '../../rollout/errors.ts';
import type { StepId } from '../../rollout/step.ts';
import type { CodeFinding, Session } from '../../wizard/index.ts';
import { applyEdits } from '../../workspace/edit.ts';
import type { Finding } from '../../workspace/scan/types.ts';
import { waiveAll } from '../../workspace/waivers.ts';

/** Lines shown before and after a finding. */
const around = 3;

/** Scanning and waiving for the findings screen; nothing of it where no workspace is part of the target. */
export function codeOffers(target: Target): Pick<Session, 'codeFindings' | 'waive'> {
  const { workspace } = target;
  if (workspace === null) return {};
  const { root } = workspace;
  let known: readonly Finding[] = [];
  return {
    codeFindings: async (signal) => {
      const code = await readCode(target);
      const result = await scanCode(code, { signal });
      const step = await stepOfPlace(code);
      const counted = ({ fileClass }: Finding): boolean => fileClass === 'source' || fileClass === 'generated';
      const open = result.findings.filter(counted);
      const left = result.waived.filter(counted);
      known = [...open, ...left];
      const texts = new Map<string, string>();
      for (const { file } of known) {
        if (!texts.has(file)) texts.set(file, await readFile(join(root, file), 'utf8'));
      }
      // What no check counts is no step's: the list of a step holds what its checks fail for, and nothing else.
      const stepOf = (finding: Finding): StepId | null => (counts(finding) ? step(finding) : null);
      const shown = (finding: Finding, waived: string | null): CodeFinding =>
        shownFinding(finding, texts.get(finding.file) ?? '', stepOf(finding), waived);
      return [...open.map((one) => shown(one, null)), ...left.map((one) => shown(one, one.waiver))];
    },
    waive: async (ids, reason) => {
      const findings = known.filter((one) => ids.includes(one.id));
      if (findings.length < ids.length)
        throw new RolloutError('That finding is not there any more.', 'Scan again with r.');
      await waiveAll(root, findings, reason, userInfo().username);
    },
  };
}

/** One finding with the source around it, and the lines that its fix would write there. */
export function shownFinding(finding: Finding, text: string, step: StepId | null, waived: string | null): CodeFinding {
  const lines = text.split(/\r?\n/);
  const first = Math.max(1, finding.line - around);
  return {
    id: finding.id,
    kind: finding.kind,
    step,
    file: finding.file,
    line: finding.line,
    reason: finding.reason,
    excerpt: lines.slice(first - 1, finding.endLine + around).join('\n'),
    excerptLine: first,
    fix: finding.fix === null ? null : fixedLines(text, finding.fix.edits, finding.line, finding.endLine),
    instruction: finding.instruction,
    waived,
  };
}

/** The lines of the finding after its edits; what they add elsewhere (an import) is in the diff of the step. */
function fixedLines(text: string, edits: Parameters<typeof applyEdits>[1], line: number, endLine: number): string {
  const lines = text.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, row) => sum + row.length + 1, 0);
  const end = lines.slice(0, endLine).reduce((sum, row) => sum + row.length + 1, 0);
  const here = edits.filter((edit) => edit.start >= start && edit.end <= end);
  const moved = here.map((edit) => ({ ...edit, start: edit.start - start, end: edit.end - start }));
  return applyEdits(text.slice(start, end), moved).trimEnd();
}
