import type { Line, Span } from '../lines.ts';
import { clean, span } from '../lines.ts';
import type { Tone } from '../theme.ts';

const keywords = new Set(
  `add after all alter analyze and any array as asc authorization before begin between by call cascade case check coalesce
  column comment commit concurrently conflict constraint create cross current database declare default deferrable delete desc
  disable distinct do domain drop each else elsif enable end except exception execute exists extension for force foreign from
  full function grant group having if ilike immutable in index inner insert instead intersect into is join key language
  lateral left level like limit local lock loop materialized not notify null nulls of offset on only or order outer
  over owner partition perform permissive policy primary privileges procedure public raise references rename replace reset
  restrict restrictive return returning returns revoke right rollback row rows savepoint schema security select sequence session set
  stable strict table temporary then to trigger truncate type union unique update usage using valid validate values view
  volatile when where while with security_invoker definer invoker`
    .split(/\s+/)
    .filter(Boolean),
);

const token =
  /(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<text>(?:\b[eE])?'(?:[^'\\]|''|\\[\s\S])*(?:'|$))|(?<dollar>\$(?:[A-Za-z_]\w*)?\$)|(?<name>"(?:[^"]|"")*(?:"|$))|(?<number>\b\d[\d_]*(?:\.\d+)?\b)|(?<word>[A-Za-z_]\w*)|(?<rest>\s+|[\s\S])/gy;

const toneOf = (groups: Readonly<Record<string, string | undefined>>): Tone => {
  if (groups.comment !== undefined) return 'sql.comment';
  if (groups.text !== undefined) return 'sql.string';
  if (groups.number !== undefined) return 'sql.number';
  const word = groups.word;
  if (word !== undefined) return keywords.has(word.toLowerCase()) ? 'sql.keyword' : 'sql.name';
  return groups.name !== undefined ? 'sql.name' : 'text';
};

/** Tokens of a text; what stands between two `$tag$` is read as SQL of its own, because it is a function's body. */
const tokens = (sql: string): Span[] => {
  const found: Span[] = [];
  let at = 0;
  while (at < sql.length) {
    token.lastIndex = at;
    const match = token.exec(sql);
    const groups = match?.groups;
    if (!match || !groups) break;
    at = token.lastIndex;
    const dollar = groups.dollar;
    if (dollar === undefined) {
      // Next to a dot even a keyword is a name: the schema `public`, a column `key`.
      const named = groups.word !== undefined && (sql[at] === '.' || sql[match.index - 1] === '.');
      found.push(span(match[0], named ? 'sql.name' : toneOf(groups)));
      continue;
    }
    const end = sql.indexOf(dollar, at);
    const body = end === -1 ? sql.slice(at) : sql.slice(at, end);
    found.push(span(dollar, 'sql.string'), ...tokens(body));
    at += body.length;
    if (end !== -1) {
      found.push(span(dollar, 'sql.string'));
      at += dollar.length;
    }
  }
  return found;
};

/**
 * SQL as lines of meanings. A light scan for colours only: the real parser is WASM of several megabytes, and a wrong
 * colour harms nobody. Every byte is kept; tabs and characters that a terminal would obey are shown instead.
 */
export const sqlLines = (sql: string): readonly Line[] => {
  const lines: Span[][] = [[]];
  for (const part of tokens(sql.replaceAll('\r\n', '\n'))) {
    for (const [index, piece] of part.text.split('\n').entries()) {
      if (index > 0) lines.push([]);
      if (piece !== '') lines.at(-1)?.push({ ...part, text: clean(piece) });
    }
  }
  return lines;
};
