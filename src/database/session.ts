import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { exitCodes, RolloutError } from '../rollout/errors.ts';
import type { LockHolder } from '../rollout/events.ts';
import { endOrphans } from './orphans.ts';
import { endSoon, endWhenSilent, type Liveness } from './silence.ts';

export type SessionSettings = {
  /** Milliseconds that one statement waits for a lock before it steps back and tries again. */
  readonly lockTimeout: number;
  /** Milliseconds that one statement may run; 0 for no limit. */
  readonly statementTimeout: number;
  /** Milliseconds that one change keeps trying before it gives up with nothing done. */
  readonly patience: number;
  readonly batchSize: number;
  /** Milliseconds without an answer after which the network is suspected; 10 s where nothing else is said. */
  readonly silence?: number;
  /** Tables, as `schema.name`, that the operator leaves out: nothing of theirs is compared. */
  readonly exclude?: readonly string[];
};

/**
 * The connections of one run: `work` for changes, `lock` for the run lock, and an observer that looks at blockers and
 * cancels. Three, because a statement that waits cannot look around, and an error on a connection that holds the run
 * lock would lose it.
 */
export type Session = {
  readonly settings: SessionSettings;
  /** The connection for changes and reading; opened again after the server went away. */
  readonly work: () => Promise<Client>;
  /** A second connection for looking while the first one waits. */
  readonly observe: <T>(sql: string, values?: unknown[]) => Promise<T[]>;
  /** Takes the run lock, or says who holds it; then ends what a run that was killed left at work. */
  readonly lock: () => Promise<void>;
  readonly locked: () => boolean;
  /** Sessions that the work connection waits for at this moment. */
  readonly holders: () => Promise<LockHolder[]>;
  /** Those of `holders` that are still in the transaction in which they were seen, with the seconds as of now. */
  readonly stillOpen: (holders: readonly LockHolder[]) => Promise<readonly LockHolder[]>;
  /** Milliseconds that the longest waiter behind the work connection's locks has waited by now; 0: nobody waits. */
  readonly longestWaiter: () => Promise<number>;
  /** Cancels on the server whatever the work connection runs. Resolves to whether the server was told. */
  readonly cancel: () => Promise<boolean>;
  readonly close: () => Promise<void>;
};

/** Two halves of one advisory key: the product's name in ASCII, so that two installations meet on the same lock. */
const lockKey = [0x766f7861, 0x6e6e6521] as const;
const heartbeatMilliseconds = 10_000;

type Role = 'work' | 'lock' | 'observer';

