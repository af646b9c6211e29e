import type { LockLevel } from '../../rollout/change.ts';
import { lockLevels } from '../../rollout/change.ts';
import type { PreviewResult } from '../../rollout/executor.ts';

/** What a lock means for the app that goes on running (PostgreSQL manual, 13.3.1 Table-Level Locks). */
export const lockMeaning = (level: LockLevel): string => {
  if (level === 'AccessExclusive') return 'stops reads and writes';
  if (level === 'Exclusive' || level === 'ShareRowExclusive' || level === 'Share')
    return 'stops writes, reads continue';
  return 'reads and writes continue';
};

export type Lock = PreviewResult['locks'][number];

export const strongestFirst = (locks: readonly Lock[]): readonly Lock[] =>
  [...locks].sort((a, b) => lockLevels.indexOf(b.level) - lockLevels.indexOf(a.level));
