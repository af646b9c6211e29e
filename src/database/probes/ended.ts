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
  const names = world.options.memberships;
  if (world.memberships === null || names === null) return [];
  const row = findRow(family, world.memberships, 'member');
  const user = findRow(family, world.memberships, 'a')?.values.get(names.userColumn);
  const org = findRow(family, world.memberships, 'b')?.values.get(names.orgColumn);
  const over = Object.entries(names.over ?? {});
  if (row === undefined || user === undefined || org === undefined || over.length === 0) return [];
  const changed = [[names.userColumn, user] as const, [names.orgColumn, org] as const, ...over];
  const change = `update ${qualified(world.memberships.schema, world.memberships.name)} set ${changed
    .map(([column, value]) => `${identifier(column)} = ${value}`)
    .join(', ')} where ${rowFilter(world, row)}`;
  // Where the app's own rules allow no such row, there is none to try.
  const tried = `do $voxanne$ begin ${change}; exception when integrity_constraint_violation or raise_exception then null; end $voxanne$`;
  return quiet ? quietly([tried]) : [tried];
}
