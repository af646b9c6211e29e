import { diffArrays } from 'diff';

/** Lines `start` to `end` of the base are replaced by `lines`. */
type Hunk = { readonly start: number; readonly end: number; readonly lines: readonly string[] };

export type MergeResult =
  | { readonly merged: string }
  /** Where both changed the same lines, as a person would see it in an editor. */
  | { readonly conflict: string; readonly line: number };

/**
 * Three-way merge by lines, line ends included: what `theirs` changed in `base` is made in `mine` as well, where `mine`
 * left those lines and their neighbours alone. Equal changes on both sides are one. Nothing is guessed.
 */
export function mergeThreeWay(base: string, mine: string, theirs: string): MergeResult {
  if (mine === base) return { merged: theirs };
  const original = splitLines(base);
  const a = hunksOf(original, splitLines(mine));
  const b = hunksOf(original, splitLines(theirs));
  const merged: string[] = [];
  let at = 0;
  let i = 0;
  let j = 0;
  for (;;) {
    const left = a[i];
    const right = b[j];
    if (left === undefined && right === undefined) break;
    if (left !== undefined && right !== undefined) {
      if (equal(left, right)) {
        merged.push(...original.slice(at, left.start), ...left.lines);
        at = left.end;
        i += 1;
        j += 1;
        continue;
      }
      // Hunks that touch are one place to a reader: which of them comes first would be a guess.
      if (left.start <= right.end && right.start <= left.end) {
        return { conflict: show(original, left, right), line: lineIn(a, i, left.start) };
      }
    }
    const first = right === undefined || (left !== undefined && left.start < right.start) ? left : right;
    if (first === undefined) break;
    merged.push(...original.slice(at, first.start), ...first.lines);
    at = first.end;
    if (first === left) i += 1;
    else j += 1;
  }
  merged.push(...original.slice(at));
  return { merged: merged.join('') };
}

/** Lines with their ends; the last one may have none. */
const splitLines = (text: string): readonly string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

function hunksOf(from: readonly string[], to: readonly string[]): readonly Hunk[] {
  const hunks: Hunk[] = [];
  let at = 0;
  let open: { start: number; lines: string[] } | null = null;
  for (const part of diffArrays([...from], [...to])) {
    if (part.added || part.removed) {
      open ??= { start: at, lines: [] };
      if (part.added) open.lines.push(...part.value);
      else at += part.value.length;
      continue;
    }
    if (open !== null) hunks.push({ ...open, end: at });
    open = null;
    at += part.value.length;
  }
  if (open !== null) hunks.push({ ...open, end: at });
  return hunks;
}

const equal = (a: Hunk, b: Hunk): boolean =>
  a.start === b.start &&
  a.end === b.end &&
  a.lines.length === b.lines.length &&
  a.lines.every((l, i) => l === b.lines[i]);

function show(original: readonly string[], mine: Hunk, theirs: Hunk): string {
  const start = Math.min(mine.start, theirs.start);
  const end = Math.max(mine.end, theirs.end);
  const side = (hunk: Hunk) => [...original.slice(start, hunk.start), ...hunk.lines, ...original.slice(hunk.end, end)];
  const text = [
    '<<<<<<< the file now',
    ...side(mine),
    '||||||| what this tool wrote',
    ...original.slice(start, end),
    '=======',
    ...side(theirs),
    '>>>>>>> before this tool',
  ];
  return text.map((line) => line.replace(/\r?\n$/, '')).join('\n');
}

/** 1-based line in the changed text that corresponds to a line of the base. */
function lineIn(hunks: readonly Hunk[], before: number, start: number): number {
  return hunks.slice(0, before).reduce((line, hunk) => line + hunk.lines.length - (hunk.end - hunk.start), start) + 1;
}
