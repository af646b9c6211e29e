import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import type { BatchChange, Change, SqlChange } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { Context, Executor, RevertResult } from '../rollout/executor.ts';
import type { TableSize } from '../rollout/impact.ts';
import type { Entry } from '../rollout/journal.ts';
import {
  applyBatch,
  type BatchOutcome,
  beforeBatch,
  keptBatches,
  lastKey,
  remaining,
  restoreBatch,
} from './batches.ts';
import { toRolloutError } from './errors.ts';
import { createFingerprints } from './fingerprints.ts';
import { createGuard } from './guard.ts';
import {
  ensureJournal,
  entryById,
  insertEntry,
  insertEntrySql,
  insertRecord,
  insertState,
  journalExists,
  markEntry,
  markRevertedSql,
  ofJournal,
  readEntries,
  readLook,
  readRecords,
  readStanding,
  toWritten,
} from './journal.ts';
import { continues, headOf, ownObjects } from './journal-chain.ts';
import { createPreview } from './preview.ts';
import { cannotWrite, requireReversible } from './reversible.ts';
import type { Session } from './session.ts';
import { sqlOf } from './statement-errors.ts';
import { createTransactions, inPlace, semicolon } from './transactions.ts';
import { createWithin } from './within.ts';

/**
 * Executes SQL changes through one session, each in a short transaction of its own together with its journal row.
 *
 * Where PostgreSQL allows no such transaction, `started` is written before and `applied` after, and after a crash the
 * catalog decides (`settle`), never the row alone.
 */
