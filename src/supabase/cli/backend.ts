import { setTimeout as pause } from 'node:timers/promises';
import type { Session } from '../../database/session.ts';
import type { LockHolder } from '../../rollout/events.ts';

const seconds = 'coalesce(extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.backend_start)), 0)::float8';

/** Sessions that the CLI's own session waits for at this moment. */
export async function holdersOf(session: Session, applicationName: string): Promise<readonly LockHolder[]> {
  return session.observe<LockHolder>(
    `select b.pid, coalesce(a.application_name, '') as application, coalesce(a.usename::text, '') as user,
       coalesce(a.state, 'background') as state, ${seconds} as seconds
     from pg_catalog.pg_stat_activity mine
     cross join lateral unnest(pg_catalog.pg_blocking_pids(mine.pid)) b(pid)
     left join pg_catalog.pg_stat_activity a on a.pid = b.pid
     where mine.application_name = $1 and mine.wait_event_type = 'Lock'`,
    [applicationName],
  );
}

const polite = 100;

/**
 * Ends what the CLI left running on the server, and resolves when nothing of it is. The server notices the loss of a
 * client only when it next writes to it, so a statement that waits or works would otherwise go on by itself (seen with
 * SIGINT: the CLI ended and its statement was carried out).
 */
export async function endBackend(session: Session, applicationName: string): Promise<void> {
  let quiet = 0;
  for (let tries = 0; quiet < 3; tries++) {
    const end = tries < polite ? 'pg_cancel_backend' : 'pg_terminate_backend';
    const rows = await session.observe(
      `select pg_catalog.${end}(pid) from pg_catalog.pg_stat_activity
       where application_name = $1 and datname = pg_catalog.current_database() and state is distinct from 'idle'`,
      [applicationName],
    );
    // What was sent may still stand in the server's buffer: one look that finds nothing is not enough.
    quiet = rows.length === 0 ? quiet + 1 : 0;
    await pause(25);
  }
}
