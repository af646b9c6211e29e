import type { CheckResult } from '../../rollout/check.ts';
import {
  conclude,
  type Judgement,
  judgeForeign,
  maybeRefused,
  notServed,
  type Outcome,
  perform,
  refusal,
  skipped,
} from './outcome.ts';
import { insertRow, NoRow, rowKey, tenantValues } from './rows.ts';
import { noOrganization } from './seed.ts';
import { type JsonRow, type LiveTable, nameOf, otherSide, type Side, sides } from './types.ts';
import { homeOf, type LiveRow, scopeIn, type World } from './world.ts';

type Act = {
  readonly id: string;
  readonly title: string;
  readonly advice: string;
  /** Null: nothing to try, and that is right (an organization has no organization to be moved to). */
  readonly attempt: (world: World, table: LiveTable, side: Side) => Promise<Judgement | null>;
};

/**
 * What each user tries on the other's row of one table, by its key: never a request without a filter, which on a live
 * project would reach everybody. Reading also asks for any row of any other organization, at most one and only its key.
 */
const acts: readonly Act[] = [
  {
    id: 'read',
    title: "a user cannot read the other's row, nor rows of any other organization",
    advice: 'Rows of other organizations can be read through the API: apply step 1.7 (isolation).',
    attempt: readForeign,
  },
  {
    id: 'anon',
    title: 'a request without a login cannot read a row of an organization',
    advice: 'Anybody with the public key reads this: revoke SELECT from anon, or apply step 1.7 (isolation).',
    attempt: readAnonymously,
  },
  {
    id: 'insert',
    title: "a user cannot add a row to the other's organization",
    advice: 'Rows can be planted in other organizations: the INSERT policy needs a WITH CHECK on the organization.',
    attempt: insertForeign,
  },
  {
    id: 'update',
    title: "a user cannot change the other's row",
    advice: 'Rows of other organizations can be changed: the UPDATE policy needs a USING on the organization.',
    attempt: updateForeign,
  },
  {
    id: 'move',
    title: "a user cannot move a row of their own to the other's organization",
    advice: 'Rows can be moved to other organizations: the UPDATE policy needs a WITH CHECK on the organization.',
    attempt: moveOut,
  },
  {
    id: 'take',
    title: "a user cannot move the other's row into their own organization",
    advice: 'Rows of other organizations can be taken: the UPDATE policy needs a USING on the organization.',
    attempt: takeIn,
  },
  {
    id: 'delete',
    title: "a user cannot delete the other's row",
    advice: 'Rows of other organizations can be deleted: the DELETE policy needs a USING on the organization.',
    attempt: deleteForeign,
  },
];

/** Each user against the other's rows of one table. Counts how the acts were kept away. */
export async function* attackTable(
  world: World,
  table: LiveTable,
  blocks: Map<string, number>,
): AsyncIterable<CheckResult> {
  const name = nameOf(table);
  if (scopeIn(world, table).kind === 'none') {
    yield skipped(
      name,
      `${name}: two organizations`,
      'Nothing says whose its rows are; step 1.7 judges who may write it.',
    );
    return;
  }
  for (const act of acts) {
    const began = performance.now();
    const judgements: Judgement[] = [];
    let reason = world.missing.get(table) ?? 'There is no row of this table to try it on.';
    for (const side of sides) {
      try {
        const judged = await act.attempt(world, table, side);
        world.options.signal.throwIfAborted();
        if (judged === null) continue;
        judgements.push(judged);
        if (judged.block !== undefined) blocks.set(judged.block, (blocks.get(judged.block) ?? 0) + 1);
      } catch (error) {
        if (!(error instanceof NoRow)) throw error;
        reason = `No row could be made: ${error.message}.`;
      }
    }
    const id = `${name}/${act.id}`;
    const title = `${name}: ${act.title}`;
    if (judgements.length > 0) {
      yield conclude(
        { id, title, expected: 'refused, or no rows', advice: act.advice, evidence: evidence(table, act.id) },
        judgements,
        performance.now() - began,
      );
    } else if (applies(world, table, act.id)) {
      yield skipped(id, title, sides.some((side) => world.people[side].orgId === null) ? noOrganization : reason);
    }
  }
}

