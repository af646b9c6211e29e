import { setTimeout as pause } from 'node:timers/promises';

/** Longest that one request waits because the server says "too many requests", over all its tries. */
const longestWait = 60_000;
const mostTries = 5;

export type FetchOptions = {
  readonly signal: AbortSignal;
  /** Milliseconds for one try. */
  readonly timeout: number;
  /** Replaces the waiting; tests count it. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
};

/**
 * A `fetch` that ends with the run's signal, gives up on a server that does not answer, and on 429 waits as long as the
 * server's `retry-after` says: at most five tries and a minute together, then the 429 is the answer.
 */
export function createFetch({ signal, timeout, wait = sleep }: FetchOptions): typeof fetch {
  return async (input, init) => {
    let waited = 0;
    for (let attempt = 1; ; attempt++) {
      const ends = [signal, AbortSignal.timeout(timeout), ...(init?.signal ? [init.signal] : [])];
      const response = await fetch(input, { ...init, signal: AbortSignal.any(ends) });
      if (response.status !== 429 || attempt === mostTries) return response;
      const milliseconds = retryAfter(response.headers.get('retry-after'), Date.now()) ?? 500 * 2 ** attempt;
      if (waited + milliseconds > longestWait) return response;
      await response.body?.cancel();
      waited += milliseconds;
      await wait(milliseconds, signal);
    }
  };
}

const sleep = async (milliseconds: number, signal: AbortSignal): Promise<void> => {
  await pause(milliseconds, undefined, { signal });
};

/** `retry-after` is a number of seconds or a date. Null where it is absent or neither. */
export function retryAfter(header: string | null, now: number): number | null {
  if (header === null || header.trim() === '') return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
