import pg, { type ClientBase } from 'pg';
import type { Change, SqlChange } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { Context, Executor, Within, WithinWork } from '../rollout/executor.ts';
import { isRetryable, isTimeout, toRolloutError } from './errors.ts';
import { type PreviewTools, previewBatch, previewPatience, previewRows } from './preview.ts';
import { LockNotAvailable } from './retry.ts';
import { insideTransaction } from './rolled-back.ts';
import type { Session } from './session.ts';
import { sqlOf } from './statement-errors.ts';

/** Milliseconds that anybody may have waited for a transaction which only proves when it gives way to them. */
const stall = 10;
/** How often somebody who waits is looked for. */
const lookEvery = 10;
/** Tries before a proof gives up because the app is busy on those tables. */
const tries = 2;

const busy = `other sessions waited for these tables in ${tries} tries, so the test gave way to them`;

/** A limit that a busy server makes a statement miss says nothing of the changes: they are judged once they are applied. */
const tooSlow = 'a statement of the test ran longer than its limit';

export type WithinTools = Pick<PreviewTools, 'transact' | 'run'> & { readonly session: Session };

/** What a transaction cannot hold although each change alone is sound: it is judged after it is applied. */
class NotHere extends Error {}

/** Runs changes and what judges them in one transaction that is always rolled back; see `Executor.within`. */
export function createWithin({ session, transact, run }: WithinTools): Executor['within'] {
  return async <R>(work: WithinWork<R>, context: Context): Promise<Within<R>> => {
    const silent: Context = {
      ...context,
      emit: (event) => (event.type === 'command' ? undefined : context.emit(event)),
    };
    for (let round = 1; ; round++) {
      const watch = watchWaiters(session, context.signal);
      try {
        const began = performance.now();
        const result = await transact(
          work.title,
          work.title,
          silent,
          async (client) => {
            // Constraints that wait for the commit would else stand in the way of the next change of their table.
            await client.query('set constraints all immediate');
            return insideTransaction(client, () =>
              work.body({
                signal: watch.signal,
                run: (changes) => performAll(client, changes, watch.signal, (one) => perform(client, one, run, silent)),
                attempt: (one) => attempt(client, one),
              }),
            );
          },
          { end: 'rollback', patience: previewPatience },
        );
        if (!watch.gaveWay()) return { outcome: 'ran', result, milliseconds: performance.now() - began };
        if (round === tries) return { outcome: 'busy', reason: busy };
      } catch (error) {
        context.signal.throwIfAborted();
        if (error instanceof NotHere) return { outcome: 'not executed', reason: error.message };
        if (error instanceof LockNotAvailable) return { outcome: 'busy', reason: error.problem };
        if (!watch.gaveWay() && isTimeout(error)) return { outcome: 'not executed', reason: tooSlow };
        if (!watch.gaveWay()) throw error;
        if (round === tries) return { outcome: 'busy', reason: busy };
      } finally {
        await watch.stop();
      }
    }
  };
}

/** A savepoint around `work`; an error takes back what it did and comes out in words. */
async function attempt<R>(client: ClientBase, work: () => Promise<R>): Promise<R> {
  await client.query('savepoint voxanne_attempt');
  try {
    const result = await work();
    await client.query('release savepoint voxanne_attempt');
    return result;
  } catch (error) {
    await client.query('rollback to savepoint voxanne_attempt; release savepoint voxanne_attempt');
    // A lock that others hold is no verdict on the work: the whole transaction is tried again.
    if (error instanceof RolloutError || error instanceof NotHere || isRetryable(error)) throw error;
    throw toRolloutError(error, sqlOf(error));
  }
}

async function perform(client: ClientBase, change: Change, run: WithinTools['run'], context: Context): Promise<void> {
  if (change.kind === 'file') {
    throw new RolloutError('The database executor was given a file change.', 'Report this as a defect.', {
      kind: 'defect',
    });
  }
  if (change.kind === 'batches') {
    if (!(await previewBatch(client, change, previewRows))) {
      throw new NotHere(
        `${change.title}: more than ${previewRows.toLocaleString('en')} rows are too many to write and roll back while others may wait for them`,
      );
    }
    return;
  }
  const sql = statementsOf(change);
  if (sql.trim() !== '') await run(client, sql, context);
}