/** Acts that mean nothing for a table are left out rather than skipped. */
const applies = (world: World, table: LiveTable, act: string): boolean => {
  const { kind } = scopeIn(world, table);
  if (kind === 'organization') return !['insert', 'move', 'take'].includes(act);
  return kind !== 'profile' || act !== 'insert';
};

const from = (world: World, side: Side | 'anon', table: LiveTable) =>
  (side === 'anon' ? world.anon : world.people[side].api).schema(table.schema).from(table.table);

const columnsOf = (row: LiveRow): string => Object.keys(row.key).join(',');

const foreignRow = (world: World, table: LiveTable, side: Side): LiveRow | undefined =>
  world.rows.get(rowKey(otherSide(side), table));

/** A failure in one of several requests decides. */
const worst = (judgements: readonly Judgement[]): Judgement | null =>
  judgements.find(({ verdict }) => verdict === 'failed') ??
  judgements.find(({ verdict }) => verdict === 'skipped') ??
  judgements[0] ??
  null;

async function readForeign(world: World, table: LiveTable, side: Side): Promise<Judgement | null> {
  const judgements: Judgement[] = [];
  const row = foreignRow(world, table, side);
  if (row !== undefined) {
    const outcome = await perform(from(world, side, table).select(columnsOf(row)).match(row.key));
    judgements.push(judge(outcome, "row of the other user's"));
  }
  const column = ownerColumn(world, table);
  if (column !== null) {
    const own = homeOf(world, side);
    const any = from(world, side, table).select(column);
    const outcome = await perform((own === null ? any.not(column, 'is', null) : any.neq(column, own)).limit(1));
    judgements.push(judge(outcome, 'row of another organization, and maybe more'));
  }
  return worst(judgements);
}

async function readAnonymously(world: World, table: LiveTable, side: Side): Promise<Judgement | null> {
  if (side === 'b') return null;
  const column = ownerColumn(world, table);
  const row = world.rows.get(rowKey('a', table));
  if (column !== null) {
    const outcome = await perform(from(world, 'anon', table).select(column).not(column, 'is', null).limit(1));
    return judge(outcome, 'row without a login, and maybe more');
  }
  if (row === undefined) return null;
  return judge(await perform(from(world, 'anon', table).select(columnsOf(row)).match(row.key)), 'row without a login');
}

async function insertForeign(world: World, table: LiveTable, side: Side): Promise<Judgement | null> {
  const { kind } = scopeIn(world, table);
  const other = otherSide(side);
  if (kind === 'organization' || kind === 'profile' || tenantValues(world, table, other) === null) return null;
  const { outcome } = await insertRow(world, world.people[side].api, table, { tenant: other, user: side }, 'minimal');
  return judge(outcome, "row added to the other's organization", true);
}

async function updateForeign(world: World, table: LiveTable, side: Side): Promise<Judgement | null> {
  const row = foreignRow(world, table, side);
  if (row === undefined) return null;
  const request = from(world, side, table).update(harmless(world, row)).match(row.key).select(columnsOf(row));
  return judge(await perform(request), 'row changed');
}

async function moveOut(world: World, table: LiveTable, side: Side): Promise<Judgement | null> {
  const row = world.rows.get(rowKey(side, table));
  const target = tenantValues(world, table, otherSide(side));
  if (row === undefined || target === null) return null;
  const outcome = await perform(from(world, side, table).update(target).match(row.key).select(columnsOf(row)));
  const judged = await look(world, table, side, row, outcome, judge(outcome, "row moved to the other's organization"));
  if (judged.verdict === 'failed') await restore(world, table, side, side, row);
  // A row that its own user cannot even change says nothing about where it may be moved; it is blocked all the same.
  return judged;
}

async function takeIn(world: World, table: LiveTable, side: Side): Promise<Judgement | null> {
  const row = foreignRow(world, table, side);
  const target = tenantValues(world, table, side);
  if (row === undefined || target === null) return null;
  const outcome = await perform(from(world, side, table).update(target).match(row.key).select(columnsOf(row)));
  const first = judge(outcome, "row moved into one's own organization");
  const judged = await look(world, table, otherSide(side), row, outcome, first);
  if (judged.verdict === 'failed') await restore(world, table, side, otherSide(side), row);
  return judged;
}

