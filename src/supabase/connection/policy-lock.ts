import type { Client } from 'pg';
import { isRetryable } from '../../database/errors.ts';

/**
 * Whether policy statements lock the platform's tables here. In supautils up to 3.4.0 every CREATE, ALTER or DROP POLICY
 * and every DROP TRIGGER, on any table, takes ACCESS EXCLUSIVE on auth.users and others until commit (supabase/supautils
 * pull request 228; `supabase.md` 0.3).
 *
 * - `absent`: a policy statement locks its own table only.
 * - `present`: it locks the tables in `tables`, or waited for one of them.
 * - `unknown`: it could not be tried (a replica, no right to make temporary tables).
 */
export type PolicyLock =
  | { readonly state: 'absent' }
  | { readonly state: 'present'; readonly tables: readonly string[] }
  | { readonly state: 'unknown'; readonly reason: string };

/**
 * Drops a policy that does not exist from a temporary table, in a transaction that is rolled back, and looks which
 * locks it holds. The temporary table keeps every table of the app out of it; the lock timeout of 50 ms bounds how long
 * a sign-in can wait where the platform's tables are locked.
 */
export async function probePolicyLock(client: Client): Promise<PolicyLock> {
  await client.query('begin');
  try {
    await client.query(
      "set local lock_timeout = '50ms'; create temporary table voxanne_rollout_probe () on commit drop",
    );
  } catch (error) {
    await client.query('rollback');
    return { state: 'unknown', reason: error instanceof Error ? error.message : String(error) };
  }
  try {
    await client.query('drop policy if exists voxanne_rollout_probe on pg_temp.voxanne_rollout_probe');
    const { rows } = await client.query<{ name: string }>(
      `select distinct c.relnamespace::pg_catalog.regnamespace::text || '.' || c.relname as name
       from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation
       where l.pid = pg_catalog.pg_backend_pid() and l.mode = 'AccessExclusiveLock' and c.relpersistence <> 't'
         and c.relkind in ('r', 'p') order by 1`,
    );
    return rows.length === 0 ? { state: 'absent' } : { state: 'present', tables: rows.map((row) => row.name) };
  } catch (error) {
    // Nobody else can see the temporary table, so a wait for a lock is a wait for another table.
    if (isRetryable(error)) return { state: 'present', tables: [] };
    return { state: 'unknown', reason: error instanceof Error ? error.message : String(error) };
  } finally {
    await client.query('rollback');
  }
}
