import type { DatabaseFacts } from '../../phases/code/database-facts.ts';
import { phases } from '../../phases/index.ts';
import type { Target, WorkspaceTarget } from '../../phases/target.ts';
import type { Planned } from '../rollout/rollout.ts';
import type { Uncovered } from '../rollout/saved-plan.ts';
import type { Plan, StepId } from '../rollout/step.ts';
import type { Opened } from './open.ts';

export type WholeAhead = {
  /** Phase 1; the last plan may be blocked. */
  readonly database: readonly Planned[];
  readonly code: CodePlans;
};

export type CodePlans = {
  readonly plans: readonly { readonly step: StepId; readonly plan: Plan }[];
  readonly uncovered: readonly Uncovered[];
};

/**
 * The plans of everything, each upon what the ones before it leave: phase 1 in a transaction that is rolled back, the
 * code in a copy of the workspace, with the names that the database has at the end of that transaction.
 *
 * @throws {NotPlannedAhead} when the database could not be planned so.
 */
export async function planWhole(opened: Opened, signal: AbortSignal): Promise<WholeAhead> {
  const { workspace } = opened.target;
  let facts: DatabaseFacts | null = null;
  const database = await opened.rollout.planAhead(1, signal, async () => {
    facts = (await workspace?.database()) ?? null;
  });
  return { database, code: await planCode(opened, facts, signal) };
}

/** Phases 2 to 4, planned for a database that says this; null: no database is known to. */
export async function planCode(opened: Opened, facts: DatabaseFacts | null, signal: AbortSignal): Promise<CodePlans> {
  const { target, rollout, config } = opened;
  const skipped = new Set((await rollout.status()).flatMap((row) => (row.state === 'skipped' ? [row.step] : [])));
  const steps = phases
    .filter((phase) => phase.medium === 'workspace')
    .flatMap((phase) => phase.steps)
    .filter((step) => !skipped.has(step.id));
  if (!hasWorkspace(target))
    return nothing(steps, `there is no code in ${config.workspace}; its folder is named with --workspace`);
  if (facts === null) return nothing(steps, 'a step before it is blocked');
  const { planCodeAhead } = await import('../../phases/code/ahead.ts');
  return planCodeAhead(target, steps, facts, signal);
}

const hasWorkspace = (target: Target): target is Target & { readonly workspace: WorkspaceTarget } =>
  target.workspace !== null;

const nothing = (steps: readonly { readonly id: StepId }[], reason: string): CodePlans => ({
  plans: [],
  uncovered: steps.map(({ id }) => ({ step: id, reason })),
});
