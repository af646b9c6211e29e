import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
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
  const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true && process.env.CI === undefined;
  if (options.json !== true && (options.interactive ?? terminal)) {
    const { wizardCommand } = await import('./wizard.ts');
    return wizardCommand(options);
  }
  const { planCommand } = await import('./plan.ts');
  const exit = await planCommand(options);
  if (exit !== exitCodes.done) return exit;
  process.stderr.write('This is not a terminal, so nobody could be asked: --yes applies the plan.\n');
  return exitCodes.usage;
}
