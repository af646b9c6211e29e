import type { Table } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import type { Ask } from './ask.ts';
import { asFlag, authColumn, isPeople, isUnique, nameOf, plainName, primaryColumn, singular } from './shape.ts';
import type { TenantTable } from './types.ts';

/** Names that tables with one row per user usually have, the likeliest first. */
const usual = [
  'profile',
  'user_profile',
  'user',
  'app_user',
  'member',
  'account',
  'staff',
  'employee',
  'people',
  'person',
  'user_account',
  'team_member',
  'staff_member',
  'public_user',
  'userprofile',
];

/** Names that say "a user" and nothing of where they belong: such a table may hold the user in a column that nothing makes unique. */
const persons = new Set([
  'profile',
  'user_profile',
  'user',
  'app_user',
  'person',
  'people',
  'user_account',
  'public_user',
]);

/** What hangs on a user one to one and is not the user. */
const beside =
  /(setting|preference|token|subscription|onboarding|notification|key|session|presence|stat|customer|wallet|credit|quota|log|secret|integration|device|address|consent|flag)/i;

export type People = { readonly table: Table | null; readonly because: string; readonly question: Blocker | null };

/** Finds the table with one row per user. */
export async function findProfiles(
  tables: readonly Table[],
  directory: Table | null,
  tenants: readonly TenantTable[],
  ask: Ask,
): Promise<People> {
  const roots = tables.filter((table) => !table.isPartition && table.kind !== 'foreign' && table !== directory);
  const keyed = new Set(tenants.map((one) => one.table));
  const none: People = { table: null, because: 'no table has one row per user', question: null };
  const likely = (table: Table): number => {
    const at = usual.indexOf(kindOf(table));
    return at === -1 ? usual.length : at;
  };
  const linked = roots.filter(
    (table) => isPeople(table) && !(beside.test(plainName(table.name)) && likely(table) === usual.length),
  );
  // A table of the platform's own people, say, is one to one with users as well, and says nothing against "users".
  const named = roots.filter((table) => likely(table) < usual.length && !linked.includes(table));
  const people = linked.some((table) => likely(table) < usual.length)
    ? linked
    : [...linked, ...(await byValues(named, ask))];
  const ranked = [...people].sort(
    (one, other) =>
      likely(one) - likely(other) ||
      Number(keyed.has(other)) - Number(keyed.has(one)) ||
      Number(aboutPeople(other)) - Number(aboutPeople(one)) ||
      // What is known by the user's own id is the user; what names a user in a column beside may be a membership.
      Number(primaryColumn(other)?.name === 'id') - Number(primaryColumn(one)?.name === 'id') ||
      one.name.localeCompare(other.name),
  );
  const [first, second] = ranked;
  if (first === undefined) return none;
  const found = {
    table: first,
    because: linked.includes(first) ? 'one row for each user of auth.users' : 'its ids are those of auth.users',
    question: null,
  };
  const firm = (one: Table): boolean => keyed.has(one) || aboutPeople(one);
  if (likely(first) === usual.length && !firm(first)) return none;
  if (
    second === undefined ||
    likely(first) < likely(second) ||
    firm(first) !== firm(second) ||
    keyed.has(first) !== keyed.has(second)
  )
    return found;
  return {
    table: null,
    because: 'several tables could be it',
    question: {
      problem: `More than one table has one row per user: ${ranked.map(nameOf).join(', ')}.`,
      remedy: `Name the one that stands for the user: --profiles ${asFlag(first)}, or names.profiles in the configuration file.`,
    },
  };
}

const kindOf = (table: Table): string => singular(plainName(table.name));

/** A table that says by its name that each of its rows is a person. */
export const isPersonName = (table: Table): boolean => usual.includes(kindOf(table));

const aboutPeople = (table: Table): boolean =>
  table.columns.some((column) =>
    /^(email|full_name|first_name|display_name|username|name|avatar_url)$/.test(plainName(column.name)),
  );

/** Nothing makes the user unique: tables whose ids are ids of users, each once. An empty one is taken by name and type. */
async function byValues(tables: readonly Table[], ask: Ask): Promise<readonly Table[]> {
  const shaped = tables.flatMap((table) => {
    const user = authColumn(table);
    const joined = user !== null && !isUnique(table, [user.name]) && !persons.has(kindOf(table));
    const column = user === null || joined ? primaryColumn(table) : user;
    return column === null || column.base !== 'uuid' ? [] : [{ table, column }];
  });
  if (shaped.length === 0) return [];
  const rows = await ask<{ at: number }>(
    shaped
      .map(({ table, column }, at) => {
        const value = identifier(column.name);
        return `select ${at} as at from (select t.${value} as v from ${qualified(table.schema, table.name)} t limit 100) s
          left join auth.users u on u.id = s.v having (count(u.id) * 2 > count(*) and count(distinct s.v) = count(s.v)) or count(*) = 0`;
      })
      .join('\nunion all\n'),
  );
  return (rows ?? []).flatMap((row) => shaped[row.at]?.table ?? []);
}
