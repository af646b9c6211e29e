import { harmless } from './terminal.ts';

/** Text of others inside Markdown: one line, and nothing in it that would be markup. */
export const md = (text: string): string =>
  harmless(text)
    .replace(/\s*\n\s*/g, ' ')
    .replace(/[\\`*_{}[\]<>#|~]/g, '\\$&');

/** A block of code whose fence is longer than any run of backticks in it. */
export const fenced = (text: string): readonly string[] => {
  const fence = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return [`${fence}sql`, harmless(text), fence];
};

export const escapeHtml = (text: string): string =>
  harmless(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
