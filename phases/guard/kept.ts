import type { Executor } from '../../src/rollout/executor.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import type { StepId } from '../../src/rollout/step.ts';
import { phase } from '../1-database/phase.ts';
import type { Kept } from './drift.ts';

/** What the journal of this database keeps of the steps that are in force. */
export async function keptOf(
  executor: Executor,
  rollout: Pick<Rollout, 'status'>,
  accepted: (check: string) => boolean,
): Promise<Kept> {
  const known = new Set(phase.steps.map((one) => one.id));
  const steps = (await rollout.status())
    .filter(
      (row) => known.has(row.step) && row.last !== null && !['rolled back', 'skipped', 'pending'].includes(row.state),
    )
    .map((row) => row.step);
  return {
    steps,
    before: await edge(executor, steps, 'before'),
    after: await edge(executor, [...steps].reverse(), 'after'),
    look: (step) => executor.keptLook(step),
    accepted,
  };
}

/** A step that had nothing to do keeps no state: the nearest one that did is as good. */
async function edge(executor: Executor, steps: readonly StepId[], moment: 'before' | 'after'): Promise<Kept['after']> {
  for (const step of steps) {
    const state = await executor.keptFingerprint(step, moment);
    if (state !== null) return state;
  }
  return null;
}
