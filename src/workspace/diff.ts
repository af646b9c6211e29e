import { createTwoFilesPatch, diffLines } from 'diff';
import type { FileChange } from '../rollout/change.ts';
import { plural } from '../rollout/text.ts';

export type FileDiff = {
  readonly path: string;
  /** Unified diff with three lines of context; empty when nothing changes. */
  readonly patch: string;
  readonly added: number;
  readonly removed: number;
};

/** The unified diff of a change. An absent file is `/dev/null`, as in git. */
export function diffOf(change: FileChange): FileDiff {
  const before = change.before ?? '';
  const after = change.after ?? '';
  if (change.before === change.after) return { path: change.path, patch: '', added: 0, removed: 0 };
  let added = 0;
  let removed = 0;
  for (const part of diffLines(before, after)) {
    if (part.added) added += part.count ?? 0;
    else if (part.removed) removed += part.count ?? 0;
  }
  const patch = createTwoFilesPatch(
    change.before === null ? '/dev/null' : `a/${change.path}`,
    change.after === null ? '/dev/null' : `b/${change.path}`,
    before,
    after,
    undefined,
    undefined,
    { context: 3, headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true } },
  );
  return { path: change.path, patch, added, removed };
}

/** `+12 −3 in 2 files` for a list of diffs. */
export function summarizeDiffs(diffs: readonly FileDiff[]): string {
  const changed = diffs.filter((diff) => diff.patch !== '');
  const added = changed.reduce((sum, diff) => sum + diff.added, 0);
  const removed = changed.reduce((sum, diff) => sum + diff.removed, 0);
  return `+${added} −${removed} in ${plural(changed.length, 'file')}`;
}
