import { fold, type Line, plainText } from '../lines.ts';
import { hangingIndent } from './card.ts';
import type { Document } from './document.ts';

/** A row of the screen, and the line of the document that it shows (a part of). */
export type Row = { readonly line: number; readonly spans: Line };

const laidOut = new WeakMap<Document, { columns: number; rows: readonly Row[] }>();

/** A document folded to a width. The last width is remembered, because scrolling asks for the same one again. */
export const layout = (document: Document, columns: number): readonly Row[] => {
  const known = laidOut.get(document);
  if (known?.columns === columns) return known.rows;
  const rows = document.lines.flatMap((spans, line) =>
    fold(spans, columns, hangingIndent(spans)).map((part): Row => ({ line, spans: part })),
  );
  laidOut.set(document, { columns, rows });
  return rows;
};

/** The first row that shows a line. */
export const rowOf = (rows: readonly Row[], line: number): number => {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.line ?? 0) < line) low = middle + 1;
    else high = middle;
  }
  return Math.min(low, Math.max(0, rows.length - 1));
};

/** Lines that hold a text, whatever its case. */
export const matches = (document: Document, text: string): readonly number[] => {
  if (text === '') return [];
  const wanted = text.toLowerCase();
  return document.lines.flatMap((row, index) => (plainText(row).toLowerCase().includes(wanted) ? [index] : []));
};
