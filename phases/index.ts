import type { Phase } from '../src/rollout/step.ts';
import { phase as database } from './1-database/phase.ts';
import { phase as backend } from './2-backend/phase.ts';
import { phase as frontend } from './3-frontend/phase.ts';
import { phase as settings } from './4-settings/phase.ts';
import type { Target } from './target.ts';

/** The rollout, in order. */
export const phases: readonly Phase<Target>[] = [database, backend, frontend, settings];
