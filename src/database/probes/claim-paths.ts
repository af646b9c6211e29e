import { withoutComments } from '../catalog/calls.ts';
import type { Catalog, DbFunction } from '../catalog/types.ts';
import { escapeRegExp, mentions } from '../words.ts';
import { type Read, readsIn, type Types } from './json-keys.ts';

/** What a claim may hold: one id, a list of ids or of objects, roles by id, and an array as text. */
export type Form = 'one' | 'list' | 'texts' | 'objects' | 'roles' | 'lists of roles' | 'array';

export type ClaimPath = { readonly path: readonly string[]; readonly forms: readonly Form[] };

/** What the app's SQL is read with. */
export type Reading = {
  readonly catalog: Pick<Catalog, 'functions' | 'views' | 'policies' | 'enums'>;
  /** Functions of the app in schemas of the platform. */
  readonly more?: readonly Pick<DbFunction, 'name' | 'body' | 'returns' | 'arguments'>[];
  readonly types?: Types;
  /** The type of the key that a claim of this name holds; of organizations' unless said. */
  readonly keyOf?: (name: string) => string | undefined;
};

/** What decides about rights, kinds and times, and not about whose a row is. */
const noOrganization =
  /^(sub|aud|iss|aal|amr|jti|ref|email\w*|phone\w*|providers?|session_id|user_metadata|raw_user_meta_data|full_name|is_\w+|\w+_(?:at|count|limit))$|admin|staff|role|perm|scope|plan|tier|status|exp$|^iat$|^nbf$/i;

/** A key that is no word but a value, so that the claim holds something for each organization: `-> 'roles' -> org_id::text`. */
const keyed = /^(?:->>?|\?)\s*[(a-z_]/i;
const mayBeKeyed = /^(?!is_)\w*(?:role|perm|scope)/i;

/** What the value of a claim is made into at once: `)::boolean`, `, '')::int`, `as int)`. */
const cast = /^(?:,\s*'[^']*'(?:::\w+)?\s*\)\s*)?(?:::|\bas\s)\s*([\w.]+(?:\[\])?)/i;
const noKeys =
  /^(?:bool(?:ean)?|date|time(?:stamp)?(?:tz)?(?: .*)?|interval|float\d?|real|double(?: precision)?|money|inet|int[248]?|integer|bigint|smallint|numeric|decimal|uuid)$/i;
/** Types that hold a key of another one: numbers in those at least as wide. */
const wide: Readonly<Record<string, RegExp>> = {
  uuid: /^uuid$/i,
  bigint: /^(?:int8|bigint|numeric|decimal)$/i,
  integer: /^(?:int[48]?|integer|bigint|numeric|decimal)$/i,
  smallint: /^(?:int[248]?|integer|bigint|smallint|numeric|decimal)$/i,
};

/**
 * What a value is made into where it is read, if anything. The type of a column of a record says it by itself.
 */
export const madeInto = ({ as, rest }: Read): string | undefined =>
  cast.exec(rest)?.[1] ?? (/^(?:text|jsonb|)$/i.test(as) ? undefined : as);

/** Whether a key of type `key` can stand in a value of this type. */
export const holdsKey = (type: string | undefined, key: string, enums: ReadonlySet<string>): boolean => {
  const of = type?.replace(/\[\]$/, '');
  return of === undefined || wide[key]?.test(of) === true || !(noKeys.test(of) || enums.has(of));
};

/**
 * Where the app's functions, policies and views look in tokens for an organization, as paths of claims. A claim that is
 * made into a type which no key of organizations has is none: it would only make the app's own casts fail.
 */
export function claimPaths({ catalog, more = [], types, keyOf }: Reading): readonly ClaimPath[] {
  const functions = [...catalog.functions, ...more];
  const reading = functions.filter(({ body }) => /jwt/i.test(body));
  const whole = reading.filter(({ returns }) => /^jsonb?$/.test(returns)).map(({ name }) => name);
  const asked = reading.filter((fn) => fn.arguments.some(({ type }) => type === 'text'));
  const enums = new Set(catalog.enums.map(({ name }) => name));
  const kept = new Map<string, ClaimPath>();
  const add = (read: Read): void => {
    const { path, rest } = read;
    const last = path.length - 1;
    const name = path[last] ?? '';
    if (path.length === 0 || path.length > 4 || name === 'app_metadata') return;
    if (path.some((one) => !/^[\w:/.-]+$/.test(one))) return;
    if (!holdsKey(madeInto(read), keyOf?.(name) ?? 'uuid', enums)) return;
    const byKey = (one: string, at: number): boolean => at === last && keyed.test(rest) && mayBeKeyed.test(one);
    if (path.some((one, at) => noOrganization.test(one) && !byKey(one, at))) return;
    const id = path.join('\0');
    kept.set(id, { path, forms: [...new Set([...(kept.get(id)?.forms ?? []), ...formsOf(read)])] });
  };
  const all = [
    ...functions.map(({ body }) => withoutComments(body)),
    ...catalog.views.map(({ definition }) => definition),
    ...catalog.policies.flatMap((one) => [one.using ?? '', one.check ?? '']),
  ];
  for (const one of all) {
    // One word handed to a function that looks it up: `get_my_claim('clinic')`.
    for (const fn of asked)
      for (const match of one.matchAll(
        new RegExp(`\\b${escapeRegExp(fn.name)}\\s*\\(\\s*'([^']+)'[^(),]*\\)[\\s)]*`, 'g'),
      ))
        add({
          path: [match[1] ?? ''],
          as: /^jsonb?$/.test(fn.returns) ? 'jsonb' : 'text',
          before: one.slice(Math.max(0, match.index - 300), match.index),
          rest: one.slice(match.index + match[0].length),
        });
    // A setting for each claim, as servers of the API made them once.
    for (const match of one.matchAll(/'request\.jwt\.claim\.(\w+)'[^()]*\)[\s)]*/gi))
      add({ path: [match[1] ?? ''], as: 'text', before: '', rest: one.slice(match.index + match[0].length) });
    if (!/jwt/i.test(one) && !whole.some((name) => mentions(one, name))) continue;
    for (const read of readsIn(one, types)) add(read);
  }
  // What holds another claim holds no organization itself.
  const ids = [...kept.keys()];
  return [...kept].filter(([id]) => !ids.some((other) => other.startsWith(`${id}\0`))).map(([, path]) => path);
}

