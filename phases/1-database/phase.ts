import { cannotWrite } from '../../src/database/reversible.ts';
import type { Phase, Step } from '../../src/rollout/step.ts';
import type { Target } from '../target.ts';
import { step as survey } from './1-survey.ts';
import { step as oneName } from './2-one-name.ts';
import { step as keys } from './3-keys.ts';
import { step as signUp } from './4-sign-up.ts';
import { step as existingUsers } from './5-existing-users.ts';
import { step as notNull } from './6-not-null.ts';
import { step as isolation } from './7-isolation.ts';

export const phase: Phase<Target> = {
  id: 1,
  title: 'Database',
  medium: 'database',
  steps: [survey, oneName, keys, signUp, existingUsers, notNull, isolation].map(writable),
};

/** The same step, whose plan names the tables on which it or its rollback could not write rows. */
function writable(step: Step<Target>): Step<Target> {
  return {
    ...step,
    plan: async (target) => {
      const plan = await step.plan(target);
      if (plan.blockers.length > 0) return plan;
      return { ...plan, blockers: await cannotWrite(await target.session.work(), plan.changes) };
    },
  };
}
