import type { Target, WorkspaceTarget } from '../target.ts';
import { databaseFacts } from './facts.ts';
import { probeOrganizations } from './isolation.ts';

/** The workspace of a target whose database can be asked. */
export const createWorkspaceTarget = (target: Pick<Target, 'config' | 'session'>, root: string): WorkspaceTarget => ({
  root,
  database: () => databaseFacts(target),
  probeOrganizations: (signal) => probeOrganizations(target, signal),
});
