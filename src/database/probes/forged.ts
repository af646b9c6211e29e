import { withoutComments } from '../catalog/calls.ts';
import { literal, qualified } from '../quote.ts';
import { quietly } from './script.ts';
import type { Ids, World } from './world.ts';

/** What a user writes about themselves to pass for one of B. */
export type Forgery = {
  /** In the token. */
  readonly metadata: Readonly<Record<string, string>>;
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
    .concat(world.catalog.functions.map(({ body }) => withoutComments(body)))
    .filter((text) => /user_meta_?data/.test(text));
  const stored = asking.some((text) => /raw_user_meta_data/.test(text));
  const asked = asking.flatMap((text) => [...text.matchAll(/->>?\s*'([^']+)'/g)].map(([, key = '']) => key));
  const more = [...world.tenantColumns.values(), ...asked].filter((key) => !usual.includes(key) && !noId.test(key));
  if (asking.length === 0 || (more.length === 0 && !stored)) return null;
  const metadata = naming([...usual, ...more], ids);
  const update = `update ${qualified(world.users.schema, world.users.name)} set raw_user_meta_data = ${literal(JSON.stringify(metadata))} where id = ${literal(ids.user.a)}`;
  return { metadata, before: stored ? (quiet ? quietly([update]) : [update]) : [] };
}

/** The metadata itself, and keys that hold something else: an id there would only make the app's own casts fail. */
const noId = /meta_?data|role|name|mail|phone|locale|lang|avatar|picture|^(sub|iss|aud|plan)$/i;

const naming = (names: readonly string[], ids: Ids): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name) => [name, ids.org.b]));