/** Changes of a test that go over the network as one message. */
const together = 50;

/**
 * Many changes at a time, where they are statements. Whose statement fails is not told by the error of many: then they
 * are taken back and made one by one, and the one that is refused says so.
 */
async function performAll(
  client: ClientBase,
  changes: readonly Change[],
  signal: AbortSignal,
  one: (change: Change) => Promise<void>,
): Promise<void> {
  let some: SqlChange[] = [];
  const send = async (): Promise<void> => {
    const sent = some;
    some = [];
    signal.throwIfAborted();
    if (sent.length > 1 && (await atOnce(client, sent))) return;
    for (const change of sent) {
      signal.throwIfAborted();
      await one(change);
    }
  };
  for (const change of changes) {
    if (change.kind === 'sql' && !onlyOutside(change)) {
      some.push(change);
      if (some.length === together) await send();
      continue;
    }
    await send();
    signal.throwIfAborted();
    await one(change);
  }
  await send();
}

async function atOnce(client: ClientBase, changes: readonly SqlChange[]): Promise<boolean> {
  const statements = changes.map(statementsOf).filter((sql) => sql.trim() !== '');
  try {
    await client.query(
      ['savepoint voxanne_changes', ...statements, 'release savepoint voxanne_changes'].map(ended).join('\n'),
    );
    return true;
  } catch (error) {
    // A lock that others hold, time that ran out and a server that stops are nobody's fault among them.
    if (!(error instanceof pg.DatabaseError) || isRetryable(error) || /^(57|08)/.test(error.code ?? '')) throw error;
    await client.query('rollback to savepoint voxanne_changes; release savepoint voxanne_changes');
    return false;
  }
}

const statementsOf = (change: SqlChange): string => (change.mode === 'autocommit' ? inTransaction(change) : change.up);

const ended = (sql: string): string => (/;\s*$/.test(sql) ? sql : `${sql};`);

const onlyOutside = (change: SqlChange): boolean =>
  change.mode === 'autocommit' && /^\s*(?:vacuum|cluster)\b|\bconcurrently\b/i.test(plainly(change.up));

/** A concurrent index as a plain one. Whatever else is applied by itself waits for others, and runs here as it is. */
function inTransaction(change: SqlChange): string {
  if (onlyOutside(change)) throw new NotHere(`${change.title}: PostgreSQL runs this only outside a transaction`);
  const clean = change.clean?.replace(/\bconcurrently\b/gi, '') ?? '';
  return `${clean.trim() === '' ? '' : ended(clean)}\n${plainly(change.up)}`;
}

const plainly = (sql: string): string =>
  sql.replace(/\b(create\s+(?:unique\s+)?index|drop\s+index|reindex\s+\w+)\s+concurrently\b/gi, '$1');

/**
 * Looks from a second connection whether anybody waits for the work connection, and ends its statement if so. What runs
 * in the transaction is told by `signal`, so that it does not go on with the next statement.
 */
function watchWaiters(
  session: Session,
  stopped: AbortSignal,
): { readonly signal: AbortSignal; readonly gaveWay: () => boolean; readonly stop: () => Promise<void> } {
  let ended = false;
  const giving = new AbortController();
  let looking: Promise<unknown> = Promise.resolve();
  let busyLooking = false;
  let rests = 0;
  const timer = setInterval(() => {
    if (performance.now() < rests || busyLooking || ended || giving.signal.aborted || stopped.aborted) return;
    busyLooking = true;
    const began = performance.now();
    looking = session
      .longestWaiter()
      .then(async (waited) => {
        if (ended || waited < stall) return;
        giving.abort(new GaveWay());
        await session.cancel();
      })
      // Who waits is asked for the app's sake; where nobody can be asked, the statement limits still hold.
      .catch(() => undefined)
      .finally(() => {
        busyLooking = false;
        // With thousands of locks in force a look reads them all: most of the time is for the work that holds them.
        rests = performance.now() + 4 * (performance.now() - began);
      });
  }, lookEvery);
  timer.unref();
  return {
    signal: AbortSignal.any([stopped, giving.signal]),
    gaveWay: () => giving.signal.aborted,
    stop: async () => {
      ended = true;
      clearInterval(timer);
      await looking;
    },
  };
}

/** Somebody waits for the locks of a transaction that only proves. */
class GaveWay extends Error {}
