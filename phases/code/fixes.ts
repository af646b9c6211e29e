import type { FileChange } from '../../src/rollout/change.ts';
import { RolloutError } from '../../src/rollout/errors.ts';
import type { Note, Plan } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import { applyEdits, editSource, editsOverlap } from '../../src/workspace/edit.ts';
import type { Finding, TextEdit } from '../../src/workspace/scan/types.ts';
import { counts, type Place } from './checks.ts';
import { type Code, dirtyNote, textOf } from './code.ts';
import { scanCode } from './scan.ts';

/** How often a file is scanned again after its edits: an edit may uncover, or wait for, another one of the same place. */
const rounds = 6;

/** Texts by path, as they would stand; what a plan has written so far. */
export type Overlay = Map<string, string>;

export type Fixed = {
  readonly overlay: Overlay;
  /** What is left in these files once every edit is made: a person has to decide. */
  readonly left: readonly Finding[];
  readonly notes: readonly Note[];
};

/**
 * Makes every edit that the scan is certain of in the files that `mine` accepts, on top of `overlay`. Edits that cannot
 * be made together are made in turns, each from a new scan.
 */
export async function fixFindings(
  code: Code,
  mine: (place: Place) => boolean,
  overlay: Overlay = new Map(),
): Promise<Fixed> {
  const notes: Note[] = [];
  const refused = new Set<string>();
  for (let round = 0; ; round += 1) {
    const { findings, notices } = await scanCode(code, { overlay });
    const own = findings.filter((finding) => counts(finding) && mine(finding));
    const open = own.filter((finding) => finding.fix !== null && !refused.has(finding.file));
    if (open.length === 0 || round === rounds) {
      const broken = notices.filter(
        (one) => one.kind === 'syntax-error' && mine({ file: one.file, kind: 'first-org' }),
      );
      if (broken.length > 0) {
        notes.push({
          text: `${plural(broken.length, 'file has a syntax error and is', 'files have syntax errors and are')} left alone.`,
          detail: broken.map((one) => `${one.file}:${one.line ?? 1}`).join(', '),
        });
      }
      return { overlay, left: own, notes };
    }
    for (const file of new Set(open.map((finding) => finding.file))) {
      const text = overlay.get(file) ?? (await textOf(code.workspace, file)) ?? '';
      const edits = together(open.filter((finding) => finding.file === file));
      try {
        overlay.set(file, await edited(file, text, edits));
      } catch (error) {
        if (!(error instanceof RolloutError)) throw error;
        refused.add(file);
        notes.push({ text: `${file} is not edited: ${error.problem}` });
      }
    }
  }
}

/** Prisma schemas have no parser here; everything else is read again after the edit. */
const edited = async (file: string, text: string, edits: readonly TextEdit[]): Promise<string> =>
  /\.[cm]?[jt]sx?$/.test(file) ? editSource(file, text, edits) : applyEdits(text, edits);

/** The edits of as many findings as can be made at once, in order of the file. */
function together(findings: readonly Finding[]): readonly TextEdit[] {
  const chosen: TextEdit[] = [];
  for (const finding of findings) {
    const edits = finding.fix?.edits ?? [];
    if (!editsOverlap(chosen, edits) && !extendsSame(chosen, edits)) chosen.push(...edits);
  }
  return chosen;
}

/** Two insertions of different texts at one offset would come out in an order that neither asked for. */
const extendsSame = (chosen: readonly TextEdit[], edits: readonly TextEdit[]): boolean =>
  edits.some((edit) =>
    chosen.some(
      (one) => one.start === one.end && one.start === edit.start && one.end === edit.end && one.text !== edit.text,
    ),
  );

/** The changes of a plan from the texts that it wants, one per file, in order of their paths. */
export async function changesOf(
  code: Code,
  overlay: ReadonlyMap<string, string | null>,
  title: (file: string) => string,
): Promise<readonly FileChange[]> {
  const changes: FileChange[] = [];
  for (const [file, after] of [...overlay].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const before = await textOf(code.workspace, file);
    if (before === after) continue;
    const verb = before === null ? 'create' : after === null ? 'remove' : 'edit';
    changes.push({ kind: 'file', id: `${verb} ${file}`, title: title(file), path: file, before, after });
  }
  return changes;
}

/** The plan that writes these texts, and says what is left. `more`: notes between those of the edits and those. */
export async function planOf(
  code: Code,
  { overlay, left, notes }: Fixed,
  title: (file: string) => string,
  more: readonly Note[] = [],
): Promise<Plan> {
  const changes = await changesOf(code, overlay, title);
  const paths = changes.map((one) => one.path);
  return {
    changes,
    blockers: [],
    notes: [...notes, ...leftNotes(left), ...more, ...(await dirtyNote(code.workspace, paths))],
  };
}

/** What is left for a person, as notes of the plan: the checks will fail on it until it is mended or waived. */
export function leftNotes(left: readonly Finding[]): readonly Note[] {
  return left.map((finding) => ({
    text: `${finding.file}:${finding.line} needs a manual change: ${finding.instruction ?? finding.reason}`,
    detail: `${finding.code}\n${finding.reason}\nTo leave it: voxanne-rollout waive ${finding.id} --reason "…"`,
  }));
}
