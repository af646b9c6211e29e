import { withoutComments } from '../catalog/calls.ts';
import { literal, qualified } from '../quote.ts';
import { holdsKey, madeInto } from './claim-paths.ts';
import { putIn, type Read, readsIn } from './json-keys.ts';
import { quietly } from './script.ts';
import type { Ids, World } from './world.ts';

/** What a user writes about themselves to pass for one of B. */
export type Forgery = {
  /** In the token. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Statements that put the same into the user's row, where functions look it up. */
  readonly before: readonly string[];
};

const usual = ['org_id', 'organization_id', 'tenant_id'];

/** By the usual names of an organization. */
export const usualForgery = (ids: Ids): Forgery => ({ metadata: naming(usual, ids), before: [] });

/** By every name under which this app's policies and functions ask for user metadata; null where they ask for no other. */
export function knownForgery(world: World, ids: Ids, quiet: boolean): Forgery | null {
  const asking = world.catalog.policies
    .flatMap(({ using, check }) => [using ?? '', check ?? ''])
    .concat([...world.catalog.functions, ...world.surroundings.functions].map(({ body }) => withoutComments(body)))
    .concat(world.catalog.views.map(({ definition }) => definition))
    .filter((text) => /user_meta_?data/.test(text));
  const stored = asking.some((text) => /raw_user_meta_data/.test(text));
  const key = world.organizations.columns.find(({ name }) => name === world.organizationKey)?.base ?? 'uuid';
  const enums = new Set(world.catalog.enums.map(({ name }) => name));
  const metadata: Record<string, unknown> = naming([...usual, ...world.tenantColumns.values()], ids);
  let known = Object.keys(metadata).length > usual.length;
  for (const read of asking.flatMap((text) => readsIn(text))) {
    const path = ownPath(read);
    const name = path.at(-1) ?? '';
    const value = soughtIn(read, name, ids.org.b, key, enums);
    if (value === null || usual.includes(path.join())) continue;
    putIn(metadata, path, value);
    known = true;
  }
  if (asking.length === 0 || !(known || stored)) return null;
  const update = `update ${qualified(world.users.schema, world.users.name)} set raw_user_meta_data = ${literal(JSON.stringify(metadata))} where id = ${literal(ids.user.a)}`;
  return { metadata, before: stored ? (quiet ? quietly([update]) : [update]) : [] };
}

/** The path within what users write about themselves; empty for what only the server writes. */
function ownPath({ path }: Read): readonly string[] {
  const at = path.findIndex((name) => /^(?:raw_)?user_meta_?data$/.test(name));
  return at < 0 && path.some((name) => /meta_?data$/.test(name)) ? [] : path.slice(at + 1);
}

/** What the app looks for there: a word that it compares with, a yes, or an organization where one fits; null: nothing. */
function soughtIn(read: Read, name: string, org: string, key: string, enums: ReadonlySet<string>): unknown {
  if (name === '' || noId.test(name)) return null;
  const type = madeInto(read);
  if (/^bool(?:ean)?$/i.test(type ?? '')) return true;
  const word = wordSought(read);
  if (word !== null) return word;
  return /role|perm/i.test(name) || !holdsKey(type, key, enums) ? null : org;
}

/** The word that what is read is compared with: `= 'admin'`, `in ('admin', 'owner')`. */
export const wordSought = ({ rest }: Read): string | null =>
  /^(?:::\w+\s*\)*\s*)?(?:=|\bin\s*\(|=\s*any\s*\(+array\s*\[)\s*'([^']+)'/i.exec(rest)?.[1] ?? null;

/** The metadata itself, and keys that hold something else: an id there would only make the app's own casts fail. */
const noId = /meta_?data|name|mail|phone|locale|lang|avatar|picture|^(sub|iss|aud|plan)$/i;

const naming = (names: readonly string[], ids: Ids): Record<string, unknown> =>
  Object.fromEntries(names.map((name) => [name, ids.org.b]));
