import { type ExitCode, exitCodes } from '../../rollout/errors.ts';
import { doctor } from '../../supabase/doctor.ts';
import { loadSettings } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { run } from '../run.ts';

/** Width of the titles: the longest of them. */
const column = 26;

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
    const waiting: { advice: string; titles: string[] } = { advice: '', titles: [] };
    /** What could not be looked at for one and the same reason is one line. */
    const tellWaiting = (): void => {
      if (waiting.titles.length === 0) return;
      output.say(`${output.paint('warn', '-')} ${'not checked'.padEnd(column)} ${waiting.titles.join(', ')}`);
      output.say(`  ${' '.repeat(column)} ${output.paint('dim', waiting.advice)}`);
      waiting.titles = [];
    };
    for await (const result of checks) {
      if (result.verdict === 'failed') failed++;
      output.event({ type: 'doctor', result });
      if (result.verdict === 'skipped' && result.observed === 'not checked' && result.advice !== undefined) {
        if (waiting.advice !== result.advice) tellWaiting();
        waiting.advice = result.advice;
        waiting.titles.push(result.title);
        continue;
      }
      tellWaiting();
      const sign = {
        passed: output.paint('ok', '✓'),
        failed: output.paint('bad', '✗'),
        skipped: output.paint('warn', '-'),
      }[result.verdict];
      output.say(`${sign} ${result.title.padEnd(column)} ${result.observed}`);
      if (result.advice !== undefined) output.say(`  ${' '.repeat(column)} ${output.paint('dim', result.advice)}`);
    }
    tellWaiting();
    return failed > 0 ? exitCodes.failed : exitCodes.done;
  });
