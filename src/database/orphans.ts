import { setTimeout as pause } from 'node:timers/promises';
import { RolloutError } from '../rollout/errors.ts';

/** With what the sessions of a program that a run starts call themselves: the Supabase CLI, which outlives a kill -9. */
export const toolSessions = 'voxanne-rollout supabase-cli ';

const tries = 400;

/**
 * Ends the sessions of programs whose run was killed and that live on: such a program would go on with its file beside
 * us. Only for the holder of the run lock, to whom every such session is a stranger. The session is ended, not its
 * statement: between two statements it has none, and the next one would follow.
 */
export async function endOrphans(observe: <T>(sql: string, values: unknown[]) => Promise<T[]>): Promise<void> {
  let found = false;
  let quiet = 0;
  for (let looks = 0; looks < tries; looks++) {
    const rows = await observe<{ pid: number }>(
      `select a.pid, pg_catalog.pg_terminate_backend(a.pid) from pg_catalog.pg_stat_activity a
       where pg_catalog.starts_with(a.application_name, $1) and a.datname = pg_catalog.current_database()`,
      [toolSessions],
    );
    found ||= rows.length > 0;
    quiet = rows.length === 0 ? quiet + 1 : 0;
    if (!found || quiet === 3) return;
    await pause(25);
  }
  throw new RolloutError(
    'The Supabase CLI of a run that was killed is still at work on this database, and its session does not end.',
    'End it, then run the same command again; nothing was done.',
  );
}
