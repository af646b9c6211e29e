import type { Entry } from './journal.ts';
import { changeHash, type Rehearsal, type SavedPlan } from './saved-plan.ts';
import type { StepId } from './step.ts';

/** What was predicted of a step, and what the journal says came. Times are the sum over its changes, in milliseconds. */
export type StepComparison = {
  readonly step: StepId;
  readonly title: string;
  readonly predicted: {
    readonly changes: number;
    readonly milliseconds: number;
    readonly longestLock: number | null;
  } | null;
  readonly observed: { readonly changes: number; readonly milliseconds: number; readonly longestLock: number | null };
  /** Changes in force that are not of this plan. */
  readonly foreign: number;
};

export type Comparison = {
  /** Where the prediction comes from; null: the plan was never rehearsed. */
  readonly from: Rehearsal | null;
  readonly steps: readonly StepComparison[];
};

/** A plan's last rehearsal beside what the journal holds in force. */
export function compareTimes(plan: SavedPlan, entries: readonly Entry[]): Comparison {
  const from = plan.carriedOut.findLast((one) => one.kind === 'rehearsal') ?? null;
  const locks = new Set(
    (from?.changes ?? []).flatMap((one) => (one.held === null ? [] : [`${one.step} ${one.change}`])),
  );
  const steps = plan.steps.map(({ step, title, changes }): StepComparison => {
    const known = new Set(changes.map((one) => one.hash));
    const own = entries.filter((one) => one.step === step && one.state === 'applied');
    const planned = own.filter((one) => known.has(changeHash(one.change)));
    const predicted = from?.changes.filter((one) => one.step === step) ?? null;
    return {
      step,
      title,
      predicted:
        predicted === null
          ? null
          : {
              changes: predicted.length,
              milliseconds: sum(predicted.map((one) => one.milliseconds)),
              longestLock: highest(predicted.flatMap((one) => one.held ?? [])),
            },
      observed: {
        changes: planned.length,
        milliseconds: sum(planned.map((one) => one.milliseconds)),
        longestLock: highest(
          planned.flatMap((one) => (locks.has(`${step} ${one.change.id}`) ? [one.milliseconds] : [])),
        ),
      },
      foreign: own.length - planned.length,
    };
  });
  return { from, steps };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
const highest = (numbers: readonly number[]): number | null => (numbers.length === 0 ? null : Math.max(...numbers));
