import type { CheckResult } from '../../rollout/check.ts';
import { identifier, qualified } from '../quote.ts';
import { insert, reach, remove, type Who } from './acts.ts';
import { counting, createCast } from './cast.ts';
import { type Probe, performProbes, type Run } from './probe.ts';
import { findRow, NoRow, type Row, roleOf, rowFilter } from './rows.ts';
import type { Act } from './script.ts';
import { judgeForeign, worst } from './verdict.ts';
import { claims } from './world.ts';

/**
 * What an ordinary member may do within their own organization: not make themselves owner, not remove the owner, not
 * rename or delete the organization, not join another one.
 */
export async function probeMembers({ world, settings, quiet, prefix }: Run): Promise<readonly CheckResult[]> {
  const family = await createCast(world);
  const { profiles, memberships, organizations } = world;
  const names = world.options.memberships;
  const row = (table: typeof organizations, person: 'a' | 'b' | 'member'): Row => {
    const found = findRow(family, table, person);
    if (found === undefined) throw new NoRow(`the probe has no row of ${table.name} for ${person}`);
    return found;
  };
  const member: Who = { role: 'authenticated', claims: claims(family.ids, 'member', { org: family.ids.org.a }) };
  const probe = (id: string, title: string, expected: string, advice: string, acts: readonly Act[]): Probe => ({
    question: { id: `${prefix}/members/${id}`, title: `An ordinary member cannot ${title}`, expected, advice },
    acts,
    judge: (tries) => {
      const judged = worst(tries.map((one) => judgeForeign(one, 'changed')));
      // What the app's own policies let members do before the step is the app's rule, not another organization's row.
      return judged.verdict === 'failed' && world.options.failedBefore?.has(`${prefix}/members/${id}`) === true
        ? { verdict: 'skipped', observed: `${judged.observed}, as before this step`, advice }
        : judged;
    },
  });
  const probes: Probe[] = [];
  const organization = row(organizations, 'a');
  const target = qualified(organizations.schema, organizations.name);
  const label = organizations.columns.find(({ name, generated }) => name === 'name' && !generated);
  probes.push(
    probe(
      'delete-organization',
      'delete the organization',
      '0 rows changed',
      'Do not let members delete the organization.',
      [remove('delete-organization', member, world, organization, 'blind')],
    ),
  );
  if (label !== undefined) {
    const value = organization.values.get(label.name) ?? `${identifier(label.name)}`;
    probes.push(
      probe('rename-organization', 'rename the organization', '0 rows changed', 'Let only owners update it.', [
        reach(
          'rename-organization',
          member,
          world,
          organization,
          'blind',
          `update ${target} set ${identifier(label.name)} = ${value}`,
        ),
      ]),
    );
  }
  const owner = roleOf(world, 'owner');
  if (profiles !== null) {
    probes.push(
      probe(
        'delete-owner-profile',
        'delete the owner’s profile',
        '0 rows changed',
        'Do not let users delete the profiles of others.',
        [remove('delete-owner-profile', member, world, row(profiles, 'a'), 'blind')],
      ),
    );
  }
  if (memberships !== null && names !== null) {
    const mine = row(memberships, 'member');
    const advice = 'Let only owners change memberships, and nobody their own role.';
    probes.push(
      probe('delete-owner', 'remove the owner', '0 rows changed', advice, [
        remove('delete-owner', member, world, row(memberships, 'a'), 'blind'),
      ]),
      // The member's own row of another organization: B's id under the member's user id.
      probe('join-other', 'join another organization', '0 rows changed', advice, [
        insertAs(
          'join-other',
          member,
          world,
          mine,
          { [names.orgColumn]: valueIn(row(memberships, 'b'), names.orgColumn) },
          quiet,
        ),
      ]),
    );
    if (
      owner !== null &&
      owner !== roleOf(world, 'member') &&
      names.roleColumn !== null &&
      memberships.columns.some(({ name }) => name === names.roleColumn)
    ) {
      const role = valueIn(row(memberships, 'a'), names.roleColumn);
      probes.push(
        probe('become-owner', 'make themselves owner', '0 rows changed', advice, [
          raise('become-owner', member, world, mine, [names.userColumn, names.orgColumn], names.roleColumn, role),
          insertAs('become-owner-anew', member, world, mine, { [names.roleColumn]: role }, quiet),
        ]),
      );
    }
  }
  // A token decides through the profile too: whoever edits theirs to say "owner" or another organization has moved up.
  const roleColumn = profiles?.columns.find(({ name, generated }) => name === 'role' && !generated);
  if (profiles !== null && roleColumn !== undefined) {
    const value = `'${owner ?? 'owner'}'::${roleColumn.type}`;
    probes.push(
      probe(
        'profile-role',
        'give themselves the role of owner in the profile',
        '0 rows changed',
        'Do not let users change their own role.',
        [raise('profile-role', member, world, row(profiles, 'member'), profiles.primary, roleColumn.name, value)],
      ),
    );
  }
  return performProbes({ world, settings, family, quiet }, probes);
}

const valueIn = (row: Row, column: string): string => row.values.get(column) ?? 'null';

/** Sets a column of the member's row: it counts only if the value is there afterwards, since triggers put others back. */
function raise(
  name: string,
  who: Who,
  world: Run['world'],
  row: Row,
  keys: readonly string[],
  column: string,
  value: string,
): Act {
  const table = qualified(row.table.schema, row.table.name);
  const pairs = [...keys.map((key) => [key, valueIn(row, key)] as const), [column, value] as const];
  const count = counting(table, pairs.map(([key, sql]) => `${identifier(key)} = ${sql}`).join(' and '));
  return {
    ...reach(name, who, world, row, 'blind', `update ${table} set ${identifier(column)} = ${value}`),
    before: [count.before],
    // Where it was there before, only what the statement itself says tells anything.
    observe: `select case when current_setting('voxanne_probe.before') = '0' then (${count.observe}) end`,
  };
}

/** Inserts the member's row with other values, after the prepared one has been taken away. */
function insertAs(
  name: string,
  who: Who,
  world: Run['world'],
  row: Row,
  values: Readonly<Record<string, string>>,
  quiet: boolean,
): Act {
  const changed: Row = { ...row, values: new Map([...row.values, ...Object.entries(values)]) };
  // A trigger that puts a harmless value in its place has let nobody up.
  const landed = Object.entries(values)
    .map(([column, value]) => `${identifier(column)} = ${value}`)
    .join(' and ');
  const act = insert(name, who, world, changed, quiet, { byKey: landed, else: 'false' });
  // Where the organization or the role is part of the key, the prepared row has another one.
  const own = insert(name, who, world, row, quiet);
  return rowFilter(world, changed) === rowFilter(world, row)
    ? act
    : { ...act, before: [...(own.before ?? []), ...(act.before ?? [])] };
}
