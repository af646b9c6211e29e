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
        for (const row of steps) {
          output.say(`${output.paint('strong', `${row.step} ${row.title}`)}`);
          const result = await rollout.verify(row.step, signal);
          failed += result.failed;
          skipped += result.skipped;
        }
        output.say('');
        output.say(
          failed > 0
            ? output.paint('bad', `${count(failed, 'check')} failed.`)
            : `${output.paint('ok', 'Every check that ran passed')}${skipped === 0 ? '.' : `; ${skipped} could not be run and are not verified.`}`,
        );
        return failed > 0 ? exitCodes.failed : exitCodes.done;
      },
      { reading: true, programs: runWithQuestion(context.output) },
    ),
  );
