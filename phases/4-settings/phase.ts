import type { Phase } from '../../src/rollout/step.ts';
import { namingPrograms } from '../code/programs.ts';
import type { Target } from '../target.ts';
import { form } from './1-form.ts';
import { settingsPage } from './2-settings-page.ts';

export const phase: Phase<Target> = namingPrograms({
  id: 4,
  title: 'Settings',
  medium: 'workspace',
  steps: [form, settingsPage],
});
