import { setTimeout as pause } from 'node:timers/promises';
import type { ClientBase } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import type { Catalog } from '../catalog/types.ts';
import { type Circle, type Guarding, rememberCircles } from '../circles.ts';
import { createCast, rowMissing } from './cast.ts';
import { settingsOfClaims } from './claims-read.ts';
import type { TableFacts } from './facts.ts';
import { probeFunction } from './functions.ts';
import { probeInvitedCall, probeInvitedTable, probeInvitedView } from './invited-doors.ts';
import { probeMembers } from './members.ts';
import { probePlatform } from './platform.ts';
import type { Attempt, Run } from './probe.ts';
import { addReferred } from './references.ts';
import { addRow, copyRow, NoRow } from './rows.ts';
import { chooseIds, type Scope, scopeOf } from './scope.ts';
import { perform, type Settings } from './script.ts';
import { probeTable } from './tables.ts';
import { definerTriggers, probeTriggers } from './triggers.ts';
import { skipped } from './verdict.ts';
import { probeView } from './views.ts';
import { createWorld, type IsolationOptions, nameOf, type World } from './world.ts';

export type { IsolationOptions, TableName } from './world.ts';

/**
 * Judges isolation by acting: a user of organization A against the rows of organization B, on every table, view and
 * callable function of the app's schemas. Each has a transaction of its own that is always rolled back; nothing stays,
 * but that sequences may have advanced where a default or a trigger asked one.
 *
 * Results come table by table, while it goes on. What could not be acted upon is `skipped` with the reason.
 *
 * The connection must be one that is in no transaction, of a role that bypasses row security and may become
 * `authenticated` and `anon` (on a hosted project: `postgres`).
 */
export async function* probeIsolation(
  client: ClientBase,
  catalog: Catalog,
  options: IsolationOptions,
): AsyncIterable<CheckResult> {
  const prefix = options.idPrefix ?? '1.7/two-org';
  const world = await createWorld(client, catalog, options).catch((error: unknown) => {
    if (!(error instanceof Error) || !('code' in error) || error.code !== '55P03') throw error;
    return 'Another session has a table of the app locked exclusively, so not even its columns can be read: try again when it has finished.';
  });
  if (typeof world === 'string') {
    yield skipped({ id: prefix, title: 'Two organizations', expected: 'both isolated' }, world);
    return;
  }
  const settings: Settings = {
    searchPath: options.schemas,
    statementTimeout: 5_000,
    ownSettings: settingsOfClaims(world),
  };
  const learned = { circles: rememberCircles(), late: 0 };
  const run: Run = { world, settings, quiet: await canRest(world, settings), prefix, learned };
  for (const table of world.facts.values()) {
    if (table === world.users || options.only?.has(nameOf(table)) === false) continue;
    options.signal.throwIfAborted();
    yield* await probeOneTable(run, table);
    if (options.ownOnly !== true) yield* await asInvited(run, nameOf(table), [() => probeInvitedTable(run, table)]);
  }
  if (options.only !== undefined && options.ownOnly !== true) return;
  options.signal.throwIfAborted();
  yield* await orSkip(run, 'members', 'What an ordinary member may do', [() => probeMembers(run)]);
  if (options.ownOnly === true) return;
  for (const view of catalog.views.filter(({ schema }) => options.schemas.includes(schema))) {
    options.signal.throwIfAborted();
    const name = nameOf(view);
    yield* await orSkip(run, name, `${name}: two organizations through the view`, [
      () => probeView(run, view, true),
      () => probeView(run, view, false),
    ]);
    yield* await asInvited(run, name, [
      () => probeInvitedView(run, view, true),
      () => probeInvitedView(run, view, false),
    ]);
  }
  yield* await orSkip(run, 'storage.objects', 'Files and private channels of two organizations', [
    () => probePlatform(run),
  ]);
  for (const [name, firing] of definerTriggers(world)) {
    options.signal.throwIfAborted();
    yield* await orSkip(run, `${name}/triggers`, `${name}: two organizations through triggers`, [
      () => probeTriggers(run, name, firing, true),
      () => probeTriggers(run, name, firing, false),
    ]);
  }
  for (const fn of catalog.functions.filter(({ schema }) => options.schemas.includes(schema))) {
    options.signal.throwIfAborted();
    yield* await orSkip(run, fn.signature, `${fn.signature}: two organizations through the function`, [
      () => probeFunction(run, fn, true),
      () => probeFunction(run, fn, false),
    ]);
    yield* await asInvited(run, fn.signature, [
      () => probeInvitedCall(run, fn, true),
      () => probeInvitedCall(run, fn, false),
    ]);
  }
}

