import { configFileName } from '../../config/load.ts';
import { unsavedDecisions } from '../../config/unsaved.ts';
import { count } from '../../report/format.ts';
import { afterwards } from '../../rollout/afterwards.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import type { Planned, VerifyResult } from '../../rollout/rollout.ts';
import type { StepId } from '../../rollout/step.ts';
import { requireNamedTarget } from '../consent.ts';
import type { Opened } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { runWithFlag } from '../programs.ts';
import { type CommandContext, run, withTarget } from '../run.ts';

/** What becomes of a step whose checks fail once it is live, although they passed before. */
export const onFailures = ['rollback', 'stop'] as const;
export type OnFailure = (typeof onFailures)[number];

export type ApplyOptions = CommonOptions & {
  readonly yes?: boolean;
  readonly to?: StepId;
  readonly onFailure?: OnFailure;
  /** A plan file: exactly its changes, or nothing. */
  readonly plan?: string;
};

/** `voxanne-rollout --yes`: applies and verifies what is pending, in order, and stops at the first failure. */
export const applyCommand = (options: ApplyOptions): Promise<ExitCode> =>
  run(options, (context) =>
    withTarget(
      options,
      context,
      async (opened) => {
        requireNamedTarget(opened.source, opened.connection.label, '--yes');
        return applyAll(opened, context, options.to, { onFailure: options.onFailure ?? 'rollback' });
      },
      { programs: runWithFlag(context.output) },
    ),
  );

/**
 * `beforeChecks` runs between applying and verifying a step: where the demo waives what only a person could decide.
 * `afterStep` runs once it is verified, also where that was before.
 */
export async function applyAll(
  opened: Opened,
  { output, signal }: CommandContext,
  to?: StepId,
  {
    beforeChecks,
    afterStep,
    onFailure = 'rollback',
    expect,
  }: {
    readonly beforeChecks?: (step: StepId) => Promise<void>;
    readonly afterStep?: (step: StepId) => Promise<void>;
    readonly onFailure?: OnFailure;
    /** Judges the plan of each step right before it is applied. */
    readonly expect?: (planned: Planned) => Promise<void>;
  } = {},
): Promise<ExitCode> {
  const { rollout } = opened;
  const before = await rollout.status();
  if (to !== undefined && !before.some((row) => row.step === to)) {
    throw new RolloutError(`There is no step ${to}.`, `The steps are ${before.map((row) => row.step).join(', ')}.`, {
      exitCode: exitCodes.usage,
    });
  }
  let unchecked = 0;
  for (const row of before) {
    if (row.state === 'skipped') {
      output.say(`${row.step} ${row.title}  skipped: ${row.last?.detail ?? ''}`);
    } else if (
      row.state === 'verified' &&
      !row.interrupted &&
      (await rollout.plan(row.step)).plan.changes.length === 0
    ) {
      output.say(`${row.step} ${row.title}  ${output.paint('ok', '✓ verified')} before, nothing to do`);
      unchecked += row.last?.skipped ?? 0;
    } else {
      const changes = await rollout.apply(row.step, signal, expect);
      await beforeChecks?.(row.step);
      const result = await rollout.verify(row.step, signal);
      if (result.failed > 0 || result.unproven > 0)
        return stopAt(row.step, result, opened, { output, signal }, changes === 0 ? null : onFailure);
      unchecked += result.skipped;
    }
    await afterStep?.(row.step);
    if (row.step === to) break;
  }
  output.say('');
  const upTo = to === undefined ? '' : ` up to ${to}`;
  output.say(
    unchecked === 0
      ? output.paint('ok', `Done and verified${upTo}.`)
      : `${output.paint('ok', `Done${upTo}: every check that ran passed`)}; ${output.paint('warn', `${count(unchecked, 'check')} could not be run`)}, and what they ask is not verified. The report gives the reason for each (voxanne-rollout report).`,
  );
  const unsaved = await unsavedDecisions(opened.settings());
  if (unsaved !== null) {
    output.say('');
    output.say(
      'Decisions of this run that the configuration file does not hold. The journal keeps them for verify, guard and',
    );
    output.say(`plan; a later run that changes something asks again. Keep them in ${configFileName}:`);
    output.say(`  "decisions": ${unsaved}`);
  }
  if (to === undefined) {
    output.say('');
    output.say('What comes next:');
    for (const [index, text] of afterwards.entries()) output.say(`  ${index + 1}. ${text}`);
  }
  return exitCodes.done;
}

/** A step whose checks failed after it was applied: something changed meanwhile, so it does not stay live. */
async function stopAt(
  step: StepId,
  { failed, unproven }: VerifyResult,
  { rollout }: Opened,
  { output, signal }: CommandContext,
  /** `null`: this run changed nothing, so there is nothing of it to roll back. */
  onFailure: OnFailure | null,
): Promise<ExitCode> {
  const what =
    failed > 0
      ? `${failed} of its checks failed`
      : `${unproven} of its checks could not be run, and isolation depends on ${unproven === 1 ? 'it' : 'them'}`;
  output.say('');
  output.say(`Stopped at ${step}: ${what}. No later step was started.`);
  if (onFailure === null) {
    output.say(
      `This run changed nothing in step ${step}. Fix what the checks name or give the decision they ask for, then rerun.`,
    );
    return exitCodes.failed;
  }
  if (onFailure === 'stop') {
    output.say(
      'The step stays applied (--on-failure stop). Look with "voxanne-rollout verify --verbose", then fix what it names and rerun, or run "voxanne-rollout rollback".',
    );
    return exitCodes.failed;
  }
  const { proven, differences } = await rollout.rollback(step, signal);
  output.say(
    proven || differences.length === 0
      ? `Step ${step} was rolled back. Fix what the checks name, then rerun; --on-failure stop keeps a step for a closer look.`
      : `The rollback of step ${step} is not proven: ${count(differences.length, 'object')} ${differences.length === 1 ? 'differs' : 'differ'} from before. Look with "voxanne-rollout status" before you go on.`,
  );
  return exitCodes.failed;
}
