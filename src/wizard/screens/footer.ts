import { available } from '../keys.ts';
import { type Line, line, type Span, span, textWidth } from '../lines.ts';
import type { State } from '../state/state.ts';

type Hint = { readonly shown: string; readonly hint: string };

const dialogHints = (state: State): readonly Hint[] => {
  switch (state.dialog?.kind) {
    case 'confirm':
      return state.dialog.word === null
        ? [
            { shown: 'y', hint: state.dialog.verb },
            { shown: 'n', hint: 'cancel' },
          ]
        : [
            { shown: 'enter', hint: state.dialog.choice === 'go' ? state.dialog.verb : 'cancel' },
            { shown: 'esc', hint: 'cancel' },
          ];
    case 'url':
      return [
        { shown: 'enter', hint: 'connect' },
        { shown: 'ctrl-u', hint: 'clear' },
        { shown: 'esc', hint: 'not now' },
      ];
    case 'search':
      return [
        { shown: 'enter', hint: 'search' },
        { shown: 'esc', hint: 'cancel' },
      ];
    case 'waive-which':
      return [
        { shown: 'enter', hint: 'choose' },
        { shown: 'esc', hint: 'cancel' },
      ];
    default:
      return [
        { shown: 'enter', hint: 'record' },
        { shown: 'esc', hint: 'cancel' },
      ];
  }
};

/** The keys that work now, from the table; what does not fit is under `?`, which is always there. */
export const footer = (state: State): readonly Line[] => {
  const { columns } = state.size;
  const rule = line(state.look.glyphs.rule.repeat(columns), 'rule');
  const all: readonly Hint[] = state.dialog
    ? dialogHints(state)
    : state.help !== null
      ? [{ shown: 'any key', hint: 'close' }]
      : available(state).flatMap(({ shown, hint }) => (hint === undefined ? [] : [{ shown, hint }]));
  const always = all.filter(({ hint }) => ['back', 'keys', 'quit', 'stop'].includes(hint));
  const size = ({ shown, hint }: Hint): number => textWidth(shown) + 1 + textWidth(hint) + 3;
  let room = columns - 1 - always.reduce((sum, hint) => sum + size(hint), 0);
  const fitting = all.filter((hint) => {
    if (always.includes(hint)) return true;
    room -= size(hint);
    return room >= 0;
  });
  const spans: Span[] = [span(' ')];
  for (const { shown, hint } of fitting) spans.push(span(shown, 'key'), span(` ${hint}   `));
  return [rule, spans];
};
