import type { Document } from '../preview/document.ts';
import { layout, matches, rowOf } from '../preview/layout.ts';
import type { Reading } from './views.ts';

export const newReading = (document: Document): Reading => ({ document, top: 0, search: '', match: null });

/** A text of `visible` rows, folded to `columns`. */
export type Window = { readonly columns: number; readonly visible: number };

const clampTop = (reading: Reading, { columns, visible }: Window, top: number): Reading => {
  const last = Math.max(0, layout(reading.document, columns).length - visible);
  return { ...reading, top: Math.max(0, Math.min(last, top)) };
};

export const scroll = (reading: Reading, window: Window, by: number): Reading =>
  clampTop(reading, window, reading.top + by);

export const scrollTo = (reading: Reading, window: Window, end: 'first' | 'last'): Reading =>
  clampTop(reading, window, end === 'first' ? 0 : Number.MAX_SAFE_INTEGER);

const showLine = (reading: Reading, window: Window, line: number, above: number): Reading =>
  clampTop(reading, window, rowOf(layout(reading.document, window.columns), line) - above);

const topLine = (reading: Reading, columns: number): number =>
  layout(reading.document, columns)[reading.top]?.line ?? 0;

/** A line of the document, at the top. */
export const goTo = (reading: Reading, window: Window, line: number): Reading => showLine(reading, window, line, 0);

/** The next or previous change or file; stays where there is none. */
export const jump = (reading: Reading, window: Window, by: 1 | -1): Reading => {
  const here = topLine(reading, window.columns);
  const { anchors } = reading.document;
  const to = by === 1 ? anchors.find((anchor) => anchor.line > here) : anchors.findLast((anchor) => anchor.line < here);
  return to ? showLine(reading, window, to.line, 0) : reading;
};

/** Goes to the next match, around the end; from the top of the screen when nothing is found yet. */
export const find = (reading: Reading, window: Window, text: string, by: 1 | -1): Reading => {
  const found = matches(reading.document, text);
  const fresh = text !== reading.search || reading.match === null;
  const from = fresh ? topLine(reading, window.columns) - 1 : (reading.match ?? -1);
  const next =
    by === 1
      ? (found.find((line) => line > from) ?? found[0])
      : (found.findLast((line) => line < from) ?? found[found.length - 1]);
  if (next === undefined) return { ...reading, search: text, match: null };
  return showLine({ ...reading, search: text, match: next }, window, next, Math.floor(window.visible / 3));
};

/** After a resize the same line stays at the top, however the text is folded now. */
export const refold = (reading: Reading, before: number, after: Window): Reading =>
  showLine(reading, after, topLine(reading, before), 0);
