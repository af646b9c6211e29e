import { answersTo, type CheckResult, checkText } from './check.ts';
import { RolloutError } from './errors.ts';
import type { Context, Executor, Inside } from './executor.ts';
import { isOpen } from './proof.ts';
import type { Plan, Queried, Step, StepId, Upon } from './step.ts';
import { plural } from './text.ts';

/** Failed checks of one later step that are told; the step itself shows all. */
const told = 10;

/**
 * Plans, runs and judges the steps that are still to come, one upon the other, in one transaction that is rolled back:
 * what would stop the fourth of them is known before the first one is live. Where that cannot be done, they are planned
 * against what is there now.
 */
export async function* foresee<T>(
  first: Step<T>,
  later: readonly Step<T>[],
  target: T,
  executor: Executor,
  context: Context,
  accepted: (check: string) => boolean,
): AsyncIterable<CheckResult> {
  const done = await executor.within(
    {
      title: 'Testing the steps to come',
      body: async (inside) => {
        const results: CheckResult[] = [];
        let sound = true;
        for (const step of later) {
          inside.signal.throwIfAborted();
          const found: readonly CheckResult[] = await one(step, target, sound ? inside : null, context, accepted);
          results.push(...found.map((each) => ({ ...each, id: `${first.id}/foreseen/${each.id}` })));
          sound &&= found.every((each) => each.verdict === 'passed');
        }
        return results;
      },
    },
    context,
  );
  if (done.outcome === 'ran') {
    yield* done.result;
    return;
  }
  for (const step of later) {
    for (const each of await one(step, target, null, context, accepted, done.reason)) {
      yield { ...each, id: `${first.id}/foreseen/${each.id}` };
    }
  }
}

/** The steps could not be run one upon the other in one transaction here and now; nothing is wrong with them. */
export class NotPlannedAhead extends RolloutError {}

/**
 * The plans of these steps, each computed upon what the ones before it leave: they are run in one transaction that is
 * rolled back. A plan with blockers is the last one, since nothing can be computed upon it.
 *
 * @param upon Looks at what all of them leave, before it is rolled back; not called where a plan is blocked.
 * @throws {NotPlannedAhead} when others hold the tables, or there are too many rows to write and roll back.
 * @throws {RolloutError} when a change fails.
 */
export async function planAhead<T>(
  steps: readonly Step<T>[],
  target: T,
  executor: Executor,
  context: Context,
  upon: Upon,
): Promise<readonly { readonly step: StepId; readonly plan: Plan }[]> {
  const done = await executor.within(
    {
      title: 'Planning each step on top of those before it',
      body: async ({ run, signal }) => {
        const plans: { step: StepId; plan: Plan }[] = [];
        for (const step of steps) {
          context.signal.throwIfAborted();
          const plan = await step.plan(target);
          plans.push({ step: step.id, plan });
          if (plan.blockers.length > 0) return plans;
          await run(plan.changes);
        }
        await upon(async () => {
          const all: Queried[] = [];
          for (const step of steps)
            for await (const result of step.queries?.(target, signal) ?? []) all.push({ step: step.id, result });
          return all;
        });
        return plans;
      },
    },
    context,
  );
  if (done.outcome === 'ran') return done.result;
  throw new NotPlannedAhead(
    `The steps could not be planned one on top of the other: ${done.reason}.`,
    'Choose a quieter moment, or a copy of the database, then run again.',
  );
}

/** One step upon what the steps before it left; without `inside` it is planned and nothing more. */
async function one<T>(
  step: Step<T>,
  target: T,
  inside: Inside | null,
  context: Context,
  accepted: (check: string) => boolean,
  why = 'a step before it cannot be applied yet',
): Promise<readonly CheckResult[]> {
  const began = performance.now();
  const spent = (): number => performance.now() - began;
  const base = {
    id: step.id,
    title: `Step ${step.id} (${step.title}) can be applied and verified`,
    kind: 'probe',
    expected: 'nothing that stops it',
  } as const;
  const failed = (observed: string, advice?: string): CheckResult => ({
    ...base,
    verdict: 'failed',
    observed,
    ...(advice === undefined ? {} : { advice }),
    milliseconds: spent(),
  });
  const look = async (): Promise<readonly CheckResult[]> => {
    const plan: Plan = await step.plan(target);
    if (plan.blockers.length > 0) {
      return plan.blockers.map((blocker, index) => ({
        ...failed([blocker.problem, blocker.detail].filter(Boolean).join('\n'), blocker.remedy),
        id: numbered(step.id, index),
        ...(blocker.answers === undefined ? {} : { answers: blocker.answers }),
      }));
    }
    const changes = plural(plan.changes.length, 'change');
    if (inside === null) {
      return [{ ...base, verdict: 'skipped', observed: `planned only, ${changes}: ${why}`, milliseconds: spent() }];
    }
    const proofs = await step.proofs?.(target, plan.changes);
    const before = (await (proofs?.whole.look ?? step.look)?.(target, inside.signal)) ?? null;
    await inside.run(plan.changes);
    const open: CheckResult[] = [];
    let passed = 0;
    for await (const result of (proofs?.whole.checks ?? step.checks)(target, inside.signal, before)) {
      if (result.verdict === 'passed') passed++;
      if (isOpen(result, accepted)) open.push(result);
    }
    if (open.length === 0) {
      const observed = `${changes} ran, ${plural(passed, 'check')} passed, all of it rolled back`;
      return [{ ...base, verdict: 'passed', observed, milliseconds: spent() }];
    }
    return open.slice(0, told).map((result, index) => ({
      ...failed(checkText(result), result.advice),
      id: numbered(step.id, index),
      answers: answersTo(result),
    }));
  };
  try {
    return await (inside === null ? look() : inside.attempt(look));
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof RolloutError)) throw error;
    return [failed([error.problem, error.detail].filter(Boolean).join('\n'), error.remedy)];
  }
}

const numbered = (id: string, index: number): string => (index === 0 ? id : `${id}/${index + 1}`);
