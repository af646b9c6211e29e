import { savedPlanLines } from '../../report/saved-plan.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import { NotPlannedAhead } from '../../rollout/foresee.ts';
import { makePlan } from '../make-plan.ts';
import { requireFree, writePlanFile } from '../plan-file.ts';
import { run, withTarget } from '../run.ts';
import type { PlanOptions } from './plan.ts';

export type SavePlanOptions = PlanOptions & { readonly out: string; readonly overwrite?: boolean };

/** `voxanne-rollout plan --out FILE`: the whole rollout as a file that is applied exactly, or not at all. */
export const savePlanCommand = (options: SavePlanOptions): Promise<ExitCode> =>
  run(options, async (context) => {
    const { output, signal } = context;
    if (options.sql === true || options.check === true) {
      throw new RolloutError('--out saves a plan file, and goes with neither --sql nor --check.', 'Leave one out.', {
        exitCode: exitCodes.usage,
      });
    }
    await requireFree(options.out, options.overwrite === true);
    return withTarget(options, context, async (opened) => {
      const plan = await makePlan(opened, signal).catch((error: unknown) => {
        if (!(error instanceof NotPlannedAhead)) throw error;
        throw new RolloutError(
          error.problem,
          'Choose a quieter moment; where there are too many rows, "voxanne-rollout rehearse --on" a restored copy writes the plan.',
          { cause: error },
        );
      });
      await writePlanFile(options.out, plan);
      output.event({ type: 'saved-plan', plan });
      for (const line of savedPlanLines(plan, output.paint, options.verbose === true)) output.say(line);
      output.say('');
      output.say(`The plan is in ${options.out}. Nothing was changed.`);
      return exitCodes.done;
    });
  });
