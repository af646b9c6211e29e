import { withoutComments } from '../catalog/calls.ts';
import { type ClaimPath, claimPaths } from './claim-paths.ts';
import type { TableFacts } from './facts.ts';
import { wordSought } from './forged.ts';
import { readsIn } from './json-keys.ts';
import { scopeOf } from './scope.ts';
import { nameOf, type World } from './world.ts';

/** Rows below an organization that a claim may name in its place: a team, a branch. */
export type Part = { readonly table: TableFacts; readonly column: string };

/** A claim that says what its user may do there, with a word that the app's SQL looks for. */
export type RoleClaim = { readonly path: readonly string[]; readonly word: string };

type Known = {
  readonly paths: readonly ClaimPath[];
  readonly parts: ReadonlyMap<string, Part>;
  readonly roles: readonly RoleClaim[];
};

/** Every table and function asks. */
const known = new WeakMap<World, Known>();

function knownOf(world: World): Known {
  const found = known.get(world) ?? find(world);
  known.set(world, found);
  return found;
}

/** Where the app's SQL looks in tokens for an organization, or for a part of one. */
export const pathsOf = (world: World): readonly ClaimPath[] => knownOf(world).paths;

/** Roles that the app's SQL asks in a token beside the organization that the same token names. */
export const roleClaimsOf = (world: World): readonly RoleClaim[] => knownOf(world).roles;

/** What a claim of this name means, where it is no organization. */
export const partOf = (world: World, claim: string): Part | undefined => knownOf(world).parts.get(plain(claim));

/** Tables of parts that the app's tokens name: rows of the probe lie in one. */
export const partTables = (world: World): readonly string[] =>
  pathsOf(world).flatMap(({ path }) => {
    const part = partOf(world, path.at(-1) ?? '');
    return part === undefined ? [] : [nameOf(part.table)];
  });

/** Claims that the app looks up as settings of their own: `request.jwt.claim.org_id`. */
export function settingsOfClaims(world: World): readonly string[] {
  const { catalog, surroundings } = world;
  const texts = [
    ...[...catalog.functions, ...surroundings.functions].map(({ body }) => body),
    ...catalog.views.map(({ definition }) => definition),
    ...catalog.policies.flatMap((one) => [one.using ?? '', one.check ?? '']),
  ].filter((text) => text.includes('request.jwt.claim.'));
  const named = texts.flatMap((text) => [...text.matchAll(/request\.jwt\.claim\.(\w+)/g)].map(([, name = '']) => name));
  // A name that is put together at run time may be any claim.
  const any = texts.some((text) => /request\.jwt\.claim\.'/.test(text))
    ? pathsOf(world).map(({ path }) => path[0] ?? '')
    : [];
  return [...new Set([...named, ...any])].filter((name) => /^[a-z_]\w*$/i.test(name) && !standard.has(name));
}

/** The platform's own functions look these up in the claims as a whole. */
const standard = new Set(['sub', 'role', 'email']);

function find(world: World): Known {
  const parts = new Map<string, Part>();
  const organizations = new Set([world.organizations.name, ...world.tenantColumns.values()].map(plain));
  const whole = [world.users, world.organizations, world.profiles, world.memberships];
  for (const { foreignKeys } of world.facts.values())
    for (const { columns, references, schema, table } of foreignKeys) {
      const parent = world.facts.get(`${schema}.${table}`);
      const [name = '', column = ''] = [columns[0], references[0]];
      if (parent === undefined || columns.length > 1 || whole.includes(parent)) continue;
      if (scopeOf(world, parent).kind === 'none') continue;
      for (const one of [plain(name), plain(parent.name)])
        if (!organizations.has(one)) parts.set(one, { table: parent, column });
    }
  const { catalog, organizationKey, surroundings } = world;
  const key = world.organizations.columns.find(({ name }) => name === organizationKey)?.base;
  const paths = claimPaths({
    catalog,
    more: surroundings.functions,
    types: new Map([
      ...surroundings.types,
      ...[...catalog.tables, ...catalog.views].map(({ name, columns }) => [name.toLowerCase(), columns] as const),
    ]),
    keyOf: (name) => {
      const part = parts.get(plain(name));
      return part === undefined ? key : part.table.columns.find((one) => one.name === part.column)?.base;
    },
  });
  return { paths, parts, roles: rolesIn(world, paths) };
}

/** Who runs an organization has such a role in it; a platform's own people have one everywhere. */
const ofPlatform = /super|platform|system|service|root|staff|anon|authenticated/i;

function rolesIn({ catalog, surroundings }: World, paths: readonly ClaimPath[]): readonly RoleClaim[] {
  const texts = [
    ...[...catalog.functions, ...surroundings.functions].map(({ body }) => withoutComments(body)),
    ...catalog.views.map(({ definition }) => definition),
    ...catalog.policies.flatMap((one) => [one.using ?? '', one.check ?? '']),
  ].filter((text) => /jwt/i.test(text));
  return texts.flatMap((text) => {
    const reads = readsIn(text);
    if (!reads.some((read) => paths.some(({ path }) => path.join() === read.path.join()))) return [];
    return reads.flatMap((read) => {
      const word = wordSought(read);
      const isRole = read.path.length > 1 && /role$/i.test(read.path.at(-1) ?? '') && read.path[0] === 'app_metadata';
      return isRole && word !== null && !ofPlatform.test(word) ? [{ path: read.path, word }] : [];
    });
  });
}

/** `current_team_id`, `teamIds` and `teams` mean the same. */
const plain = (name: string): string =>
  name
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/^(?:current|active|selected|default|primary|my|home)_/, '')
    .replace(/_?(?:ids?|uuids?|keys?)$/, '')
    .replace(/ies$/, 'y')
    .replace(/(?<=[^s])s$/, '');
