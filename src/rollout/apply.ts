import type { CheckResult } from './check.ts';
import { inWords, lowerFirst, RolloutError } from './errors.ts';
import type { Executor } from './executor.ts';
import type { Entry } from './journal.ts';
import { isOpen, prove, refusal } from './proof.ts';
import type { Expected, Planned, Rollout } from './rollout.ts';
import { noted, type Run, stopped } from './run.ts';
import { statusOf } from './status.ts';
import type { Plan, StepId } from './step.ts';
import { plural } from './text.ts';

/** Applies a step once its checks passed in a transaction that was rolled back. `ready` refuses before that. */
export function createApply<T>(
  run: Run<T>,
  ready: (step: StepId, signal: AbortSignal) => Promise<void>,
): Rollout['apply'] {
  /** What a crash left is settled, and the plan is the one that was shown; nothing has changed yet. */
  const planned = async (
    id: StepId,
    signal: AbortSignal,
    expect: Expected | undefined,
  ): Promise<{ plan: Plan; resumed: boolean }> => {
    const rows = await statusOf(run);
    const row = rows.find((one) => one.step === id);
    if (row?.gate) throw new RolloutError(`Step ${id} is not open yet.`, row.gate);
    const refused = run.refuse?.(run.find(id).phase) ?? null;
    if (refused !== null) throw refused;
    await ready(id, signal);
    // A resumed step keeps the state from before its first change; only that one is worth returning to.
    const interrupted = rows.some((one) => one.interrupted);
    const resumed = (interrupted ? (await run.settle(id, signal)).live : (row?.applied ?? 0)) > 0;
    const made = await run.plan(id);
    refuseBlocked(made);
    if (typeof expect === 'function') await expect(made);
    else if (expect !== undefined && expect !== made.hash) {
      throw new RolloutError(
        `The plan of step ${id} is no longer the one that was shown: the target changed meanwhile.`,
        'Look at the new preview and decide again.',
      );
    }
    return { plan: made.plan, resumed };
  };

  const proveFirst = async (id: StepId, { changes }: Plan, signal: AbortSignal): Promise<void> => {
    const { step, executor } = run.find(id);
    const unproven: CheckResult[] = [];
    try {
      for await (const { results } of prove(
        step,
        run.target,
        changes,
        executor,
        run.context(id, signal),
        run.accepted,
      )) {
        unproven.push(...results.filter((one) => isOpen(one, run.accepted)));
      }
    } catch (error) {
      if (signal.aborted) throw stopped(id, 0, changes.length);
      throw error;
    }
    if (unproven.length > 0) throw refusal(id, unproven);
  };

  const carryOut = async (id: StepId, { changes }: Plan, began: number, signal: AbortSignal): Promise<void> => {
    if (changes.length === 0) return;
    const { executor } = run.find(id);
    let done = 0;
    const start = (): void => {
      const change = changes[done];
      if (change !== undefined) {
        run.emit({ type: 'change-started', step: id, change, number: done + 1, of: changes.length });
      }
    };
    const applied = ({ change, milliseconds }: Entry): void => {
      run.emit({ type: 'change-applied', step: id, change: change.id, milliseconds });
      done++;
      start();
    };
    start();
    try {
      await (executor.applyAll ?? oneByOne(executor))(changes, run.context(id, signal), applied);
    } catch (error) {
      if (signal.aborted) throw stopped(id, done, changes.length);
      const { problem, remedy } = inWords(error);
      // Where all were done, what failed was to make sure of the last.
      const change = changes[Math.min(done, changes.length - 1)];
      if (change !== undefined) run.emit({ type: 'change-failed', step: id, change: change.id, problem, remedy });
      const detail = [change?.title, problem].filter(Boolean).join(': ');
      await noted(run.record(id, 'failed', detail, performance.now() - began));
      throw error;
    }
  };

  return async (id, signal, expect) => {
    const { executor, step } = run.find(id);
    const began = performance.now();
    await executor.begin?.();
    const { plan, resumed } = await planned(id, signal, expect);
    const { changes } = plan;
    run.emit({ type: 'step-started', step: id, title: step.title, changes: changes.length });
    await proveFirst(id, plan, signal);
    // A run that was stopped right after the last change left nothing to do but the look at the end.
    const open = changes.length > 0 || (resumed && (await executor.keptFingerprint(id, 'after')) === null);
    if (open && !resumed) {
      await executor.keepFingerprint(id, run.id, 'before');
      if (step.look !== undefined) await executor.keepLook(id, run.id, await step.look(run.target, signal));
    }
    const guard = open ? await executor.guard(id, run.id, changes) : null;
    await carryOut(id, plan, began, signal);
    if (open) await executor.keepFingerprint(id, run.id, 'after');
    await guard?.();
    const milliseconds = performance.now() - began;
    const what = changes.length === 0 ? 'nothing to do' : plural(changes.length, 'change');
    await run.record(id, 'applied', [what, run.remark].filter(Boolean).join('; '), milliseconds);
    run.emit({ type: 'step-applied', step: id, changes: changes.length, milliseconds });
    return changes.length;
  };
}

const oneByOne =
  (executor: Executor): NonNullable<Executor['applyAll']> =>
  async (changes, context, applied) => {
    for (const change of changes) {
      context.signal.throwIfAborted();
      applied(await executor.apply(change, context));
    }
  };

function refuseBlocked({ step, plan: { blockers } }: Planned): void {
  const [first, ...others] = blockers;
  if (first === undefined) return;
  const more = others.map((one) => `- ${one.problem} ${one.remedy}`);
  throw new RolloutError(`Step ${step} was not started: ${lowerFirst(first.problem)}`, first.remedy, {
    detail:
      [first.detail, more.length > 0 ? `${more.length} more:\n${more.join('\n')}` : undefined]
        .filter(Boolean)
        .join('\n') || undefined,
    answers: blockers.flatMap((one) => one.answers ?? []),
  });
}
