import { isFromOutside, toRolloutError } from '../database/errors.ts';
import type { Session } from '../database/session.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { Rollout } from '../rollout/rollout.ts';

/**
 * The same rollout, whose errors are sentences for the operator wherever they come from: a plan, a check and a look at
 * the state read the database directly, and a server that goes away or a locked table can stop any of them.
 */
export function inWords(rollout: Rollout, session: Session): Rollout {
  const worded =
    <A extends unknown[], T>(method: (...given: A) => Promise<T>) =>
    async (...given: A): Promise<T> => {
      try {
        return await method(...given);
      } catch (error) {
        const stopped = given.some((one) => one instanceof AbortSignal && one.aborted);
        if (stopped || error instanceof RolloutError || !isFromOutside(error)) throw error;
        throw isLocked(error) ? await locked(session, error) : toRolloutError(error);
      }
    };
  return {
    ...rollout,
    status: worded(rollout.status),
    plan: worded(rollout.plan),
    planAhead: worded(rollout.planAhead),
    preview: worded(rollout.preview),
    apply: worded(rollout.apply),
    verify: worded(rollout.verify),
    rollbackPlan: worded(rollout.rollbackPlan),
    rollback: worded(rollout.rollback),
    suspicion: worded(rollout.suspicion),
    skip: worded(rollout.skip),
  };
}

const isLocked = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '55P03';

/** Only a table that somebody holds exclusively cannot be read; who that is, the server can say. */
async function locked(session: Session, cause: unknown): Promise<RolloutError> {
  const holders = await session.observe<{ text: string }>(
    `select pg_catalog.format('%s, by pid %s (%s, %s for %s s)', l.relation::pg_catalog.regclass, a.pid,
       coalesce(nullif(a.application_name, ''), a.usename::text), a.state,
       round(extract(epoch from clock_timestamp() - a.xact_start))) as text
     from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.granted
       and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
       and l.relation >= 16384
     order by a.xact_start limit 3`,
  );
  const who = holders.length === 0 ? 'somebody' : holders.map((one) => one.text).join('; ');
  return new RolloutError(
    `A table is locked by another session and cannot be read: ${who}. Nothing was changed.`,
    'Wait for that session to finish, then run the same command again.',
    { cause },
  );
}
