import { structuredPatch } from 'diff';
import type { Change } from '../rollout/change.ts';
import { replacedBy } from '../rollout/replaced.ts';
import type { Paint } from './format.ts';

/** What a change replaces or drops, as a diff of the old definition against the new one. */
export function replacedLines(change: Change, paint: Paint): readonly string[] {
  if (change.kind !== 'sql') return [];
  return replacedBy(change).replaced.flatMap(({ name, before, after }) => [
    paint('dim', `${after === null ? 'drops' : 'replaces'} ${name}`),
    ...structuredPatch('', '', `${before}\n`, after === null ? '' : `${after}\n`, '', '', { context: 3 }).hunks.flatMap(
      (hunk) => hunk.lines.map((row) => (row[0] === '+' ? paint('ok', row) : row[0] === '-' ? paint('bad', row) : row)),
    ),
  ]);
}
