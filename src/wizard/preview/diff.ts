import { structuredPatch } from 'diff';
import type { FileChange } from '../../rollout/change.ts';
import type { Replaced } from '../../rollout/replaced.ts';
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
  const what = change.before === null ? 'new file' : change.after === null ? 'deleted' : 'changed';
  return { path: change.path, what, ...textDiff(change.before ?? '', change.after ?? '', accessible) };
};

/** From so many lines on, a definition is shown by what changes in it, with the whole below. */
const long = 60;

/** Old text against new, as code changes are shown; a short one whole. */
export const definitionDiff = ({ before, after }: Replaced, accessible: boolean): readonly Line[] => {
  const whole = (after ?? before).split('\n').length <= long;
  const { lines } = textDiff(`${before}\n`, after === null ? '' : `${after}\n`, accessible, whole ? long : 3);
  return whole ? lines.filter((row) => row[0]?.tone !== 'diff.hunk') : lines;
};

export const isWhole = ({ after }: Replaced): boolean => after !== null && after.split('\n').length <= long;

const textDiff = (
  before: string,
  after: string,
  accessible: boolean,
  context = 3,
): Pick<FileDiff, 'added' | 'removed' | 'lines'> => {
  const say = accessible ? words : signs;
  const patch = structuredPatch('', '', before, after, '', '', { context });
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
  return { added, removed, lines };
};
