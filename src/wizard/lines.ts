import { eastAsianWidth } from 'get-east-asian-width';
import type { Tone } from './theme.ts';

/** A piece of one line with one meaning. */
export type Span = { readonly text: string; readonly tone?: Tone };
/** One row of the screen. */
export type Line = readonly Span[];

export const span = (text: string, tone?: Tone): Span => (tone ? { text, tone } : { text });
export const line = (text = '', tone?: Tone): Line => [span(text, tone)];
export const plainText = (of: Line): string => of.map((part) => part.text).join('');

export const sameLine = (a: Line, b: Line): boolean =>
  a === b ||
  (a.length === b.length && a.every((part, index) => part.text === b[index]?.text && part.tone === b[index]?.tone));

/**
 * Characters that a terminal obeys or hides instead of showing: control characters, and the bidirectional and
 * zero-width ones with which a text can read otherwise than it runs (CVE-2021-42574).
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is there to find
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** Text from outside, made safe to show on one line and honest about what it hides. */
export const clean = (text: string): string =>
  text
    .replaceAll('\t', '    ')
    .replaceAll(/\r?\n/g, ' ')
    .replaceAll(unprintable, (found) => `<U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}>`);

const simple = /^[\x20-\x7e]*$/;
const invisible = /^(?:\p{Mark}|\u200d|\ufe0e|\ufe0f)$/u;

const characterWidth = (character: string): number => {
  if (character >= ' ' && character <= '~') return 1;
  if (invisible.test(character)) return 0;
  return eastAsianWidth(character.codePointAt(0) ?? 0);
};

/** Columns that a text takes. */
export const textWidth = (text: string): number => {
  if (simple.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += characterWidth(character);
  return columns;
};

export const width = (of: Line): number => of.reduce((columns, part) => columns + textWidth(part.text), 0);

/** The longest beginning of a text that fits. */
const head = (text: string, columns: number): string => {
  if (simple.test(text)) return text.slice(0, Math.max(0, columns));
  let taken = '';
  let used = 0;
  for (const character of text) {
    used += characterWidth(character);
    if (used > columns) break;
    taken += character;
  }
  return taken;
};

/** The line cut to a width; what was cut shows as an ellipsis. */
export const clip = (of: Line, columns: number, ellipsis: string): Line => {
  if (columns <= 0) return [];
  if (width(of) <= columns) return of;
  const kept: Span[] = [];
  let left = columns - textWidth(ellipsis);
  for (const part of of) {
    const taken = head(part.text, left);
    if (taken !== '') kept.push({ ...part, text: taken });
    left -= textWidth(taken);
    if (taken.length < part.text.length) break;
  }
  return [...kept, span(ellipsis, 'muted')];
};

export const clipText = (text: string, columns: number, ellipsis: string): string =>
  plainText(clip(line(text), columns, ellipsis));

/** Cut in the middle, for names whose both ends tell them apart: hosts and paths. */
export const clipMiddle = (text: string, columns: number, ellipsis: string): string => {
  if (textWidth(text) <= columns) return text;
  if (columns < 5) return clipText(text, columns, ellipsis);
  const ahead = Math.ceil((columns - 1) / 2);
  return head(text, ahead) + ellipsis + text.slice(text.length - (columns - 1 - ahead));
};

export const padTo = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - textWidth(text)));
export const padStart = (text: string, columns: number): string =>
  ' '.repeat(Math.max(0, columns - textWidth(text))) + text;

/** Left and right ends of one line; the left one gives way. */
export const spread = (left: Line, right: Line, columns: number, ellipsis: string): Line => {
  const room = columns - width(right);
  if (width(right) === 0) return clip(left, columns, ellipsis);
  if (room < 8) return clip(left, columns, ellipsis);
  const kept = clip(left, room - 1, ellipsis);
  return [...kept, span(' '.repeat(room - width(kept))), ...right];
};

/** Breaks a text at spaces, and a word that is too long anywhere. */
export const wrapText = (text: string, columns: number): readonly string[] => {
  const limit = Math.max(1, columns);
  const rows: string[] = [];
  for (const paragraph of text.split('\n')) {
    let row = '';
    for (const word of paragraph.split(' ')) {
      let rest = word;
      if (row !== '' && textWidth(row) + 1 + textWidth(rest) > limit) {
        rows.push(row);
        row = '';
      }
      while (textWidth(rest) > limit) {
        const taken = head(rest, limit) || rest.slice(0, 1);
        rows.push(taken);
        rest = rest.slice(taken.length);
      }
      row = row === '' ? rest : `${row} ${rest}`;
    }
    rows.push(row);
  }
  return rows;
};

export const wrapped = (text: string, columns: number, tone?: Tone, indent = ''): readonly Line[] =>
  wrapText(text, columns - indent.length).map((row) => line(indent + row, tone));

/** The characters from one place to another, with their meanings. */
const slice = (of: Line, from: number, to: number): Span[] => {
  const taken: Span[] = [];
  let at = 0;
  for (const part of of) {
    const text = part.text.slice(Math.max(0, from - at), Math.max(0, to - at));
    if (text !== '') taken.push({ ...part, text });
    at += part.text.length;
  }
  return taken;
};

/** Folds a line of spans, at a space where there is one in its second half. Nothing of it is dropped or reflowed. */
export const fold = (of: Line, columns: number, indent: string): readonly Line[] => {
  if (width(of) <= columns) return [of];
  const text = plainText(of);
  const rows: Line[] = [];
  let at = 0;
  while (at < text.length) {
    const lead = rows.length > 0 && indent.length < columns / 2 ? indent : '';
    const room = Math.max(1, columns - lead.length);
    const fitting = head(text.slice(at), room) || text.slice(at, at + 1);
    const space = fitting.lastIndexOf(' ');
    const end = at + fitting.length;
    const cut = end < text.length && space > fitting.length / 2 ? at + space + 1 : end;
    rows.push(lead === '' ? slice(of, at, cut) : [span(lead), ...slice(of, at, cut)]);
    at = cut;
  }
  return rows;
};
