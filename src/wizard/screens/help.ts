import { available } from '../keys.ts';
import { clip, type Line, line, padTo, span } from '../lines.ts';
import type { State } from '../state/state.ts';

const heading = 2;

const entries = (state: State): readonly Line[] => {
  const { up, down } = state.look.glyphs;
  const seen = new Set<string>();
  return available(state).flatMap(({ action, shown, help }): readonly Line[] => {
    if (help === undefined || seen.has(action)) return [];
    seen.add(action);
    return [[span(`   ${padTo(shown.replace('↑', up).replace('↓', down), 12)}`, 'key'), span(help)]];
  });
};

/** How far the list can be scrolled. */
export const helpEnd = (state: State, rows: number): number => Math.max(0, entries(state).length + heading - rows);

/** The keys that work on this screen now, from the same table as the footer. */
export const helpScreen = (state: State, rows: number): readonly Line[] => {
  const list = entries(state);
  const end = helpEnd(state, rows);
  const top = Math.min(state.help ?? 0, end);
  const more = end === 0 ? '' : `  ${state.look.glyphs.up} ${state.look.glyphs.down} scroll, ${end - top} below`;
  return [
    [span(' Keys that work here', 'strong'), span(more, 'muted')],
    line(),
    ...list.slice(top, top + Math.max(1, rows - heading)),
  ].map((row) => clip(row, state.size.columns, state.look.glyphs.ellipsis));
};
