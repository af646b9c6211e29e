import { count } from '../../report/format.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import type { SavedPlan } from '../../rollout/saved-plan.ts';
import { checkPlan, expecting } from '../check-plan.ts';
import { requireNamedTarget } from '../consent.ts';
import { loadSettings, type Opened } from '../open.ts';
import { openPlanFile } from '../plan-file.ts';
import { agreedSettings } from '../plan-settings.ts';
import { runWithFlag } from '../programs.ts';
import { type CommandContext, run, withTarget } from '../run.ts';
import { type ApplyOptions, applyAll } from './apply.ts';

type PlanOptions = ApplyOptions & { readonly plan: string };

/** `voxanne-rollout --yes --plan FILE`: exactly the changes of the file, or nothing. */
export const applyPlanCommand = (options: PlanOptions): Promise<ExitCode> =>
  run(options, async (context) => {
    const plan = await openPlanFile(options.plan);
    const settings = agreedSettings(plan, await loadSettings(options));
    return withTarget(
      options,
      context,
      async (opened) => {
        requireNamedTarget(opened.source, opened.connection.label, '--yes');
        requireSameTarget(plan, opened, options.plan);
        return applyPlan(plan, opened, context, options);
      },
      { over: settings, programs: runWithFlag(context.output), remark: `plan ${plan.hash.slice(0, 12)}` },
    );
  });

async function applyPlan(
  plan: SavedPlan,
  opened: Opened,
  context: CommandContext,
  options: PlanOptions,
): Promise<ExitCode> {
  const { output, signal } = context;
  const last = plan.steps.at(-1)?.step;
  const to = options.to ?? last;
  if (to === undefined || !plan.steps.some((one) => one.step === to)) {
    throw new RolloutError(
      `The plan holds no step ${to ?? ''}.`,
      `Its steps are ${plan.steps.map((one) => one.step).join(', ')}; a plan file covers phase 1.`,
      { exitCode: exitCodes.usage },
    );
  }
  const { unrelated, notAhead } = await checkPlan(opened, plan, signal);
  const all = plan.steps.reduce((sum, one) => sum + one.changes.length, 0);
  output.say(
    notAhead === null
      ? `${output.paint('ok', '✓')} this database needs exactly the ${count(all, 'change')} of plan ${plan.hash.slice(0, 12)}`
      : `${output.paint('warn', '-')} every object is as the plan found it; each step is compared right before it is applied, since not all of it could be computed beforehand: ${notAhead}`,
  );
  for (const { text } of unrelated.slice(0, 20))
    output.say(`  ${output.paint('dim', 'differs, and no change depends on it:')} ${text}`);
  if (unrelated.length > 20) output.say(`  and ${unrelated.length - 20} more that no change depends on`);
  output.say('');
  return applyAll(opened, context, to, {
    onFailure: options.onFailure ?? 'rollback',
    expect: expecting(opened, plan),
  });
}

/** @throws {RolloutError} exit code 2 when the plan was made for another database. */
export function requireSameTarget({ target }: SavedPlan, { connection }: Opened, file: string): void {
  const same =
    target.project !== null || connection.project !== null
      ? target.project === connection.project
      : target.host.toLowerCase() === connection.host.toLowerCase() &&
        target.port === connection.port &&
        target.database === connection.database;
  if (same) return;
  throw new RolloutError(
    `${file} was made for ${placeOf(target)}, and this is ${placeOf(connection)}.`,
    'Give the database that the plan was made for, or make a plan for this one.',
    { exitCode: exitCodes.usage },
  );
}

export const placeOf = (one: SavedPlan['target'] | Opened['connection']): string =>
  one.project === null ? `${one.host}:${one.port}/${one.database}` : `project ${one.project}`;
