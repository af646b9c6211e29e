import { literal } from '../../../src/database/quote.ts';
import { idFrom } from '../sign-up/names.ts';
import type { Survey } from '../survey.ts';

const read = /'app_metadata'(?:::text)?\s*\)*\s*->>?\s*'(\w+)'/g;

/**
 * The id of the organization that the token of user `u` names: the stamp, else what the app itself has put there under
 * another name, which only the service key can have written either. `open`: the organization with this id, if it is one.
 */
export function stampId(found: Survey, open: (id: string) => string): string {
  const { catalog, idType } = found;
  const id = (key: string): string => idFrom(`(u.raw_app_meta_data ->> ${literal(key)})`, idType);
  const named = [...new Set(['org_id', found.to, ...found.from])];
  // A number under any other name may mean anything; a uuid that is the id of an organization means that.
  const texts =
    idType === 'uuid'
      ? [...catalog.policies.map((one) => `${one.using} ${one.check}`), ...catalog.functions.map((one) => one.body)]
      : [];
  const asked = new Set(texts.flatMap((text) => [...text.matchAll(read)].map(([, key = '']) => key)));
  const others = [...asked].filter((key) => !named.includes(key)).sort();
  const ids = [...named.map(id), ...others.map((key) => open(id(key)))];
  return ids.length === 1 ? (ids[0] ?? 'null') : `coalesce(${ids.join(', ')})`;
}
