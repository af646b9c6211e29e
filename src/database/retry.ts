import { setTimeout as pause } from 'node:timers/promises';
import { RolloutError } from '../rollout/errors.ts';
import type { LockHolder } from '../rollout/events.ts';
import { isConnectionLost, isConnectRetryable, isRetryable, toRolloutError } from './errors.ts';

export type Waiting = { readonly attempt: number; readonly reason: string; readonly holders: readonly LockHolder[] };

/** Milliseconds that the first try of a change may stand in the queue; each further one doubles it, to `lockTimeout`. */
const firstTimeout = 4;

/**
 * Runs `attempt` until it gets its locks. Whoever asks for a table behind a waiting change waits as long as that change
 * does: so the first try waits for a few milliseconds only, and each further one for twice as long, up to `lockTimeout`.
 * After a lock timeout or a deadlock it steps back (100 ms, times 1.6, with jitter, at most 1 s) so that the queue
 * behind it drains; and while a transaction that stood in its way, and is older than any try would wait, is still open,
 * it does not queue up again at all: that could only fail and hold everybody up.
 *
 * `attempt` is retried only for errors after which the server kept nothing.
 */
export async function retrying<T>(options: {
  readonly what: string;
  readonly patience: number;
  readonly signal: AbortSignal;
  /** Asked at the moment a lock is waited for. */
  readonly holders: () => Promise<readonly LockHolder[]>;
  /** Which of them are still in the same transaction. */
  readonly stillOpen: (holders: readonly LockHolder[]) => Promise<readonly LockHolder[]>;
  readonly lockTimeout: number;
  readonly onWait: (waiting: Waiting) => void;
  /** Given the milliseconds that this try may wait for a lock. */
  readonly attempt: (lockTimeout: number) => Promise<T>;
}): Promise<T> {
  const until = Date.now() + options.patience;
  let delay = 100;
  let seen: readonly LockHolder[] = [];
  for (let attempt = 1; ; attempt++) {
    options.signal.throwIfAborted();
    const lockTimeout = Math.min(options.lockTimeout, firstTimeout * 2 ** (attempt - 1));
    // Only while the statement waits can the server say whom it waits for.
    const watch = setTimeout(
      () => {
        aid(options.holders()).then((holders) => {
          if (holders.length > 0) seen = holders;
        });
      },
      Math.max(1, lockTimeout * 0.4),
    );
    let waiting: Waiting;
    try {
      return await options.attempt(lockTimeout);
    } catch (error) {
      options.signal.throwIfAborted();
      // A server that restarts first drops the connection and then refuses new ones for a while.
      const lost = isConnectionLost(error) || isConnectRetryable(error);
      if (!isRetryable(error) && !lost) throw error;
      // A tool of its own that was started for the try may have been watched for longer than our timer.
      const late = lost ? [] : await aid(options.holders());
      if (late.length > 0) seen = late;
      if (Date.now() + delay >= until) throw lost ? toRolloutError(error) : tooLong(options, seen, error);
      const reason = lost ? 'the connection was lost; connecting again' : (error as Error).message;
      waiting = { attempt, reason, holders: seen };
    } finally {
      clearTimeout(watch);
    }
    for (let open: readonly LockHolder[] = seen; ; ) {
      options.onWait({ ...waiting, holders: open });
      await pause(delay * (0.75 + Math.random() * 0.5), undefined, { signal: options.signal });
      delay = Math.min(delay * 1.6, 1000);
      open = (await aid(options.stillOpen(seen))).filter((one) => one.seconds * 1000 > options.lockTimeout);
      if (open.length === 0) break;
      if (Date.now() + delay >= until) throw tooLong(options, open);
    }
  }
}

/** Who stands in the way is an aid: the change goes on without it, and the wait then says that nobody could be named. */
export const aid = (readout: Promise<readonly LockHolder[]>): Promise<readonly LockHolder[]> =>
  readout.catch((error: unknown) => {
    if (!(error instanceof Error)) throw error;
    return [];
  });

/** Others held a lock for longer than the run's patience; nothing was done. */
export class LockNotAvailable extends RolloutError {}

const tooLong = (
  options: { readonly what: string; readonly patience: number },
  holders: readonly LockHolder[],
  cause?: unknown,
): RolloutError =>
  new LockNotAvailable(
    `${options.what} did not get its lock within ${Math.round(options.patience / 1000)} s${describe(holders)}, and nothing of it was done.`,
    'Wait for those sessions to finish, choose a quieter moment, or raise --patience, then run the same command again.',
    { cause },
  );

function describe(holders: readonly LockHolder[]): string {
  if (holders.length === 0) return '';
  const names = holders.slice(0, 3).map((one) => {
    const name = one.application === '' ? one.user : one.application;
    return `pid ${one.pid} (${name}, ${one.state} for ${one.seconds.toFixed(0)} s)`;
  });
  return `: blocked by ${names.join(', ')}${holders.length > 3 ? ` and ${holders.length - 3} more` : ''}`;
}
