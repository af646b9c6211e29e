import { randomUUID } from 'node:crypto';
import type { Form } from './claim-paths.ts';
import { partOf, pathsOf, roleClaimsOf } from './claims-read.ts';
import { endedMemberships } from './ended.ts';
import { putIn } from './json-keys.ts';
import { type Family, findRow, roleOf } from './rows.ts';
import type { Act } from './script.ts';
import type { Judgement, Try } from './verdict.ts';
import { claims, type Person, type World } from './world.ts';

/**
 * A token outlives a membership: it goes on naming an organization that its user has left, until it expires.
 *
 * The claims of `person` in a token that names `org`, or a part of it, once for each form in which the app's SQL may read
 * such a claim. None where no table says who belongs where, so that the token is all there is.
 */
function staleTokens(
  world: World,
  family: Family,
  person: Person,
  given = (id: string): string => id,
): readonly string[] {
  const { options } = world;
  if (options.memberships === null && options.profiles === null) return [];
  const paths = pathsOf(world);
  // A part of a token that a function keeps in a variable is read by the rest of the path.
  const own = paths.flatMap((one) =>
    one.path[0] === 'app_metadata' ? [one] : [one, { ...one, path: ['app_metadata', ...one.path] }],
  );
  const role = roleOf(world, 'owner') ?? 'owner';
  const names = ['id', ...[...usual, ...paths.map(({ path }) => path)].map(lastOf)];
  const org = given(family.ids.org.b);
  const idFor = (name: string): string | number => {
    const part = partIn(world, family, name);
    return jsonOf(part === null ? org : given(part));
  };
  const object = { ...Object.fromEntries(names.map((name) => [name, idFor(name)])), role };
  const written = (form: Form, value: string | number): unknown =>
    ({
      one: value,
      list: [value],
      texts: [`${value}`],
      objects: [object],
      roles: { [value]: role },
      'lists of roles': { [value]: [role] },
      array: `{${value}}`,
    })[form];
  const base: unknown = JSON.parse(claims(family.ids, person, { org }));
  const rounds = Math.max(1, ...own.map(({ forms }) => forms.length));
  const tokens = Array.from({ length: rounds }, (_, round) => {
    const token = structuredClone(base) as Record<string, unknown>;
    for (const path of usual) putIn(token, path, idFor(lastOf(path)));
    for (const { path, word } of roleClaimsOf(world)) putIn(token, path, word);
    for (const { path, forms } of own)
      putIn(token, path, written(forms[round % forms.length] ?? 'one', idFor(lastOf(path))));
    return JSON.stringify(token);
  });
  return [...new Set(tokens)];
}

const usual = ['org_id', 'organization_id', 'tenant_id'].flatMap((name) => [[name], ['app_metadata', name]]);
const lastOf = (path: readonly string[]): string => path.at(-1) ?? '';

/** A number is one in JSON too. */
const jsonOf = (id: string): string | number => (/^\d{1,15}$|^[1-8]\d{15}$/.test(id) ? Number(id) : id);

/** B's row that a claim of this name means, where it names a part of an organization. */
function partIn(world: World, family: Family, claim: string): string | null {
  const part = partOf(world, claim);
  const sql = part === undefined ? undefined : findRow(family, part.table, 'b')?.values.get(part.column);
  const [, text] = /^\(*'((?:[^']|'')*)'::/.exec(sql ?? '') ?? [];
  return text?.replaceAll("''", "'") ?? null;
}

/** An id of the same kind that nothing has. */
const ofNothing = (id: string): string =>
  /^[0-9a-f-]{36}$/.test(id) ? randomUUID() : /^\d+$/.test(id) ? `${id.slice(0, -1)}9` : `${id}-nothing`;

const prefix = 'stale-';

/** Somebody who was a member once: the forms of their token, and what makes the membership that they had. */
export type Former = {
  readonly tokens: readonly string[];
  /** The same tokens with the id of no organization at all. */
  readonly nowhere: readonly string[];
  /** What makes the membership that they had, in each way in which one ends. */
  readonly memberships: readonly (readonly string[])[];
};

/** Nobody. */
export const noFormer: Former = { tokens: [], nowhere: [], memberships: [] };

/** A's user as a former member of B. */
export const formerMember = (world: World, family: Family, quiet: boolean): Former => ({
  tokens: staleTokens(world, family, 'a'),
  nowhere: staleTokens(world, family, 'a', ofNothing),
  memberships: endedMemberships(world, family, quiet),
});

/** B itself with the same tokens, to see whether what they ask for can be had at all. */
export const present = (world: World, family: Family): Former => ({
  ...noFormer,
  tokens: staleTokens(world, family, 'b'),
});

/** Acts that try the same once more with such tokens, named so that their verdict says it. */
export const withStale = (act: Act, { tokens, nowhere, memberships }: Former): readonly Act[] => [
  act,
  ...(memberships.length === 0 ? [[]] : memberships).flatMap((membership, way) =>
    tokens.map((token, at) => ({
      ...act,
      name: `${prefix}${way * tokens.length + at}-${act.name}`,
      claims: token,
      before: [...membership, ...(act.before ?? [])],
      stale: { plain: act.claims, nowhere: nowhere[at] ?? act.claims, membership: membership.length },
    })),
  ),
];

export const isStale = ({ name }: Act): boolean => name.startsWith(prefix);

/** What such an act came to, in its own words. */
export const ofStale = (one: Try, judgement: Judgement, where: string, otherwise = ''): Judgement =>
  judgement.verdict === 'failed' && isStale(one.act)
    ? {
        verdict: 'failed',
        observed: `${judgement.observed}, ${opened.both}`,
        advice: `Look up the caller’s membership ${where}, since a token names an organization until it expires and its user may have left; where memberships that are over are kept, ask whether it counts${otherwise}.`,
      }
    : judgement;

/** To whom a door opens that such an act opened. */
const opened = {
  both: 'to a former member with a token that still names it',
  membership: 'to a former member, whatever their token says',
  claim: 'to whoever’s token has the claim, whatever it names',
} as const;

/** The two halves of such an act: the claim with an id of nothing, without a membership; and the membership alone. */
export function halvesOf(act: Act): readonly Act[] {
  const { stale, ...rest } = act;
  if (stale === undefined) return [];
  const without = (act.before ?? []).slice(stale.membership);
  return [
    { ...rest, name: `claim-${act.name}`, claims: stale.nowhere, before: without },
    ...(stale.membership === 0 ? [] : [{ ...rest, name: `membership-${act.name}`, claims: stale.plain }]),
  ];
}

/** Says what opened the door, by which of the halves did so alone. */
export function byHalf(judgement: Judgement, halves: readonly Act[], opens: (act: Act) => boolean): Judgement {
  const half = halves.find(opens);
  if (half === undefined) return judgement;
  const claim = half.name.startsWith('claim-');
  return {
    ...judgement,
    observed: judgement.observed.replace(opened.both, claim ? opened.claim : opened.membership),
    ...(claim
      ? {
          advice:
            'The claim says of no organization: compare what it names with the organization of the row, and look up the caller’s membership. Where only the platform’s own people are given it, keep the door for them by name.',
        }
      : {}),
  };
}
