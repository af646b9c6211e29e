import type { Phase, Step } from '../../src/rollout/step.ts';
import { checkedProjects, compilerOf } from '../../src/workspace/type-check.ts';
import type { Program } from '../../src/workspace-program.ts';
import type { Target } from '../target.ts';
import { readWorkspace } from './code.ts';

/** Which command of the app the checks of a step run beside its compiler; see `checkCommand`. */
const commands: Readonly<Record<string, (config: Target['config']) => readonly (Program | null)[]>> = {
  '2.3': ({ code }) => [code.tests === null ? null : { command: code.tests, why: "the app's own tests" }],
  '3.2': ({ code }) => [code.build === null ? null : { command: code.build, why: "the app's own build" }],
};

/** The same phase, whose plans name what of the app would be started, so that the operator saw it before. */
export const namingPrograms = (phase: Phase<Target>): Phase<Target> => ({
  ...phase,
  steps: phase.steps.map(
    (step): Step<Target> => ({
      ...step,
      plan: async (target) => {
        const plan = await step.plan(target);
        const runs = await programsOf(target, step.id);
        return runs.length === 0 ? plan : { ...plan, runs };
      },
    }),
  ),
});

/** The compilers of both sides, because the first change is preceded by a count of the errors that are there already. */
async function programsOf(target: Target, step: string): Promise<readonly Program[]> {
  const workspace = await readWorkspace(target);
  const all = [
    ...checkedProjects(workspace).map((project) => compilerOf(workspace, project)),
    ...(commands[step]?.(target.config) ?? []),
  ];
  return all.filter((one) => one !== null);
}
