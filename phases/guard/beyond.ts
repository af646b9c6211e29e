import { withAnswers } from '../../src/config/answers.ts';
import type { Answer } from '../../src/rollout/decision.ts';
import type { Blocker, Plan, Step } from '../../src/rollout/step.ts';
import type { Target } from '../target.ts';

/** What a step would do again, and what stops it. */
export type Beyond = {
  readonly blockers: readonly Blocker[];
  /** Null: a question has no answer that leaves everything as it is, so that nobody can tell what comes after it. */
  readonly changes: Plan['changes'] | null;
  /** The settings with which the step's checks know what was decided before. */
  readonly decided: Target['config'];
};

const rounds = 10;

/**
 * A plan with blockers holds no changes: an open question, or an accepted finding, would hide everything else. So each
 * is answered, for this look alone, with what leaves its object as it is, and the plan is made again.
 */
export async function planBeyond(
  step: Step<Target>,
  target: Target,
  isKnown: (blocker: Blocker) => boolean,
): Promise<Beyond> {
  const blockers: Blocker[] = [];
  let [config, decided] = [target.config, target.config];
  for (let round = 0; round < rounds; round++) {
    const plan = await step.plan({ ...target, config });
    if (plan.blockers.length === 0) return { blockers, changes: plan.changes, decided };
    const fresh = plan.blockers.filter((one) => !blockers.some((each) => each.problem === one.problem));
    blockers.push(...fresh);
    const answers = fresh.map(leaving);
    if (fresh.length === 0 || answers.some((one) => one === null)) break;
    config = withAnswers(
      config,
      answers.filter((one) => one !== null),
    );
    decided = withAnswers(
      decided,
      fresh.filter(isKnown).flatMap((one) => leaving(one) ?? []),
    );
  }
  return { blockers, changes: null, decided };
}

/** The answer that takes nothing away and changes nothing. */
const leaving = ({ answers = [] }: Blocker): Answer | null =>
  answers.find(
    (one) =>
      /^decisions\.(?:accept\w*|keepPolicy|sharedTable)$/.test(one.setting) ||
      ['leave', 'keep', 'no-organization'].includes(String(one.value)),
  ) ?? (answers.length === 1 ? (answers[0] ?? null) : null);
