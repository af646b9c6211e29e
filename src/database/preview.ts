import type { ClientBase } from 'pg';
import type { BatchChange, Change, LockLevel, SqlChange } from '../rollout/change.ts';
import { lockLevels } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { Context, PreviewResult } from '../rollout/executor.ts';
import { afterBatch, applyBatch, beforeBatch, keptBatches, lastKey, restoreBatch } from './batches.ts';
import { isRetryable, toRolloutError } from './errors.ts';
import { requireReversible } from './reversible.ts';
import { sqlOf } from './statement-errors.ts';
import type { Transactions } from './transactions.ts';

/** Milliseconds that a preview keeps trying for its locks; it is a look, so it gives way soon. */
export const previewPatience = 3_000;

/** What a preview needs of the executor: its short retried transactions, and its way of sending a statement. */
export type PreviewTools = Pick<Transactions, 'transact' | 'run'> & { readonly batchSize: number };

/** Runs one change for real, with what it needs before it, then its inverse, and takes everything back. */
export function createPreview({
  transact,
  run,
  batchSize,
}: PreviewTools): (change: Change, all: readonly Change[], context: Context) => Promise<PreviewResult> {
  return async (change, all, context) => {
    const began = performance.now();
    const ran = (rest: Omit<PreviewResult, 'change' | 'milliseconds'>): PreviewResult => ({
      change,
      ...rest,
      milliseconds: performance.now() - began,
    });
    if (change.kind === 'file') {
      throw new RolloutError('The database executor was given a file change.', 'Report this as a defect.', {
        kind: 'defect',
      });
    }
    if (change.kind === 'sql' && change.mode === 'autocommit') {
      return ran({
        outcome: 'not executed',
        reason: 'PostgreSQL runs this statement only outside a transaction',
        locks: [],
        held: 0,
      });
    }
    try {
      const { locks, held } = await transact(
        `Previewing: ${change.title}`,
        change.id,
        { ...context, emit: (event) => (event.type === 'command' ? undefined : context.emit(event)) },
        async (client): Promise<{ locks: Lock[]; held: number }> => {
          for (const earlier of prerequisites(change, all)) {
            if (earlier.kind === 'sql') await run(client, earlier.up, context);
            else if (!(await previewBatch(client, earlier, previewRows))) throw new TooManyRows(earlier.title);
          }
          const before = await heldLocks(client);
          const started = performance.now();
          if (change.kind === 'batches') {
            await previewBatch(client, change, Math.min(batchSize, 100));
          } else {
            await run(client, change.up, context);
          }
          const held = performance.now() - started;
          const taken = await heldLocks(client);
          // The inverse is part of the preview: a change that cannot be taken back must fail here, not in an emergency.
          if (change.kind === 'sql' && change.down !== '') await run(client, change.down, context);
          const locks = taken.filter(
            (lock) => !before.some((b) => b.relation === lock.relation && b.level === lock.level),
          );
          return { locks: strongest(locks), held };
        },
        { end: 'rollback', patience: previewPatience },
      );
      return ran({ outcome: 'ran', locks, held });
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof TooManyRows) {
        return ran({
          outcome: 'not executed',
          reason: `it needs "${error.message}" first, which is more than a preview may hold locks for`,
          locks: [],
          held: 0,
        });
      }
      const shown = error instanceof RolloutError ? error : toRolloutError(error, sqlOf(error));
      return ran({
        outcome: 'failed',
        reason: [shown.problem, shown.detail].filter(Boolean).join('\n'),
        locks: [],
        held: 0,
      });
    }
  };
}

/** How many rows a preview writes, at most, on behalf of a change that needs them. */
export const previewRows = 5_000;

class TooManyRows extends Error {}

/**
 * One batch for the preview, with a kept row that the rollback removes; the journal may not exist yet. Resolves to
 * whether that was all of it.
 */
export async function previewBatch(client: ClientBase, change: BatchChange, limit: number): Promise<boolean> {
  const to = await lastKey(client, change);
  if (to === null) return true;
  const { rows } = await client.query<{ there: boolean }>(
    `select pg_catalog.to_regclass('voxanne_rollout.kept') is not null as there`,
  );
  if (rows[0]?.there !== true) {
    await client.query(`create schema if not exists voxanne_rollout;
      create table voxanne_rollout.entries (seq bigint primary key);
      create table voxanne_rollout.kept (entry bigint, batch bigint generated always as identity, restored boolean default false, rows jsonb)`);
  }
  // The kept row needs an entry to belong to; the journal's own triggers and keys do not matter to a row that goes.
  await client.query(beforeBatch(change.quiet));
  const { rows: entries } = await client.query<{ seq: string | null }>(
    'select max(seq)::text as seq from voxanne_rollout.entries',
  );
  await requireReversible(client, change);
  const entry = Number(entries[0]?.seq ?? 0);
  const outcome = await applyBatch(client, change, entry, null, to, limit);
  await client.query(afterBatch(change));
  if (outcome.written > 0) await tryRestore(client, change, entry);
  return outcome.walked < limit;
}

/**
 * Takes back what was just written and keeps it all the same: a guard of the app that refuses this would else be met by
 * the rollback. What is written past the app's triggers is restored past them, and meets none.
 */
async function tryRestore(client: ClientBase, change: BatchChange, entry: number): Promise<void> {
  if (change.quiet && change.write.kind === 'update') return;
  const [batch] = await keptBatches(client, entry);
  if (batch === undefined) return;
  await client.query('savepoint voxanne_restore');
  try {
    await restoreBatch(client, change, entry, batch, false);
  } catch (error) {
    if (isRetryable(error)) throw error;
    const said = toRolloutError(error);
    throw new RolloutError(
      `${change.title} could not be rolled back: ${said.problem}`,
      'Look at the triggers of that table, and disable the one that refuses for the duration of the rollout; nothing was changed.',
      { cause: error, ...(said.detail === undefined ? {} : { detail: said.detail }) },
    );
  }
  await client.query('rollback to savepoint voxanne_restore; release savepoint voxanne_restore');
}

/** The changes of the same step that must run first, transitively, in their order. */
function prerequisites(change: Change, all: readonly Change[]): readonly (SqlChange | BatchChange)[] {
  const wanted = new Set<string>();
  const visit = (one: Change): void => {
    if (one.kind === 'file') return;
    for (const id of one.after ?? []) {
      const found = all.find((other) => other.id === id);
      if (found === undefined || wanted.has(id)) continue;
      visit(found);
      wanted.add(id);
    }
  };
  visit(change);
  return all.filter(
    (one): one is SqlChange | BatchChange =>
      wanted.has(one.id) && (one.kind === 'batches' || (one.kind === 'sql' && one.mode === 'transaction')),
  );
}

type Lock = { readonly relation: string; readonly level: LockLevel };

async function heldLocks(client: ClientBase): Promise<Lock[]> {
  const { rows } = await client.query<{ relation: string; level: LockLevel }>(
    `select n.nspname || '.' || c.relname as relation, replace(l.mode, 'Lock', '') as level
     from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and c.relkind in ('r', 'p', 'v', 'm', 'f')
       and n.nspname not in ('pg_catalog', 'pg_toast', 'voxanne_rollout')
     order by 1, 2`,
  );
  return rows;
}

function strongest(locks: readonly Lock[]): Lock[] {
  const best = new Map<string, LockLevel>();
  for (const { relation, level } of locks) {
    const present = best.get(relation);
    if (present === undefined || lockLevels.indexOf(level) > lockLevels.indexOf(present)) best.set(relation, level);
  }
  return [...best].map(([relation, level]) => ({ relation, level }));
}
