import { count, duration } from '../../report/format.ts';
import { impactLines } from '../../report/impact.ts';
import { planLines } from '../../report/plain.ts';
import { type ExitCode, exitCodes } from '../../rollout/errors.ts';
import type { PreviewResult } from '../../rollout/executor.ts';
import type { CommonOptions } from '../options.ts';
import { run, withTarget } from '../run.ts';

export type PlanOptions = CommonOptions & {
  readonly sql?: boolean;
  readonly psql?: boolean;
  readonly rollback?: boolean;
  readonly check?: boolean;
};

/** `voxanne-rollout plan`: what would be done now. The next open step is run for real and rolled back. */
export const planCommand = (options: PlanOptions): Promise<ExitCode> =>
  run(options, (context) =>
    withTarget(
      options,
      context,
      async ({ rollout, connection, config, target, refused, session }) => {
        const { output, signal } = context;
        if (options.sql === true) {
          if (refused !== null && options.rollback !== true) throw refused;
          const { pasteRollback, pasteScript } = await import('../../database/paste.ts');
          const text =
            options.rollback === true
              ? await pasteRollback(rollout)
              : await pasteScript(
                  rollout,
                  { psql: options.psql === true, ask: async (sql) => (await (await session.work()).query(sql)).rows },
                  signal,
                );
          output.script(`-- For ${connection.label}.\n${text}`);
          return exitCodes.done;
        }
        let pending = 0;
        let blocked = 0;
        // The first step that has something to do is executed and rolled back; those after it build on what it would make.
        let before = true;
        for (const row of await rollout.status()) {
          // Later phases work on the app's code; without it there is nothing to compute a plan from.
          if (row.state === 'skipped' || (row.phase > 1 && target.workspace === null)) continue;
          const planned = before ? await rollout.preview(row.step, signal) : await rollout.plan(row.step);
          const { plan } = planned;
          pending += plan.changes.length > 0 || (row.state !== 'verified' && row.state !== 'applied') ? 1 : 0;
          blocked += plan.blockers.length;
          const replaced =
            options.verbose === true ? (await import('../../report/replaced.ts')).replacedLines : undefined;
          const [heading = '', ...lines] = planLines(
            row.step,
            row.title,
            plan,
            output.paint,
            options.verbose === true,
            replaced,
          );
          // What it means for the app comes first: who reads on wants to know why.
          const impact: string[] = [];
          if (before && 'results' in planned && plan.changes.length > 0) {
            const preview = planned as Awaited<ReturnType<typeof rollout.preview>>;
            impact.push(...impactLines(preview.impact, output.paint), ...previewLines(preview.results));
          }
          if (plan.changes.length > 0 || plan.blockers.length > 0) before = false;
          for (const line of [heading, ...impact, ...lines]) output.say(line);
        }
        output.say('');
        if (target.workspace === null) {
          output.say(
            `Phases 2 to 4 work on the app's code, and there is none in ${config.workspace}: name its folder with --workspace.`,
          );
        }
        output.say(
          pending === 0
            ? 'Nothing is pending.'
            : `${count(pending, 'step')} pending${blocked === 0 ? '' : `, ${count(blocked, 'blocker')}`}. Nothing was changed.`,
        );
        return options.check === true && pending > 0 ? exitCodes.pending : exitCodes.done;
      },
      { header: options.sql !== true, asDecided: true },
    ),
  );

function previewLines(all: readonly PreviewResult[]): readonly string[] {
  // An edit of a file is computed, not executed.
  const results = all.filter(({ change }) => change.kind !== 'file');
  if (results.length === 0) return [];
  const ran = results.filter((one) => one.outcome === 'ran');
  const failed = results.filter((one) => one.outcome === 'failed');
  const not = results.filter((one) => one.outcome === 'not executed');
  const longest = Math.max(0, ...ran.map((one) => one.milliseconds));
  const exclusive = new Set(
    ran.flatMap((one) => one.locks.filter((lock) => lock.level === 'AccessExclusive').map((lock) => lock.relation)),
  );
  const lines = [
    `  executed and rolled back: ${count(ran.length, 'change')}, longest ${duration(longest)}${exclusive.size === 0 ? '' : `, with an exclusive lock on ${count(exclusive.size, 'table')}, one at a time`}`,
  ];
  if (not.length > 0) lines.push(`  not executed: ${not.length} (${not[0]?.reason})`);
  for (const one of failed)
    lines.push(`  would fail: ${one.change.title}`, ...(one.reason ?? '').split('\n').map((text) => `      ${text}`));
  return lines;
}
