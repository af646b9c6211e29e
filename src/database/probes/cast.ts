import { identifier, literal, qualified } from '../quote.ts';
import { partTables } from './claims-read.ts';
import { addRow, createFamily, type Family, findFilter, insertSql, keepSql, type Row } from './rows.ts';
import { quietly } from './script.ts';
import { createIds, type Ids, nameOf, type Person, type World } from './world.ts';

const people: readonly Person[] = ['a', 'b', 'member'];

/** A family that begins with two organizations, their owners and a member, profiles and memberships. */
export async function createCast(
  world: World,
  options: { full?: boolean; wanted?: ReadonlySet<string>; ids?: Ids } = {},
): Promise<Family> {
  const wanted = new Set([...(options.wanted ?? []), ...partTables(world)]);
  const family = createFamily(options.ids ?? createIds(world), { ...options, wanted });
  for (const person of ['a', 'b'] as const) await addRow(world, family, world.organizations, person);
  for (const person of people) await addRow(world, family, world.users, person);
  if (world.profiles !== null) for (const person of people) await addRow(world, family, world.profiles, person);
  if (world.memberships !== null) for (const person of people) await addRow(world, family, world.memberships, person);
  return family;
}

/**
 * The statements that make a family, users before what refers to them. With `quiet` neither triggers nor foreign keys
 * run. Without (the role may not set session_replication_role) the app's sign-up trigger makes rows of its own for the
 * new users, which are then given the probe's values instead of being inserted a second time.
 */
export function preparation(world: World, family: Family, quiet: boolean): readonly string[] {
  const order = [world.organizations, world.users, world.profiles, world.memberships];
  const rank = (row: Row): number => {
    const at = order.indexOf(row.table);
    return at < 0 ? order.length : at;
  };
  // What organizations refer to stays before them: only their own cast is put in order.
  const cast = family.rows.filter((row) => rank(row) < order.length).sort((one, other) => rank(one) - rank(other));
  const before = family.rows.slice(0, family.rows.indexOf(cast[0] as Row));
  const rest = family.rows.filter((row) => rank(row) === order.length && !before.includes(row));
  const all = [...before, ...cast, ...rest];
  const kept = all.filter((row) => row.copied.length > 0).flatMap(keepSql);
  const present = [...new Set(all.filter((row) => !cast.includes(row)))].flatMap((row) => presentSql(world, row));
  if (quiet) return [...kept, ...quietly(all.map((row) => insertSql(row))), ...present];
  const loud = all.map((row) => {
    if (row.table !== world.profiles || row.table.primary.length !== 1) return insertSql(row);
    const [key = ''] = row.table.primary;
    const updates = [...row.values.keys()]
      .filter((name) => name !== key)
      .map((name) => `${identifier(name)} = excluded.${identifier(name)}`);
    return updates.length === 0
      ? `${insertSql(row)} on conflict do nothing`
      : `${insertSql(row)} on conflict (${identifier(key)}) do update set ${updates.join(', ')}`;
  });
  return [...kept, ...loud, ...present];
}

/** Raised by the preparation when a row did not arrive: a rule, a trigger or an empty table to copy from. */
export const rowMissing = 'VX001';

/** A probe of rows that are not there would pass whatever the policies are. */
function presentSql(world: World, row: Row): readonly string[] {
  const filter = findFilter(world, row);
  if (filter === null) return [];
  const message = literal(`the probe's row of ${nameOf(row.table)} did not arrive`);
  return [
    `do $voxanne$ begin if not exists (select from ${qualified(row.table.schema, row.table.name)} where ${filter}) then
  raise exception using errcode = '${rowMissing}', message = ${message}; end if; end $voxanne$`,
  ];
}

/**
 * Takes a prepared row away again, as the connected role, so that somebody can try to insert it. It stays where that
 * cannot be done: where triggers and foreign keys do not rest, because others refer to it, and where a publication
 * forbids every DELETE (55000, 42P10). The attempt is then refused before, or meets its key after, privileges and
 * policies have let it through, and the verdict is the same.
 */
export const removeSql = (row: Row, filter: string, quiet: boolean): readonly string[] =>
  quiet
    ? quietly([
        `do $voxanne$ begin delete from ${qualified(row.table.schema, row.table.name)} where ${filter};
  exception when object_not_in_prerequisite_state or invalid_column_reference then raise notice 'the row stays: %', sqlerrm; end $voxanne$`,
      ])
    : [];

/** Remembers how many rows match before an act, and tells how many more do after it. */
export const counting = (table: string, condition: string): { readonly before: string; readonly observe: string } => ({
  before: `select set_config('voxanne_probe.before', (select count(*) from ${table} where ${condition})::text, true)`,
  observe: `select count(*) - current_setting('voxanne_probe.before')::int8 from ${table} where ${condition}`,
});
