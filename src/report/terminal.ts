import { randomBytes } from 'node:crypto';
import { styleText } from 'node:util';
import { speaksUtf8 } from '../rollout/text.ts';

/**
 * Everything that the command line writes for people passes here. Names, titles, bodies and values come from a database
 * and from files of others: a control character, an escape sequence or a bidirectional mark in one of them would move
 * the cursor, set the window's title or turn a word around. They are shown as `<U+001B>`.
 *
 * What the tool itself styles is marked with a number that nobody outside can know, and becomes an escape sequence last.
 */
const nonce = randomBytes(6).toString('hex');
const mark = { begin: `\uE000${nonce}`, end: `\uE001${nonce}`, line: `\uE002${nonce}` };

type Style = Parameters<typeof styleText>[0];

/** Text in a style; `toTerminal` makes the sequence of it. */
export const styled = (style: string, text: string): string => `${mark.begin}${style}\uE003${text}${mark.end}`;

/** Goes to the beginning of the line and empties it. */
export const overwrite = mark.line;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** The text with every character made visible that a terminal would obey. Line ends and tabs stay. */
export const harmless = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replace(unsafe, (found) => `<U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`);

const stray = new RegExp(`[\uE000-\uE002]${nonce}`, 'g');
const marked = new RegExp(`${mark.begin}(\\w+)\uE003((?:(?!${mark.begin})[\\s\\S])*?)${mark.end}`, 'g');

/** Signs of our own in the letters that every locale has. */
const letters: Readonly<Record<string, string>> = {
  '✓': '+',
  '✗': 'x',
  '–': '-',
  '·': '|',
  '…': '...',
  '×': 'x',
  '→': '->',
  '’': "'",
  '“': '"',
  '”': '"',
};
const signs = new RegExp(`[${Object.keys(letters).join('')}]`, 'g');
const ascii = (text: string): string =>
  speaksUtf8(process.env) ? text : text.replace(signs, (found) => letters[found] ?? found);

/** What is really written to the terminal. */
export function toTerminal(text: string): string {
  const safe = ascii(harmless(text));
  if (!safe.includes(nonce)) return safe;
  return (
    safe
      .replaceAll(mark.line, '\r\u001B[2K')
      // Whether there is colour at all was decided where the text was styled.
      .replace(marked, (_, style: string, inner: string) => styleText(style as Style, inner, { validateStream: false }))
      .replace(stray, '')
  );
}
