import { RolloutError } from '../../src/rollout/errors.ts';
import type { Uncovered } from '../../src/rollout/saved-plan.ts';
import type { Plan, Step, StepId } from '../../src/rollout/step.ts';
import { copyWorkspace, readsAlike } from '../../src/workspace/copy.ts';
import { discoverWorkspace } from '../../src/workspace/discover.ts';
import type { Target, WorkspaceTarget } from '../target.ts';
import type { DatabaseFacts } from './database-facts.ts';

export type CodeAhead = {
  readonly plans: readonly { readonly step: StepId; readonly plan: Plan }[];
  /** Steps that cannot be planned before a person did something, or at all; those after them build on them. */
  readonly uncovered: readonly Uncovered[];
};

/**
 * The plans of these steps of the code, each upon the files that the ones before it leave: they are computed in a copy
 * of the workspace, which is removed. The workspace itself is only read.
 *
 * @param facts What the database says once phase 1 is done.
 */
export async function planCodeAhead(
  target: Target & { readonly workspace: WorkspaceTarget },
  steps: readonly Step<Target>[],
  facts: DatabaseFacts,
  signal: AbortSignal,
): Promise<CodeAhead> {
  const { root } = target.workspace;
  const rest = (from: number, reason: string): readonly Uncovered[] =>
    steps.slice(from).map(({ id }, at) => ({
      step: id,
      reason: at === 0 ? reason : `it builds on step ${steps[from]?.id}`,
    }));
  await using copy = await copyWorkspace(root);
  const said = ({ problem, remedy }: { readonly problem: string; readonly remedy: string }): string =>
    `${problem} ${remedy}`.replaceAll(copy.root, root);
  if (!(await readsAlike(root, copy.root))) {
    const reason = 'the code depends on files outside of the workspace, such as a shared tsconfig';
    return { plans: [], uncovered: rest(0, reason) };
  }
  const { git } = await discoverWorkspace(root);
  const ahead: Target = {
    ...target,
    workspace: { ...target.workspace, root: copy.root, git, database: async () => facts },
  };
  const plans: { step: StepId; plan: Plan }[] = [];
  for (const [at, step] of steps.entries()) {
    signal.throwIfAborted();
    try {
      const plan = await step.plan(ahead);
      const [blocker] = plan.blockers;
      if (blocker !== undefined) return { plans, uncovered: rest(at, said(blocker)) };
      await copy.write(plan.changes.filter((change) => change.kind === 'file'));
      plans.push({ step: step.id, plan });
    } catch (error) {
      if (!(error instanceof RolloutError)) throw error;
      return { plans, uncovered: rest(at, said(error)) };
    }
  }
  return { plans, uncovered: [] };
}
