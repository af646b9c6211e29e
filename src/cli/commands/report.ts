import { writeFile } from 'node:fs/promises';
import { type Beginning, htmlReport, markdownReport } from '../../report/evidence.ts';
import { type ExitCode, exitCodes } from '../../rollout/errors.ts';
import type { SavedPlan } from '../../rollout/saved-plan.ts';
import { observedOf, remarksOf } from '../observed.ts';
import type { CommonOptions } from '../options.ts';
import { openPlanFile } from '../plan-file.ts';
import { redacted } from '../redaction.ts';
import { run, withTarget } from '../run.ts';
import { version } from '../version.ts';

export type ReportOptions = CommonOptions & {
  readonly format: 'markdown' | 'html';
  readonly output?: string;
  readonly plan?: string;
};

/** `voxanne-rollout report`: what was done, verified and left, with the evidence that anyone can run again. */
export const reportCommand = (options: ReportOptions): Promise<ExitCode> =>
  run(
    options,
    (context) =>
      withTarget(
        options,
        context,
        async (opened) => {
          const plan = options.plan === undefined ? null : await openPlanFile(options.plan);
          const { output } = context;
          const beginning: Beginning = ({ step, title }) => output.say(output.paint('strong', `${step} ${title}`));
          const text = redacted(await reportText(opened, options.format, context.signal, plan, beginning));
          if (options.output === undefined) output.script(text.trimEnd());
          else {
            await writeFile(options.output, text);
            output.say(`The report is in ${options.output}.`);
          }
          return exitCodes.done;
        },
        { reading: true },
      ),
    // The report itself is what stdout is for: it can be sent to a file.
    { aside: options.output === undefined },
  );

export async function reportText(
  opened: import('../open.ts').Opened,
  format: 'markdown' | 'html',
  signal: AbortSignal,
  plan: SavedPlan | null = null,
  beginning?: Beginning,
): Promise<string> {
  const about = {
    version,
    label: opened.connection.label,
    project: opened.connection.project,
    environment: opened.environment,
    at: new Date().toISOString(),
    remarks: await remarksOf(opened),
    comparison: plan === null ? null : await observedOf(opened, plan),
  };
  const make = format === 'html' ? htmlReport : markdownReport;
  return make(about, opened.rollout, signal, beginning);
}
