import type { Blocker, Note } from '../../rollout/step.ts';
import type { DbFunction } from '../catalog/types.ts';
import { literal } from '../quote.ts';
import { rewriteRoutine } from './routine.ts';
import type { TriggerPlan } from './triggers.ts';
import type { Job, RenameOptions } from './types.ts';
import type { World } from './world.ts';

/**
 * Scheduled commands are text that nobody renames: they fail from their next run on. Each is read and rewritten like the
 * body of a function, in the transaction of its tables, because it may run at any second.
 */
export function planJobs(
  world: World,
  settled: World,
  options: RenameOptions,
): { readonly plans: readonly TriggerPlan[]; readonly blockers: readonly Blocker[]; readonly notes: readonly Note[] } {
  const plans: TriggerPlan[] = [];
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  for (const job of options.jobs ?? []) {
    const found = rewriteRoutine(world, settled, asFunction(job), [], options);
    blockers.push(...found.blockers.map((one) => ({ ...one, remedy: byHand })));
    notes.push(...found.notes);
    if (found.body === null) continue;
    if (!job.ours) {
      blockers.push({
        problem: `${titleOf(job)} names a renamed column, and this role may not change it with cron.alter_job.`,
        remedy: `Run the rollout as the role that scheduled it. ${byHand}`,
        detail: job.command,
      });
      continue;
    }
    notes.push({
      text: `${titleOf(job)} is rewritten with cron.alter_job in the transaction of its tables.`,
      detail: `${job.command}\nbecomes\n${found.body}`,
    });
    plans.push({
      up: alter(job, job.command, found.body, 'was changed meanwhile; plan again'),
      down: alter(job, found.body, job.command, `was changed since; give it the old names with cron.alter_job first`),
      roots: [...found.roots],
    });
  }
  return { plans, blockers, notes };
}

const byHand =
  'Let the job call a function, which follows the rename; or unschedule it with cron.unschedule and schedule it again with the new name after this step.';

const titleOf = (job: Job): string => `Scheduled job ${job.name ?? job.id}`;

/** Only a command that still is what was read is replaced, and the catalog has to show the new one afterwards. A job that is gone needs nothing. */
const alter = (job: Job, from: string, to: string, changed: string): string => `do $job$ begin
  if not exists (select from cron.job where jobid = ${job.id}) then return; end if;
  if exists (select from cron.job where jobid = ${job.id} and command = ${literal(to)}) then return; end if;
  if not exists (select from cron.job where jobid = ${job.id} and command = ${literal(from)}) then
    raise exception using message = ${literal(`${titleOf(job)} ${changed}`)};
  end if;
  perform cron.alter_job(job_id := ${job.id}, command := ${literal(to)});
  if not exists (select from cron.job where jobid = ${job.id} and command = ${literal(to)}) then
    raise exception using message = ${literal(`cron.alter_job left ${titleOf(job)} as it was`)};
  end if;
end $job$`;

/** A command is a sql body without arguments, run with the path of whoever scheduled it. */
const asFunction = (job: Job): DbFunction => ({
  oid: 0,
  schema: 'cron',
  name: `job ${job.id}`,
  kind: 'function',
  language: 'sql',
  ours: true,
  securityDefiner: false,
  volatility: 'volatile',
  settings: [],
  arguments: [],
  returns: 'void',
  returnsSet: false,
  atomic: false,
  body: job.command,
  definition: null,
  signature: titleOf(job),
  executors: [],
});
