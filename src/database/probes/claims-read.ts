import { type ClaimPath, claimPaths } from './claim-paths.ts';
import type { TableFacts } from './facts.ts';
import { scopeOf } from './scope.ts';
import { nameOf, type World } from './world.ts';

/** Rows below an organization that a claim may name in its place: a team, a branch. */
export type Part = { readonly table: TableFacts; readonly column: string };

type Known = { readonly paths: readonly ClaimPath[]; readonly parts: ReadonlyMap<string, Part> };

/** Every table and function asks. */
const known = new WeakMap<World, Known>();

function knownOf(world: World): Known {
  const found = known.get(world) ?? find(world);
  known.set(world, found);
  return found;
}

/** Where the app's SQL looks in tokens for an organization, or for a part of one. */
export const pathsOf = (world: World): readonly ClaimPath[] => knownOf(world).paths;

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
  return { paths, parts };
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
