import type { Change } from './change.ts';
import { differences } from './fingerprint.ts';
import { readsOfChange, type StateByOwner } from './plan-reads.ts';
import { changeHash, type SavedPlan } from './saved-plan.ts';
import type { StepId } from './step.ts';

/** An object that is not as it was when the plan was made. */
export type Drift = {
  /** `changed: column public.calls.org_id`, `only now: policy …`: before is when the plan was made. */
  readonly text: string;
  /** Titles of the changes that were computed from it; empty where no change depends on it. */
  readonly changes: readonly string[];
};

/** What differs between the database of the plan and this one, object by object. */
export function driftOf(plan: SavedPlan, now: StateByOwner): readonly Drift[] {
  const fresh = Object.keys(now).filter((owner) => plan.state[owner] === undefined);
  const readers = new Map<string, string[]>();
  for (const { change, reads } of plan.steps.flatMap((step) => step.changes)) {
    for (const owner of [...reads, ...readsOfChange(change, fresh)]) {
      const known = readers.get(owner);
      if (known === undefined) readers.set(owner, [change.title]);
      else known.push(change.title);
    }
  }
  const owners = [...new Set([...Object.keys(plan.state), ...fresh])].sort();
  return owners.flatMap((owner) =>
    differences(plan.state[owner] ?? {}, now[owner] ?? {}).map((text) => ({
      text,
      changes: readers.get(owner) ?? [],
    })),
  );
}

/** A change by what tells it from others. */
type Known = { readonly id: string; readonly title: string; readonly hash: string };
export type KnownByStep = { readonly step: StepId; readonly changes: readonly Known[] };

export const knownChange = (change: Change): Known => ({
  id: change.id,
  title: change.title,
  hash: changeHash(change),
});

/** What of a plan is compared with what would be done: changes by step, and which steps were in force before. */
export type Wanted = { readonly applied: readonly StepId[]; readonly steps: readonly KnownByStep[] };

/**
 * Why what would be done on this target is not what the plan holds, a line each; empty when it is exactly that.
 *
 * @param planned What the target would need now, by step.
 * @param live What is in force of steps that the plan covers: a run with it that was stopped.
 * @param where What is meant by the target: `this database`.
 */
export function changeDifferences(
  plan: Wanted,
  planned: readonly KnownByStep[],
  live: readonly KnownByStep[],
  where = 'this database',
): readonly string[] {
  const applied = new Set(plan.applied);
  const lines: string[] = [];
  const steps = new Set([...plan.steps, ...planned, ...live].map((one) => one.step));
  for (const step of [...steps].sort()) {
    const saved = plan.steps.find((one) => one.step === step)?.changes ?? [];
    const wanted = new Map(saved.map((one) => [one.id, one]));
    const now = planned.find((one) => one.step === step)?.changes ?? [];
    const done = live.find((one) => one.step === step)?.changes ?? [];
    const compare = (change: Known, what: string): void => {
      const one = wanted.get(change.id);
      if (one === undefined) lines.push(`${step}: the plan does not hold "${change.title}", ${what}`);
      else if (change.hash !== one.hash) lines.push(`${step}: "${change.title}" differs from the plan, ${what}`);
    };
    for (const change of now) compare(change, `which ${where} needs`);
    if (!applied.has(step)) for (const change of done) compare(change, 'which is in force here');
    const there = new Set([...now, ...done].map((change) => change.id));
    for (const one of saved) {
      if (!there.has(one.id)) lines.push(`${step}: "${one.title}" is in the plan, and ${where} does not need it`);
    }
    const order = now.flatMap(({ id }) => (wanted.has(id) ? [saved.findIndex((one) => one.id === id)] : []));
    if (order.some((position, index) => index > 0 && position < (order[index - 1] ?? 0)))
      lines.push(`${step}: the changes would run in another order than in the plan`);
  }
  return lines;
}

/** The changes of one part of a plan, for the comparison. */
export const wantedOf = (
  { applied }: Pick<SavedPlan, 'applied'>,
  steps: readonly {
    readonly step: StepId;
    readonly changes: readonly {
      readonly change: { readonly id: string; readonly title: string };
      readonly hash: string;
    }[];
  }[],
): Wanted => ({
  applied,
  steps: steps.map(({ step, changes }) => ({
    step,
    changes: changes.map(({ change: { id, title }, hash }) => ({ id, title, hash })),
  })),
});
