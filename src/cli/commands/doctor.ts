import { type ExitCode, exitCodes } from '../../rollout/errors.ts';
import { doctor } from '../../supabase/doctor.ts';
import { loadSettings } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { run } from '../run.ts';

/** `voxanne-rollout doctor`: what works, and what to do about the rest. */
export const doctorCommand = (options: CommonOptions): Promise<ExitCode> =>
  run(options, async ({ output, signal }) => {
    const config = await loadSettings(options);
    let failed = 0;
    const checks = doctor({
      dbUrl: options.dbUrl,
      env: process.env,
      workspace: config.workspace,
      ca: config.ca,
      allowPlaintext: config.allowPlaintext,
      executor: config.executor,
      signal,
    });
    for await (const result of checks) {
      if (result.verdict === 'failed') failed++;
      output.event({ type: 'doctor', result });
      const sign = {
        passed: output.paint('ok', '✓'),
        failed: output.paint('bad', '✗'),
        skipped: output.paint('warn', '-'),
      }[result.verdict];
      output.say(`${sign} ${result.title.padEnd(22)} ${result.observed}`);
      if (result.advice !== undefined) output.say(`  ${' '.repeat(22)} ${output.paint('dim', result.advice)}`);
    }
    return failed > 0 ? exitCodes.failed : exitCodes.done;
  });
