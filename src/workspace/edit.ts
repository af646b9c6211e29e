import { RolloutError } from '../rollout/errors.ts';
import { parseSource } from './scan/syntax.ts';
import type { Finding, TextEdit } from './scan/types.ts';

/**
 * The text with the edits made; every byte outside of them stays. Equal edits (two findings that add the same import)
 * are made once; edits that overlap are refused, since one of them was computed from text that the other removes.
 */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const sorted = [...edits].sort((a, b) => a.start - b.start || a.end - b.end || (a.text < b.text ? -1 : 1));
  let result = '';
  let at = 0;
  let last: TextEdit | null = null;
  for (const edit of sorted) {
    if (last !== null && last.start === edit.start && last.end === edit.end && last.text === edit.text) continue;
    if (edit.start < 0 || edit.end < edit.start || edit.end > text.length) {
      throw new RolloutError(
        `An edit at ${edit.start}–${edit.end} is outside of a text of ${text.length} characters.`,
        'This is a defect of the tool; nothing was written.',
        { kind: 'defect' },
      );
    }
    if (edit.start < at) {
      throw new RolloutError(
        `Two edits overlap at offset ${edit.start}.`,
        'Apply one of them, scan again and apply the other; nothing was written.',
        { kind: 'defect' },
      );
    }
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
    last = edit;
  }
  return result + text.slice(at);
}

/** True when two sets of edits cannot be made together. */
export function editsOverlap(a: readonly TextEdit[], b: readonly TextEdit[]): boolean {
  return a.some((x) =>
    b.some((y) => {
      if (x.start === y.start && x.end === y.end) return x.text !== y.text && x.start !== x.end;
      return x.start < y.end && y.start < x.end;
    }),
  );
}

/** What of a file's findings can be mended in one go. */
export type CollectedEdits = {
  readonly edits: readonly TextEdit[];
  /** Findings whose edit overlaps that of another one; they are there again after a new scan. */
  readonly postponed: readonly Finding[];
};

/** The edits of the findings of one file, imports of the same module put into one. */
export function collectEdits(findings: readonly Finding[]): CollectedEdits {
  const edits: TextEdit[] = [];
  const postponed: Finding[] = [];
  for (const finding of findings) {
    if (finding.fix === null) continue;
    if (editsOverlap(edits, finding.fix.edits)) postponed.push(finding);
    else edits.push(...finding.fix.edits);
  }
  return { edits: mergeImports(edits), postponed };
}

const inserted = /^(\r?\n)?(import|const) \{ ([\w$, ]+) \} (from |= require\()(['"])([^'"]+)\5(\)?;?)(\r?\n)?$/;

/** Two findings that each bring a helper of one module bring one import with both. */
function mergeImports(edits: readonly TextEdit[]): readonly TextEdit[] {
  const names = new Map<string, Set<string>>();
  const keyOf = (edit: TextEdit): string | null => {
    const match = edit.start === edit.end ? inserted.exec(edit.text) : null;
    return match ? `${edit.start}\0${match[6]}` : null;
  };
  for (const edit of edits) {
    const key = keyOf(edit);
    if (key === null) continue;
    const known = names.get(key) ?? new Set<string>();
    for (const name of inserted.exec(edit.text)?.[3]?.split(', ') ?? []) known.add(name);
    names.set(key, known);
  }
  return edits.map((edit) => {
    const key = keyOf(edit);
    const known = key === null ? undefined : names.get(key);
    if (known === undefined) return edit;
    const all = [...known].sort().join(', ');
    return { ...edit, text: edit.text.replace(/\{ [\w$, ]+ \}/, () => `{ ${all} }`) };
  });
}

/** Applies edits to a file of the workspace and reads it again: a syntax error that was not there is a refusal. */
export async function editSource(path: string, text: string, edits: readonly TextEdit[]): Promise<string> {
  // No grammar for these at hand; their edits only replace names within quotes or add an attribute to a field.
  if (/\.(?:prisma|sql)$/.test(path)) return applyEdits(text, edits);
  const before = await parseSource(path, text);
  if (before.errorAt !== null) {
    throw new RolloutError(
      `${path} has a syntax error, so it cannot be edited safely.`,
      'Fix the file, then rerun the step; nothing was written.',
    );
  }
  const edited = applyEdits(text, edits);
  const after = await parseSource(path, edited);
  if (after.errorAt !== null) {
    throw new RolloutError(
      `The edit of ${path} would leave a syntax error.`,
      'Nothing was written. Change the place by hand, or waive the finding with a reason.',
      { kind: 'defect' },
    );
  }
  return edited;
}
