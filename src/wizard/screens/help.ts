import { available } from '../keys.ts';
import { clip, type Line, line, padTo, span } from '../lines.ts';
import type { State } from '../state/state.ts';

/** The keys that work on this screen now, from the same table as the footer. */
export const helpScreen = (state: State, rows: number): readonly Line[] => {
  const { columns } = state.size;
  const { ellipsis } = state.look.glyphs;
  const seen = new Set<string>();
  const list = available(state).flatMap((binding): readonly Line[] => {
    if (seen.has(binding.action)) return [];
    seen.add(binding.action);
    const shown = state.look.glyphs.up === '^' ? binding.shown.replace('↑', 'up').replace('↓', 'down') : binding.shown;
    return [[span(`   ${padTo(shown, 13)}`, 'key'), span(binding.help)]];
  });
  const head = [line(' Keys that work here', 'strong'), line()];
  const room = rows - head.length;
  if (list.length <= room) return [...head, ...list].map((row) => clip(row, columns, ellipsis));
  if (columns < 100) return [...head.slice(0, 1), ...list].slice(0, rows).map((row) => clip(row, columns, ellipsis));
  const half = Math.ceil(list.length / 2);
  const wide = Math.floor(columns / 2);
  return [
    ...head,
    ...list.slice(0, half).map((row, index): Line => {
      const left = clip(row, wide - 1, ellipsis);
      const gap = wide - left.reduce((sum, part) => sum + part.text.length, 0);
      return [...left, span(' '.repeat(Math.max(1, gap))), ...clip(list[half + index] ?? [], wide - 1, ellipsis)];
    }),
  ];
};
