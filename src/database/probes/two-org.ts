import type { ClientBase } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import type { Catalog } from '../catalog/types.ts';
import { createCast } from './cast.ts';
import type { TableFacts } from './facts.ts';
import { addRow, NoRow } from './rows.ts';
import { perform, type Settings } from './script.ts';
import { probeTable, type Scope } from './tables.ts';
import { skipped } from './verdict.ts';
import { createWorld, type IsolationOptions, nameOf, type World } from './world.ts';

export type { IsolationOptions, TableName } from './world.ts';

/**
 * Judges isolation by acting: a user of organization A against rows of organization B, on every table of the app's
 * schemas. Each table has a transaction of its own that is always rolled back; only sequences may advance.
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
  const world = await createWorld(client, catalog, options);
  if (typeof world === 'string') {
    yield skipped({ id: prefix, title: 'Two organizations', expected: 'both isolated' }, world);
    return;
  }
  const settings: Settings = { searchPath: options.schemas, statementTimeout: 10_000 };
  const quiet = await canRest(world, settings);
  for (const table of world.facts.values()) {
    if (table === world.users) continue;
    options.signal.throwIfAborted();
    yield* await tableResults(world, settings, quiet, table, prefix);
  }
}

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

async function tableResults(
  world: World,
  settings: Settings,
  quiet: boolean,
  table: TableFacts,
  prefix: string,
): Promise<readonly CheckResult[]> {
  const question = {
    id: `${prefix}/${nameOf(table)}`,
    title: `${nameOf(table)}: two organizations`,
    expected: 'rows of another organization out of reach',
  };
  try {
    const family = await createCast(world);
    const scope = scopeOf(world, table);
    await addRow(world, family, table, 'a');
    if (scope.kind !== 'none') await addRow(world, family, table, 'b');
    return await probeTable({ world, settings, family, quiet }, table, scope);
  } catch (error) {
    if (error instanceof NoRow || (error instanceof Error && 'code' in error))
      return [skipped(question, error.message)];
    throw error;
  }
}

function scopeOf(world: World, table: TableFacts): Scope {
  if (table === world.organizations) return { kind: 'organization' };
  const column = world.tenantColumns.get(nameOf(table));
  if (column !== undefined) return { kind: 'column', column };
  return { kind: 'none' };
}
