import { count } from '../../report/format.ts';
import { type ExitCode, exitCodes } from '../../rollout/errors.ts';
import { openRequests, requestText } from '../mcp/requests.ts';
import type { CommonOptions } from '../options.ts';
import { run, withTarget } from '../run.ts';

/** `voxanne-rollout status`: where the rollout stands, from the journal alone. */
export const statusCommand = (options: CommonOptions): Promise<ExitCode> =>
  run(options, (context) =>
    withTarget(
      options,
      context,
      async ({ rollout, target, config }) => {
        const { output } = context;
        const steps = await rollout.status();
        output.event({ type: 'status', steps });
        for (const row of steps) {
          const meaning =
            row.state === 'verified' ? 'ok' : row.state === 'failed' || row.state === 'interrupted' ? 'bad' : 'dim';
          const sign = {
            verified: '✓',
            failed: '✗',
            interrupted: '!',
            applied: '~',
            skipped: '-',
            pending: '·',
            'rolled back': '·',
          }[row.state];
          const when =
            row.last === null ? '' : output.paint('dim', `  ${row.last.at.slice(0, 16).replace('T', ' ')} UTC`);
          const changes = row.applied === 0 ? '' : `  ${count(row.applied, 'change')} in force`;
          const checks =
            row.last !== null && row.last.passed > 0
              ? `  ${count(row.last.passed, 'check')} passed${row.last.skipped > 0 ? `, ${row.last.skipped} not checked` : ''}`
              : '';
          output.say(
            `${output.paint(meaning, `${sign} ${row.step} ${row.title.padEnd(38)} ${row.state.padEnd(11)}`)}${changes}${checks}${when}`,
          );
          if (row.state === 'failed' || row.state === 'skipped') output.say(`      ${row.last?.detail ?? ''}`);
          if (row.interrupted)
            output.say(
              '      A run was stopped in the middle of it; the next --yes or rollback looks at the target and settles it.',
            );
        }
        for (const { hash, request } of await openRequests(target.workspace?.root ?? config.workspace))
          output.say(`? asked for by a program: ${requestText(request)}: voxanne-rollout approve ${hash.slice(0, 12)}`);
        return exitCodes.done;
      },
      { reading: true },
    ),
  );
