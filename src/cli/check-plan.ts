import { appState, keptState } from '../database/app-state.ts';
import { journalExists, readEntries, readFingerprint } from '../database/journal.ts';
import type { Change } from '../rollout/change.ts';
import { exitCodes, RolloutError } from '../rollout/errors.ts';
import { NotPlannedAhead } from '../rollout/foresee.ts';
import { changeDifferences, type Drift, driftOf } from '../rollout/match-plan.ts';
import type { Planned } from '../rollout/rollout.ts';
import type { SavedPlan } from '../rollout/saved-plan.ts';
import type { StepId } from '../rollout/step.ts';
import { refuseBlocked } from './make-plan.ts';
import type { Opened } from './open.ts';

export type Checked = {
  /** Objects that differ and that no change depends on. */
  readonly unrelated: readonly Drift[];
  /** Why the changes could not be computed beforehand, so that each step is compared when its turn comes; or null. */
  readonly notAhead: string | null;
  /** Changes of the plan that the journal says are in force. */
  readonly inForce: number;
};

type ByStep = { readonly step: StepId; readonly changes: readonly Change[] };

/**
 * Compares a plan with the target before anything is changed: the objects that its changes were computed from, and the
 * changes that the target would need now. A run with the plan that was stopped is taken up where it stands.
 *
 * @throws {RolloutError} naming every object and change that differs; nothing was changed.
 */
export async function checkPlan(opened: Opened, plan: SavedPlan, signal: AbortSignal): Promise<Checked> {
  const live = (await liveChanges(opened)).filter(({ step }) => step.startsWith('1.'));
  const own = new Set(plan.steps.flatMap((one) => one.changes.map(({ change }) => `${one.step} ${change.id}`)));
  const inForce = new Set(
    live.flatMap((one) => one.changes.map(({ id }) => `${one.step} ${id}`).filter((id) => own.has(id))),
  ).size;
  const drift = driftOf(plan, await stateBefore(opened, plan, live));
  const related = drift.filter((one) => one.changes.length > 0);
  if (related.length > 0) throw drifted(related);
  let planned: readonly Planned[] | null = null;
  let notAhead: string | null = null;
  try {
    planned = await opened.rollout.planAhead(1, signal);
  } catch (error) {
    if (!(error instanceof NotPlannedAhead)) throw error;
    notAhead = error.problem;
  }
  if (planned === null) {
    // What the changes would be is not known, so that nothing tells which difference has a part in them.
    if (drift.length > 0) throw drifted(drift);
    return { unrelated: [], notAhead, inForce };
  }
  const lines = changeDifferences(
    plan,
    planned.map(({ step, plan: { changes } }) => ({ step, changes })),
    live,
  );
  if (lines.length > 0) throw different(lines);
  for (const one of planned) refuseBlocked(one.step, one.plan);
  return { unrelated: drift, notAhead, inForce };
}

/** Judges the plan of one step right before it is applied; see `Rollout.apply`. */
export const expecting =
  (opened: Opened, plan: SavedPlan) =>
  async ({ step, plan: { changes } }: Planned): Promise<void> => {
    if (!step.startsWith('1.')) return;
    const live = (await liveChanges(opened)).filter((one) => one.step === step);
    const own = { ...plan, steps: plan.steps.filter((one) => one.step === step) };
    const lines = changeDifferences(own, [{ step, changes }], live);
    if (lines.length > 0) throw different(lines, step);
  };

/** What the journal says is in force, wholly or in part. */
async function liveChanges(opened: Opened): Promise<readonly ByStep[]> {
  const client = await opened.session.work();
  if (!(await journalExists(client))) return [];
  const steps = new Map<StepId, Change[]>();
  for (const { step, change } of await readEntries(client, `state in ('started', 'applied', 'reverting')`)) {
    const known = steps.get(step);
    if (known === undefined) steps.set(step, [change]);
    else known.push(change);
  }
  return [...steps].map(([step, changes]) => ({ step, changes }));
}

/** The state from before the first change of this plan: of now, or what the journal kept where a run with it began. */
async function stateBefore(opened: Opened, plan: SavedPlan, live: readonly ByStep[]) {
  const client = await opened.session.work();
  const now = await appState(client);
  const first = live
    .map((one) => one.step)
    .filter((step) => !plan.applied.includes(step))
    .sort()[0];
  if (first === undefined) return now;
  const kept = await readFingerprint(client, first, 'before');
  return kept === null ? now : keptState(client, kept, plan.state);
}

const limit = 40;

function drifted(drift: readonly Drift[]): RolloutError {
  const lines = drift.slice(0, limit).map(({ text, changes }) => {
    const [first] = changes;
    const more = changes.length > 1 ? ` and ${changes.length - 1} more` : '';
    return first === undefined
      ? `- ${text}`
      : `- ${text}\n  "${first}"${more} depend${changes.length > 1 ? '' : 's'} on it`;
  });
  return new RolloutError(
    `This database differs from the one that the plan was made for, in ${drift.length === 1 ? 'an object' : `${drift.length} objects`} that its changes depend on. Nothing was changed.`,
    'Look at what is named here, then make and rehearse the plan again, or bring the object back to what it was.',
    { detail: cut(lines, drift.length), exitCode: exitCodes.failed },
  );
}

function different(lines: readonly string[], step?: StepId): RolloutError {
  return new RolloutError(
    step === undefined
      ? 'What this database needs is not what the plan holds. Nothing was changed.'
      : `What step ${step} would do is not what the plan holds. Nothing of this step was changed.`,
    'Make and rehearse the plan again, on a copy that is closer to this database.',
    {
      detail: cut(
        lines.slice(0, limit).map((line) => `- ${line}`),
        lines.length,
      ),
      exitCode: exitCodes.failed,
    },
  );
}

const cut = (lines: readonly string[], all: number): string =>
  [...lines, ...(all > lines.length ? [`and ${all - lines.length} more`] : [])].join('\n');
