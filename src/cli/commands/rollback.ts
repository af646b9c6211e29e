import { createInterface } from 'node:readline/promises';
import { count } from '../../report/format.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import type { StepStatus } from '../../rollout/rollout.ts';
import type { StepId } from '../../rollout/step.ts';
import { requireNamedTarget } from '../consent.ts';
import { whyNobody } from '../nobody.ts';
import type { Opened } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { runWithFlag } from '../programs.ts';
import { type CommandContext, run, withTarget } from '../run.ts';

export type RollbackOptions = CommonOptions & {
  readonly yes?: boolean;
  readonly to?: StepId;
  readonly phase?: number;
  readonly all?: boolean;
  readonly breakDependants?: boolean;
};

/** `voxanne-rollout rollback`: takes steps back, newest first, each proven against the state before it. */
export const rollbackCommand = (options: RollbackOptions): Promise<ExitCode> =>
  run(options, (context) =>
    withTarget(
      options,
      context,
      async (opened) => {
        const { output } = context;
        if (options.yes === true) requireNamedTarget(opened.source, opened.connection.label, 'rollback --yes');
        const steps = chosen(await opened.rollout.status(), options);
        if (steps.length === 0) {
          const suspicion = await opened.rollout.suspicion();
          if (suspicion !== null) throw suspicion;
          output.say('Nothing is applied, so there is nothing to roll back.');
          return exitCodes.done;
        }
        output.say('Will be rolled back, in this order:');
        for (const row of steps) output.say(`  ${row.step} ${row.title}  ${count(row.applied, 'change')}`);
        output.say('Data created since then is kept, and reported.');
        let breaking = options.breakDependants === true;
        for (const row of steps) {
          for (const one of (await opened.rollout.rollbackPlan(row.step)).dependants) {
            output.say(
              `  ${output.paint('bad', 'will break')} ${one.object}: uses ${one.uses.join(', ')}, which goes with ${row.step}`,
            );
          }
        }
        output.say('');
        if (options.yes !== true && !(await consent(opened, output.json))) {
          output.say('Nothing was changed.');
          const why = whyNobody(output.json);
          if (why !== null) output.say(`${why}, so nobody was asked: --yes rolls these steps back.`);
          return exitCodes.usage;
        }
        // Whoever answered the question has read what will break.
        if (options.yes !== true) breaking = true;
        return rollbackSteps(opened, context, steps, breaking);
      },
      { programs: runWithFlag(context.output) },
    ),
  );

export async function rollbackSteps(
  opened: Opened,
  { output, signal }: CommandContext,
  steps: readonly StepStatus[],
  breaking = false,
): Promise<ExitCode> {
  let unproven = 0;
  for (const row of steps) {
    const result = await opened.rollout.rollback(row.step, signal, breaking);
    if (!result.proven && row.applied > 0) unproven++;
  }
  output.say('');
  output.say(
    unproven === 0
      ? output.paint('ok', 'Rolled back, and proven step by step.')
      : output.paint('bad', `Rolled back, but not proven for ${count(unproven, 'step')}: see the differences above.`),
  );
  return unproven === 0 ? exitCodes.done : exitCodes.failed;
}

/** Newest first. `--to 1.2` keeps 1.2 and everything before it. */
export function chosen(status: readonly StepStatus[], options: RollbackOptions): readonly StepStatus[] {
  const applied = status.filter((row) => row.applied > 0).reverse();
  if (options.all === true) return applied;
  if (options.phase !== undefined) return applied.filter((row) => row.phase >= (options.phase ?? 0));
  if (options.to !== undefined) {
    const position = status.findIndex((row) => row.step === options.to);
    if (position < 0) {
      throw new RolloutError(
        `There is no step ${options.to}.`,
        `The steps are ${status.map((row) => row.step).join(', ')}.`,
        {
          exitCode: exitCodes.usage,
        },
      );
    }
    return applied.filter((row) => status.indexOf(row) > position);
  }
  return applied.slice(0, 1);
}

/** Asks on a terminal; elsewhere nobody can answer, and only `--yes` is a yes. */
async function consent(opened: Opened, json: boolean): Promise<boolean> {
  if (whyNobody(json) !== null) return false;
  const word = opened.production ? (opened.connection.project ?? opened.connection.host) : 'y';
  const question = opened.production ? `Type ${word} to roll back: ` : 'Roll back? [y/N] ';
  const ask = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await ask.question(question)).trim() === word;
  } finally {
    ask.close();
  }
}