async function deleteForeign(world: World, table: LiveTable, side: Side): Promise<Judgement | null> {
  const row = foreignRow(world, table, side);
  if (row === undefined) return null;
  const outcome = await perform(from(world, side, table).delete().match(row.key).select(columnsOf(row)));
  const judged = await look(world, table, otherSide(side), row, outcome, judge(outcome, 'row deleted'));
  // What sign-up made is not made again; the rest of the probe lives without it.
  if (judged.verdict === 'failed') world.rows.delete(rowKey(otherSide(side), table));
  return judged;
}

/**
 * Some refusals come as an error of the server (a trigger of the app that raises, behind some gateways). Then the row
 * itself tells: still there and still its owner's, the act was refused.
 */
async function look(
  world: World,
  table: LiveTable,
  owner: Side,
  row: LiveRow,
  outcome: Outcome,
  judged: Judgement,
): Promise<Judgement> {
  const tenant = tenantValues(world, table, owner);
  if (judged.verdict !== 'skipped' || !maybeRefused(outcome) || tenant === null) return judged;
  const api = world.service ?? world.people[owner].api;
  const now = await perform(
    api
      .schema(table.schema)
      .from(table.table)
      .select(columnsOf(row))
      .match({ ...row.key, ...tenant }),
  );
  return now.rows.length === 1
    ? { verdict: 'passed', observed: `${refusal(outcome)}; the row is as it was`, block: 'other' }
    : judged;
}

/**
 * After a leak the row is in the wrong organization: whoever could move it moves it back, else its owner gets a new one,
 * so that the next act is judged on its own.
 */
async function restore(world: World, table: LiveTable, mover: Side, owner: Side, row: LiveRow): Promise<void> {
  const back = tenantValues(world, table, owner);
  if (back === null) return;
  for (const api of [world.people[mover].api, ...(world.service === null ? [] : [world.service])]) {
    const outcome = await perform(
      api.schema(table.schema).from(table.table).update(back).match(row.key).select(columnsOf(row)),
    );
    if (outcome.rows.length > 0) return;
  }
  const { kind } = scopeIn(world, table);
  if (kind !== 'column' && kind !== 'parent') return;
  const fresh = await insertRow(world, world.people[owner].api, table, { tenant: owner, user: owner });
  if (fresh.row === null) world.rows.delete(rowKey(owner, table));
  else world.rows.set(rowKey(owner, table), fresh.row);
}

/** Sets a column to what it holds: enough to know whether the row can be reached. */
function harmless(world: World, row: LiveRow): JsonRow {
  const scope = scopeIn(world, row.table);
  const keys = new Set([...Object.keys(row.key), ...(scope.kind === 'column' ? [scope.column] : [])]);
  const [name, value] =
    Object.entries(row.values).find(([one]) => !keys.has(one)) ?? Object.entries(row.values)[0] ?? [];
  if (name !== undefined && value !== undefined) return { [name]: value };
  const [key, same] = Object.entries(row.key)[0] ?? [];
  return key === undefined ? {} : { [key]: same ?? null };
}

/** The column by which rows of any other organization are found. */
export function ownerColumn(world: World, table: LiveTable): string | null {
  const scope = scopeIn(world, table);
  if (scope.kind === 'column') return scope.column;
  if (scope.kind === 'organization') return world.options.organizations.key;
  if (scope.kind === 'profile') return world.options.profiles?.orgColumn ?? null;
  return scope.kind === 'membership' ? (world.options.memberships?.orgColumn ?? null) : null;
}

function judge(outcome: Outcome, what: string, minimal = false): Judgement {
  if (notServed(outcome)) return { verdict: 'skipped', observed: `not served by the API (${outcome.code})` };
  return judgeForeign(outcome, what, minimal);
}

const evidence = (table: LiveTable, act: string): string => {
  const verb = { insert: 'POST', update: 'PATCH', move: 'PATCH', take: 'PATCH', delete: 'DELETE' }[act] ?? 'GET';
  const token = act === 'anon' ? '' : ' -H "Authorization: Bearer $TOKEN_A"';
  return `curl -X ${verb} -H "apikey: $SUPABASE_ANON_KEY"${token} "$SUPABASE_URL/rest/v1/${table.table}?…"`;
};
