import { userInfo } from 'node:os';
import { readCode } from '../../../phases/code/code.ts';
import { scanCode } from '../../../phases/code/scan.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import { waive } from '../../workspace/waivers.ts';
import { requireNamedTarget } from '../consent.ts';
import type { CommonOptions } from '../options.ts';
import { run, withTarget } from '../run.ts';

export type WaiveOptions = CommonOptions & { readonly reason?: string };

/** `voxanne-rollout waive`: leaves a finding on purpose, or lists the findings when none is named. */
export const waiveCommand = (finding: string | undefined, options: WaiveOptions): Promise<ExitCode> =>
  run(options, (context) =>
    withTarget(
      options,
      context,
      async ({ target, source, connection }) => {
        const { output, signal } = context;
        if (finding !== undefined) requireNamedTarget(source, connection.label, 'waive');
        if (target.workspace === null) {
          throw new RolloutError('There is no code to have findings in.', 'Name the app with --workspace.', {
            exitCode: exitCodes.usage,
          });
        }
        const { findings } = await scanCode(await readCode(target), { signal });
        if (finding === undefined) {
          for (const one of findings.filter((each) => !each.advice)) {
            output.say(`${one.id.slice(0, 10)}  ${one.kind.padEnd(20)} ${one.file}:${one.line}  ${one.reason}`);
          }
          return exitCodes.done;
        }
        const matches = findings.filter((one) => one.id.startsWith(finding));
        const [match] = matches;
        if (match === undefined || matches.length > 1) {
          throw new RolloutError(
            matches.length > 1
              ? `${matches.length} findings begin with ${finding}.`
              : `There is no finding ${finding}.`,
            'Look them up with "voxanne-rollout waive" without a name.',
            { exitCode: exitCodes.usage },
          );
        }
        const recorded = await waive(target.workspace.root, match, options.reason ?? '', userInfo().username);
        output.say(
          `Left as it is: ${recorded.kind} at ${recorded.file}:${recorded.line}. It counts again when that code changes.`,
        );
        return exitCodes.done;
      },
      { reading: true },
    ),
  );
