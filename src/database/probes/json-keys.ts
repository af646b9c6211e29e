/** Where SQL reads keys out of JSON that are written there: in conditions, views and the bodies of functions. */

export type Read = {
  /** The keys, outermost first, as far as they are written. */
  readonly path: readonly string[];
  /** What the value becomes: a text, JSON, or the type of a column. */
  readonly as: string;
  /** The SQL around it. */
  readonly before: string;
  readonly rest: string;
};

/** Columns of tables and composite types, by the name of the type without its schema. */
export type Types = ReadonlyMap<string, readonly { readonly name: string; readonly type: string }[]>;

const text = String.raw`'[^']+'(?:::[\w[\]]+)?`;

/** `->'a'->>'b'`, `#>>'{a,b}'` and `['a']['b']`, with the casts and brackets that PostgreSQL prints. */
const steps = new RegExp(
  String.raw`(?:(?:->>?|#>>?)\s*${text}[\s)]*)+|(?<!\barray\s*)(?:\[\s*${text}\s*\]\s*)+(?:::text|#>>\s*'\{\}'(?:::text\[\])?|[\s)])*`,
  'gi',
);

/** `jsonb_extract_path_text(token, 'a', 'b')`. */
const called = new RegExp(
  String.raw`\bjsonb?_extract_path(_text)?\s*\([^;]*?,\s*(?:variadic\s+array\s*\[\s*)?(${text}(?:\s*,\s*${text})*)\s*\]?\s*\)[\s)]*`,
  'gi',
);

