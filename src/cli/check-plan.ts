import { appState, keptState } from '../database/app-state.ts';
import { journalExists, readEntries, readFingerprint } from '../database/journal.ts';
import type { Change } from '../rollout/change.ts';
import { exitCodes, RolloutError } from '../rollout/errors.ts';
import { NotPlannedAhead } from '../rollout/foresee.ts';
import { type FileStanding, standingOf } from '../rollout/match-files.ts';
import {
  changeDifferences,
  type Drift,
  driftOf,
  type KnownByStep,
  knownChange,
  wantedOf,
} from '../rollout/match-plan.ts';
import type { Planned } from '../rollout/rollout.ts';
import { changeHash, type SavedCode, type SavedPlan } from '../rollout/saved-plan.ts';
import type { StepId } from '../rollout/step.ts';
import { fileStates } from '../workspace/file-states.ts';
import { refuseBlocked } from './make-plan.ts';
import type { Opened } from './open.ts';
import { planWhole, type WholeAhead } from './plan-ahead.ts';

export type Checked = {
  /** Objects and files that differ and that no change depends on. */
  readonly unrelated: readonly Drift[];
  /** Why the changes could not be computed beforehand, so that each step is compared when its turn comes; or null. */
  readonly notAhead: string | null;
  /** Changes of the plan that the journal says are in force. */
  readonly inForce: number;
};

/**
 * Compares a plan with the target before anything is changed: the objects and files that its changes were computed from,
 * and the changes that the target would need now. A run with the plan that was stopped is taken up where it stands.
 *
 * @param withCode False: what the plan does to the code is left out.
 * @throws {RolloutError} naming every object, file and change that differs; nothing was changed.
 */
export async function checkPlan(
  opened: Opened,
  plan: SavedPlan,
  signal: AbortSignal,
  withCode: boolean,
): Promise<Checked> {
  const live = (await liveChanges(opened)).filter(({ step }) => step.startsWith('1.'));
  const own = new Set(plan.steps.flatMap((one) => one.changes.map(({ change }) => `${one.step} ${change.id}`)));
  const inDatabase = live.flatMap((one) => one.changes.filter(({ id }) => own.has(`${one.step} ${id}`))).length;
  const code = withCode && plan.code !== null ? await standingOfFiles(opened, plan.code) : null;
  const inForce = inDatabase + (code?.inForce ?? []).reduce((sum, one) => sum + one.changes.length, 0);
  const drift = driftOf(plan, await stateBefore(opened, plan, live));
  const both = [...drift, ...(code?.drift ?? [])];
  const related = both.filter((one) => one.changes.length > 0);
  if (related.length > 0) throw drifted(related);
  let planned: WholeAhead;
  try {
    planned = code === null ? await planDatabase(opened, signal) : await planWhole(opened, signal);
  } catch (error) {
    if (!(error instanceof NotPlannedAhead)) throw error;
    // What the changes would be is not known, so that nothing tells which difference has a part in them.
    if (both.length > 0) throw drifted(both);
    return { unrelated: [], notAhead: error.problem, inForce };
  }
  const lines = changeDifferences(wantedOf(plan, plan.steps), planned.database.map(knownStep), live);
  if (lines.length > 0) throw different(lines);
  for (const one of planned.database) refuseBlocked(one.step, one.plan);
  if (code !== null && plan.code !== null) {
    const [open] = planned.code.uncovered.filter(({ step }) => plan.code?.steps.some((one) => one.step === step));
    const changed = changeDifferences(
      wantedOf(plan, plan.code.steps),
      planned.code.plans.map(knownStep),
      code.inForce,
      checkout,
    );
    const why = open === undefined ? [] : [`${open.step}: it cannot be planned here: ${open.reason}`];
    const others = code.drift.map(({ text }) => `differs from the plan: ${text}`);
    if (why.length + changed.length > 0) throw different([...why, ...changed, ...others]);
  }
  return { unrelated: both, notAhead: null, inForce };
}

