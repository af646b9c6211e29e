import type { Catalog, DbFunction } from '../../../src/database/catalog/types.ts';
import { literal } from '../../../src/database/quote.ts';
import { aliasOf, calledBy, isMetadata, isOperator, trustedAt, trustedKeys, type Word, wordsOf } from './words.ts';

/** What only the server writes, by the name of what whoever signs up writes. */
const server: Readonly<Record<string, string>> = {
  raw_user_meta_data: 'raw_app_meta_data',
  user_metadata: 'app_metadata',
};

export type Rewritten = { readonly before: DbFunction; readonly definition: string };

/**
 * The functions behind a sign-up trigger that take an organization or a role from user-editable metadata, with the same
 * keys read from app metadata instead; everything else of their texts stays. Null where a text does not allow it.
 */
export function fromAppMetadata(
  catalog: Catalog,
  signature: string,
  names: readonly string[],
): readonly Rewritten[] | null {
  const made: Rewritten[] = [];
  for (const one of calledBy(catalog, signature)) {
    if (trustedKeys(wordsOf(one.body), names).length === 0) continue;
    const body = rewrite(one.body, names);
    if (one.atomic || one.definition === null || !one.ours || trustedKeys(wordsOf(body), names).length > 0) return null;
    made.push({ before: one, definition: one.definition.replace(one.body, () => body) });
  }
  return made;
}

function rewrite(body: string, names: readonly string[]): string {
  const words = wordsOf(body);
  const keys = trustedKeys(words, names);
  const edits: { readonly from: number; readonly to: number; readonly text: string }[] = [];
  for (const [at, word] of words.entries()) {
    if (!isMetadata(word)) continue;
    const next = words[at + 1];
    const other = server[word.text] ?? word.text;
    if (isOperator(next)) {
      if (trustedAt(words, at + 1, names, null).length > 0) edits.push({ from: word.start, to: word.end, text: other });
    } else if (next?.text !== '=' && next?.text !== ':=' && aliasOf(words, at) === null) {
      // Kept in a variable or given on: the keys in question come from the server's map from the start.
      const owner = words[at - 1]?.text === '.' ? (words[at - 2] ?? null) : null;
      const prefix = owner === null ? '' : `${textOf(body, owner)}.`;
      const list = keys.map((key) => literal(key));
      edits.push({
        from: owner?.start ?? word.start,
        to: word.end,
        text: `(${prefix}${word.text} - array[${list.join(', ')}] || jsonb_strip_nulls(jsonb_build_object(${list.map((key) => `${key}, ${prefix}${other} -> ${key}`).join(', ')})))`,
      });
    }
  }
  let bytes = Buffer.from(body);
  for (const edit of edits.reverse())
    bytes = Buffer.concat([bytes.subarray(0, edit.from), Buffer.from(edit.text), bytes.subarray(edit.to)]);
  return bytes.toString();
}

const textOf = (body: string, word: Word): string => Buffer.from(body).subarray(word.start, word.end).toString();
