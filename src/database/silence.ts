import type { Duplex } from 'node:stream';
import type { Client } from 'pg';

/** What is known of a statement that waits for its answer. `unknown`: nobody could be asked. */
export type Liveness = 'running' | 'over' | 'unknown';

/**
 * Ends a connection whose network went silent. TCP itself notices a peer that vanished only after a quarter of an hour,
 * and a statement may rightly take that long: so whoever waits for an answer for longer than `patience` milliseconds
 * asks, another way, whether the server still works on it. The statement then fails with ETIMEDOUT.
 */
export function endWhenSilent(client: Client, patience: number, ask: () => Promise<Liveness>): void {
  const stream = streamOf(client);
  if (stream === null) return;
  let waiting = 0;
  let heard = 0;
  let asking = false;
  const query = client.query.bind(client) as (...given: unknown[]) => unknown;
  const watched = (...given: unknown[]): unknown => {
    if (waiting === 0) heard = performance.now();
    const answer = query(...given);
    if (!(answer instanceof Promise)) return answer;
    waiting += 1;
    const done = (): void => {
      waiting -= 1;
      heard = performance.now();
    };
    answer.then(done, done);
    return answer;
  };
  // The many forms of `query` are kept: this only looks at when its promise is settled.
  client.query = watched as Client['query'];
  const timer = setInterval(
    () => {
      if (waiting === 0 || asking || performance.now() - heard < patience) return;
      asking = true;
      const since = heard;
      ask()
        .catch((): Liveness => 'unknown')
        .then((answer) => {
          asking = false;
          if (waiting === 0 || heard !== since) return;
          if (answer === 'running') heard = performance.now();
          else stream.destroy(silent(performance.now() - since));
        });
    },
    Math.max(20, patience / 10),
  ).unref();
  client.once('end', () => clearInterval(timer));
}

/** Ends a connection, and does not wait longer than a second for a network that says nothing. */
export async function endSoon(client: Client): Promise<void> {
  const stream = streamOf(client);
  const timer = setTimeout(() => stream?.destroy(), 1_000);
  try {
    await client.end();
  } finally {
    clearTimeout(timer);
  }
}

const silent = (milliseconds: number): Error =>
  Object.assign(new Error(`no answer for ${Math.round(milliseconds / 1000)} s`), { code: 'ETIMEDOUT' });

/** The socket of `pg`, which its types do not tell of; null for a stand-in without one. */
function streamOf(client: Client): Duplex | null {
  const { connection } = client as unknown as { readonly connection?: { readonly stream?: Duplex } };
  return connection?.stream ?? null;
}
