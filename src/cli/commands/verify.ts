import { count } from '../../report/format.ts';
import { type ExitCode, exitCodes } from '../../rollout/errors.ts';
import type { CommonOptions } from '../options.ts';
import { runWithQuestion } from '../programs.ts';
import { run, withTarget } from '../run.ts';

/** `voxanne-rollout verify`: every check of what is applied. Acts only inside transactions that are rolled back. */
export const verifyCommand = (options: CommonOptions): Promise<ExitCode> =>
  run(options, (context) =>
    withTarget(
      options,
      context,
      async ({ rollout }) => {
        const { output, signal } = context;
        const steps = (await rollout.status()).filter(
          (row) => row.last !== null && !['rolled back', 'skipped'].includes(row.state),
        );
        if (steps.length === 0) {
          output.say(
            'Nothing is applied, so there is nothing to verify. "voxanne-rollout plan" shows what would be done.',
          );
          return exitCodes.done;
        }
        let failed = 0;
        let skipped = 0;
        let unproven = 0;
        for (const row of steps) {
          output.say(`${output.paint('strong', `${row.step} ${row.title}`)}`);
          const result = await rollout.verify(row.step, signal);
          failed += result.failed;
          skipped += result.skipped;
          unproven += result.unproven;
        }
        output.say('');
        const left = skipped === 0 ? '.' : `; ${skipped} could not be run and are not verified.`;
        if (failed > 0) output.say(output.paint('bad', `${count(failed, 'check')} failed.`));
        else if (unproven > 0)
          output.say(
            `${output.paint('bad', 'Not verified')}: ${count(unproven, 'check')} on which isolation depends could not be run. Do what they advise, or accept each by its id after a look (decisions.acceptNotChecked).`,
          );
        else output.say(`${output.paint('ok', 'Every check that ran passed')}${left}`);
        return failed > 0 || unproven > 0 ? exitCodes.failed : exitCodes.done;
      },
      { reading: true, programs: runWithQuestion(context.output) },
    ),
  );
