import { available } from '../keys.ts';
import { type Line, line, type Span, span, textWidth } from '../lines.ts';
import type { State } from '../state/state.ts';
import { bodyRows } from './frame-rows.ts';
import { helpEnd } from './help.ts';

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
    case 'pick':
    case 'filter':
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

/** Room for `(+12) `, the number of keys that are only under `?`. */
const moreColumns = 6;

/** The keys that work now, from the table; what does not fit is under `?`, which is always there. */
export const footer = (state: State): readonly Line[] => {
  const { columns } = state.size;
  const rule = line(state.look.glyphs.rule.repeat(columns), 'rule');
  const all: readonly Hint[] = state.dialog
    ? dialogHints(state)
    : state.help !== null
      ? [{ shown: helpEnd(state, bodyRows(state)) === 0 ? 'any key' : 'any other key', hint: 'close' }]
      : available(state).flatMap(({ shown, hint }) => (hint === undefined ? [] : [{ shown, hint }]));
  const always = all.filter(({ hint }) => ['back', 'keys', 'quit', 'stop'].includes(hint));
  const size = ({ shown, hint }: Hint): number => textWidth(shown) + 1 + textWidth(hint) + 3;
  const shownIn = (room: number): readonly Hint[] => {
    let left = room - always.reduce((sum, hint) => sum + size(hint), 0);
    return all.filter((hint) => {
      if (always.includes(hint)) return true;
      left -= size(hint);
      return left >= 0;
    });
  };
  const whole = shownIn(columns - 1);
  // What does not fit leaves a sign, so that nobody takes the rest for everything.
  const fitting = whole.length === all.length ? whole : shownIn(columns - 1 - moreColumns);
  const hidden = all.length - fitting.length;
  const spans: Span[] = [span(' ')];
  for (const { shown, hint } of fitting) {
    if (hidden > 0 && hint === 'keys')
      spans.push(span(shown, 'key'), span(` ${hint} `), span(`(+${hidden})   `, 'muted'));
    else spans.push(span(shown, 'key'), span(` ${hint}   `));
  }
  return [rule, spans];
};
