import { available } from '../keys.ts';
import { clip, type Line, line, padTo, span, wrapText } from '../lines.ts';
import type { State } from '../state/state.ts';
import { glossary } from './glossary.ts';

/** Columns of the keys and the terms. */
const first = 20;

const heading = 2;

const entries = (state: State): readonly Line[] => {
  const { up, down } = state.look.glyphs;
  const room = Math.max(20, state.size.columns - first - 4);
  const seen = new Set<string>();
  const keys = available(state).flatMap(({ action, shown, help }): readonly Line[] => {
    if (help === undefined || seen.has(action)) return [];
    seen.add(action);
    const [head = '', ...rest] = wrapText(help, room);
    return [
      [span(`   ${padTo(shown.replace('↑', up).replace('↓', down), first)}`, 'key'), span(head)],
      ...rest.map((row): Line => [span(' '.repeat(first + 3)), span(row)]),
    ];
  });
  return [
    ...keys,
    line(),
    line(' Words', 'strong'),
    ...glossary.flatMap(([term, meaning]) => {
      const [head = '', ...rest] = wrapText(meaning, room);
      return [
        [span(`   ${padTo(term, first)}`, 'key'), span(head)],
        ...rest.map((row): Line => [span(' '.repeat(first + 3)), span(row)]),
      ];
    }),
  ];
};

/** How far the list can be scrolled. */
export const helpEnd = (state: State, rows: number): number => Math.max(0, entries(state).length + heading - rows);

/** The keys that work on this screen now, from the same table as the footer, and the words of the screens. */
export const helpScreen = (state: State, rows: number): readonly Line[] => {
  const list = entries(state);
  const end = helpEnd(state, rows);
  const top = Math.min(state.help ?? 0, end);
  const more = end === 0 ? '' : `  ${state.look.glyphs.up} ${state.look.glyphs.down} scroll, ${end - top} below`;
  return [
    [span(' Keys that work here, and words', 'strong'), span(more, 'muted')],
    line(),
    ...list.slice(top, top + Math.max(1, rows - heading)),
  ].map((row) => clip(row, state.size.columns, state.look.glyphs.ellipsis));
};