export function createDatabaseExecutor(session: Session): Executor {
  const { settings } = session;
  const { transact, atOnce, autocommit, run } = createTransactions(session);
  /** Connections on which the journal was seen: asking again before each of hundreds of changes is what takes time. */
  const journalled = new WeakSet<Client>();

  const applySql = async (change: SqlChange, context: Context): Promise<Entry> => {
    const entry = { id: randomUUID(), run: context.run, step: context.step, state: 'applied', change } as const;
    return atOnce(change.title, change.id, context, {
      // After a lost connection nobody knows whether the commit arrived: the journal row, which shares it, does.
      arrived: (client) => entryById(client, entry.id),
      shown: change.up,
      sql: () => `${semicolon(change.up)}\n${insertEntrySql(entry)}`,
      read: (rows) => toWritten(entry, rows[0]),
    });
  };

  const applyAutocommit = async (change: SqlChange, context: Context): Promise<Entry> => {
    const began = performance.now();
    const entry = await insertEntry(await session.work(), {
      id: randomUUID(),
      run: context.run,
      step: context.step,
      state: 'started',
      change,
    });
    await autocommit(change.title, change.up, change, context, true);
    await markEntry(await session.work(), entry.seq, 'applied', performance.now() - began);
    return { ...entry, state: 'applied', milliseconds: performance.now() - began };
  };

  const applyBatches = async (change: BatchChange, context: Context): Promise<Entry> => {
    const began = performance.now();
    await transact(change.title, change.id, context, (work) => requireReversible(work, change), { end: 'rollback' });
    const client = await session.work();
    const entry = await insertEntry(client, {
      id: randomUUID(),
      run: context.run,
      step: context.step,
      state: 'started',
      change,
    });
    const total = await remaining(client, change);
    const to = await lastKey(client, change);
    let written = 0;
    for (let from: string | null = null; to !== null; ) {
      context.signal.throwIfAborted();
      const start: string | null = from;
      const outcome: BatchOutcome = await transact(change.title, change.id, context, async (work) => {
        await work.query(beforeBatch(change.quiet));
        return applyBatch(work, change, entry.seq, start, to, settings.batchSize);
      });
      written += outcome.written;
      context.emit({
        type: 'change-progress',
        step: context.step,
        change: change.id,
        done: written,
        total: Math.max(total, written),
        perSecond: written / Math.max(0.001, (performance.now() - began) / 1000),
      });
      if (outcome.next === null) break;
      from = outcome.next;
    }
    await markEntry(await session.work(), entry.seq, 'applied', performance.now() - began);
    return { ...entry, state: 'applied', milliseconds: performance.now() - began };
  };

  const revertBatches = async (entry: Entry, change: BatchChange, context: Context): Promise<RevertResult> => {
    const client = await session.work();
    await markEntry(client, entry.seq, 'reverting');
    const batches = await keptBatches(client, entry.seq);
    const stayed: string[] = [];
    const began = performance.now();
    for (const [index, batch] of batches.entries()) {
      context.signal.throwIfAborted();
      const keys = await transact(`Rolling back: ${change.title}`, change.id, context, async (work) => {
        // Deleting must see foreign keys, so that a row which somebody has come to use is not torn out.
        await work.query(beforeBatch(change.quiet && change.write.kind === 'update'));
        return restoreBatch(work, change, entry.seq, batch);
      });
      stayed.push(...keys.map((key) => `${change.table} row ${key}: changed since, left as it is`));
      context.emit({
        type: 'change-progress',
        step: context.step,
        change: change.id,
        done: index + 1,
        total: batches.length,
        perSecond: (index + 1) / Math.max(0.001, (performance.now() - began) / 1000),
      });
    }
    await markEntry(await session.work(), entry.seq, 'reverted');
    return { stayed };
  };

  const previewOne = createPreview({ transact, run, batchSize: settings.batchSize });
  const within = createWithin({ session, transact, run });

  const translate = async <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof RolloutError ? error : toRolloutError(error, sqlOf(error));
    }
  };

  return {
    preview: async function* (changes, context) {
      for (const change of changes) {
        context.signal.throwIfAborted();
        yield await previewOne(change, changes, context);
      }
    },
    begin: () => session.lock(),
    within: (work, context) => translate(() => within(work, context), context.signal),
    apply: (change, context) =>
      translate(async () => {
        await session.lock();
        const client = await session.work();
        if (!journalled.has(client)) await ensureJournal(client);
        journalled.add(client);
        if (change.kind === 'file') throw wrongMedium(change);
        if (change.kind === 'batches') return applyBatches(change, context);
        return change.mode === 'transaction' ? applySql(change, context) : applyAutocommit(change, context);
      }, context.signal),
    revert: (entry, context) =>
      translate(async () => {
        await session.lock();
        const { change } = entry;
        if (change.kind === 'file') throw wrongMedium(change);
        if (change.kind === 'batches') return revertBatches(entry, change, context);
        if (change.mode === 'autocommit') {
          await markEntry(await session.work(), entry.seq, 'reverting');
          await autocommit(`Rolling back: ${change.title}`, change.down, change, context, false);
          await markEntry(await session.work(), entry.seq, 'reverted');
          return { stayed: [] };
        }
        await atOnce(`Rolling back: ${change.title}`, change.id, context, {
          arrived: async (client) => {
            const now = (await readEntries(client, 'seq = $1', [entry.seq]))[0];
            return now?.state === 'reverted' ? true : null;
          },
          shown: change.down,
          sql: () => `${semicolon(change.down)}\n${markRevertedSql(entry.seq)}`,
          read: () => true,
        });
        return { stayed: [] };
      }, context.signal),
    cannotRevert: async (entries) => {
      const changes = entries.map((one) => one.change);
      return cannotWrite(await session.work(), changes);
    },
    settle: (entry, context) =>
      translate(async () => {
        await session.lock();
        const client = await session.work();
        const { change } = entry;
        if (change.kind === 'file') throw wrongMedium(change);
        const settled = async (state: 'applied' | 'reverted', outcome: string) => {
          await markEntry(client, entry.seq, state);
          context.emit({ type: 'settled', step: entry.step, change: change.id, outcome });
        };
        if (change.kind === 'batches') {
          // Whatever its batches wrote is kept and counts as applied; the next plan finds the rows that are left, and
          // a rollback goes on with the batches that are not restored yet.
          return settled('applied', 'stopped between two batches; what was written is kept, the rest is still to do');
        }
        if (await inPlace(client, change)) return settled('applied', 'found in place');
        if (change.clean !== undefined) await run(client, change.clean, context);
        return settled('reverted', 'not in place; what it left was removed');
      }, context.signal),
    entries: async (step) => {
      return ofJournal(await session.work(), [], (client) =>
        step === undefined ? readEntries(client) : readEntries(client, 'step = $1', [step]),
      );
    },
    standing: async () => ofJournal(await session.work(), [], readStanding),
    suspicion: async (seen) => {
      const client = await session.work();
      const there = await journalExists(client);
      for (const head of seen) {
        if (there && !(await continues(client, head))) {
          return 'The workspace remembers states of this journal that the database no longer holds.';
        }
      }
      const live = there && (await readStanding(client)).some((one) => one.state !== 'reverted');
      const objects = live ? [] : await ownObjects(client);
      return objects.length === 0
        ? null
        : `The database carries a rollout that no journal describes: ${objects.join(', ')} ${objects.length === 1 ? 'is' : 'are'} there.`;
    },
    head: async () => ofJournal(await session.work(), null, headOf),
    keepHead: async () => undefined,
    keptHeads: async () => [],
    records: async () => ofJournal(await session.work(), [], readRecords),
    record: async (record) => {
      await session.lock();
      const client = await session.work();
      await ensureJournal(client);
      await insertRecord(client, record);
    },
    sizes: async (relations) => {
      const client = await session.work();
      const { rows } = await client.query<TableSize>(
        `select n.nspname || '.' || c.relname as relation, greatest(0, c.reltuples)::float8 as rows,
           pg_catalog.pg_total_relation_size(c.oid)::float8 as bytes
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and n.nspname || '.' || c.relname = any ($1) order by 1`,
        [relations],
      );
      return rows;
    },
    keepLook: async (step, run, look) => {
      const client = await session.work();
      await ensureJournal(client);
      await insertState(client, step, run, 'look', look);
    },
    keptLook: async (step) => ofJournal(await session.work(), null, (client) => readLook(client, step)),
    ...createFingerprints(session),
    ...createGuard(session),
  };
}

const wrongMedium = (change: Change): RolloutError =>
  new RolloutError(`The database executor was given a ${change.kind} change.`, 'Report this as a defect.', {
    kind: 'defect',
  });
