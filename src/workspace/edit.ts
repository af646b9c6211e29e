import { RolloutError } from '../rollout/errors.ts';
import { parseSource } from './scan/syntax.ts';
import type { TextEdit } from './scan/types.ts';

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

/** Applies edits to a file of the workspace and reads it again: a syntax error that was not there is a refusal. */
export async function editSource(path: string, text: string, edits: readonly TextEdit[]): Promise<string> {
  // No grammar for these at hand; their edits only replace names within quotes or add an attribute to a field.
  if (path.endsWith('.prisma')) return applyEdits(text, edits);
  const before = await parseSource(path, text);
  if (before.errorAt !== null) {
    throw new RolloutError(
      `${path} has a syntax error, so it cannot be edited safely.`,
      'Mend the file, then run the step again; nothing was written.',
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
