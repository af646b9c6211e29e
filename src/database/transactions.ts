import type { Client, ClientBase, QueryResult } from 'pg';
import type { SqlChange } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { Context } from '../rollout/executor.ts';
import { aid, retrying } from './retry.ts';
import type { Session } from './session.ts';
import { attachSql } from './statement-errors.ts';

/** The short transactions in which everything is sent, tried again while somebody holds a lock; an abort cancels on the server. */
export type Transactions = ReturnType<typeof createTransactions>;

export function createTransactions(session: Session) {
  const { settings } = session;
  const opening = (lockTimeout: number): string =>
    `begin; set local lock_timeout = ${lockTimeout}; set local statement_timeout = ${settings.statementTimeout}; set local search_path = '';`;

  /** Tries again while locks are held, within the patience; what it waits for is told under the name of the change. */
  const patiently = <T>(
    what: string,
    change: string,
    context: Context,
    attempt: (client: Client, lockTimeout: number) => Promise<T>,
    patience = settings.patience,
  ): Promise<T> =>
    retrying({
      what,
      patience,
      lockTimeout: settings.lockTimeout,
      signal: context.signal,
      holders: session.holders,
      stillOpen: session.stillOpen,
      onWait: (waiting) => context.emit({ type: 'change-waiting', step: context.step, change, ...waiting }),
      attempt: (lockTimeout) =>
        cancellable(session, context.signal, async () => attempt(await session.work(), lockTimeout)),
    });

  /** Runs `body` in one transaction with a lock timeout, retried as a whole; an abort cancels on the server. */
  const transact = async <T>(
    what: string,
    change: string,
    context: Context,
    body: (client: Client) => Promise<T>,
    options: { end?: 'commit' | 'rollback'; patience?: number } = {},
  ): Promise<T> =>
    patiently(
      what,
      change,
      context,
      async (client, lockTimeout) => {
        await client.query(opening(lockTimeout));
        try {
          const result = await body(client);
          await client.query(options.end ?? 'commit');
          return result;
        } catch (error) {
          await rollbackQuietly(client);
          throw error;
        }
      },
      options.patience,
    );

  const run = async (client: ClientBase, sql: string, context: Context): Promise<void> => {
    context.emit({ type: 'command', text: sql });
    try {
      await client.query(sql);
    } catch (error) {
      throw attachSql(error, sql);
    }
  };

  /**
   * Runs a whole transaction in one message. A lock is then held for the time of the work alone, not for four trips
   * over the network, which count for far more than the work itself when hundreds of small changes are made.
   */
  const atOnce = async <T>(
    what: string,
    change: string,
    context: Context,
    transaction: {
      readonly arrived: (client: Client) => Promise<T | null>;
      readonly shown: string;
      readonly sql: () => string;
      readonly read: (rows: readonly unknown[]) => T;
    },
  ): Promise<T> => {
    let tries = 0;
    return patiently(what, change, context, async (client, lockTimeout) => {
      const there = tries++ === 0 ? null : await transaction.arrived(client);
      if (there !== null) return there;
      if (transaction.shown !== '') context.emit({ type: 'command', text: transaction.shown });
      const sql = `${opening(lockTimeout)}\n${transaction.sql()}\ncommit;`;
      try {
        const answers: unknown = await client.query(sql);
        const last = Array.isArray(answers) ? (answers.at(-2) as { rows: readonly unknown[] }) : { rows: [] };
        return transaction.read(last.rows);
      } catch (error) {
        await rollbackQuietly(client);
        throw attachSql(error, sql);
      }
    });
  };

  /** Runs one statement outside a transaction until the catalog shows that it took (`wanted`) or was taken back. */
  const autocommit = async (
    what: string,
    sql: string,
    change: SqlChange,
    context: Context,
    wanted: boolean,
  ): Promise<void> =>
    patiently(what, change.id, context, async (client) => {
      // A concurrent index waits out every older transaction by design: its lock timeout would only fail it.
      const unlimited = `set lock_timeout = 0; set statement_timeout = 0; set search_path = ''`;
      if ((await inPlace(client, change, unlimited)) === wanted) return;
      if (wanted && change.clean !== undefined) await run(client, change.clean, context);
      await telling(session, change, context, () => run(client, sql, context));
      if ((await inPlace(client, change)) !== wanted) {
        throw new RolloutError(
          `${what} ended without an error, but the catalog does not show its effect.`,
          'Report this as a defect, with the statement.',
          { kind: 'defect', detail: sql },
        );
      }
    });

  return { transact, atOnce, autocommit, run };
}

/** Runs a statement without a limit of its own, and tells for whom it waits as often as that changes. */
async function telling(
  session: Session,
  { id }: SqlChange,
  { emit, step }: Context,
  work: () => Promise<void>,
): Promise<void> {
  let said = '';
  let ended = false;
  const look = async (): Promise<void> => {
    const holders = await aid(session.holders());
    const now = holders.map((one) => one.pid).join();
    if (ended || now === said) return;
    said = now;
    const reason = 'transactions that began before it are still open';
    if (holders.length > 0) emit({ type: 'change-waiting', step, change: id, attempt: null, reason, holders });
  };
  const timer = setInterval(() => void look(), 1000);
  try {
    await work();
  } finally {
    ended = true;
    clearInterval(timer);
  }
}

/** Runs `work`; an abort meanwhile cancels its statement on the server, so that nothing goes on behind our back. */
async function cancellable<T>(session: Session, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  let cancelling: Promise<unknown> | undefined;
  const cancel = () => {
    cancelling = session.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await work();
  } finally {
    signal.removeEventListener('abort', cancel);
    await cancelling;
  }
}

/** Ends a failed transaction. A connection that is gone needs no ending: the server rolled back when it went. */
async function rollbackQuietly(client: Client): Promise<void> {
  try {
    await client.query('rollback');
  } catch (error) {
    await client.end().catch(() => undefined);
    if (!(error instanceof Error)) throw error;
  }
}

/** Asks the catalog; `first` is run before that, in the same message. */
export async function inPlace(client: ClientBase, change: SqlChange, first = ''): Promise<boolean> {
  if (change.applied === undefined) {
    throw new RolloutError(
      `${change.title} has no query that tells whether it is in place.`,
      'Report this as a defect.',
      {
        kind: 'defect',
      },
    );
  }
  const answers: unknown = await client.query(`${semicolon(first)}\n${change.applied}`);
  const last = [answers].flat().at(-1) as QueryResult<Record<string, boolean>> | undefined;
  return Object.values(last?.rows[0] ?? {})[0] === true;
}

/** With the semicolon that another statement after it needs. */
export const semicolon = (sql: string): string => (sql.trim() === '' || /;\s*$/.test(sql) ? sql : `${sql};`);
