import { identifier, qualified } from '../quote.ts';
import { type Family, findRow, rowFilter } from './rows.ts';
import { quietly } from './script.ts';
import { nameOf, type World } from './world.ts';

/**
 * Makes A's user a member of B whose membership is over, where the app keeps such, by each sign of the end for itself:
 * what looks for a membership without asking for that sign still lets them in. Nothing where memberships just go.
 */
export function endedMemberships(world: World, family: Family, quiet: boolean): readonly (readonly string[])[] {
  const kept = belonging(world);
  if (kept === null) return [];
  const { table, names } = kept;
  const [own, spare] = [findRow(family, table, 'a'), findRow(family, table, 'member')];
  const user = own?.values.get(names.userColumn);
  const org = findRow(family, table, 'b')?.values.get(names.orgColumn);
  const signs = new Map<string, string[]>();
  for (const [column, value] of names.over ?? []) signs.set(column, [...(signs.get(column) ?? []), value]);
  if (own === undefined || spare === undefined || user === undefined || org === undefined) return [];
  const place: readonly Change[] = [
    [names.userColumn, user],
    [names.orgColumn, org],
  ];
  const there = place.map(([column, value]) => `m.${identifier(column)} = ${value}`).join(' and ');
  const target = qualified(table.schema, table.name);
  const still =
    names.counting === undefined
      ? ''
      : ` if exists (select from ${target} m where ${there} and (${names.counting('m')})) then raise exception 'it still counts'; end if;`;
  const attempt = (filter: string, changed: readonly Change[]): string =>
    `update ${target} set ${[...place, ...changed].map(([column, value]) => `${identifier(column)} = ${value}`).join(', ')} where ${filter};${still}`;
  const all = [...signs].map(([column, values]): Change => [column, values[0] ?? 'null']);
  // Some apps allow one sign of the end with another alone, or none. Where a user may be in one organization alone,
  // it is that membership which is B's now, and over.
  const ways = [...signs].map(([column, values]) => [
    ...values.map((value): readonly Change[] => [[column, value]]),
    ...(all.length > 1 ? [all] : []),
  ]);
  return ways.map((changes) => {
    const tried = [rowFilter(world, spare), rowFilter(world, own)].flatMap((filter) =>
      changes.map((one) => attempt(filter, one)),
    );
    const statement = `do $voxanne$ begin ${tried.reduceRight(
      (rest, one) => `begin ${one} exception when integrity_constraint_violation or raise_exception then ${rest} end;`,
      'null;',
    )} end $voxanne$`;
    return quiet ? quietly([statement]) : [statement];
  });
}

type Change = readonly [column: string, sql: string];

/** What says who belongs where: memberships, or without such a table profiles that name an organization. */
function belonging({ memberships, profiles, options, tenantColumns }: World) {
  if (memberships !== null && options.memberships !== null)
    return { table: memberships, names: options.memberships } as const;
  const orgColumn = profiles === null ? undefined : tenantColumns.get(nameOf(profiles));
  if (profiles === null || options.profiles === null || orgColumn === undefined) return null;
  const { userColumn = 'user_id' } = options.profiles;
  return { table: profiles, names: { ...options.profiles, userColumn, orgColumn } } as const;
}

/** How many memberships A's user has in B, as SQL; null where no table holds them. */
export function membershipsIn({ memberships: table, options }: World, family: Family): string | null {
  const names = options.memberships;
  if (table === null || names === null) return null;
  const user = findRow(family, table, 'a')?.values.get(names.userColumn);
  const org = findRow(family, table, 'b')?.values.get(names.orgColumn);
  if (user === undefined || org === undefined) return null;
  return `select count(*) from ${qualified(table.schema, table.name)} where ${identifier(names.userColumn)} = ${user} and ${identifier(names.orgColumn)} = ${org}`;
}
