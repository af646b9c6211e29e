import type { Key } from 'ink';

/** What a character is called in the table of keys. */
const nameOf = (character: string): string | null => {
  if (character === ' ') return 'space';
  if (character === '\r' || character === '\n') return 'enter';
  if (character === '\t') return 'tab';
  if (character === '\u007f' || character === '\b') return 'backspace';
  if (character === '\u001b') return 'escape';
  if (character < ' ') return `ctrl-${String.fromCharCode(character.charCodeAt(0) + 96)}`;
  return character;
};

/** Reports of the terminal that Ink hands on as if they had been typed: focus in and out, unknown function keys. */
const report = /^\[(?:[IO]|[\d;<>?]+[A-Za-z~])$/;

const special: readonly (readonly [keyof Key, string])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'page-up'],
  ['pageDown', 'page-down'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'escape'],
  ['tab', 'tab'],
  // Ink 6.8 calls Backspace `delete`.
  ['backspace', 'backspace'],
  ['delete', 'backspace'],
];

/** An input event of Ink as names of keys, in order: fast typing and pastes come as several characters at once. */
export const keyNames = (input: string, key: Key): readonly string[] => {
  const known = special.find(([flag]) => key[flag]);
  if (known) return [known[1]];
  if (key.ctrl && [...input].length === 1) return [`ctrl-${input}`];
  if (report.test(input)) return [];
  const names = [...input.replaceAll('\r\n', '\r')].map(nameOf).filter((name) => name !== null);
  // Escape followed at once by another key arrives as that key with `meta`.
  return key.meta && names.length > 0 ? ['escape', ...names] : names;
};
