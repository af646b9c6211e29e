import { answersTo, type CheckResult, checkText } from './check.ts';
import { RolloutError } from './errors.ts';
import type { Untouched } from './executor.ts';
import { foresee } from './foresee.ts';
import { isOpen } from './proof.ts';
import type { Rollout } from './rollout.ts';
import { isLive, type Run } from './run.ts';
import type { Step, StepId } from './step.ts';
import { checkUntouched } from './untouched.ts';

type Verification = {
  readonly verify: Rollout['verify'];
  /**
   * What the first step of a phase tested in an earlier run may be another target by now, or decided otherwise: as long
   * as nothing of the phase is live, it is tested again before anything is.
   *
   * @throws {RolloutError} when it does not pass any more.
   */
  readonly testAgain: (step: StepId, signal: AbortSignal) => Promise<void>;
};

/** Failed checks that a record and a refusal name. */
const named = 20;

export function createVerification<T>(run: Run<T>): Verification {
  const { target, find, accepted } = run;
  /** Steps whose checks passed in this run, with the settings that they passed under, and what did not pass of others. */
  const tested = new Map<StepId, unknown>();
  const opened = new Map<StepId, readonly CheckResult[]>();

  /** The first step of a phase of the database looks at those to come, as long as nothing of them is live. */
  async function* toCome(step: Step<T>, signal: AbortSignal): AsyncIterable<CheckResult> {
    const { phase, executor } = find(step.id);
    if (phase.medium !== 'database' || phase.steps[0] !== step || phase.steps.length === 1) return;
    const last = phase.steps.findIndex((one) => one.id === run.until);
    const later = phase.steps.slice(1, last === -1 ? undefined : last + 1);
    const known = await executor.records();
    const skipped = new Set(
      later.filter((one) => known.filter((record) => record.step === one.id).at(-1)?.state === 'skipped'),
    );
    if ((await executor.standing()).some((one) => isLive(one))) return;
    const open = later.filter((one) => !skipped.has(one));
    yield* foresee(step, open, target, executor, run.context(step.id, signal), accepted);
  }

  async function* checksOf(step: Step<T>, found: Untouched | null, signal: AbortSignal): AsyncIterable<CheckResult> {
    const before = step.look === undefined ? null : await find(step.id).executor.keptLook(step.id);
    yield* step.checks(target, signal, before);
    yield* toCome(step, signal);
    if (found !== null) yield* checkUntouched(step.id, found);
  }

  const verify: Rollout['verify'] = async (id, signal) => {
    const { executor, step } = find(id);
    const began = performance.now();
    const counts = { passed: 0, failed: 0, skipped: 0, unproven: 0 };
    const failures: CheckResult[] = [];
    for await (const result of checksOf(step, await executor.untouched(id), signal)) {
      signal.throwIfAborted();
      counts[result.verdict]++;
      const open = isOpen(result, accepted);
      if (open && result.verdict === 'skipped') counts.unproven++;
      if (open && failures.length < named) failures.push(result);
      // What was accepted by its id offers no decision any more.
      const settled = !open && result.matters === true ? { ...result, answers: [] } : result;
      run.emit({ type: 'check', step: id, result: settled });
    }
    const milliseconds = performance.now() - began;
    const state = counts.failed === 0 && counts.unproven === 0 ? 'verified' : 'failed';
    if (state === 'verified') tested.set(id, run.settings?.());
    else tested.delete(id);
    opened.set(id, failures);
    const detail = failures.map(checkText).join('; ');
    // A look at a target on which nothing was ever applied leaves it as it was found, journal included.
    const { unproven: _, ...kept } = counts;
    if ((await executor.records()).length > 0) await run.record(id, state, detail, milliseconds, kept);
    run.emit({ type: state === 'verified' ? 'step-verified' : 'step-failed', step: id, ...counts, milliseconds });
    return counts;
  };

  const testAgain: Verification['testAgain'] = async (id, signal) => {
    const { phase, executor } = find(id);
    const [first] = phase.steps;
    if (phase.medium !== 'database' || first === undefined || first.id === id) return;
    if (tested.has(first.id) && tested.get(first.id) === run.settings?.()) return;
    if ((await executor.standing()).some((one) => isLive(one))) return;
    await verify(first.id, signal);
    const open = opened.get(first.id) ?? [];
    const [one] = open;
    if (one === undefined) return;
    const [problem, ...detail] = one.observed.split('\n');
    const rest = open.slice(1).map((each) => `- ${each.observed}`);
    throw new RolloutError(
      `Step ${id} was not started, since step ${first.id} was tested again: ${problem}`,
      one.advice ?? `Look at what it names, then verify step ${first.id} again.`,
      { detail: [...detail, ...rest].join('\n'), answers: open.flatMap(answersTo) },
    );
  };

  return { verify, testAgain };
}