const many: readonly Form[] = ['one', 'list', 'texts', 'objects', 'roles', 'lists of roles'];

/** Functions that take a list or an object apart, with the claim as what they are given. */
const apart =
  /jsonb?_(array_elements_text|array_elements|object_keys|each(?:_text)?)\s*\((?:(?!\bwhere\b|\band\b|\bor\b|,|;).)*$/is;

/** The forms in which the SQL around it can read a claim; where it does not say, a name in the plural may be any. */
function formsOf(read: Read): readonly Form[] {
  const { path, as, before, rest } = read;
  const type = madeInto(read) ?? '';
  const plural = path.at(-1)?.endsWith('s') === true;
  if (type.endsWith('[]')) return as === 'text' ? ['array'] : ['list'];
  if (as === 'text' && !/^jsonb?$/.test(type)) return ['one'];
  if (/^\?/.test(rest)) return ['texts'];
  if (/^@>/.test(rest))
    return /^@>\s*jsonb?_build_(?:array\s*\(\s*jsonb?_build_)?object/i.test(rest) ? ['objects'] : ['list', 'texts'];
  if (/^->>\s*[(a-z_]/i.test(rest)) return ['roles'];
  if (/^->\s*[(a-z_]/i.test(rest)) return ['roles', 'lists of roles'];
  if (/^->>?\s*\d/.test(rest)) return ['list', 'texts', 'objects'];
  const [, way = ''] = apart.exec(before.slice(-120)) ?? [];
  if (/text$/.test(way) && way.startsWith('array')) return ['texts'];
  if (way.startsWith('array')) return ['list', 'texts', 'objects'];
  if (way !== '') return ['roles', 'lists of roles'];
  return plural ? many : ['one'];
}
