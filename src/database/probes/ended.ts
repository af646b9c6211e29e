import { identifier, qualified } from '../quote.ts';
import { type Family, findRow, rowFilter } from './rows.ts';
import { quietly } from './script.ts';
import type { World } from './world.ts';

/**
 * Makes A's user a member of B whose membership is over, where the app keeps such: what looks for a membership without
 * asking whether it counts still lets them in. The ordinary member's row is taken for it. Nothing where memberships
 * just go, and where a user may have one alone.
 */
export function endedMembership(world: World, family: Family, quiet: boolean): readonly string[] {
  const { memberships: table, options } = world;
  const names = options.memberships;
  if (table === null || names === null) return [];
  const row = findRow(family, table, 'member');
  const user = findRow(family, table, 'a')?.values.get(names.userColumn);
  const org = findRow(family, table, 'b')?.values.get(names.orgColumn);
  const over = Object.entries(names.over ?? {});
  if (row === undefined || user === undefined || org === undefined || over.length === 0) return [];
  const filter = rowFilter(world, row);
  const change = (changed: readonly (readonly [string, string])[]): string =>
    `update ${qualified(table.schema, table.name)} set ${[[names.userColumn, user], [names.orgColumn, org], ...changed]
      .map(([column = '', value]) => `${identifier(column)} = ${value}`)
      .join(', ')} where ${filter}`;
  // Some apps allow one sign of the end with another alone, or not at all; where none is allowed, there is none to try.
  const attempts = [over, ...(over.length > 1 ? over.map((one) => [one]) : [])].map(change);
  const tried = `do $voxanne$ begin ${attempts.reduceRight(
    (rest, one) => `begin ${one}; exception when integrity_constraint_violation or raise_exception then ${rest} end;`,
    'null;',
  )} end $voxanne$`;
  return quiet ? quietly([tried]) : [tried];
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
