import { endedMembership } from './ended.ts';
import { type Family, roleOf } from './rows.ts';
import type { Act } from './script.ts';
import type { Judgement, Try } from './verdict.ts';
import { claims, type Ids, type Person, type World } from './world.ts';

/**
 * A token outlives a membership: it goes on naming an organization that its user has left, until it expires.
 *
 * The claims of `person` in a token that names organization B, once for each form that the app may give it: one id, a
 * list of ids or of objects, and roles by id. None where no table says who belongs where, so that the token is all
 * there is.
 */
function staleTokens(world: World, ids: Ids, person: Person): readonly string[] {
  const { options, paths } = world;
  if (options.memberships === null && options.profiles === null) return [];
  // A number is one in JSON too.
  const b = /^\d+$/.test(ids.org.b) ? Number(ids.org.b) : ids.org.b;
  const usual = ['org_id', 'organization_id', 'tenant_id'].flatMap((name) => [[name], ['app_metadata', name]]);
  // A part of a token that a function keeps in a variable is read by the rest of the path.
  const own = paths.flatMap((path) => (path[0] === 'app_metadata' ? [path] : [path, ['app_metadata', ...path]]));
  const role = roleOf(world, 'owner') ?? 'owner';
  const names = ['id', ...[...usual, ...paths].map((path) => path.at(-1) ?? '').filter((name) => !isMany(name))];
  const object = { ...Object.fromEntries(names.map((name) => [name, b])), role };
  const many: unknown[] = [
    b,
    [b],
    [object],
    { [b]: role },
    { [b]: [role] },
    ...(typeof b === 'number' ? [[`${b}`]] : []),
  ];
  const forms = own.some((path) => isMany(path.at(-1) ?? '')) ? many : [b];
  const base: unknown = JSON.parse(claims(ids, person, { org: ids.org.b }));
  return forms.map((form) => {
    const token = structuredClone(base) as Record<string, unknown>;
    for (const path of usual) put(token, path, b);
    for (const path of own) put(token, path, isMany(path.at(-1) ?? '') ? form : b);
    return JSON.stringify(token);
  });
}

/** A claim that may hold more than one: `org_ids`, `clinics`, `roles`. */
const isMany = (name: string): boolean => name.endsWith('s');

const prefix = 'stale-';

/** Somebody who was a member once: the forms of their token, and what makes the membership that they had. */
export type Former = { readonly tokens: readonly string[]; readonly before: readonly string[] };

/** Nobody. */
export const noFormer: Former = { tokens: [], before: [] };

/** A's user as a former member of B. */
export const formerMember = (world: World, family: Family, quiet: boolean): Former => ({
  tokens: staleTokens(world, family.ids, 'a'),
  before: endedMembership(world, family, quiet),
});

/** B itself with the same tokens, to see whether what they ask for can be had at all. */
export const present = (world: World, ids: Ids): Former => ({ tokens: staleTokens(world, ids, 'b'), before: [] });

/** Acts that try the same once more with such tokens, named so that their verdict says it. */
export const withStale = (act: Act, { tokens, before }: Former): readonly Act[] => [
  act,
  ...tokens.map((token, at) => ({
    ...act,
    name: `${prefix}${at}-${act.name}`,
    claims: token,
    before: [...before, ...(act.before ?? [])],
  })),
];

export const isStale = ({ name }: Act): boolean => name.startsWith(prefix);

/** What such an act came to, in its own words. */
export const ofStale = (one: Try, judgement: Judgement, where: string, otherwise = ''): Judgement =>
  judgement.verdict === 'failed' && isStale(one.act)
    ? {
        verdict: 'failed',
        observed: `${judgement.observed}, to a former member with a token that still names it`,
        advice: `Look up the caller’s membership ${where}, since a token names an organization until it expires and its user may have left; where memberships that are over are kept, ask whether it counts${otherwise}.`,
      }
    : judgement;

/** Where a value stands already, a path through it is another way of the app's to write the same. */
function put(token: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = token;
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