/** The same doors for somebody who is invited, where they ask invitations. */
const asInvited = (run: Run, name: string, ways: Parameters<typeof orSkip>[3]): Promise<readonly CheckResult[]> =>
  orSkip(run, `${name}/invited`, `${name}: whom B has invited does not reach B's rows before they accept`, ways);

/** Whether this role may set triggers and foreign keys at rest while rows are prepared. */
async function canRest(world: World, settings: Settings): Promise<boolean> {
  try {
    await perform(world.client, settings, ['set local session_replication_role = replica'], []);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === '42501') return false;
    throw error;
  }
}

async function probeOneTable(run: Run, table: TableFacts): Promise<readonly CheckResult[]> {
  const { world, settings, quiet, learned } = run;
  const guarding = guardingOf(world, table);
  const prepared = async (add: typeof addRow): Promise<readonly [Attempt, Scope]> => {
    const ids = await chooseIds(world, table);
    if (ids === null)
      throw new NoRow(`${nameOf(table)} is a partition that takes only rows of organizations that exist`);
    const family = await createCast(world, { ids });
    const scope = scopeOf(world, table);
    await addOwn(add, family, 'a');
    if (scope.kind !== 'none') await addOwn(add, family, 'b');
    await addReferred(world, family, table);
    return [{ world, settings, family, quiet }, scope];
  };
  const addOwn = async (add: typeof addRow, family: Parameters<typeof addRow>[1], person: 'a' | 'b'): Promise<void> => {
    if (!family.rows.some((row) => row.table === table && row.person === person))
      await add(world, family, table, person);
  };
  const attempt = async (add: typeof addRow): Promise<readonly CheckResult[]> => {
    const [all, scope] = await prepared(add);
    const { ownOnly } = world.options;
    if (scope.kind === 'none' && ownOnly === true) return [];
    const known =
      ownOnly === true
        ? (world.options.circular?.get(nameOf(table)) ?? learned.circles.known('authenticated', guarding))
        : null;
    const onCircle = (circle: Circle): void => learned.circles.learn('authenticated', guarding, circle);
    try {
      return await probeTable(all, table, scope, { known, onCircle });
    } catch (error) {
      if (!isTimeout(error) || scope.kind === 'none' || learned.late >= 3) throw error;
      // A statement also ends because somebody waits for these tables.
      world.options.signal.throwIfAborted();
      learned.late++;
      // What takes so long may be a circle of policies: one act is given the time to say so.
      const patient = { ...all, settings: { ...settings, statementTimeout: 30_000 } };
      const [read, ...more] = await probeTable(patient, table, scope, { known, onCircle, only: 'own-read' });
      if (read?.verdict === 'failed') return [read, ...more];
      throw error;
    }
  };
  return orSkip(run, nameOf(table), `${nameOf(table)}: two organizations`, [
    () => attempt(addRow),
    () => attempt(copyRow),
  ]);
}

const guardingOf = (world: World, table: TableFacts): Guarding => ({
  columns: table.columns.map((one) => one.name),
  policies: world.catalog.policies.filter((one) => one.schema === table.schema && one.table === table.name),
});

const isTimeout = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '57014';

/** How often and how long the locks of one transaction are waited for: 50 ms each time, and a pause in between. */
const pauses = [100, 200, 400, 800];

/** Tries one way after another; when none works, the check is skipped and says why each did not. */
async function orSkip(
  { world, prefix }: Run,
  id: string,
  title: string,
  ways: readonly (() => Promise<readonly CheckResult[]>)[],
): Promise<readonly CheckResult[]> {
  const reasons: string[] = [];
  const expected = 'rows of another organization out of reach';
  for (const way of ways) {
    for (let attempt = 0; ; attempt++) {
      try {
        return await way();
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        const wait = pauses[attempt];
        if (wait !== undefined && (code === '55P03' || code === '40P01' || code === '40001')) {
          await pause(wait, undefined, { signal: world.options.signal });
          continue;
        }
        const reason = reasonOf(error);
        if (reason === null) throw error;
        reasons.push(reason);
        // Another row does not make the policies any faster.
        if (code === '57014')
          return [skipped({ id: `${prefix}/${id}`, title, expected }, `The server gave up: ${reason}.`)];
        break;
      }
    }
  }
  return [
    skipped(
      { id: `${prefix}/${id}`, title, expected },
      `The probe could not be carried out: ${[...new Set(reasons)].join('; then ')}.`,
    ),
  ];
}

/** The words for an error of a preparation; null for a lost connection or a defect, which end the probe. */
function reasonOf(error: unknown): string | null {
  if (error instanceof NoRow) return error.message;
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  if (/^(08|57P|E)/.test(error.code)) return null;
  return error.code === rowMissing ? error.message : `${error.message} (${error.code})`;
}
