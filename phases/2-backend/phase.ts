import type { Phase } from '../../src/rollout/step.ts';
import { namingPrograms } from '../code/programs.ts';
import type { Target } from '../target.ts';
import { orgValidation } from './1-org-validation.ts';
import { auth } from './2-auth.ts';
import { routes } from './3-routes.ts';

export const phase: Phase<Target> = namingPrograms({
  id: 2,
  title: 'Backend',
  medium: 'workspace',
  steps: [orgValidation, auth, routes],
});
