import type { Phase } from '../src/rollout/step.ts';
import { phase as database } from './1-database/phase.ts';
import type { Target } from './target.ts';

/** The rollout, in order. */
export const phases: readonly Phase<Target>[] = [database];
