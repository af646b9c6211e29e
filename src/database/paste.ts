import { randomBytes, randomUUID } from 'node:crypto';
import type { BatchChange, Change, SqlChange } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { Rollout } from '../rollout/rollout.ts';
import type { StepId } from '../rollout/step.ts';
import { plural } from '../rollout/text.ts';
import { allAtOnce, beforeBatch } from './batches.ts';
import { fingerprintSql } from './fingerprint.ts';
import { journalSchema } from './journal.sql.ts';
import { insertEntrySql, insertStateSql, markRevertedSql } from './journal.ts';
import { type Ask, type Asked, askAll, checksSql } from './paste-checks.ts';
import { literal } from './quote.ts';

export type PasteOptions = {
  /** For psql, which sends each statement by itself: indexes are then made concurrently. */
  readonly psql: boolean;
  /** On the connection of the rollout, for what its checks ask. */
  readonly ask: Ask;
};

/**
 * Phase 1 as one text for an SQL editor, which sends it as one query: every change in a short transaction of its own,
 * with its journal row, so that `status`, `verify` and `rollback` know afterwards what was pasted. The last statement
 * asks the checks that a query answers, and shows them as one table.
 *
 * @throws {RolloutError} when a step needs a decision, which nobody could give while the text runs, or when one of these
 *   checks fails in the tested run.
 */
export async function pasteScript(rollout: Rollout, { psql, ask }: PasteOptions, signal: AbortSignal): Promise<string> {
  const run = randomUUID();
  const parts = [
    comment('Phase 1 of the rollout, as computed from this database now.'),
    comment(
      psql
        ? 'Run it with: psql -v ON_ERROR_STOP=1 -f FILE'
        : 'Paste all of it into the SQL editor and run it. A statement that fails ends it; what ran before stays, and is in the journal.',
    ),
    comment('Afterwards "voxanne-rollout status", "verify" and "rollback" work as if the tool had run it.'),
    '',
    `begin;\n${journalSchema}commit;`,
    '',
  ];
  const titles = new Map((await rollout.status()).map((row) => [row.step, row.title]));
  let checks: readonly Asked[] = [];
  const planned = await rollout.planAhead(1, signal, async (queries) => {
    checks = await askAll(await queries(), ask);
  });
  for (const { step, plan } of planned) {
    const [blocker] = plan.blockers;
    if (blocker !== undefined) {
      throw new RolloutError(
        `Step ${step} needs a decision before a script can be written: ${blocker.problem}`,
        blocker.remedy,
        { detail: blocker.detail },
      );
    }
    parts.push(comment(`${step} ${titles.get(step) ?? ''}`));
    if (plan.changes.length > 0) parts.push(keep(step, run, 'before'));
    for (const change of plan.changes) parts.push(comment(change.title), statement(change, step, run, psql), '');
    if (plan.changes.length > 0) parts.push(keep(step, run, 'after'));
    parts.push(recordSql(step, run, `${plural(plan.changes.length, 'change')}, from a script`), '');
  }
  parts.push(comment('The checks, as one table.'), checksSql(checks, `voxanne_${randomBytes(6).toString('hex')}`));
  return parts.join('\n');
}

/**
 * The inverse of what the journal holds, newest first, as one text that marks each row as it goes. At the end of a step
 * its objects are compared with the state from before it, so that nothing is called rolled back that is not.
 */
export async function pasteRollback(rollout: Rollout): Promise<string> {
  const run = randomUUID();
  const parts = [comment('Rolls back phase 1 as the journal of this database holds it, newest first.'), ''];
  const steps = (await rollout.status()).filter((one) => one.phase === 1 && one.applied > 0).reverse();
  for (const row of steps) {
    for (const entry of (await rollout.rollbackPlan(row.step)).entries) {
      const { change } = entry;
      if (change.kind !== 'sql') {
        throw new RolloutError(
          `Step ${row.step} wrote rows (${change.title}), and they are restored only where nobody changed them since, which a script cannot tell.`,
          `Run "voxanne-rollout rollback --all" instead, or "voxanne-rollout rollback --to ${row.step}" for the steps after it alone.`,
        );
      }
      const down = change.mode === 'autocommit' ? plain(change.down) : change.down;
      parts.push(
        comment(`Roll back: ${change.title}`),
        `begin;\nset local lock_timeout = '5s';\nset local search_path = '';\n${ended(down)}\n${markRevertedSql(entry.seq)}\ncommit;`,
        '',
      );
    }
    parts.push(rolledBackSql(row.step, run), '');
  }
  parts.push(rolledBackResult(run));
  return parts.join('\n');
}

