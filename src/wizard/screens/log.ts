import { plural } from '../../rollout/text.ts';
import { clip, type Line, line, span, spread } from '../lines.ts';
import type { State } from '../state/state.ts';

/** The newest lines of the command log, as they were sent. */
export const logLines = (state: State, rows: number): readonly Line[] => {
  if (rows <= 0) return [];
  const { columns } = state.size;
  const { ellipsis, rule } = state.look.glyphs;
  const { lines, dropped } = state.log;
  const total = lines.length + dropped;
  const shown = lines.slice(-(rows - 2));
  return [
    line(rule.repeat(columns), 'rule'),
    spread(
      [span(' Command log', 'strong'), span(`  ${plural(total, 'line')}`, 'muted')],
      [span('L', 'key'), span(' writes it to a file ')],
      columns,
      ellipsis,
    ),
    ...shown.map((text) => clip(line(`   ${text}`), columns, ellipsis)),
    ...Array.from({ length: Math.max(0, rows - 2 - shown.length) }, () => line()),
  ];
};
