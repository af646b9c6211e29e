import type { Rollout } from '../../rollout/rollout.ts';
import type { StepId } from '../../rollout/step.ts';
import type { ProgramConsent } from '../programs.ts';

/** What the operator of the wizard agreed to: programs that a plan named on the screen before it was applied. */
export type ShownPrograms = {
  readonly programs: ProgramConsent;
  /** The same rollout, whose applying of a plan that was shown agrees to the programs that it names. */
  readonly within: (rollout: Rollout) => Rollout;
};

export function shownPrograms(): ShownPrograms {
  const shown = new Map<StepId, readonly string[]>();
  const agreed = new Set<string>();
  return {
    programs:
      ({ runPrograms }) =>
      async ({ command }) =>
        runPrograms || agreed.has(command),
    within: (rollout) => {
      rollout.listen((event) => {
        if (event.type === 'planned') shown.set(event.step, event.plan.runs?.map(({ command }) => command) ?? []);
      });
      return {
        ...rollout,
        apply: (step, signal, expect) => {
          for (const command of shown.get(step) ?? []) agreed.add(command);
          return rollout.apply(step, signal, expect);
        },
      };
    },
  };
}