/** Only what the step changed is compared: what others changed elsewhere since is no fault of the rollback. */
const rolledBackSql = (step: StepId, run: string): string => `begin;
set local search_path = '';
with was as (select f.state from voxanne_rollout.fingerprints f where f.step = ${literal(step)} and f.moment = 'before' order by f.seq desc limit 1),
became as (select f.state from voxanne_rollout.fingerprints f where f.step = ${literal(step)} and f.moment = 'after' order by f.seq desc limit 1),
present as (${fingerprintSql}),
moved as (select coalesce(b.key, a.key) as object, b.value as hash from was cross join lateral pg_catalog.jsonb_each_text(was.state) b
  full join (select each.key, each.value from became cross join lateral pg_catalog.jsonb_each_text(became.state) each) a on a.key = b.key
  where b.value is distinct from a.value),
rest as (select moved.object from moved left join present on present.object = moved.object where present.hash is distinct from moved.hash)
insert into voxanne_rollout.records (run, step, state, detail, passed, failed, skipped, milliseconds)
select ${literal(run)}, ${literal(step)}, case when exists (select from was) and not exists (select from rest) then 'rolled back' else 'failed' end,
  coalesce('not as before the step: ' || (select pg_catalog.string_agg(first.object, ', ') from (select rest.object from rest order by 1 limit 20) first), 'from a script'),
  0, 0, 0, 0;
commit;`;

/** What the operator sees at the end. */
const rolledBackResult = (run: string): string =>
  `select r.step, r.state, r.detail from voxanne_rollout.records r where r.run = ${literal(run)} order by r.step;`;

/** One commented line, whatever the text holds: no name or title may end the comment. */
const comment = (text: string): string => `-- ${text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')}`;

const ended = (sql: string): string => (sql.trim() === '' || /;\s*$/.test(sql) ? sql : `${sql};`);

function statement(change: Change, step: StepId, run: string, psql: boolean): string {
  if (change.kind === 'file') {
    throw new RolloutError(`${change.title} is not a change of the database.`, 'Report this as a defect.', {
      kind: 'defect',
    });
  }
  const entry = insertEntrySql({ id: randomUUID(), run, step, state: 'applied', change });
  const settings = `set local lock_timeout = '5s';\nset local search_path = '';`;
  if (change.kind === 'batches') return batches(change, entry, settings);
  if (change.mode === 'autocommit' && psql) return `${ended(change.up)}\n${entry}`;
  if (change.mode === 'autocommit') {
    return `${comment('A plain index: writes to this table wait until it is made. With --psql it is made concurrently.')}\nbegin;\n${settings}\n${plain(change.up)}\n${entry}\ncommit;`;
  }
  return `begin;\n${settings}\n${ended(change.up)}\n${entry}\ncommit;`;
}

/** All rows at once, with the old values kept under the entry, as the batches of the tool keep them. */
const batches = (change: BatchChange, entry: string, settings: string): string =>
  `begin;\n${settings}\n${entry}\n${beforeBatch(change.quiet)}\n${allAtOnce(change, '(select max(seq) from voxanne_rollout.entries)')};\ncommit;`;

const plain = (sql: SqlChange['up']): string =>
  ended(sql.replace(/\b(create\s+(?:unique\s+)?index|drop\s+index)\s+concurrently\b/gi, '$1'));

const keep = (step: StepId, run: string, moment: 'before' | 'after'): string =>
  `begin;\nset local search_path = '';\n${insertStateSql(
    step,
    run,
    moment,
    `(select coalesce(pg_catalog.jsonb_object_agg(f.object, f.hash), '{}') from (${fingerprintSql}) f)`,
  )}\ncommit;`;

const recordSql = (step: StepId, run: string, detail: string): string =>
  `insert into voxanne_rollout.records (run, step, state, detail, passed, failed, skipped, milliseconds)
values (${literal(run)}, ${literal(step)}, 'applied', ${literal(detail)}, 0, 0, 0, 0);`;
