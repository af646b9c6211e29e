import type { Source } from './syntax.ts';
import { vocabulary } from './vocabulary.ts';
import { offsetsOfMatches } from './words.ts';

/**
 * Parameters that are named like an organization's id, in files whose functions are called over HTTP with arguments that
 * the caller chooses. Elsewhere a parameter says nothing of where it comes from.
 */
export function parameterPlaces(source: Source): readonly number[] {
  const { text } = source;
  if (!/['"]use server['"]|@(?:Query|Body|Params?|Headers?|Args?|Cookies?|MessageBody)\s*\(/.test(text)) return [];
  const { word, ending } = vocabulary();
  const name = new RegExp(`(?<=[(,)\\s])\\w*(?:${word})[-_]?(?:${ending})\\w*(?=\\s*[?,:)=])`, 'gi');
  // `@Headers('x-tenant-id') tenant: string`: the key says what it is, whatever its name.
  const keyed = new RegExp(
    `(?<=@(?:Query|Params?|Headers?|Body|Args?|Cookies?)\\s*\\(\\s*['"\`][^'"\`]*(?:${word})[-_]?(?:${ending})[^'"\`]*['"\`][^()]*\\)\\s*)\\w+`,
    'gi',
  );
  return [...new Set([...offsetsOfMatches(text, name), ...offsetsOfMatches(text, keyed)])];
}

/** Statements of SQL that name a column of organizations, by their beginnings or by the column's. */
export function sqlPlaces(source: Source): readonly number[] {
  const { text } = source;
  if (!/\binsert\s+into\b|\bselect\b|\bupdate\b|\bdelete\s+from\b/i.test(text)) return [];
  const named = new RegExp(`(?<=[\\s(,."])(?:${vocabulary().word})_?(?:${vocabulary().ending})(?=["\\s)=,])`, 'gi');
  return offsetsOfMatches(text, named);
}
