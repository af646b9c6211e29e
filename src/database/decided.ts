import type { ClientBase } from 'pg';
import { decidedTable } from './journal.sql.ts';
import { journalExists } from './journal.ts';

/** Keeps what was decided for a run, as JSON, unless the last run was decided in the same way. Needs the journal. */
export async function keepDecided(client: ClientBase, run: string, decided: unknown): Promise<void> {
  if (!(await hasTable(client))) await client.query(`begin; ${decidedTable} commit;`);
  await client.query(
    `insert into voxanne_rollout.decided (run, settings) select $1::uuid, $2::jsonb
     where $2::jsonb is distinct from (select d.settings from voxanne_rollout.decided d order by d.seq desc limit 1)`,
    [run, JSON.stringify(decided)],
  );
}

async function hasTable(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    `select pg_catalog.to_regclass('voxanne_rollout.decided') is not null as there`,
  );
  return rows[0]?.there === true;
}

/** What was decided for what is applied now; null where nothing is, or where nothing was kept. */
export async function keptDecided(client: ClientBase): Promise<unknown> {
  if (!(await journalExists(client)) || !(await hasTable(client))) return null;
  const { rows } = await client.query<{ settings: unknown }>(
    `select d.settings from voxanne_rollout.decided d
     where exists (select from voxanne_rollout.entries e where e.state = 'applied') order by d.seq desc limit 1`,
  );
  return rows[0]?.settings ?? null;
}
