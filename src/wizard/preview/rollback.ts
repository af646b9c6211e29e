import type { BatchChange, Change } from '../../rollout/change.ts';
import { filterChanges } from '../../rollout/filter.ts';
import { groupsOf } from '../../rollout/grouping.ts';
import type { RollbackPlan } from '../../rollout/rollout.ts';
import { count, plural } from '../../rollout/text.ts';
import type { Look } from '../glyphs.ts';
import { clean, type Line, line, span } from '../lines.ts';
import { type FileDiff, fileDiff } from './diff.ts';
import { type Document, diffHeading, groupLines, isFile, writer } from './document.ts';
import { sqlLines } from './sql.ts';

/** Where a batch change writes, in words. */
const written = ({ table, write }: BatchChange): string =>
  write.kind === 'insert'
    ? table
    : `${table}.${write.column}${write.jsonKey === undefined ? '' : ` (${write.jsonKey})`}`;

/** What rolls one change back. */
const inverseLines = (change: Change, diff: FileDiff | undefined): readonly Line[] => {
  if (diff) return [diffHeading(diff), line(), ...diff.lines];
  if (change.kind === 'batches')
    return [
      line(
        change.write.kind === 'insert'
          ? `  the rows that were added to ${clean(written(change))} are removed, in batches`
          : `  ${clean(written(change))} gets its old value back, in batches`,
      ),
      line('  where a row still is what was written; what somebody changed since stays', 'muted'),
    ];
  if (change.kind !== 'sql') return [];
  if (change.down.trim() === '') return [line('  has nothing of its own to roll back', 'muted')];
  return [line(), ...sqlLines(change.down.trimEnd())];
};

/**
 * What a rollback would do: the journalled inverses, newest first. `folded`: by step and kind of change with their counts,
 * without the statements.
 */
export const rollbackDocument = (
  plans: readonly Pick<RollbackPlan, 'step' | 'entries' | 'dependants'>[],
  look: Look,
  folded: boolean,
  /** Only changes that fit; see `filterChanges`. */
  filter = '',
): Document => {
  const out = writer();
  const total = plans.reduce((sum, plan) => sum + plan.entries.length, 0);
  const fitting = plans.map(({ step, entries }) => {
    const left = new Set(
      filterChanges(
        entries.map((entry) => entry.change),
        filter,
      ),
    );
    return { step, entries: entries.filter((entry) => left.has(entry.change)) };
  });
  const shown = fitting.reduce((sum, plan) => sum + plan.entries.length, 0);
  const dot = ` ${look.glyphs.separator} `;
  const summary: Line = [
    span(plural(total, 'change'), 'strong'),
    span(` to roll back, newest first${dot}then the target is compared with what it was before`),
    ...(filter.trim() === '' ? [] : [span(`${dot}${count(shown)} with "${clean(filter.trim())}"`, 'status.waiting')]),
  ];
  out.add(line('What stays: rows and edits that somebody made since, and the history in the journal.'));
  out.add(line('A value goes back only where it is still the one that was written; the rest is reported.', 'muted'));
  for (const { step, dependants } of plans)
    for (const one of dependants)
      out.add([
        span(`${look.glyphs.failed} will break: `, 'status.failed'),
        span(`${clean(one.object)} uses ${clean(one.uses.join(', '))}, which goes with ${step}`),
      ]);
  out.add(line());
  let index = 0;
  for (const { step, entries } of fitting) {
    if (plans.length > 1 && entries.length > 0) {
      out.anchor(`step ${step}`);
      out.add(line(`Step ${step}`, 'strong'), line());
    }
    if (folded) {
      for (const group of groupsOf(entries.map((entry) => entry.change))) {
        out.anchor(group.title);
        out.add(...groupLines(group, look, { verb: 'roll back: ' }));
      }
      continue;
    }
    for (const { change, appliedAt } of entries) {
      const diff = isFile(change)
        ? fileDiff({ ...change, before: change.after, after: change.before }, look.accessible)
        : undefined;
      index += 1;
      out.anchor(diff ? diff.path : change.title);
      out.add([
        span(`${index}/${shown}  `, 'muted'),
        span(`roll back: ${clean(change.title)}`, 'strong'),
        ...(appliedAt ? [span(`  applied ${clean(appliedAt).slice(0, 16).replace('T', ' ')}`, 'muted')] : []),
      ]);
      out.add(...inverseLines(change, diff), line());
    }
  }
  out.add(summary);
  return { lines: out.lines, anchors: out.anchors, summary };
};
