import { currentReading } from './current-reading.ts';
import type { Dialog } from './dialog-shape.ts';
import { carryOut, whyWaive } from './moves.ts';
import { applyFilter, takePick } from './pick.ts';
import { picked } from './picked.ts';
import { find } from './reading.ts';
import { ask, begin, type State } from './state.ts';
import { readingWindow, withReading } from './window.ts';

/** The character that a key types, or `null`. */
const typed = (key: string): string | null => {
  if (key === 'space') return ' ';
  return [...key].length === 1 ? key : null;
};

const close = (state: State): State => ({ ...state, dialog: null });

/** A line of text edited with the usual keys; `null` when the key is not about text. */
const edited = (text: string, key: string, limit: number): string | null => {
  if (key === 'backspace' || key === 'delete') return [...text].slice(0, -1).join('');
  if (key === 'ctrl-u') return '';
  if (key === 'ctrl-w') return text.replace(/\S*\s*$/, '');
  const character = typed(key);
  return character === null ? null : (text + character).slice(0, limit);
};

/** Characters that a field takes. */
const longest = { url: 4000, reason: 500 } as const;

/** A paste that did not fit must not look as if it had. */
const cutAt = (text: string, limit: number): string | null =>
  text.length < limit ? null : `Only the first ${limit} characters were taken; ctrl-u empties the field.`;

type Typed = Extract<Dialog, { kind: 'search' | 'filter' }>;
type Confirm = Extract<Dialog, { kind: 'confirm' }>;

/** Consent is one key pressed by itself: never part of a burst or a paste, which may hold a y or an Enter by chance. */
const pressInYesNo = (state: State, dialog: Confirm, key: string, alone: boolean): State => {
  const say = (complaint: string): State => ({ ...state, dialog: { ...dialog, complaint } });
  const yes = key === 'y' || key === 'Y' || (key === 'enter' && dialog.choice === 'go');
  if (yes && !alone) return say('That came with other keys. Press y by itself.');
  if (yes) return carryOut(state, dialog.intent);
  if (['n', 'N', 'q', 'escape', 'enter'].includes(key)) return close(state);
  if (['left', 'right', 'tab', 'up', 'down', 'h', 'j', 'k', 'l'].includes(key))
    return { ...state, dialog: { ...dialog, choice: dialog.choice === 'go' ? 'cancel' : 'go', complaint: null } };
  return say(`Press y to ${dialog.verb}, n to cancel.`);
};

const pressInWord = (state: State, dialog: Confirm, word: string, key: string, alone: boolean): State => {
  if (key === 'escape') return close(state);
  if (key === 'enter') {
    if (!alone) return state;
    if (dialog.text === '') return close(state);
    if (dialog.text.trim() === word) return carryOut(state, dialog.intent);
    return { ...state, dialog: { ...dialog, complaint: `"${dialog.text}" is not ${word}. Nothing was done.` } };
  }
  const text = edited(dialog.text, key, 200);
  if (text === null) return state;
  return { ...state, dialog: { ...dialog, text, choice: text.trim() === word ? 'go' : 'cancel', complaint: null } };
};

const pressInReason = (
  state: State,
  dialog: Extract<Dialog, { kind: 'reason' }>,
  key: string,
  alone: boolean,
): State => {
  if (key === 'escape') return close(state);
  if (key === 'enter' && alone) {
    const reason = dialog.text.trim();
    if (reason === '') return { ...state, dialog: { ...dialog, complaint: 'A reason is needed: it is recorded.' } };
    return dialog.intent.kind === 'skip'
      ? ask(close(state), { type: 'skip', step: dialog.intent.step, reason })
      : ask(close(state), { type: 'waive', findings: dialog.intent.findings, reason });
  }
  const text = edited(dialog.text, key === 'enter' ? 'space' : key, longest.reason);
  return text === null ? state : { ...state, dialog: { ...dialog, text, complaint: cutAt(text, longest.reason) } };
};

const pressInFilter = (state: State, dialog: Typed, key: string): State => {
  if (key === 'escape') return close(state);
  if (key === 'enter') return applyFilter(state, dialog.text);
  const text = edited(dialog.text, key, 200);
  return text === null ? state : { ...state, dialog: { ...dialog, text } };
};

