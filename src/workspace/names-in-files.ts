import type { Rename } from './scan/types.ts';
import type { Vocabulary } from './scan/vocabulary.ts';
import { type FileTable, snake } from './schemas/tables.ts';

/** What the configuration says of names, as far as it does. */
export type GivenNames = {
  readonly from: readonly string[] | null;
  readonly to: string;
  readonly organizations: string | null;
};

export type FoundNames = { readonly vocabulary: Vocabulary; readonly renames: readonly Rename[] };

const plain = (name: string): string => name.replace(/^.*\./, '');
const isUsers = (name: string): boolean => /^(?:app_)?(?:users?|(?:user_)?profiles?|auth_users?)$/.test(name);
const userColumn = /^(?:user|profile|member|auth_user|account_user|employee|person)_?(?:id|uuid)$/i;

/** How a table ties users to another one: by what it is called and what it has. Nothing else of a table says so. */
function tieOf(name: string, { columns, refers }: FileTable, target: string, keys: ReadonlySet<string>): number {
  // A membership may hold the key without a reference: `*` then stands for every organization.
  const holds = [...columns].some((one) => keys.has(one) && !refers.has(one));
  if (name === target || !(holds || [...refers.values()].some((to) => plain(to) === target))) return 0;
  const toUsers =
    [...refers.values()].some((to) => isUsers(plain(to))) || [...columns].some((one) => userColumn.test(one));
  if (!toUsers) return 0;
  const named = /member|_users?$|^users?_|user_?to_?|_roles?$|seat|staff/.test(snake(name));
  return 1 + (named ? 4 : 0) + ([...columns].some((one) => /^role(?:s|_id|Id)?$|_role$/.test(one)) ? 2 : 0);
}

/** Words that apps have for their customers' organizations. One that is none of these needs more evidence. */
const usual =
  /^(?:org|organi[sz]ation|tenant|workspace|team|account|company|business|clinic|practice|agency|firm|school|store|shop|restaurant|studio|merchant|vendor|hospital|office|institution|partner|customer|client|group|club|site|space|household|pharmacy|dealership|franchise|brand|hotel|gym|salon|farm|fund)s?$|^pharmacies$|^companies$|^businesses$|^agencies$|^branches$/;

/**
 * The names of organizations without a database: the configuration's, else the table that a membership table ties to
 * users and that most tables refer to. Old names are those that the configuration gives; nothing is called old by guess.
 */
export function namesInFiles(tables: ReadonlyMap<string, FileTable>, given: GivenNames): FoundNames {
  const all = [...tables];
  const referring = (target: string) =>
    all.filter(([name, one]) => name !== target && [...one.refers.values()].some((to) => plain(to) === target));
  const candidates = [...tables.keys()]
    .filter((name) => !isUsers(name))
    .map((name) => {
      const near = referring(name);
      const keys = keysOf(near, name);
      const tie = Math.max(0, ...all.map(([other, one]) => tieOf(other, one, name, keys)));
      return {
        name,
        tie,
        weight: tie === 0 ? 0 : near.length + tie * 3 + (usual.test(snake(name)) ? 10 : 0),
        near: near.length,
      };
    })
    // Whatever has a user who made it is no organization of theirs.
    .filter(({ name, near, tie }) => near > 1 && tie >= (usual.test(snake(name)) ? 1 : 3))
    .sort((a, b) => b.weight - a.weight);
  const organizations = given.organizations === null ? (candidates[0]?.name ?? null) : plain(given.organizations);
  const columns = new Set([given.to, ...(given.from ?? [])]);
  const memberships: string[] = [];
  if (organizations !== null) {
    const near = referring(organizations);
    const keys = keysOf(near, organizations);
    for (const key of keys) columns.add(key);
    const ties = all.map(([name, one]) => [name, tieOf(name, one, organizations, keys)] as const);
    const best = Math.max(1, ...ties.map(([, tie]) => tie));
    for (const [name, tie] of ties) if (tie >= Math.min(best, 5)) memberships.push(name);
  }
  const elsewhere = organizations === null ? [] : columnsElsewhere(all, organizations, columns);
  const belongs = ([name, one]: readonly [string, FileTable]): boolean =>
    name !== organizations &&
    !isUsers(name) &&
    !memberships.includes(name) &&
    [...one.columns].some((column) => columns.has(column) && !elsewhere.includes(`${name}.${column}`));
  return {
    vocabulary: {
      columns: [...columns].sort(),
      tables: organizations === null ? [] : [organizations],
      memberships: memberships.sort(),
      elsewhere,
      otherwise: organizations === null ? [] : wordsOtherwise(all, organizations),
      tenants: all
        .filter(belongs)
        .map(([name]) => name)
        .sort(),
    },
    renames: all.flatMap(([table]) => (given.from ?? []).map((from) => ({ table, from, to: given.to }))),
  };
}

/**
 * Words that mean an organization elsewhere and something that belongs to one here: the tenants of a landlord, the
 * organizations in an address book. They have no users of their own.
 */
const wordsOtherwise = (all: readonly (readonly [string, FileTable])[], organizations: string): readonly string[] => {
  const belongs = (table: string, steps: number): boolean =>
    table === organizations ||
    (steps > 0 &&
      all.some(
        ([name, { refers }]) =>
          plain(name) === table &&
          [...refers.values()].some((to) => plain(to) !== table && belongs(plain(to), steps - 1)),
      ));
  return all.flatMap(([name]) => {
    const word = /^(tenant|organi[sz]ation)s?$/.exec(snake(plain(name)))?.[1];
    if (word === undefined || plain(name) === organizations) return [];
    // Where the organizations refer to it, it is above them.
    const isAbove = all.some(
      ([other, { refers }]) =>
        plain(other) === organizations && [...refers.values()].some((to) => plain(to) === plain(name)),
    );
    const isReferred = all.some(([, { refers }]) => [...refers.values()].some((to) => plain(to) === plain(name)));
    if (isAbove || !(belongs(plain(name), 3) || isReferred)) return [];
    const keys = new Set([`${word}_id`, `${word}Id`]);
    return all.some(([other, one]) => tieOf(other, one, plain(name), keys) >= 3) ? [] : [word];
  });
};

/** The columns by which tables refer to the organizations, as far as they are named for them. */
const keysOf = (near: readonly (readonly [string, FileTable])[], organizations: string): ReadonlySet<string> =>
  new Set(
    near.flatMap(([, { refers }]) =>
      [...refers].flatMap(([column, to]) =>
        plain(to) === organizations && namesTable(column, organizations) ? [column] : [],
      ),
    ),
  );

/** Columns that are named like the key of the organizations and refer to another table. */
const columnsElsewhere = (
  all: readonly (readonly [string, FileTable])[],
  organizations: string,
  columns: ReadonlySet<string>,
): readonly string[] =>
  all
    .flatMap(([table, { refers }]) =>
      [...refers].flatMap(([column, to]) =>
        plain(to) !== organizations && (columns.has(column) || likeKey.test(snake(column)))
          ? [`${table}.${column}`]
          : [],
      ),
    )
    .sort();

const likeKey = /^(?:org|organi[sz]ation|tenant|workspace)_?id$/;

/** `team_id` is the key of teams; `parent_id` and `created_for` refer to them and name something else. */
function namesTable(column: string, table: string): boolean {
  const stem = snake(column).replace(/_?(?:id|uuid|slug)$/, '');
  const single = snake(table).replace(/ies$/, 'y').replace(/s$/, '');
  return stem !== '' && (single.includes(stem) || stem.includes(single) || usual.test(stem));
}
