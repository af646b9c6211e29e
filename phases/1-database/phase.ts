import type { Phase } from '../../src/rollout/step.ts';
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
  steps: [survey, oneName, keys, signUp, existingUsers, notNull, isolation],
};
