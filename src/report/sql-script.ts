import type { BatchChange } from '../rollout/change.ts';
import type { Rollout } from '../rollout/rollout.ts';

/**
 * Phase 1 as one script for an SQL editor: every change in a short transaction of its own, as the tool would run it.
 * It keeps no journal, retries nothing and takes nothing back; the header says so.
 */
export async function sqlScript(rollout: Rollout): Promise<string> {
  const parts: string[] = [
    '-- Phase 1 of the rollout, as computed from this database now.',
    '-- Run it with: psql -v ON_ERROR_STOP=1 -f FILE. Unlike the tool it keeps no journal, does not retry after a lock',
    '-- timeout and cannot be rolled back.',
    '',
  ];
  for (const row of (await rollout.status()).filter((one) => one.phase === 1)) {
    const { plan } = await rollout.plan(row.step);
    parts.push(`-- ${row.step} ${row.title}`);
    for (const blocker of plan.blockers) parts.push(`-- BLOCKED: ${blocker.problem} ${blocker.remedy}`);
    for (const change of plan.changes) {
      parts.push(`-- ${change.title}`);
      if (change.kind === 'batches') parts.push(`${oneStatement(change)};`);
      else if (change.kind === 'sql' && change.mode === 'autocommit') parts.push(semicolon(change.up));
      else if (change.kind === 'sql') {
        parts.push(
          `begin;\nset local lock_timeout = '5s';\nset local search_path = '';\n${semicolon(change.up)}\ncommit;`,
        );
      }
      parts.push('');
    }
  }
  return parts.join('\n');
}

/** What the batches of a change do in sum, as one statement. */
export function oneStatement(change: BatchChange): string {
  const { write } = change;
  if (write.kind === 'insert') {
    const columns = write.columns.join(', ');
    return `insert into ${change.table} (${columns})\nselect ${columns} from (${write.source}) s\non conflict do nothing`;
  }
  const value =
    write.jsonKey === undefined
      ? `(${write.value})`
      : `coalesce(t.${write.column}, '{}'::jsonb) || jsonb_build_object('${write.jsonKey}', (${write.value}))`;
  return `update ${change.table} t set ${write.column} = ${value}\nwhere (${write.where}) and (${write.value}) is not null`;
}

const semicolon = (sql: string): string => (/;\s*$/.test(sql) ? sql : `${sql};`);
