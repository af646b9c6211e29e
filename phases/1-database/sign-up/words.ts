import type { Catalog, DbFunction } from '../../../src/database/catalog/types.ts';
import { scanSql } from '../../../src/database/rename/parser.ts';

/** A token of a body: its text without quotes, in lower case where PostgreSQL folds it, and where it stands in bytes. */
export type Word = {
  readonly text: string;
  readonly kind: 'name' | 'string' | 'other';
  readonly start: number;
  readonly end: number;
};

export function wordsOf(text: string): readonly Word[] {
  const bytes = Buffer.from(text);
  let tokens: ReturnType<typeof scanSql>;
  try {
    tokens = scanSql(text);
  } catch {
    // A text that PostgreSQL's scanner refuses cannot run either.
    return [];
  }
  return tokens
    .filter((token) => !/COMMENT/.test(token.tokenName))
    .map((token) => {
      const { start, end } = token;
      const raw = bytes.subarray(start, end).toString();
      if (/^(e|n|u&)?'/i.test(raw) || raw.startsWith('$'))
        return { text: raw.replace(/^[^']*'|'$/g, ''), kind: 'string', start, end };
      if (raw.startsWith('"')) return { text: raw.slice(1, -1).replaceAll('""', '"'), kind: 'name', start, end };
      return /^[\p{L}_]/u.test(raw)
        ? { text: raw.toLowerCase(), kind: 'name', start, end }
        : { text: raw, kind: 'other', start, end };
    });
}

export const nameAt = (words: readonly Word[], at: number): readonly [schema: string | null, name: string] =>
  words[at + 1]?.text === '.' ? [words[at]?.text ?? '', words[at + 2]?.text ?? ''] : [null, words[at]?.text ?? ''];

const means =
  /(^|_)(org|orgs|organi[sz]ation|tenant|company|team|workspace|account|clinic|business|agency|firm)s?(_?(id|uuid|key))$/;
const powers = /(^|_)(role|roles|permissions?|is_admin|admin|is_owner|superuser|user_role|account_type|user_type)$/;

export const isMetadata = (word: Word | undefined): boolean =>
  word?.kind === 'name' && ['raw_user_meta_data', 'user_metadata'].includes(word.text);

export const isOperator = (word: Word | undefined): boolean =>
  ['->', '->>', '#>', '#>>', '?'].includes(word?.text ?? '');

/**
 * Metadata that is not read where it stands but kept in a variable or given on: which keys were taken out of it there, in
 * the form that this tool writes. Null: none, so that each key that is read anywhere counts.
 */
export function aliasOf(words: readonly Word[], at: number): readonly string[] | null {
  const [minus, array, open] = [words[at + 1]?.text, words[at + 2]?.text, words[at + 3]?.text];
  if (minus !== '-' || array !== 'array' || open !== '[') return null;
  const end = words.findIndex((word, index) => index > at && word.text === ']');
  return words
    .slice(at + 4, end)
    .filter((word) => word.kind === 'string')
    .map((word) => word.text);
}

/** Keys that are safe to read from a variable, since no copy of the metadata still has them; null: nothing is kept. */
function keptAway(words: readonly Word[]): readonly string[] | null {
  const kept = words.flatMap((word, at) =>
    isMetadata(word) && !isOperator(words[at + 1]) && !['=', ':='].includes(words[at + 1]?.text ?? '')
      ? [aliasOf(words, at) ?? []]
      : [],
  );
  const [first, ...rest] = kept;
  return first === undefined ? null : first.filter((key) => rest.every((list) => list.includes(key)));
}

/**
 * A key of `raw_user_meta_data`, which whoever signs up writes, that means an organization or a role. Where the metadata
 * is kept in a variable first, each key that is read anywhere counts, but those in `away`.
 */
export function trustedAt(
  words: readonly Word[],
  at: number,
  names: readonly string[],
  away: readonly string[] | null,
): readonly string[] {
  const found = words[at + 1];
  if (!isOperator(words[at]) || found?.kind !== 'string') return [];
  const name = found.text.replace(/[{}]/g, '').toLowerCase();
  if (!isMetadata(words[at - 1]) && (away === null || away.includes(name) || ofServer(words[at - 1]))) return [];
  return names.includes(name) || means.test(name) || powers.test(name) ? [name] : [];
}

const ofServer = (word: Word | undefined): boolean =>
  word?.kind === 'name' && ['raw_app_meta_data', 'app_metadata'].includes(word.text);

/** Every such key in a body. */
export function trustedKeys(words: readonly Word[], names: readonly string[]): readonly string[] {
  const away = keptAway(words);
  return [...new Set(words.flatMap((_, at) => trustedAt(words, at, names, away)))];
}

/** A function and every function of the app that it calls, by their names. */
export function calledBy(catalog: Catalog, signature: string, seen = new Set<string>()): readonly DbFunction[] {
  const one = catalog.functions.find((each) => each.signature === signature);
  if (one === undefined || seen.has(signature) || !['plpgsql', 'sql'].includes(one.language)) return [];
  seen.add(signature);
  const words = wordsOf(one.body);
  const called = words.flatMap((word, at) =>
    word.kind === 'name' && words[at + 1]?.text === '('
      ? catalog.functions.filter(
          (each) => each.name === word.text && (words[at - 1]?.text !== '.' || words[at - 2]?.text === each.schema),
        )
      : [],
  );
  return [one, ...called.flatMap((each) => calledBy(catalog, each.signature, seen))];
}