/** `token @> jsonb_build_object('a', …)`, also within arrays and objects. */
const contained = /@>\s*(?:jsonb?_build_(?:array|object)\s*\((?:\s*'[^']+'(?:::\w+)?\s*,)?\s*)*/gi;

/** `jsonb_path_query_first(token, '$.a.b')`. */
const pathed = /'(?:strict\s+|lax\s+)?\$((?:\s*\.\s*"?[\w-]+"?)+)[^']*'/g;

/** `jsonb_to_record(token) as t(a uuid, b text)`. */
const recorded = /\bjsonb?_to_record(?:set)?\s*\(([^;]*?)\)\s*(?:as\s+)?\w+\s*\(([^()]*)\)/gi;

/** `jsonb_populate_record(null::my_claims, token)`, or a variable of that type in the place of null. */
const populated =
  /\bjsonb?_populate_record(?:set)?\s*\(\s*(?:null\s*::\s*|cast\s*\(\s*null\s+as\s+)?"?(?:\w+"?\."?)?(\w+)"?(?:%rowtype)?\s*\)?\s*,([^;]*)/gi;

/** `from jsonb_each_text(token) where key = 'a'`. */
const each = /\bjsonb?_each(?:_text)?\s*\(([^;]*)/gi;

/** Every place where keys are read. A variable that keeps a part of the JSON is looked up as what was put into it. */
export function readsIn(sql: string, types: Types = new Map()): readonly Read[] {
  const chains = [...sql.matchAll(steps)].map((match) => found(sql, match, wordsIn(match[0]), endOf(match[0])));
  const kept = partsKept(chains);
  const whole = chains.flatMap((one) => {
    const [, name = ''] = /(\w+)\s*\)*\s*$/.exec(one.before) ?? [];
    return [one, ...(kept.get(name.toLowerCase()) ?? []).map((prefix) => ({ ...one, path: [...prefix, ...one.path] }))];
  });
  // What comes out of a record, a path of arguments or a containment is a part of whatever is read beside it.
  const within = (part: string): readonly (readonly string[])[] => [
    [],
    ...[...part.matchAll(steps)].map(([chain]) => wordsIn(chain)),
  ];
  const columns = (
    match: RegExpMatchArray,
    part: string,
    list: readonly { readonly name: string; readonly type: string }[],
  ): readonly Read[] =>
    within(part).flatMap((prefix) =>
      list.map(({ name, type }) => ({ ...found(sql, match, [...prefix, name], type), rest: '' })),
    );
  const declared = (name: string): string => {
    const [, type = name] =
      new RegExp(String.raw`\b${name}\s+(?:\w+\.)?(\w+)(?:%rowtype)?\s*(?:;|:=|default)`, 'i').exec(sql) ?? [];
    return type.toLowerCase();
  };
  return [
    ...whole,
    ...[...sql.matchAll(called)].flatMap((match) =>
      within(match[0].slice(0, match[0].indexOf(','))).map((prefix) =>
        found(sql, match, [...prefix, ...wordsIn(match[2] ?? '')], match[1] === undefined ? 'jsonb' : 'text'),
      ),
    ),
    ...[...sql.matchAll(contained)].flatMap((match) =>
      within(
        sql.slice(Math.max(0, (match.index ?? 0) - 120), match.index).replace(/^.*\b(?:and|or|where)\b/is, ''),
      ).flatMap((prefix) => wordsIn(match[0]).map((name) => found(sql, match, [...prefix, name], 'jsonb'))),
    ),
    ...[...sql.matchAll(pathed)].map((match) => ({
      ...found(sql, match, match[1]?.match(/[\w-]+/g) ?? [], 'jsonb'),
      rest: '',
    })),
    ...[...sql.matchAll(recorded)].flatMap((match) =>
      columns(
        match,
        match[1] ?? '',
        (match[2] ?? '').split(',').map((column) => {
          const [name = '', type = ''] = column.trim().split(/\s+/);
          return { name: name.replaceAll('"', ''), type };
        }),
      ),
    ),
    ...[...sql.matchAll(populated)].flatMap((match) => {
      const name = match[1] ?? '';
      return columns(match, match[2] ?? '', types.get(name.toLowerCase()) ?? types.get(declared(name)) ?? []);
    }),
    ...[...sql.matchAll(each)].flatMap((match) =>
      columns(
        match,
        (match[1] ?? '').replace(/\bkey\s*=.*$/is, ''),
        [...(match[1] ?? '').matchAll(/\bkey\s*=\s*'([\w-]+)'/gi)].map(([, name = '']) => ({ name, type: '' })),
      ),
    ),
  ];
}

/** Names that a body gives to parts of JSON: `v jsonb := token -> 'a'`, `select token -> 'a' into v`, `token -> 'a' as v`. */
function partsKept(chains: readonly Read[]): ReadonlyMap<string, readonly (readonly string[])[]> {
  const kept = new Map<string, readonly (readonly string[])[]>();
  for (const { path, as, before, rest } of chains) {
    if (as === 'text') continue;
    const [, assigned] =
      /(\w+)\s*(?:constant\s+)?(?:\bjsonb?\s*)?(?::=|=|\bdefault\b)[\s(]*[^;=]*$/i.exec(before.slice(-200)) ?? [];
    const [, named] =
      /^(?:,\s*'[^']*'(?:::\w+)?[\s)]*)?(?:::\w+[\s)]*)?(?:\bas\b|\binto\b(?:\s+strict)?)\s+(\w+)/i.exec(rest) ?? [];
    for (const name of [assigned, named])
      if (name !== undefined) kept.set(name.toLowerCase(), [...(kept.get(name.toLowerCase()) ?? []), path]);
  }
  return kept;
}

const found = (sql: string, match: RegExpMatchArray, words: readonly string[], as: string): Read => {
  const rest = sql.slice((match.index ?? 0) + match[0].length);
  // An entry of a list by its number: what follows is read of that entry.
  const entry = words.findIndex((word) => /^\d+$/.test(word));
  return {
    path: entry < 0 ? words : words.slice(0, entry),
    as: entry < 0 ? as : 'jsonb',
    before: sql.slice(Math.max(0, (match.index ?? 0) - 300), match.index),
    rest: entry < 0 ? rest : `-> ${words.slice(entry).join(' -> ')} ${rest}`,
  };
};

/** A chain ends in text or in JSON. */
const endOf = (chain: string): string =>
  /(?:->>|#>>)\s*'[^']*'(?:::[\w[\]]+)?[\s)]*$|::text[\s)]*$/.test(chain) ? 'text' : 'jsonb';

const wordsIn = (chain: string): readonly string[] =>
  [...chain.matchAll(/'([^']+)'/g)].flatMap(([, name = '']) => name.replace(/[{}"]/g, '').split(',')).filter(Boolean);

/** Puts a value at a path; where a value stands on the way, another way of the app's to write the same is there already. */
export function putIn(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = target;
  for (const name of path.slice(0, -1)) {
    const next = at[name] ?? {};
    if (!isObject(next)) return;
    at[name] = next;
    at = next;
  }
  at[path.at(-1) ?? ''] = value;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
