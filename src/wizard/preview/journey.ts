import { changesOf, groupsOf } from '../../rollout/grouping.ts';
import { replacedBy } from '../../rollout/replaced.ts';
import { plural } from '../../rollout/text.ts';
import type { Look } from '../glyphs.ts';
import { clean, type Line, line, span } from '../lines.ts';
import type { JourneyStep } from '../state/views.ts';
import { definitionDiff } from './diff.ts';
import { batchSql, type Document } from './document.ts';
import { sqlLines } from './sql.ts';

/** Every table that these steps do something to, by name. */
export const tablesOf = (steps: readonly JourneyStep[]): readonly string[] =>
  [...new Set(steps.flatMap(({ changes }) => groupsOf(changes).flatMap((group) => group.tables)))].sort();

/** All that the steps of a phase do to one table, in their order: what was applied, and what is to come. */
export const journeyDocument = (steps: readonly JourneyStep[], table: string, look: Look): Document => {
  const lines: Line[] = [];
  const anchors: { line: number; label: string }[] = [];
  let total = 0;
  let touched = 0;
  for (const { step, title, applied, changes } of steps) {
    const own = changesOf(changes, table);
    if (own.length === 0) continue;
    touched += 1;
    total += own.length;
    anchors.push({ line: lines.length, label: `${step} ${title}` });
    lines.push([
      span(`${step} ${clean(title)}`, 'strong'),
      span(`  ${plural(own.length, 'change')}${applied ? ', applied' : ''}`, 'muted'),
    ]);
    for (const change of own) {
      lines.push(line(`  ${clean(change.title)}`));
      if (change.kind === 'batches') lines.push(...indented(sqlLines(batchSql(change))));
      if (change.kind !== 'sql') continue;
      const { replaced } = replacedBy(change);
      lines.push(
        ...indented(
          replaced.length === 0
            ? sqlLines(change.up.trimEnd())
            : replaced.flatMap((one) => definitionDiff(one, look.accessible)),
        ),
      );
    }
    lines.push(line());
  }
  const summary: Line =
    total === 0
      ? [span(`Nothing of this phase changes ${clean(table)}.`)]
      : [span(`${plural(total, 'change')} in ${plural(touched, 'step')}`, 'strong'), span(` of ${clean(table)}`)];
  return { lines: total === 0 ? [summary] : lines, anchors, summary };
};

const indented = (rows: readonly Line[]): readonly Line[] => rows.map((row) => [span('    '), ...row]);