export function openSession(connect: () => Promise<Client>, settings: SessionSettings): Session {
  const open = new Map<Role, Promise<Client>>();
  let heartbeat: NodeJS.Timeout | undefined;
  let wantsLock = false;
  let closed = false;
  // Behind a session pooler the id that the client was told is the pooler's own; only the server knows the backend's.
  const backends = new WeakMap<Client, number>();

  /** One connection per role; a promise, so that two callers at once do not open two and lose one. */
  const client = (role: Role): Promise<Client> => {
    // Somebody who looked at blockers when the run ended must not open a connection that nobody closes any more.
    if (closed) return Promise.reject(new Error('the session is closed'));
    const present = open.get(role);
    if (present !== undefined) return present;
    const opening = connectAs(role);
    open.set(role, opening);
    opening.catch(() => forget(role, opening));
    return opening;
  };

  const forget = (role: Role, one: Promise<Client>): void => {
    if (open.get(role) === one) open.delete(role);
  };

  const connectAs = async (role: Role): Promise<Client> => {
    const fresh = await connect();
    const gone = () => {
      const present = open.get(role);
      present?.then(
        (one) => {
          if (one === fresh) forget(role, present);
        },
        () => undefined,
      );
    };
    fresh.on('error', gone);
    fresh.on('end', gone);
    // Platforms and apps set limits per role on statements, locks, idle sessions and transactions; a run sets its own per
    // transaction. A message of its own: the limit of the role still holds for the whole message that takes it away.
    await fresh.query('set statement_timeout = 0');
    // A server that waits looks whether this process still lives: a killed one would else leave CREATE INDEX CONCURRENTLY behind.
    const { rows } = await fresh.query<{ pid: number }>(
      `select pg_catalog.pg_backend_pid() as pid, set_config('idle_in_transaction_session_timeout', '0', false), set_config('lock_timeout', '10s', false),
        (select pg_catalog.count(pg_catalog.set_config(s.name, '0', false)) from pg_catalog.pg_settings s where s.name in ('idle_session_timeout', 'transaction_timeout')),
        set_config('search_path', 'pg_catalog', false),
        case when pg_catalog.version() ~* 'linux|darwin' then set_config('client_connection_check_interval', '1000', false) end,
        set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '3', false),
        case when pg_catalog.version() ~* 'linux' then set_config('tcp_user_timeout', '25000', false) end`,
    );
    const pid = rows[0]?.pid ?? 0;
    backends.set(fresh, pid);
    // What the observer and the lock ask is answered at once or never; a change may take its time, if the server says so.
    endWhenSilent(fresh, settings.silence ?? 10_000, role === 'work' ? () => activityOf(pid) : async () => 'unknown');
    return fresh;
  };

  /** Whether the server still works on what that backend was asked. */
  const activityOf = async (pid: number): Promise<Liveness> => {
    const rows = await observe<{ state: string | null }>(
      'select a.state from pg_catalog.pg_stat_activity a where a.pid = $1',
      [pid],
    );
    if (rows[0] === undefined) return 'over';
    return rows[0].state === null || rows[0].state === 'active' ? 'running' : 'over';
  };

  /** The backend that held our lock, and since when it runs: the server may not have noticed yet that it lost us. */
  let former: { readonly pid: number; readonly start: string } | null = null;

  const tryLock = async (holder: Client): Promise<boolean> => {
    const { rows } = await holder.query<{ taken: boolean; start: string }>(
      `select pg_catalog.pg_try_advisory_xact_lock(${lockKey[0]}, ${lockKey[1]}) as taken,
         (select a.backend_start::text from pg_catalog.pg_stat_activity a where a.pid = pg_catalog.pg_backend_pid()) as start`,
    );
    if (rows[0]?.taken !== true) return false;
    former = { pid: backends.get(holder) ?? 0, start: rows[0].start };
    return true;
  };

  /** Ends our own session that the network cut off; true when it was there. */
  const endFormer = async (holder: Client): Promise<boolean> => {
    if (former === null) return false;
    const { rows } = await holder.query<{ ended: boolean }>(
      `select pg_catalog.pg_terminate_backend(a.pid) as ended from pg_catalog.pg_stat_activity a
       where a.pid = $1 and a.backend_start::text = $2`,
      [former.pid, former.start],
    );
    former = null;
    if (rows[0]?.ended !== true) return false;
    await pause(200);
    return true;
  };

  const takeLock = async (): Promise<void> => {
    const holder = await client('lock');
    await holder.query('begin');
    if (!(await tryLock(holder)) && !((await endFormer(holder)) && (await tryLock(holder)))) {
      const who = await holder.query<{ application: string; address: string | null; since: string; pid: number }>(
        `select a.application_name as application, host(a.client_addr) as address, a.pid,
           to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' as since
         from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a on a.pid = l.pid
         where l.locktype = 'advisory' and l.classid::int8 = ${lockKey[0]} and l.objid::int8 = ${lockKey[1]} and l.granted
           and l.database = (select oid from pg_catalog.pg_database where datname = current_database())`,
      );
      await holder.query('rollback');
      open.delete('lock');
      await endSoon(holder);
      const other = who.rows[0];
      throw new RolloutError(
        other === undefined
          ? 'Another rollout holds the run lock of this database.'
          : `Another rollout holds the run lock of this database: ${other.application} from ${other.address ?? 'a local socket'}, connected since ${other.since} (pid ${other.pid}).`,
        'Wait for it to end, or ask that operator to stop it.',
        { exitCode: exitCodes.failed },
      );
    }
    heartbeat ??= setInterval(() => {
      const held = open.get('lock');
      // A failed heartbeat ends the connection; the next change sees that the lock is gone and stops.
      held?.then((one) => one.query('select 1')).catch(() => open.delete('lock'));
    }, heartbeatMilliseconds).unref();
  };

  // A pooler may hand the connection on with what was prepared there: another run asks under names of its own.
  const tag = randomUUID().slice(0, 8);

  /** One question at a time on the observer's connection: two at once would share it. */
  let asked: Promise<unknown> = Promise.resolve();
  const observe = <T>(text: string, values: unknown[] = [], name?: string): Promise<T[]> => {
    const query = name === undefined ? { text, values } : { text, values, name };
    const answer = asked.then(async () => (await (await client('observer')).query(query)).rows as T[]);
    asked = answer.catch(() => undefined);
    return answer;
  };

  return {
    settings,
    work: async () => {
      // After a lost connection the lock is taken again first: somebody else may have begun meanwhile.
      if (wantsLock && !open.has('lock')) await takeLock();
      return client('work');
    },
    observe,
    lock: async () => {
      if (open.has('lock')) return;
      await takeLock();
      // One that is taken again belongs to a run whose own programs are at work.
      if (!wantsLock) await endOrphans(observe);
      wantsLock = true;
    },
    locked: () => open.has('lock'),
    holders: async () => {
      const work = await open.get('work');
      if (work === undefined) return [];
      const pid = backends.get(work);
      return observe<LockHolder>(
        `select b.pid, coalesce(a.application_name, '') as application, coalesce(a.usename::text, '') as user,
           coalesce(a.state, 'background') as state,
           coalesce(extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.backend_start)), 0)::float8 as seconds
         from unnest(pg_catalog.pg_blocking_pids($1)) b(pid) left join pg_catalog.pg_stat_activity a on a.pid = b.pid`,
        [pid],
        // Asked beside almost every change: what it costs the server is the planning.
        `voxanne_holders_${tag}`,
      );
    },
    stillOpen: async (seen) => {
      if (seen.length === 0) return [];
      const now = await observe<{ pid: number; seconds: number }>(
        `select a.pid, extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds
         from pg_catalog.pg_stat_activity a where a.pid = any($1::int4[]) and a.xact_start is not null`,
        [seen.map((one) => one.pid)],
      );
      return seen.flatMap((one) => {
        const present = now.find((row) => row.pid === one.pid);
        // A younger transaction is another one: what was waited for has ended.
        return present === undefined || present.seconds < one.seconds ? [] : [{ ...one, seconds: present.seconds }];
      });
    },
    longestWaiter: async () => {
      const work = await open.get('work');
      if (work === undefined) return 0;
      const rows = await observe<{ waited: number }>(
        // The whole table of locks, with thousands of them in force, is read only while anybody waits for one; a role that
        // may not see what others wait for reads it each time.
        `select case when not pg_catalog.pg_has_role('pg_read_all_stats', 'usage')
             or exists (select from pg_catalog.pg_stat_get_activity(null) a where a.wait_event_type = 'Lock')
           then (select coalesce(max(extract(epoch from clock_timestamp() - l.waitstart)) * 1000, 0)
             from pg_catalog.pg_locks l where not l.granted and $1 = any (pg_catalog.pg_blocking_pids(l.pid)))
           else 0 end::float8 as waited`,
        [backends.get(work)],
        `voxanne_waiter_${tag}`,
      );
      return rows[0]?.waited ?? 0;
    },
    cancel: async () => {
      const work = await open.get('work');
      if (work === undefined) return false;
      const pid = backends.get(work);
      // A cancel that arrives before its statement has begun is lost: ask again until the backend is no longer busy.
      for (let tries = 0; tries < 100; tries++) {
        const rows = await observe<{ busy: boolean }>(
          `select case when a.state = 'active' then pg_catalog.pg_cancel_backend(a.pid) else false end as busy
           from pg_catalog.pg_stat_activity a where a.pid = $1`,
          [pid],
        );
        if (rows[0]?.busy !== true && tries > 0) return true;
        await pause(20);
      }
      return false;
    },
    close: async () => {
      closed = true;
      clearInterval(heartbeat);
      wantsLock = false;
      const opened = await Promise.allSettled(open.values());
      open.clear();
      await Promise.allSettled(opened.flatMap((one) => (one.status === 'fulfilled' ? [endSoon(one.value)] : [])));
    },
  };
}

/** What other sessions see of this run in `pg_stat_activity`; at most 63 bytes, no secret. */
export function applicationName(): string {
  let user = 'unknown';
  try {
    user = userInfo().username;
  } catch {
    // A container may run under a uid that no passwd entry names; the host alone then tells who it is.
    user = String(process.getuid?.() ?? 'unknown');
  }
  return `voxanne-rollout ${user}@${hostname()} pid ${process.pid}`.slice(0, 63);
}
