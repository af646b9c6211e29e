import { scanSql } from './parser.ts';

export type Token = {
  /** Offsets in UTF-16 units of the source's text. */
  readonly start: number;
  readonly end: number;
  /** The name of an identifier or keyword as PostgreSQL folds it; the text itself for anything else. */
  readonly value: string;
  readonly kind: 'name' | 'quoted' | 'string' | 'number' | 'parameter' | 'other';
};

export type Edit = { readonly start: number; readonly end: number; readonly text: string };

/**
 * A piece of SQL inside a larger text, for instance a statement of a plpgsql body or of a string literal in one. The
 * parser counts bytes of the piece; edits count characters of the whole: this knows both.
 */
export type Source = {
  readonly text: string;
  readonly tokens: readonly Token[];
  /** Character of `text` at a byte offset that the parser reported. */
  readonly at: (byte: number) => number;
  /** Character of the whole body at a character of `text`. */
  readonly outer: (index: number) => number;
  /** How text has to be written so that it stands as it is at this place (inside a literal, quotes double). */
  readonly escape: (text: string) => string;
};

const same = (text: string): string => text;

export function createSource(
  text: string,
  outer: (index: number) => number = (index) => index,
  spell: (text: string) => string = same,
): Source {
  const at = byteOffsets(text);
  let tokens: readonly Token[] | undefined;
  return {
    text,
    at,
    outer,
    escape: spell,
    // Only what has to be changed is looked up in the tokens: most expressions are read without.
    get tokens() {
      tokens ??= scan(text, at);
      return tokens;
    },
  };
}

/** Maps byte offsets of the UTF-8 form to UTF-16 offsets. Plain ASCII needs no table. */
function byteOffsets(text: string): (byte: number) => number {
  const bytes = Buffer.byteLength(text);
  if (bytes === text.length) return (byte) => byte;
  const table = new Uint32Array(bytes + 1);
  let byte = 0;
  let index = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character);
    table.fill(index, byte, byte + size);
    byte += size;
    index += character.length;
  }
  table[bytes] = index;
  return (offset) => table[offset] ?? text.length;
}

function scan(text: string, at: (byte: number) => number): readonly Token[] {
  const result: Token[] = [];
  for (const token of scanSql(text)) {
    if (token.tokenName === 'SQL_COMMENT' || token.tokenName === 'C_COMMENT') continue;
    const start = at(token.start);
    const end = at(token.end);
    const raw = text.slice(start, end);
    if (token.tokenName === 'IDENT' && raw.startsWith('"'))
      result.push({ start, end, kind: 'quoted', value: raw.slice(1, -1).replaceAll('""', '"') });
    else if (token.tokenName === 'IDENT' || token.keywordKind > 0)
      result.push({ start, end, kind: 'name', value: fold(raw) });
    else result.push({ start, end, kind: kinds[token.tokenName] ?? 'other', value: raw });
  }
  return result;
}

const kinds: Readonly<Record<string, Token['kind']>> = {
  SCONST: 'string',
  USCONST: 'string',
  UIDENT: 'other',
  ICONST: 'number',
  FCONST: 'number',
  PARAM: 'parameter',
};

/** Folds as PostgreSQL does in a UTF-8 database: ASCII letters only. */
export const fold = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

export const isName = (token: Token | undefined): token is Token =>
  token !== undefined && (token.kind === 'name' || token.kind === 'quoted');

/** Index of the token that begins at, or is the first after, a character. */
export function tokenAt(source: Source, index: number): number {
  const found = source.tokens.findIndex((token) => token.start >= index);
  return found < 0 ? source.tokens.length : found;
}

/** Applies edits that do not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = '';
  let from = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start || a.end - b.end)) {
    result += text.slice(from, edit.start) + edit.text;
    from = edit.end;
  }
  return result + text.slice(from);
}

/** The text of a string token and, for each of its characters, where it stands; null for forms with escapes. */
export function literalContent(raw: string): {
  readonly text: string;
  readonly map: (index: number) => number;
  readonly escape: (text: string) => string;
} | null {
  const dollar = /^\$[^$]*\$/.exec(raw)?.[0];
  if (dollar !== undefined) {
    const text = raw.slice(dollar.length, raw.length - dollar.length);
    return { text, map: (index) => index + dollar.length, escape: same };
  }
  if (!raw.startsWith("'")) return null;
  // 'a' newline 'b' is one constant in SQL; it is rare enough to be left to a person.
  const inner = raw.slice(1, -1);
  if (/(^|[^'])'(?!')/.test(inner.replaceAll("''", ''))) return null;
  const offsets: number[] = [];
  let text = '';
  for (let i = 0; i < inner.length; i += 1) {
    offsets.push(i + 1);
    text += inner[i];
    if (inner[i] === "'") i += 1;
  }
  offsets.push(raw.length - 1);
  return { text, map: (index) => offsets[index] ?? raw.length - 1, escape: (part) => part.replaceAll("'", "''") };
}
