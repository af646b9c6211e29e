import type { CheckResult } from '../../rollout/check.ts';
import { conclude, type Judgement, judgeOwn, notServed, type Outcome, perform, refusal, skipped } from './outcome.ts';
import { insertRow, NoRow, rowKey } from './rows.ts';
import { type LiveTable, nameOf, type Side, sides } from './types.ts';
import { type LiveRow, scopeIn, type World } from './world.ts';

/**
 * Gives each of the two users a row of their own in every table, by their own request: own data has to work. Where the
 * user may not, the service key does it, so that there is something to attack. Parents come before their children.
 */
export async function* seedRows(world: World): AsyncIterable<CheckResult> {
  for (const table of inOrder(world)) {
    world.options.signal.throwIfAborted();
    const scope = scopeIn(world, table);
    if (scope.kind !== 'column' && scope.kind !== 'parent') {
      for (const side of sides) given(world, table, side);
      continue;
    }
    yield await seedTable(world, table);
  }
}

async function seedTable(world: World, table: LiveTable): Promise<CheckResult> {
  const title = `${nameOf(table)}: both users add a row of their own`;
  const id = `${nameOf(table)}/own`;
  const began = performance.now();
  const judgements: Judgement[] = [];
  for (const side of sides) {
    const person = world.people[side];
    if (person.orgId === null) return skipped(id, title, noOrganization);
    try {
      const whose = { tenant: side, user: side };
      const own = await insertRow(world, person.api, table, whose);
      world.options.signal.throwIfAborted();
      if (notServed(own.outcome)) return skipped(id, title, `The API does not serve it: ${refusal(own.outcome)}.`);
      judgements.push(added(table, own.outcome));
      const made =
        own.row !== null || world.service === null ? own : await insertRow(world, world.service, table, whose);
      if (made.row !== null) world.rows.set(rowKey(side, table), made.row);
      else world.missing.set(table, `No row could be given to a user: ${refusal(made.outcome)}.`);
    } catch (error) {
      if (!(error instanceof NoRow)) throw error;
      return skipped(id, title, `No row could be made: ${error.message}.`);
    }
  }
  const [a, b] = sides.map((side) => world.rows.get(rowKey(side, table)));
  if (a !== undefined && b !== undefined) judgements.push(...(await seen(world, table, judgements)));
  return conclude(
    {
      id,
      title,
      expected: 'added and seen by its owner',
      advice: 'Own data has to work: look at the INSERT and SELECT policies of this table.',
    },
    judgements,
    performance.now() - began,
  );
}

/** Where row security has no policy for adding, the table is closed on purpose, and a refusal is right. */
function added(table: LiveTable, outcome: Outcome): Judgement {
  if (!table.closed.insert || outcome.code !== '42501') return judgeOwn(outcome, 'added');
  return { verdict: 'passed', observed: `closed to users: ${refusal(outcome)}` };
}

/** A row that its owner added has to be there for the owner. Not asked where adding was not even granted. */
async function seen(world: World, table: LiveTable, own: readonly Judgement[]): Promise<readonly Judgement[]> {
  if (table.closed.select || own.some(({ observed }) => !/^2\d\d,/.test(observed))) return [];
  const judgements: Judgement[] = [];
  for (const side of sides) {
    const row = world.rows.get(rowKey(side, table));
    if (row === undefined) continue;
    const outcome = await perform(read(world, side, row));
    const judged = judgeOwn(outcome, 'seen');
    judgements.push(
      outcome.code === null && outcome.rows.length === 0
        ? { verdict: 'failed', observed: 'added, and then not seen' }
        : judged,
    );
  }
  return judgements;
}

const read = (world: World, side: Side, row: LiveRow) =>
  world.people[side].api
    .schema(row.table.schema)
    .from(row.table.table)
    .select(Object.keys(row.key).join(','))
    .match(row.key);

/** The rows that sign-up made: the organization, the profile, the membership. */
function given(world: World, table: LiveTable, side: Side): void {
  const { options } = world;
  const { id, orgId } = world.people[side];
  if (orgId === null) return;
  const kind = scopeIn(world, table).kind;
  const keep = (key: LiveRow['key'], values: LiveRow['values'] = {}): void => {
    world.rows.set(rowKey(side, table), { table, key, values });
  };
  if (kind === 'organization') keep({ [options.organizations.key]: orgId });
  if (kind === 'profile' && options.profiles !== null) {
    keep({ [options.profiles.idColumn]: id }, { [options.profiles.orgColumn]: orgId });
  }
  if (kind === 'membership' && options.memberships !== null) {
    const { userColumn, orgColumn } = options.memberships;
    keep({ [userColumn]: id, [orgColumn]: orgId });
  }
}

/** Parents of required foreign keys first; what refers to itself or in a circle stays where it stands. */
export function inOrder(world: Pick<World, 'tables'>): readonly LiveTable[] {
  const done = new Set<LiveTable>();
  const visit = (table: LiveTable, path: readonly LiveTable[]): void => {
    if (done.has(table) || path.includes(table)) return;
    for (const key of table.facts.foreignKeys) {
      const parent = world.tables.get(`${key.schema}.${key.table}`);
      if (parent !== undefined) visit(parent, [...path, table]);
    }
    done.add(table);
  };
  for (const table of world.tables.values()) visit(table, []);
  return [...done];
}

export const noOrganization =
  'A probe user got no organization at sign-up, so no row could be given to it. Apply step 1.4 (sign-up) first.';