const pressInSearch = (state: State, dialog: Typed, key: string): State => {
  if (key === 'escape') return close(state);
  if (key === 'enter') {
    const closed = close(state);
    if (dialog.text === '') return withReading(closed, (reading) => ({ ...reading, search: '', match: null }));
    const found = withReading(closed, (reading) => find(reading, readingWindow(closed), dialog.text, 1));
    const reading = currentReading(found);
    return reading?.match === null
      ? { ...found, notice: { tone: 'waiting', text: `No match for "${dialog.text}".` } }
      : found;
  }
  const text = edited(dialog.text, key, 200);
  return text === null ? state : { ...state, dialog: { ...dialog, text } };
};

const pressInUrl = (state: State, dialog: Extract<Dialog, { kind: 'url' }>, key: string, alone: boolean): State => {
  if (key === 'escape') return close(state);
  if (key === 'enter') {
    if (!alone) return state;
    const url = unquoted(dialog.text);
    if (url === '') return close(state);
    if (/\[YOUR-PASSWORD\]/i.test(url)) {
      const complaint = 'It still says [YOUR-PASSWORD]: put the password of the database there, without brackets.';
      return { ...state, dialog: { ...dialog, complaint } };
    }
    if (!/^postgres(ql)?:\/\//.test(url))
      return { ...state, dialog: { ...dialog, complaint: 'A connection string begins with postgresql:// .' } };
    // The text leaves the state here, and no part of it is written anywhere.
    return begin({ ...close(state), connectProblem: null }, 'connect', null, (job) => ({ type: 'connect', job, url }));
  }
  const text = edited(dialog.text, key, longest.url);
  return text === null ? state : { ...state, dialog: { ...dialog, text, complaint: cutAt(text, longest.url) } };
};

/** As it is copied from a file or a shell: with spaces, quotes or the name of its variable around it. */
const unquoted = (text: string): string =>
  text
    .trim()
    .replace(/^(?:export\s+)?[A-Z_]+=(?=["']?postgres)/, '')
    .replace(/^(["'])([\s\S]*)\1$/, '$2')
    .trim();

const pressInPick = (state: State, dialog: Extract<Dialog, { kind: 'pick' }>, key: string): State => {
  if (key === 'escape') return close(state);
  if (key === 'enter') return takePick(state, dialog);
  const last = Math.max(0, picked(dialog).length - 1);
  if (key === 'up') return { ...state, dialog: { ...dialog, cursor: Math.max(0, dialog.cursor - 1) } };
  if (key === 'down') return { ...state, dialog: { ...dialog, cursor: Math.min(last, dialog.cursor + 1) } };
  const text = edited(dialog.text, key, 100);
  return text === null ? state : { ...state, dialog: { ...dialog, text, cursor: 0 } };
};

/** Which findings one reason is to cover; nothing is waived before the reason is given. */
const pressInWhich = (state: State, dialog: Extract<Dialog, { kind: 'waive-which' }>, key: string): State => {
  const last = dialog.choices.length - 1;
  if (key === 'escape' || key === 'n' || key === 'q') return close(state);
  if (key === 'up' || key === 'k') return { ...state, dialog: { ...dialog, cursor: Math.max(0, dialog.cursor - 1) } };
  if (key === 'down' || key === 'j')
    return { ...state, dialog: { ...dialog, cursor: Math.min(last, dialog.cursor + 1) } };
  const choice = dialog.choices[key === 'enter' ? dialog.cursor : Number(key) - 1];
  return choice === undefined ? state : { ...state, dialog: whyWaive(choice) };
};

/** A key while a question is open. */
export const pressInDialog = (state: State, dialog: Dialog, key: string, alone: boolean): State => {
  switch (dialog.kind) {
    case 'confirm':
      return dialog.word === null
        ? pressInYesNo(state, dialog, key, alone)
        : pressInWord(state, dialog, dialog.word, key, alone);
    case 'reason':
      return pressInReason(state, dialog, key, alone);
    case 'waive-which':
      return pressInWhich(state, dialog, key);
    case 'pick':
      return pressInPick(state, dialog, key);
    case 'filter':
      return pressInFilter(state, dialog, key);
    case 'search':
      return pressInSearch(state, dialog, key);
    case 'url':
      return pressInUrl(state, dialog, key, alone);
  }
};
