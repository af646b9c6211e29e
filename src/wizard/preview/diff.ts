import { structuredPatch } from 'diff';
import type { FileChange } from '../../rollout/change.ts';
import type { Line } from '../lines.ts';
import { clean, line, span } from '../lines.ts';
import type { Tone } from '../theme.ts';

export type FileDiff = {
  readonly path: string;
  readonly what: 'new file' | 'changed' | 'deleted';
  readonly added: number;
  readonly removed: number;
  readonly lines: readonly Line[];
};

type Signs = { readonly add: string; readonly del: string; readonly same: string };
const signs: Signs = { add: '+ ', del: '- ', same: '  ' };
/** A screen reader says little or nothing of a lone plus or minus. */
const words: Signs = { add: 'add: ', del: 'del: ', same: '     ' };

/** The unified diff of one file, as lines of meanings. */
export const fileDiff = (change: FileChange, accessible: boolean): FileDiff => {
  const say = accessible ? words : signs;
  const patch = structuredPatch(change.path, change.path, change.before ?? '', change.after ?? '', '', '', {
    context: 3,
  });
  const lines: Line[] = [];
  let added = 0;
  let removed = 0;
  for (const hunk of patch.hunks) {
    lines.push(line(`@@ line ${hunk.newStart || hunk.oldStart} @@`, 'diff.hunk'));
    for (const row of hunk.lines) {
      const kind = row[0];
      const text = clean(row.slice(1));
      const of = (sign: string, tone: Tone): Line => [span(sign + text, tone)];
      if (kind === '+') {
        added += 1;
        lines.push(of(say.add, 'diff.add'));
      } else if (kind === '-') {
        removed += 1;
        lines.push(of(say.del, 'diff.del'));
      } else if (kind === '\\') lines.push(line(clean(row), 'muted'));
      else lines.push(of(say.same, 'text'));
    }
  }
  const what = change.before === null ? 'new file' : change.after === null ? 'deleted' : 'changed';
  return { path: change.path, what, added, removed, lines };
};
