import type { Change } from './change.ts';
import { answersTo, type CheckResult, checkText } from './check.ts';
import { RolloutError } from './errors.ts';
import type { Context, Executor } from './executor.ts';
import type { ProofResult } from './rollout.ts';
import type { Proof, Step, StepId } from './step.ts';

/** A check that keeps its step from being verified: it failed, or isolation depends on it and nobody looked. */
export const isOpen = (result: CheckResult, accepted: (id: string) => boolean): boolean =>
  result.verdict === 'failed' || (result.verdict === 'skipped' && result.matters === true && !accepted(result.id));

/**
 * Runs the changes of a step in a transaction that is rolled back, or in several where people would wait for the one,
 * and judges them there by the checks that will judge them once they are live. What cannot be run like that says why; it
 * is then judged afterwards alone.
 */
export async function* prove<T>(
  step: Step<T>,
  target: T,
  changes: readonly Change[],
  executor: Executor,
  context: Context,
  accepted: (id: string) => boolean,
): AsyncIterable<ProofResult> {
  if (changes.length === 0) return;
  const { whole, parts } = (await step.proofs?.(target, changes)) ?? { whole: wholeStep(step, changes), parts: [] };
  const queue = [whole];
  for (let index = 0; index < queue.length; index++) {
    const group = queue[index] ?? whole;
    context.signal.throwIfAborted();
    const wanted = new Set(group.changes);
    const done = await executor.within(
      {
        title: `Testing ${group.title}`,
        body: async ({ run, signal }) => {
          const before = (await group.look?.(target, signal)) ?? null;
          await run(changes.filter((change) => wanted.has(change.id)));
          const results: CheckResult[] = [];
          for await (const result of group.checks(target, signal, before)) {
            signal.throwIfAborted();
            results.push(result);
          }
          return results;
        },
      },
      context,
    );
    // Where the whole would make people wait, its parts hold their locks for less long.
    if (done.outcome === 'busy' && group === whole && parts.length > 0) {
      queue.push(...parts);
      continue;
    }
    const results = done.outcome === 'ran' ? done.result : [];
    const proof: ProofResult = {
      title: group.title,
      results,
      reason: done.outcome === 'ran' ? null : done.reason,
      milliseconds: done.outcome === 'ran' ? done.milliseconds : 0,
    };
    context.emit({
      type: 'proven',
      step: step.id,
      title: group.title,
      number: queue.length === 1 ? 1 : index,
      of: Math.max(1, queue.length - 1),
      open: results.filter((one) => isOpen(one, accepted)),
      passed: results.filter((one) => one.verdict === 'passed').length,
      skipped: results.filter((one) => one.verdict === 'skipped').length,
      reason: proof.reason,
      milliseconds: proof.milliseconds,
    });
    yield proof;
  }
}

const wholeStep = <T>(step: Step<T>, changes: readonly Change[]): Proof<T> => ({
  title: step.title,
  changes: changes.map((change) => change.id),
  ...(step.look === undefined ? {} : { look: step.look }),
  checks: step.checks,
});

/** The refusal of a step whose checks do not pass: nothing of it was ever live. */
export function refusal(step: StepId, open: readonly CheckResult[]): RolloutError {
  const [first] = open;
  const failed = open.filter((one) => one.verdict === 'failed').length;
  const what =
    failed > 0
      ? `${failed} of its checks would fail`
      : `${open.length} of its checks could not be run, and isolation depends on ${open.length === 1 ? 'it' : 'them'}`;
  const lines = open
    .slice(0, 30)
    .map((one) => `- ${one.id}: ${checkText(one)}${one.advice === undefined ? '' : `\n  ${one.advice}`}`);
  return new RolloutError(
    `Step ${step} was not started: ${what}. It was tested in a transaction that was rolled back, so nothing has changed.`,
    first?.advice ?? 'Fix what the checks name, then run again.',
    {
      detail: [...lines, ...(open.length > 30 ? [`and ${open.length - 30} more`] : [])].join('\n'),
      answers: open.slice(0, 30).flatMap(answersTo),
    },
  );
}
