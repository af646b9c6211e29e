import type { Phase } from '../../src/rollout/step.ts';
import { namingPrograms } from '../code/programs.ts';
import type { Target } from '../target.ts';
import { useOrg } from './1-use-org.ts';
import { components } from './2-components.ts';
import { tenantRoute } from './3-tenant-route.ts';

export const phase: Phase<Target> = namingPrograms({
  id: 3,
  title: 'Frontend',
  medium: 'workspace',
  steps: [useOrg, components, tenantRoute],
});
