import type { ClientBase } from 'pg';
import type { BatchChange } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import { literal } from './quote.ts';

/**
 * Refuses a change of rows that could not be rolled back: a publication whose filter the replica identity does not cover,
 * a missing privilege or a rule would stop its rollback half-way. The server checks all but rules when a statement
 * begins, so that one which touches no row tells. To be called inside a transaction that is rolled back on an error.
 */
export async function requireReversible(client: ClientBase, change: BatchChange): Promise<void> {
  const { table, write } = change;
  const { rows } = await client.query<{ name: string }>(
    `select r.rulename::text as name from pg_catalog.pg_rewrite r
     where r.ev_class = ${literal(table)}::pg_catalog.regclass and r.is_instead and r.ev_enabled <> 'D'
       and r.ev_type in (${write.kind === 'update' ? `'2'` : `'3', '4'`})`,
  );
  if (rows.length > 0) {
    throw new RolloutError(
      `The rule ${rows.map((row) => row.name).join(', ')} of ${table} does something else instead of what is written there, so that it could be neither done nor rolled back.`,
      `Disable it for the time of the rollout (alter table ${table} disable rule …), then run the same command again; nothing of this change was done.`,
    );
  }
  const statement =
    write.kind === 'update'
      ? `update ${table} t set ${write.column} = t.${write.column} where false`
      : `delete from ${table} t where false`;
  try {
    await client.query(statement);
  } catch (error) {
    const said = error as Error & { readonly code?: string; readonly detail?: string };
    if (said.code !== '55000' && said.code !== '42501') throw error;
    throw new RolloutError(
      `What is written to ${table} could not be taken back: ${said.message}.`,
      said.code === '42501'
        ? 'Connect as the owner of that table; nothing of this change was done.'
        : `Give the table a replica identity that covers what the publication looks at (alter table ${table} replica identity full), then run the same command again; nothing of this change was done.`,
      { cause: error, ...(said.detail === undefined ? {} : { detail: said.detail }) },
    );
  }
}
