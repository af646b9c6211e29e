import { createWorkspaceTarget } from '../../phases/code/workspace-target.ts';
import { phases } from '../../phases/index.ts';
import type { Target } from '../../phases/target.ts';
import { createDatabaseExecutor } from '../database/executor.ts';
import { count } from '../report/format.ts';
import { type CheckResult, checkText } from '../rollout/check.ts';
import { RolloutError } from '../rollout/errors.ts';
import { differences } from '../rollout/fingerprint.ts';
import type { FileStates } from '../rollout/match-files.ts';
import type { Planned, Rollout } from '../rollout/rollout.ts';
import { createRollout } from '../rollout/runner.ts';
import { type CodeRehearsal, canonical, changeHash, type SavedPlan } from '../rollout/saved-plan.ts';
import type { StepId } from '../rollout/step.ts';
import { copyWorkspace, readsAlike } from '../workspace/copy.ts';
import { discoverWorkspace } from '../workspace/discover.ts';
import { createWorkspaceExecutor } from '../workspace/executor.ts';
import { createTreeReader } from '../workspace/tree.ts';
import { takeBaselines } from '../workspace/type-check.ts';
import { inWords } from './in-words.ts';
import type { Opened } from './open.ts';
import { redacted } from './redaction.ts';
import type { CommandContext } from './run.ts';

/**
 * Phases 2 to 4 in a copy of the checkout, as on the checkout itself: applied and verified, rolled back to the same
 * bytes, applied again. The database is the one that phase 1 is in force on by now. The checkout is only read.
 *
 * @param files The files of the checkout from before anything was planned.
 * @returns null where there is no code. A step that the copy does not get past is told, and is no error: a person has
 *   to do something first, as on the checkout.
 * @throws {RolloutError} when the copy does not come back, or other changes come out than those of the plan.
 */
export async function rehearseCode(
  opened: Opened,
  plan: SavedPlan,
  files: FileStates,
  context: CommandContext,
): Promise<CodeRehearsal | null> {
  const { workspace } = opened.target;
  if (workspace === null) return null;
  const { output, signal } = context;
  const rows = (await opened.rollout.status()).filter((row) => row.phase > 1);
  const [first] = rows;
  const untried = (reason: string): CodeRehearsal => ({
    steps: [],
    files: 0,
    stopped: first === undefined ? null : { step: first.step, reason },
  });
  if (plan.code === null || canonical(plan.code.files) !== canonical(files))
    return untried('the plan was made for another checkout than the one in this folder');
  await using copy = await copyWorkspace(workspace.root, 'linked');
  if (!(await readsAlike(workspace.root, copy.root)))
    return untried('the code depends on files outside of the workspace, such as a shared tsconfig');
  await using run = await rolloutIn(opened, workspace.root, copy.root);
  const { rollout } = run;
  rollout.listen(output.listener);
  const readTree = createTreeReader(copy.root);
  for (const row of rows) if (row.state === 'skipped') await rollout.skip(row.step, row.last?.detail ?? '');
  const steps = rows.filter((row) => row.state !== 'skipped').map((row) => row.step);
  const before = await readTree();

  output.say('');
  output.say(`${output.paint('strong', 'The code, in a copy of the checkout')}: forward`);
  const there = await forward(rollout, steps, copy.root, signal);
  requirePlanned(plan, there.planned);
  const changed = differences(before, await readTree()).length;
  output.say('');
  output.say(`${output.paint('strong', 'The code, back')}, byte by byte`);
  const back = await backward(rollout, signal);
  const left = differences(before, await readTree());
  if (left.length > 0)
    throw new RolloutError(
      `The rehearsal stopped: ${count(left.length, 'file')} of the copy ${left.length === 1 ? 'is' : 'are'} not as before after the rollback.`,
      'Nothing counts as rehearsed.',
      { detail: left.slice(0, 20).join('\n') },
    );
  output.say('');
  output.say(output.paint('strong', 'The code, forward again'));
  const done = there.times.map((one) => one.step);
  const again = await forward(rollout, done, copy.root, signal);
  if (again.stopped !== null)
    throw new RolloutError(
      `The rehearsal stopped: step ${again.stopped.step} passed at first, and not after the rollback: ${again.stopped.reason}`,
      'Nothing counts as rehearsed. Look whether something changed the database meanwhile, and rehearse again.',
    );
  requirePlanned(plan, again.planned);
  return {
    steps: there.times.map((one) => ({ ...one, back: back.get(one.step) ?? 0 })),
    files: changed,
    stopped: there.stopped,
  };
}

