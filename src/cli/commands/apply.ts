import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import type { StepId } from '../../rollout/step.ts';
import type { Opened } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { type CommandContext, run, withTarget } from '../run.ts';

export type ApplyOptions = CommonOptions & { readonly yes?: boolean; readonly to?: StepId };

/** `voxanne-rollout --yes`: applies and verifies what is pending, in order, and stops at the first failure. */
export const applyCommand = (options: ApplyOptions): Promise<ExitCode> =>
  run(options, (context) =>
    withTarget(options, context, async (opened) => {
      if (!opened.source.explicit) {
        throw new RolloutError(
          `--yes needs the database named for this run, and ${opened.connection.label} comes from ${opened.source.origin}.`,
          'Give --db-url, or export SUPABASE_DB_URL.',
          { exitCode: exitCodes.usage },
        );
      }
      return applyAll(opened, context, options.to);
    }),
  );

/** `beforeChecks` runs between applying and verifying a step: where the demo waives what only a person could decide. */
export async function applyAll(
  opened: Opened,
  { output, signal }: CommandContext,
  to?: StepId,
  beforeChecks?: (step: StepId) => Promise<void>,
): Promise<ExitCode> {
  const { rollout } = opened;
  const before = await rollout.status();
  if (to !== undefined && !before.some((row) => row.step === to)) {
    throw new RolloutError(`There is no step ${to}.`, `The steps are ${before.map((row) => row.step).join(', ')}.`, {
      exitCode: exitCodes.usage,
    });
  }
  for (const row of before) {
    if (row.state === 'skipped') {
      output.say(`${row.step} ${row.title}  skipped: ${row.last?.detail ?? ''}`);
    } else if (
      row.state === 'verified' &&
      !row.interrupted &&
      (await rollout.plan(row.step)).plan.changes.length === 0
    ) {
      output.say(`${row.step} ${row.title}  ${output.paint('ok', '✓ verified')} before, nothing to do`);
    } else {
      await rollout.apply(row.step, signal);
      await beforeChecks?.(row.step);
      const result = await rollout.verify(row.step, signal);
      if (result.failed > 0) {
        output.say('');
        output.say(`Stopped at ${row.step}: ${result.failed} of its checks failed. Nothing later was started.`);
        output.say(
          `Look with "voxanne-rollout verify --verbose", then repair and run again, or take it back with "voxanne-rollout rollback".`,
        );
        return exitCodes.failed;
      }
    }
    if (row.step === to) break;
  }
  output.say('');
  output.say(output.paint('ok', to === undefined ? 'Done and verified.' : `Done and verified up to ${to}.`));
  return exitCodes.done;
}
