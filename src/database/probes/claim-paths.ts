import type { Catalog } from '../catalog/types.ts';
import { escapeRegExp, mentions } from '../words.ts';

const text = String.raw`'[^']+'(?:::[\w[\]]+)?`;

/** `->'a'->>'b'`, `#>>'{a,b}'` and `['a']['b']`, with the casts and brackets that PostgreSQL prints. */
const steps = new RegExp(
  String.raw`(?:(?:->>?|#>>?)\s*${text}[\s)]*)+|(?<!\barray\s*)(?:\[\s*${text}\s*\]\s*)+(?:::text|#>>\s*'\{\}'(?:::text\[\])?|[\s)])*`,
  'gi',
);

/** `jsonb_extract_path_text(token, 'a', 'b')`. */
const called = new RegExp(
  String.raw`\bjsonb?_extract_path(?:_text)?\s*\([^;]*?,\s*(?:variadic\s+array\s*\[\s*)?(${text}(?:\s*,\s*${text})*)\s*\]?\s*\)[\s)]*`,
  'gi',
);

/** `token @> jsonb_build_object('a', …)`. */
const contained = /@>\s*jsonb?_build_object\s*\(\s*('[^']+')/gi;

/** `jsonb_path_query_first(token, '$.a.b')`. */
const pathed = /'(?:strict\s+|lax\s+)?\$((?:\s*\.\s*"?[\w-]+"?)+)[^']*'/g;

/** `jsonb_to_record(token) as t(a uuid, b text)`. */
const recorded = /\bjsonb?_to_record\s*\([^;]*?\)\s*(?:as\s+)?\w+\s*\(([^()]*)\)/gi;

/** What decides about rights, kinds and times, and not about whose a row is. */
const noOrganization =
  /^(sub|aud|iss|aal|amr|jti|ref|email\w*|phone\w*|providers?|session_id|user_metadata|raw_user_meta_data|full_name|is_\w+|\w+_(?:at|count|limit))$|admin|staff|role|perm|scope|plan|tier|status|exp$|^iat$|^nbf$/i;

/** A key that is no word but a value, so that the claim holds something for each organization: `-> 'roles' -> org_id::text`. */
const keyed = /^(?:->>?|\?)\s*[(a-z_]/i;
const mayBeKeyed = /^(?!is_)\w*(?:role|perm|scope)/i;

/** What the value of a claim is made into at once: `)::boolean`, `, '')::int`, `as int)`. */
const cast = /^(?:,\s*'[^']*'(?:::\w+)?\s*\)\s*)?(?:::|\bas\s)\s*([\w.]+)/i;
const noKeys =
  /^(?:bool(?:ean)?|date|timestamp(?:tz)?|time|interval|float\d?|real|double|money|inet|int[248]?|integer|bigint|smallint|numeric|decimal|uuid)$/i;
/** Types that hold a key of another one: numbers in those at least as wide. */
const wide: Readonly<Record<string, RegExp>> = {
  uuid: /^uuid$/i,
  bigint: /^(?:int8|bigint|numeric|decimal)$/i,
  integer: /^(?:int[48]?|integer|bigint|numeric|decimal)$/i,
  smallint: /^(?:int[248]?|integer|bigint|smallint|numeric|decimal)$/i,
};

/**
 * Where the app's functions, policies and views look in tokens for an organization, as paths of claims. A claim that is
 * made into a type which no key of organizations (`key`) has is none: it would only make the app's own casts fail.
 */
export function claimPaths(catalog: Catalog, key = 'uuid'): readonly (readonly string[])[] {
  const reading = catalog.functions.filter(({ body }) => /jwt/i.test(body));
  const whole = reading.filter(({ returns }) => /^jsonb?$/.test(returns)).map(({ name }) => name);
  const asked = reading
    .filter((fn) => fn.arguments.some(({ type }) => type === 'text'))
    .map(({ name }) => escapeRegExp(name));
  const enums = new Set(catalog.enums.map(({ name }) => name));
  const isKey = (type: string | undefined): boolean =>
    type === undefined || wide[key]?.test(type) === true || !(noKeys.test(type) || enums.has(type));
  const found = new Map<string, readonly string[]>();
  const add = (path: readonly string[], rest: string): void => {
    const last = path.length - 1;
    if (path.length === 0 || path.length > 4 || path[last] === 'app_metadata') return;
    if (path.some((name) => !/^[\w:/.-]+$/.test(name)) || !isKey(cast.exec(rest)?.[1])) return;
    const byKey = (name: string, at: number): boolean => at === last && keyed.test(rest) && mayBeKeyed.test(name);
    if (path.some((name, at) => noOrganization.test(name) && !byKey(name, at))) return;
    found.set(path.join('\0'), path);
  };
  const all = [
    ...catalog.functions.map(({ body }) => body),
    ...catalog.views.map(({ definition }) => definition),
    ...catalog.policies.flatMap((one) => [one.using ?? '', one.check ?? '']),
  ];
  for (const one of all) {
    const after = (match: RegExpMatchArray): string => one.slice((match.index ?? 0) + match[0].length);
    // One word handed to a function that looks it up: `get_my_claim('clinic')`.
    if (asked.length > 0)
      for (const match of one.matchAll(
        new RegExp(`\\b(?:${asked.join('|')})\\s*\\(\\s*'([^']+)'[^(),]*\\)[\\s)]*`, 'g'),
      ))
        add([match[1] ?? ''], after(match));
    if (!/jwt/i.test(one) && !whole.some((name) => mentions(one, name))) continue;
    for (const pattern of [steps, called, contained])
      for (const match of one.matchAll(pattern)) add(wordsIn(match[1] ?? match[0]), after(match));
    for (const [, path = ''] of one.matchAll(pathed)) add(path.match(/[\w-]+/g) ?? [], '');
    for (const [, columns = ''] of one.matchAll(recorded))
      for (const [name = '', type = ''] of columns.split(',').map((column) => column.trim().split(/\s+/)))
        add([name], `::${type}`);
  }
  return [...found.values()];
}

const wordsIn = (chain: string): readonly string[] =>
  [...chain.matchAll(/'([^']+)'/g)].flatMap(([, name = '']) => name.replace(/[{}"]/g, '').split(',')).filter(Boolean);
