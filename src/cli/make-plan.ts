import { appState, serverVersion } from '../database/app-state.ts';
import type { Change } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { FileStates } from '../rollout/match-files.ts';
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
import { fileStates } from '../workspace/file-states.ts';
import type { Opened } from './open.ts';
import { type CodePlans, planWhole } from './plan-ahead.ts';
import { settingsOfPlan } from './plan-settings.ts';
import { redacted } from './redaction.ts';
import { savedCode } from './save-code.ts';
import { version } from './version.ts';

export const identityOf = (
  { project, host, port, database }: ConnectionDescription,
  environment: string,
): PlanIdentity => ({ project, host, port, database, environment });

type Plans = {
  readonly database: readonly { readonly step: StepId; readonly plan: Plan }[];
  readonly code: CodePlans;
};

/** What everything was like before the first change, by database object and by file. */
export type Before = { readonly state: StateByOwner; readonly files: FileStates };

/**
 * The whole rollout as a plan file: every step planned upon the ones before it, the database in a transaction that is
 * rolled back, the code in a copy that is removed.
 *
 * @throws {RolloutError} when a step of the database needs a decision, a run was stopped in the middle, or the database
 *   or the code changed meanwhile.
 */
export const makePlan = async (opened: Opened, signal: AbortSignal): Promise<SavedPlan> =>
  (await makeWhole(opened, signal)).plan;

/** The same, with the plans themselves, which nothing is masked in. */
export async function makeWhole(
  opened: Opened,
  signal: AbortSignal,
): Promise<{ readonly plan: SavedPlan; readonly plans: Plans['database'] }> {
  const before = await lookBefore(opened);
  const planned = await planWhole(opened, signal);
  const rows = await opened.rollout.status();
  const stopped = rows.find((row) => row.interrupted);
  if (stopped !== undefined) {
    throw new RolloutError(
      `A run was stopped in the middle of step ${stopped.step}, so no plan can be saved.`,
      'Finish it with --yes, or roll it back, then make the plan.',
    );
  }
  const applied = rows.filter((row) => row.applied > 0).map((row) => row.step);
  const target = identityOf(opened.connection, opened.environment);
  const plan = await planOf(opened, planned, before, { target, applied });
  const now = await lookBefore(opened);
  if (canonical(now.state) !== canonical(before.state)) {
    throw new RolloutError('Objects of the database were changed while it was planned.', 'Make the plan again.');
  }
  if (canonical(now.files) !== canonical(before.files)) {
    throw new RolloutError('Files of the workspace were changed while it was planned.', 'Make the plan again.');
  }
  return { plan, plans: [...planned.database, ...planned.code.plans] };
}

export async function lookBefore({ session, target }: Opened): Promise<Before> {
  return {
    state: await appState(await session.work()),
    files: target.workspace === null ? {} : await fileStates(target.workspace.root, []),
  };
}

/** The plan file of these plans, over what was there before the first of them, and what was in force by then. */
export async function planOf(
  opened: Opened,
  { database, code }: Plans,
  { state, files }: Before,
  { target, applied }: { readonly target: PlanIdentity; readonly applied: readonly StepId[] },
): Promise<SavedPlan> {
  const rows = await opened.rollout.status();
  const titleOf = (step: StepId): string => rows.find((row) => row.step === step)?.title ?? '';
  for (const { step, plan } of database) refuseBlocked(step, plan);
  const owners = Object.keys(state);
  return sealed({
    kind: 'voxanne-rollout plan',
    format: savedPlanFormat,
    made: { at: new Date().toISOString(), tool: version, server: await serverVersion(await opened.session.work()) },
    target,
    settings: settingsOfPlan(opened.settings()),
    applied: [...applied],
    state,
    steps: database.map(({ step, plan }) => ({
      step,
      title: titleOf(step),
      changes: plan.changes.map((change) => savedChange(change, state, owners)),
    })),
    code:
      opened.target.workspace === null
        ? null
        : await savedCode(code.plans, files, opened.target.workspace.root, titleOf),
    uncovered: code.uncovered.map(({ step, reason }) => ({ step, reason: redacted(reason) })),
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
  const shown = masked(change);
  return {
    change: shown as SavedStep['changes'][number]['change'],
    hash: changeHash(change),
    hidden: canonical(shown) !== canonical(change),
    reads: [...reads],
    fingerprint: fingerprintOf(state, reads),
  };
}

/** A function of the app may hold a key in its text; the file holds none. What is applied is computed on the target. */
function masked(value: unknown): unknown {
  if (typeof value === 'string') return redacted(value);
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, masked(one)]));
}

export function refuseBlocked(step: StepId, { blockers }: Plan): void {
  const [first] = blockers;
  if (first === undefined) return;
  throw new RolloutError(`Step ${step} needs a decision before it can be planned: ${first.problem}`, first.remedy, {
    detail: first.detail,
  });
}