/** The rollout over the copy: its journal lies in the copy, that of the database stays as it is. */
async function rolloutIn(
  opened: Opened,
  root: string,
  copy: string,
): Promise<AsyncDisposable & { readonly rollout: Rollout }> {
  const { target, session } = opened;
  const { git } = await discoverWorkspace(root);
  // A backend that runs is not the one in the copy.
  const config: Target['config'] = { ...opened.settings(), backendUrl: null };
  const ahead: Target = {
    ...target,
    config,
    keys: { anon: null, service: null },
    workspace: { ...createWorkspaceTarget({ config, session }, copy), git },
  };
  const workspace = createWorkspaceExecutor({
    root: copy,
    commit: false,
    beforeFirst: async (signal) => takeBaselines(await discoverWorkspace(copy), signal, target.mayRun),
  });
  const rollout = createRollout({
    phases,
    target: ahead,
    executors: { database: { ...createDatabaseExecutor(session), record: async () => undefined }, workspace },
    settings: () => config,
    accepted: (check) => config.decisions.acceptNotChecked.includes(check),
  });
  return { rollout: inWords(rollout, session), [Symbol.asyncDispose]: () => workspace.close() };
}

type Times = { readonly step: StepId; readonly forward: number; readonly verified: number };

async function forward(
  rollout: Rollout,
  steps: readonly StepId[],
  root: string,
  signal: AbortSignal,
): Promise<{
  readonly planned: readonly Planned[];
  readonly times: readonly Times[];
  readonly stopped: CodeRehearsal['stopped'];
}> {
  const planned: Planned[] = [];
  const times: Times[] = [];
  const open: CheckResult[] = [];
  const stopListening = rollout.listen((event) => {
    if (event.type === 'check' && event.result.verdict !== 'passed') open.push(event.result);
  });
  try {
    for (const step of steps) {
      const began = performance.now();
      open.length = 0;
      const stop = (reason: string) => ({
        planned,
        times,
        stopped: { step, reason: redacted(reason.replaceAll(root, '.')) },
      });
      try {
        await rollout.apply(step, signal, async (now) => {
          planned.push(now);
        });
        const applied = performance.now();
        const { failed, unproven } = await rollout.verify(step, signal);
        if (failed + unproven > 0) return stop(said(open, failed + unproven));
        times.push({ step, forward: applied - began, verified: performance.now() - applied });
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof RolloutError) || error.kind === 'defect') throw error;
        return stop(`${error.problem} ${error.remedy}`);
      }
    }
    return { planned, times, stopped: null };
  } finally {
    stopListening();
  }
}

const said = (open: readonly CheckResult[], failed: number): string => {
  const [first] = open.filter((one) => one.verdict === 'failed' || one.matters === true);
  return `${count(failed, 'check')} failed${first === undefined ? '' : `: ${checkText(first)}`}`;
};

async function backward(rollout: Rollout, signal: AbortSignal): Promise<ReadonlyMap<StepId, number>> {
  const times = new Map<StepId, number>();
  const live = (await rollout.status()).filter((row) => row.phase > 1 && row.applied > 0);
  for (const { step } of live.reverse()) {
    const began = performance.now();
    const { proven, differences: left } = await rollout.rollback(step, signal);
    times.set(step, performance.now() - began);
    if (!proven)
      throw new RolloutError(
        `The rehearsal stopped: step ${step} was rolled back in the copy, and the files are not proven to be as before.`,
        'Nothing counts as rehearsed.',
        { detail: left.slice(0, 20).join('\n') },
      );
  }
  return times;
}

/** What was done in the copy has to be what the plan says: nothing else may count as rehearsed. */
function requirePlanned(plan: SavedPlan, done: readonly Planned[]): void {
  const lines = done.flatMap(({ step, plan: { changes } }) => {
    const saved = plan.code?.steps.find((one) => one.step === step);
    // A step that could not be planned ahead builds on what a person does first.
    if (saved === undefined) return [];
    const hashes = new Map(saved.changes.map((one) => [one.change.id, one.hash]));
    const fresh = changes.filter((change) => hashes.get(change.id) !== changeHash(change));
    const gone = saved.changes.filter((one) => !changes.some((change) => change.id === one.change.id));
    return [...fresh.map((one) => one.title), ...gone.map((one) => one.change.title)].map(
      (title) => `${step}: ${title}`,
    );
  });
  if (lines.length === 0) return;
  throw new RolloutError(
    'The rehearsal stopped: other changes of the code came out than those of the plan.',
    'Nothing counts as rehearsed. Look whether something changed the checkout meanwhile, and rehearse again.',
    { detail: lines.slice(0, 20).join('\n') },
  );
}