const checkout = 'this checkout';

const planDatabase = async ({ rollout }: Opened, signal: AbortSignal): Promise<WholeAhead> => ({
  database: await rollout.planAhead(1, signal),
  code: { plans: [], uncovered: [] },
});

const knownStep = ({ step, plan: { changes } }: Pick<Planned, 'step' | 'plan'>): KnownByStep => ({
  step,
  changes: changes.map(knownChange),
});

/** How far the plan has come on the files of this checkout. */
async function standingOfFiles({ target, rollout }: Opened, code: SavedCode): Promise<FileStanding> {
  if (target.workspace === null)
    throw new RolloutError('The plan changes code, and none is here.', 'Give --workspace.');
  const paths = code.steps.flatMap(({ changes }) => changes.map(({ change }) => change.path));
  const now = await fileStates(target.workspace.root, paths);
  const standing = standingOf(code, now, new Set());
  if (standing.drift.every((one) => one.changes.length === 0)) return standing;
  // A file in a state of its own may have been edited after the plan was through with it, which the journal says.
  const journalled = new Set<string>();
  for (const { step } of code.steps) {
    for (const { change } of (await rollout.rollbackPlan(step)).entries)
      journalled.add(`${step} ${changeHash(change)}`);
  }
  return standingOf(code, now, journalled);
}

/** Judges the plan of one step right before it is applied; see `Rollout.apply`. */
export const expecting =
  (opened: Opened, plan: SavedPlan) =>
  async (planned: Planned): Promise<void> => {
    const { step } = planned;
    const ofCode = !step.startsWith('1.');
    const steps = (ofCode ? (plan.code?.steps ?? []) : plan.steps).filter((one) => one.step === step);
    const code = ofCode && plan.code !== null ? await standingOfFiles(opened, plan.code) : null;
    const live = (code?.inForce ?? (await liveChanges(opened))).filter((one) => one.step === step);
    const where = ofCode ? checkout : undefined;
    const lines = changeDifferences(wantedOf(plan, steps), [knownStep(planned)], live, where);
    const others = lines.length === 0 ? [] : (code?.drift ?? []).map(({ text }) => `differs from the plan: ${text}`);
    if (lines.length > 0) throw different([...lines, ...others], step);
  };

/** What the journal says is in force, wholly or in part. */
async function liveChanges(opened: Opened): Promise<readonly KnownByStep[]> {
  const client = await opened.session.work();
  if (!(await journalExists(client))) return [];
  const steps = new Map<StepId, Change[]>();
  for (const { step, change } of await readEntries(client, `state in ('started', 'applied', 'reverting')`)) {
    const known = steps.get(step);
    if (known === undefined) steps.set(step, [change]);
    else known.push(change);
  }
  return [...steps].map(([step, changes]) => ({ step, changes: changes.map(knownChange) }));
}

/** The state from before the first change of this plan: of now, or what the journal kept where a run with it began. */
async function stateBefore(opened: Opened, plan: SavedPlan, live: readonly KnownByStep[]) {
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
    `${whereOf(drift)} that the plan was made for, in ${drift.length === 1 ? 'one thing' : `${drift.length} things`} that its changes depend on. Nothing was changed.`,
    'Look at what is named here, then make and rehearse the plan again, or bring it back to what it was.',
    { detail: cut(lines, drift.length), exitCode: exitCodes.failed },
  );
}

const whereOf = (drift: readonly Drift[]): string =>
  drift.some(({ text }) => !isFile(text)) ? 'This database differs from the one' : 'This checkout differs from the one';

const isFile = (text: string): boolean => /: file /.test(text);

function different(lines: readonly string[], step?: StepId): RolloutError {
  return new RolloutError(
    step === undefined
      ? 'What would be done here is not what the plan holds. Nothing was changed.'
      : `What step ${step} would do is not what the plan holds. Nothing of this step was changed.`,
    'Make and rehearse the plan again, for what is here now.',
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
