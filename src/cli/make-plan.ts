import { appState, serverVersion } from '../database/app-state.ts';
import type { Change } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import { readsOfChange, type StateByOwner } from '../rollout/plan-reads.ts';
import {
  canonical,
  changeHash,
  fingerprintOf,
  type PlanIdentity,
  type SavedPlan,
  type SavedStep,
  savedPlanFormat,
  sealed,
} from '../rollout/saved-plan.ts';
import type { Plan, StepId } from '../rollout/step.ts';
import type { ConnectionDescription } from '../supabase/connection/index.ts';
import type { Opened } from './open.ts';
import { settingsOfPlan } from './plan-settings.ts';
import { redacted } from './redaction.ts';
import { version } from './version.ts';

export const identityOf = (
  { project, host, port, database }: ConnectionDescription,
  environment: string,
): PlanIdentity => ({ project, host, port, database, environment });

type Planned = readonly { readonly step: StepId; readonly plan: Plan }[];

/**
 * Phase 1 as a plan file: every step planned upon the ones before it, in a transaction that is rolled back.
 *
 * @throws {RolloutError} when a step needs a decision, a run was stopped in the middle, or the database changed meanwhile.
 */
export async function makePlan(opened: Opened, signal: AbortSignal, target?: PlanIdentity): Promise<SavedPlan> {
  const client = await opened.session.work();
  const before = await appState(client);
  const planned = await opened.rollout.planAhead(1, signal);
  const rows = (await opened.rollout.status()).filter((row) => row.phase === 1);
  const stopped = rows.find((row) => row.interrupted);
  if (stopped !== undefined) {
    throw new RolloutError(
      `A run was stopped in the middle of step ${stopped.step}, so no plan can be saved.`,
      'Finish it with --yes, or roll it back, then make the plan.',
    );
  }
  const applied = rows.filter((row) => row.applied > 0).map((row) => row.step);
  const plan = await planOf(opened, planned, before, {
    target: target ?? identityOf(opened.connection, opened.environment),
    applied,
  });
  if (canonical(await appState(client)) !== canonical(before)) {
    throw new RolloutError('Objects of the database were changed while it was planned.', 'Make the plan again.');
  }
  return plan;
}

/** The plan file of these plans, over the state from before the first of them, and what was in force by then. */
export async function planOf(
  opened: Opened,
  planned: Planned,
  state: StateByOwner,
  { target, applied }: { readonly target: PlanIdentity; readonly applied: readonly StepId[] },
): Promise<SavedPlan> {
  const rows = await opened.rollout.status();
  for (const { step, plan } of planned) refuseBlocked(step, plan);
  const owners = Object.keys(state);
  const steps = planned.map(
    ({ step, plan }): SavedStep => ({
      step,
      title: rows.find((row) => row.step === step)?.title ?? '',
      changes: plan.changes.map((change) => savedChange(change, state, owners)),
    }),
  );
  return sealed({
    kind: 'voxanne-rollout plan',
    format: savedPlanFormat,
    made: { at: new Date().toISOString(), tool: version, server: await serverVersion(await opened.session.work()) },
    target,
    settings: settingsOfPlan(opened.settings()),
    applied: [...applied],
    state,
    steps,
    carriedOut: [],
  });
}

function savedChange(change: Change, state: StateByOwner, owners: readonly string[]): SavedStep['changes'][number] {
  if (change.kind === 'file') {
    throw new RolloutError(`${change.title} is not a change of the database.`, 'Report this as a defect.', {
      kind: 'defect',
    });
  }
  const reads = readsOfChange(change, owners);
  const shown = masked(change) as SavedStep['changes'][number]['change'];
  return {
    change: shown,
    hash: changeHash(change),
    hidden: canonical(shown) !== canonical(change),
    reads: [...reads],
    fingerprint: fingerprintOf(state, reads),
  };
}

/** A function of the app may hold a key in its text; the file holds none. What is applied is computed on the target. */
function masked<T>(value: T): T {
  if (typeof value === 'string') return redacted(value) as T;
  if (Array.isArray(value)) return value.map(masked) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, masked(one)])) as T;
}

export function refuseBlocked(step: StepId, { blockers }: Plan): void {
  const [first] = blockers;
  if (first === undefined) return;
  throw new RolloutError(`Step ${step} needs a decision before it can be planned: ${first.problem}`, first.remedy, {
    detail: first.detail,
  });
}
