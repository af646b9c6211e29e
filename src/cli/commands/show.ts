import { savedPlanLines } from '../../report/saved-plan.ts';
import { type ExitCode, exitCodes } from '../../rollout/errors.ts';
import type { CommonOptions } from '../options.ts';
import { openPlanFile } from '../plan-file.ts';
import { run } from '../run.ts';

/** `voxanne-rollout show FILE`: what a plan file holds. Connects to nothing. */
export const showCommand = (file: string, options: CommonOptions): Promise<ExitCode> =>
  run(options, async ({ output }) => {
    const plan = await openPlanFile(file);
    output.event({ type: 'saved-plan', plan });
    for (const line of savedPlanLines(plan, output.paint, options.verbose === true)) output.say(line);
    return exitCodes.done;
  });
