import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { exitCodes, RolloutError } from '../../rollout/errors.ts';

/** What stands between the client and the server: nothing, or a pooler in session or in transaction mode. */
export type PoolMode = 'direct' | 'session' | 'transaction';

/** Opens one more connection like the one that is probed. */
export type OpenAnother = () => Promise<Client>;

const probeSetting = 'voxanne_rollout.probe';
const answerWithin = 4_000;
/** Connections that hold a transaction during the probe: with one idle server more than that it may see too much. */
const rounds = 3;

/**
 * Tells a direct connection from a pooled one, and the two pool modes apart.
 *
 * A pooler hands out a backend id of its own, so an id that is not the server's means a pooler. Then stickiness: a
 * setting is left in the session, other connections take servers and hold them in transactions, and the first one looks
 * again. In session mode it keeps its server and its setting whatever the others do; in transaction mode it has lost
 * its server to them, sees another one, or gets none in time (`supabase.md`, section 6).
 *
 * @throws {RolloutError} exit code 4 when the pooler has no second connection to give, which a rollout needs.
 */
export async function detectPoolMode(client: Client, openAnother: OpenAnother): Promise<PoolMode> {
  const first = await backendPid(client);
  if (processId(client) === first) return 'direct';
  const nonce = randomUUID();
  const others: Client[] = [];
  try {
    const pid = await leaveMark(client, nonce);
    if (pid !== first) return 'transaction';
    for (let round = 0; round < rounds; round += 1) {
      const other = await openAnother();
      others.push(other);
      const taken = await within(other.query('begin').then(() => backendPid(other)));
      if (taken === 'late') throw noSecondConnection();
      if (taken === pid) return 'transaction';
      const seen = await within(readMark(client));
      if (seen === 'late' || seen.pid !== pid || seen.mark !== nonce) return 'transaction';
    }
    return 'session';
  } finally {
    await Promise.all(others.map(close));
    await within(client.query(`select pg_catalog.set_config('${probeSetting}', '', false)`));
  }
}

/** The backend id that the client was told when it signed in; `pg` keeps it, its types leave it out. */
function processId(client: Client): number | null {
  const id: unknown = Reflect.get(client, 'processID');
  return typeof id === 'number' ? id : null;
}

async function backendPid(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

async function leaveMark(client: Client, nonce: string): Promise<number> {
  const { rows } = await client.query<{ pid: number }>(
    `select pg_catalog.pg_backend_pid() as pid, pg_catalog.set_config('${probeSetting}', $1, false)`,
    [nonce],
  );
  return rows[0]?.pid ?? 0;
}

async function readMark(client: Client): Promise<{ readonly pid: number; readonly mark: string | null }> {
  const { rows } = await client.query<{ pid: number; mark: string | null }>(
    `select pg_catalog.pg_backend_pid() as pid, pg_catalog.current_setting('${probeSetting}', true) as mark`,
  );
  return rows[0] ?? { pid: 0, mark: null };
}

/** The result, or `late` when it takes too long: a pooler makes a client without a server wait for minutes. */
async function within<T>(work: Promise<T>): Promise<T | 'late'> {
  const timer = new AbortController();
  try {
    return await Promise.race([work, pause(answerWithin, 'late' as const, { signal: timer.signal })]);
  } finally {
    timer.abort();
    // A late answer belongs to nobody; it must not end the process as an unhandled rejection.
    work.catch(() => undefined);
  }
}

async function close(client: Client): Promise<void> {
  // Closing ends the transaction on the server; a pooler that holds the farewell back is not waited for.
  await within(client.end());
}

function noSecondConnection(): RolloutError {
  return new RolloutError(
    'The pooler gives no second server connection.',
    'Raise the pool size in the dashboard or close other sessions, or use the direct connection; a rollout needs four.',
    { exitCode: exitCodes.connection },
  );
}
