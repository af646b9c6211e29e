import { scanSql } from '../../../src/database/rename/parser.ts';

/** Cuts boolean SQL at its outermost OR and AND, so that each part keeps the text that PostgreSQL printed. */

type Token = { readonly text: string; readonly start: number; readonly end: number };

function tokensOf(expression: string): readonly Token[] {
  const bytes = Buffer.from(expression);
  return scanSql(expression)
    .filter((token) => !/COMMENT/.test(token.tokenName))
    .map((token) => ({
      text: token.tokenName === 'SCONST' ? '' : bytes.subarray(token.start, token.end).toString().toLowerCase(),
      start: token.start,
      end: token.end,
    }));
}

const opens = new Set(['(', '[', 'case']);
const closes = new Set([')', ']', 'end']);

/** The expression without brackets around the whole of it. */
export function unbracketed(expression: string): string {
  const tokens = tokensOf(expression);
  if (tokens[0]?.text !== '(' || tokens.at(-1)?.text !== ')') return expression.trim();
  // The brackets of a subquery are its own.
  if (['select', 'with', 'values'].includes(tokens[1]?.text ?? '')) return expression.trim();
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (opens.has(token.text)) depth++;
    if (closes.has(token.text)) depth--;
    if (depth === 0 && index < tokens.length - 1) return expression.trim();
  }
  const bytes = Buffer.from(expression);
  return unbracketed(
    bytes
      .subarray(tokens[0].end, tokens.at(-1)?.start ?? bytes.length)
      .toString()
      .trim(),
  );
}

function cut(expression: string, word: 'or' | 'and'): readonly string[] {
  const bytes = Buffer.from(expression);
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  let between = false;
  for (const token of tokensOf(expression)) {
    if (opens.has(token.text)) depth++;
    else if (closes.has(token.text)) depth--;
    else if (depth === 0 && token.text === 'between') between = true;
    else if (depth === 0 && token.text === 'and' && between) between = false;
    else if (depth === 0 && token.text === word) {
      parts.push(bytes.subarray(start, token.start).toString().trim());
      start = token.end;
    }
  }
  parts.push(bytes.subarray(start).toString().trim());
  return parts;
}

/** What an expression asks, as a list of alternatives that are lists of conditions: OR of ANDs. */
export function alternativesOf(expression: string, most = 16): readonly (readonly string[])[] {
  const text = unbracketed(expression);
  const either = cut(text, 'or');
  if (either.length > 1) {
    const all = either.flatMap((one) => alternativesOf(one, most));
    return all.length <= most ? all : [[text]];
  }
  const both = cut(text, 'and');
  if (both.length === 1) return [[text]];
  let product: readonly (readonly string[])[] = [[]];
  for (const part of both) {
    const more = alternativesOf(part, most);
    // Too many to look at one by one: the part stays whole.
    const used = product.length * more.length <= most ? more : [[unbracketed(part)]];
    product = product.flatMap((left) => used.map((right) => [...left, ...right]));
  }
  return product;
}
