import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import { whyNobody } from '../nobody.ts';
import type { ApplyOptions } from './apply.ts';

export type DefaultOptions = ApplyOptions & { readonly inline?: boolean; readonly interactive?: boolean };

/** No command: `--yes` applies; a terminal gets the wizard; anything else the plan, with nothing changed. */
export async function defaultCommand(options: DefaultOptions): Promise<ExitCode> {
  const { plan, to } = options;
  if (options.yes === true) {
    return plan === undefined
      ? (await import('./apply.ts')).applyCommand(options)
      : (await import('./apply-plan.ts')).applyPlanCommand({ ...options, plan });
  }
  const alone =
    plan !== undefined
      ? new RolloutError(
          'A plan file is applied by --yes alone: nobody is asked, and exactly what it holds is done.',
          `Look at it with "voxanne-rollout show ${plan}", then give --yes --plan.`,
          { exitCode: exitCodes.usage },
        )
      : to !== undefined
        ? new RolloutError(
            `--to ${to} says where --yes stops, and --yes was not given.`,
            `Give --yes --to ${to}; the plan and the wizard show every step.`,
            { exitCode: exitCodes.usage },
          )
        : null;
  if (alone !== null) {
    const { run } = await import('../run.ts');
    return run(options, () => {
      throw alone;
    });
  }
  const why = whyNobody(options.json);
  if (options.json !== true && (options.interactive ?? why === null)) {
    const { wizardCommand } = await import('./wizard.ts');
    return wizardCommand(options);
  }
  const { planCommand } = await import('./plan.ts');
  const exit = await planCommand(options);
  if (exit !== exitCodes.done) return exit;
  const otherwise = why === 'CI is set' ? ', and --interactive opens the wizard' : '';
  process.stderr.write(
    `${why ?? '--no-interactive was given'}, so nobody was asked: --yes applies the plan${otherwise}.\n`,
  );
  return exitCodes.usage;
}
