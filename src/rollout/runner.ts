import { createHash, randomUUID } from 'node:crypto';
import { answersTo, type CheckResult } from './check.ts';
import { RolloutError } from './errors.ts';
import type { Emit } from './events.ts';
import type { Context, Executor, PreviewResult, Standing, Untouched } from './executor.ts';
import { differences } from './fingerprint.ts';
import { foresee, planAhead } from './foresee.ts';
import { impactOf } from './impact.ts';
import type { Entry, EntryState, StepRecord } from './journal.ts';
import { isOpen, prove, refusal } from './proof.ts';
import type { Planned, ProofResult, RollbackPlan, RollbackResult, Rollout, StepState, StepStatus } from './rollout.ts';
import type { Phase, Plan, Step, StepId } from './step.ts';
import { plural } from './text.ts';
import { checkUntouched } from './untouched.ts';

export type RunnerOptions<T> = {
  readonly phases: readonly Phase<T>[];
  readonly target: T;
  readonly executors: { readonly database: Executor; readonly workspace: Executor | null };
  /** What a phase needs and lacks (no workspace, no frontend), or null. */
  readonly missing?: (phase: Phase<T>) => string | null;
  /** The last step that is wanted; the first one of a phase looks no further than that. */
  readonly until?: StepId | undefined;
  /** Why nothing of a phase may be applied on this target, or null. */
  readonly refuse?: (phase: Phase<T>) => RolloutError | null;
  /** Kept in the journal with every step that is applied: by which plan, without which rehearsal. */
  readonly remark?: string | undefined;
  /** Whether the operator accepted, by its id, that a check which matters is not made. */
  readonly accepted?: (check: string) => boolean;
  /** What plans and checks go by; another value where an answer was given meanwhile. */
  readonly settings?: () => unknown;
};

/**
 * Drives the steps of one target. It knows plans, changes, journals and checks, and nothing of any particular step.
 *
 * Every apply and rollback begins by settling what a crash left, so that no other state is ever built upon.
 */
export function createRollout<T>(options: RunnerOptions<T>): Rollout {
  const { phases, target, executors } = options;
  const run = randomUUID();
  const accepted = options.accepted ?? (() => false);
  const listeners = new Set<Emit>();
  const emit: Emit = (event) => {
    for (const listener of listeners) listener(event);
  };

  const find = (id: StepId): { phase: Phase<T>; step: Step<T>; executor: Executor } => {
    for (const phase of phases) {
      const step = phase.steps.find((one) => one.id === id);
      if (step === undefined) continue;
      const executor = executors[phase.medium];
      if (executor === null)
        throw new RolloutError(`Step ${id} needs the app's code.`, 'Name its folder with --workspace.');
      return { phase, step, executor };
    }
    const known = phases.flatMap((phase) => phase.steps.map((step) => step.id)).join(', ');
    throw new RolloutError(`There is no step ${id}.`, `The steps are ${known}.`, { exitCode: 2 });
  };

  const context = (step: StepId, signal: AbortSignal): Context => ({ run, step, emit, signal });

  const media = [executors.database, ...(executors.workspace === null ? [] : [executors.workspace])];

  const standing = async (): Promise<readonly Standing[]> => {
    const all: Standing[] = [];
    for (const medium of media) all.push(...(await medium.standing()));
    return all;
  };

  const status = async (): Promise<readonly StepStatus[]> => {
    const counts = await standing();
    const records: StepRecord[] = [];
    for (const medium of media) records.push(...(await medium.records()));
    const rows: StepStatus[] = [];
    let open: string | null = null;
    for (const phase of phases) {
      const lacking = options.missing?.(phase) ?? null;
      for (const step of phase.steps) {
        const own = counts.filter((one) => one.step === step.id);
        const last = records.filter((record) => record.step === step.id).at(-1) ?? null;
        const moved =
          own
            .flatMap((one) => one.at ?? [])
            .sort()
            .at(-1) ?? '';
        const interrupted = own.some(isUnsettled) || leftOff(last, own.some(isLive), moved);
        const state: StepState = interrupted ? 'interrupted' : (last?.state ?? 'pending');
        rows.push({
          step: step.id,
          phase: phase.id,
          title: step.title,
          why: step.why,
          state,
          gate: lacking ?? open,
          last,
          applied: own.filter(isLive).reduce((sum, one) => sum + one.count, 0),
          interrupted,
        });
        if (open === null && state !== 'verified' && state !== 'skipped') {
          open = `Step ${step.id} (${step.title}) is ${state}; it must be verified first.`;
        }
      }
    }
    return rows;
  };

  /** Settles what a crash left in the medium of this step; returns how many changes of the step are then in force. */
  const settle = async (step: StepId, signal: AbortSignal): Promise<number> => {
    const { executor } = find(step);
    const unsettled = new Set((await executor.standing()).filter(isUnsettled).map((one) => one.step));
    for (const id of unsettled) {
      for (const entry of await executor.entries(id)) {
        if (isUnsettled(entry)) await executor.settle(entry, context(entry.step, signal));
      }
    }
    const own = (await executor.standing()).filter((one) => one.step === step && isLive(one));
    return own.reduce((sum, one) => sum + one.count, 0);
  };

  const plan = async (id: StepId): Promise<Planned> => {
    const { step } = find(id);
    const made = await step.plan(target);
    emit({ type: 'planned', step: id, title: step.title, plan: made });
    return { step: id, plan: made, hash: hashOf(made) };
  };

  const record = async (
    executor: Executor,
    step: StepId,
    state: StepRecord['state'],
    detail: string,
    milliseconds: number,
    counts: { passed: number; failed: number; skipped: number } = { passed: 0, failed: 0, skipped: 0 },
  ): Promise<void> => {
    await executor.record({ run, step, state, detail, milliseconds, ...counts });
    const { database, workspace } = executors;
    if (executor !== database || workspace === null || !['applied', 'rolled back'].includes(state)) return;
    const head = await database.head();
    if (head !== null) await workspace.keepHead(head);
  };

  /** Refuses to undo anything from a journal that is not what was written, or where there is none for what is there. */
  const trusted = async (executor: Executor): Promise<void> => {
    const { database, workspace } = executors;
    if (executor !== database) return;
    const own = await database.head();
    const kept = (await workspace?.keptHeads()) ?? [];
    // One workspace may have seen several databases; only heads of this journal speak of it, and the last says most.
    const last = kept.findLast((head) => head.journal === own?.journal);
    const problem = await database.suspicion(last === undefined ? [] : [last]);
    if (problem !== null) {
      throw new RolloutError(
        problem,
        'The journal was changed or removed outside this tool: restore schema voxanne_rollout from a backup. Nothing was rolled back.',
      );
    }
  };

  /** Steps whose checks passed in this run, with the settings that they passed under, and what did not pass of others. */
  const tested = new Map<StepId, unknown>();
  const opened = new Map<StepId, readonly CheckResult[]>();

  /**
   * What the first step of a phase tested in an earlier run may be another target by now, or decided otherwise: as long
   * as nothing of the phase is live, it is tested again before anything is.
   */
  const testAgain = async (id: StepId, signal: AbortSignal): Promise<void> => {
    const { phase, executor } = find(id);
    const [first] = phase.steps;
    if (phase.medium !== 'database' || first === undefined || first.id === id) return;
    if (tested.has(first.id) && tested.get(first.id) === options.settings?.()) return;
    if ((await executor.standing()).some((one) => isLive(one))) return;
    await verify(first.id, signal);
    const open = opened.get(first.id) ?? [];
    const [one] = open;
    if (one === undefined) return;
    const [problem, ...detail] = one.observed.split('\n');
    const rest = open.slice(1).map((each) => `- ${each.observed}`);
    throw new RolloutError(
      `Step ${id} was not started, since step ${first.id} was tested again: ${problem}`,
      one.advice ?? `Look at what it names, then verify step ${first.id} again.`,
      { detail: [...detail, ...rest].join('\n'), answers: open.flatMap(answersTo) },
    );
  };

  const apply: Rollout['apply'] = async (id, signal, expect) => {
    const { executor, step } = find(id);
    const began = performance.now();
    await executor.begin?.();
    const rows = await status();
    const row = rows.find((one) => one.step === id);
    if (row?.gate) throw new RolloutError(`Step ${id} is not open yet.`, row.gate);
    const refused = options.refuse?.(find(id).phase) ?? null;
    if (refused !== null) throw refused;
    await testAgain(id, signal);
    // A resumed step keeps the state from before its first change; only that one is worth returning to.
    const interrupted = rows.some((one) => one.interrupted);
    const resumed = (interrupted ? await settle(id, signal) : (row?.applied ?? 0)) > 0;
    const planned = await plan(id);
    refuseBlocked(id, planned.plan);
    if (typeof expect === 'function') await expect(planned);
    else if (expect !== undefined && expect !== planned.hash) {
      throw new RolloutError(
        `The plan of step ${id} is no longer the one that was shown: the target changed meanwhile.`,
        'Look at the new preview and decide again.',
      );
    }
    const { changes } = planned.plan;
    emit({ type: 'step-started', step: id, title: step.title, changes: changes.length });
    const unproven: CheckResult[] = [];
    try {
      for await (const { results } of prove(step, target, changes, executor, context(id, signal), accepted)) {
        unproven.push(...results.filter((one) => isOpen(one, accepted)));
      }
    } catch (error) {
      if (signal.aborted) throw stopped(id, 0, changes.length);
      throw error;
    }
    if (unproven.length > 0) throw refusal(id, unproven);
    // A run that was stopped right after the last change left nothing to do but the look at the end.
    const open = changes.length > 0 || (resumed && (await executor.keptFingerprint(id, 'after')) === null);
    if (open && !resumed) {
      await executor.keepFingerprint(id, run, 'before');
      if (step.look !== undefined) await executor.keepLook(id, run, await step.look(target, signal));
    }
    const guard = open ? await executor.guard(id, run, changes) : null;
    let done = 0;
    const start = (): void => {
      const change = changes[done];
      if (change !== undefined) {
        emit({ type: 'change-started', step: id, change, number: done + 1, of: changes.length });
      }
    };
    const applied = ({ change, milliseconds }: Entry): void => {
      emit({ type: 'change-applied', step: id, change: change.id, milliseconds });
      done++;
      start();
    };
    start();
    try {
      if (changes.length > 0) {
        await (executor.applyAll ?? oneByOne(executor))(changes, context(id, signal), applied);
      }
    } catch (error) {
      if (signal.aborted) throw stopped(id, done, changes.length);
      const problem = error instanceof RolloutError ? error.problem : String(error);
      const remedy = error instanceof RolloutError ? error.remedy : 'Report this as a defect.';
      // Where all were done, what failed was to make sure of the last.
      const change = changes[Math.min(done, changes.length - 1)];
      if (change !== undefined) emit({ type: 'change-failed', step: id, change: change.id, problem, remedy });
      const detail = [change?.title, problem].filter(Boolean).join(': ');
      await note(record(executor, id, 'failed', detail, performance.now() - began));
      throw error;
    }
    if (open) await executor.keepFingerprint(id, run, 'after');
    await guard?.();
    const milliseconds = performance.now() - began;
    await record(
      executor,
      id,
      'applied',
      [changes.length === 0 ? 'nothing to do' : plural(changes.length, 'change'), options.remark]
        .filter(Boolean)
        .join('; '),
      milliseconds,
    );
    emit({ type: 'step-applied', step: id, changes: changes.length, milliseconds });
    return changes.length;
  };

  /** The first step of a phase of the database looks at those to come, as long as nothing of them is live. */
  async function* toCome(step: Step<T>, signal: AbortSignal): AsyncIterable<CheckResult> {
    const { phase, executor } = find(step.id);
    if (phase.medium !== 'database' || phase.steps[0] !== step || phase.steps.length === 1) return;
    const last = phase.steps.findIndex((one) => one.id === options.until);
    const later = phase.steps.slice(1, last === -1 ? undefined : last + 1);
    const known = await executor.records();
    const skipped = new Set(
      later.filter((one) => known.filter((record) => record.step === one.id).at(-1)?.state === 'skipped'),
    );
    if ((await executor.standing()).some((one) => isLive(one))) return;
    const open = later.filter((one) => !skipped.has(one));
    yield* foresee(step, open, target, executor, context(step.id, signal), accepted);
  }

  async function* checksOf(step: Step<T>, found: Untouched | null, signal: AbortSignal): AsyncIterable<CheckResult> {
    const before = step.look === undefined ? null : await find(step.id).executor.keptLook(step.id);
    yield* step.checks(target, signal, before);
    yield* toCome(step, signal);
    if (found !== null) yield* checkUntouched(step.id, found);
  }

  const verify: Rollout['verify'] = async (id, signal) => {
    const { executor, step } = find(id);
    const began = performance.now();
    const counts = { passed: 0, failed: 0, skipped: 0, unproven: 0 };
    const failures: CheckResult[] = [];
    for await (const result of checksOf(step, await executor.untouched(id), signal)) {
      signal.throwIfAborted();
      counts[result.verdict]++;
      const open = isOpen(result, accepted);
      if (open && result.verdict === 'skipped') counts.unproven++;
      if (open && failures.length < 20) failures.push(result);
      // What was accepted by its id offers no decision any more.
      const settled = !open && result.matters === true ? { ...result, answers: [] } : result;
      emit({ type: 'check', step: id, result: settled });
    }
    const milliseconds = performance.now() - began;
    const state = counts.failed === 0 && counts.unproven === 0 ? 'verified' : 'failed';
    if (state === 'verified') tested.set(id, options.settings?.());
    else tested.delete(id);
    opened.set(id, failures);
    const detail = failures.map((one) => `${one.title}: ${one.observed}`).join('; ');
    // A look at a target on which nothing was ever applied leaves it as it was found, journal included.
    const { unproven: _, ...kept } = counts;
    if ((await executor.records()).length > 0) await record(executor, id, state, detail, milliseconds, kept);
    emit({ type: state === 'verified' ? 'step-verified' : 'step-failed', step: id, ...counts, milliseconds });
    return counts;
  };

  const rollbackPlan = async (id: StepId): Promise<RollbackPlan> => {
    const { executor } = find(id);
    const order = phases.flatMap((phase) => phase.steps.map((step) => step.id));
    const later = [...new Set((await standing()).filter(isLive).map((one) => one.step))].filter(
      (step) => order.indexOf(step) > order.indexOf(id),
    );
    return {
      step: id,
      entries: (await executor.entries(id)).filter(isLive).sort((a, b) => b.seq - a.seq),
      refusal:
        later.length === 0 ? null : `Step ${later.sort().join(', ')} was applied later and builds on step ${id}.`,
      dependants: await dependantsOf(id),
    };
  };

  /** What others made since the step, between later steps as well, that uses what taking the step back removes. */
  const dependantsOf = async (id: StepId): Promise<RollbackPlan['dependants']> => {
    const { executor, phase } = find(id);
    const live = new Set((await executor.standing()).filter(isLive).map((one) => one.step));
    if (!live.has(id)) return [];
    const before = await executor.keptFingerprint(id, 'before');
    const after = await executor.keptFingerprint(id, 'after');
    if (before === null || after === null) return [];
    const others = new Set<string>();
    let last = after;
    for (const step of phase.steps.slice(phase.steps.findIndex((one) => one.id === id) + 1)) {
      if (!live.has(step.id)) continue;
      const next = await executor.keptFingerprint(step.id, 'before');
      if (next !== null) for (const line of differences(last, next)) others.add(objectOf(line));
      last = (await executor.keptFingerprint(step.id, 'after')) ?? last;
    }
    const present = await executor.fingerprint();
    for (const line of differences(last, present)) others.add(objectOf(line));
    // What stands as it did before the step was taken back already, by a rollback that was stopped.
    const made = [...others].filter((one) => before[one] === undefined || present[one] !== before[one]);
    return executor.dependants(before, after, made);
  };

  const refuseBreaking = (id: StepId, { dependants }: RollbackPlan, breaking: boolean): void => {
    const stop = dependants.filter((one) => one.blocks || !breaking);
    const [first] = stop;
    if (first === undefined) return;
    throw new RolloutError(
      `Step ${id} was not rolled back: ${count(stop.length)} made since ${stop.length === 1 ? 'uses' : 'use'} what would go, and will break.`,
      stop.some((one) => one.blocks)
        ? 'Change or drop what is named here, then roll back again; nothing was rolled back.'
        : 'Change it first, or say that it may break with --break-dependants; nothing was rolled back.',
      { detail: stop.map((one) => `${one.object} uses ${one.uses.join(', ')}`).join('\n'), exitCode: 2 },
    );
  };

  const rollback: Rollout['rollback'] = async (id, signal, breaking = false): Promise<RollbackResult> => {
    const { executor } = find(id);
    const began = performance.now();
    await executor.begin?.();
    await trusted(executor);
    const planned = await rollbackPlan(id);
    if (planned.refusal !== null) {
      throw new RolloutError(planned.refusal, `Roll that back first, or use rollback --to ${id}.`);
    }
    refuseBreaking(id, planned, breaking);
    await settle(id, signal);
    const { entries } = await rollbackPlan(id);
    const before = await executor.keptFingerprint(id, 'before');
    const after = await executor.keptFingerprint(id, 'after');
    // What others changed since the step is not ours to undo; it must not be blamed on the rollback either.
    const foreign = new Set(after === null ? [] : differences(after, await executor.fingerprint()).map(objectOf));
    const [obstacle, ...more] = (await executor.cannotRevert?.(entries)) ?? [];
    if (obstacle !== undefined) {
      throw new RolloutError(
        `Step ${id} was not rolled back: ${lowerFirst(obstacle.problem)}`,
        `${obstacle.remedy} Then roll back again; nothing of it was rolled back.`,
        { detail: [obstacle.detail ?? [], ...more.map((one) => one.problem)].flat().join('\n') || undefined },
      );
    }
    emit({ type: 'rollback-started', step: id, changes: entries.length });
    const guard = entries.length === 0 ? null : await executor.guard(id, run, null);
    const stayed: string[] = [];
    for (const [index, entry] of entries.entries()) {
      try {
        signal.throwIfAborted();
        const result = await executor.revert(entry, context(id, signal));
        stayed.push(...result.stayed);
        emit({ type: 'change-reverted', step: id, change: entry.change.id, stayed: result.stayed });
      } catch (error) {
        if (signal.aborted) throw stopped(id, index, entries.length, 'rolled back');
        const problem = error instanceof RolloutError ? error.problem : String(error);
        const remedy = error instanceof RolloutError ? error.remedy : 'Report this as a defect.';
        emit({ type: 'change-failed', step: id, change: entry.change.id, problem, remedy });
        await note(
          record(executor, id, 'failed', `Rolling back ${entry.change.title}: ${problem}`, performance.now() - began),
        );
        throw error;
      }
    }
    const all = before === null ? [] : differences(before, await executor.fingerprint());
    const rows = (await guard?.()) ?? null;
    const left = [...all.filter((line) => !foreign.has(objectOf(line))), ...(rows?.changed ?? [])];
    const unchecked = rows?.unchecked ?? [];
    stayed.push(...all.filter((line) => foreign.has(objectOf(line))).map((line) => `${line} (not by this step)`));
    const proven = before !== null && left.length === 0;
    const milliseconds = performance.now() - began;
    await record(
      executor,
      id,
      proven || entries.length === 0 ? 'rolled back' : 'failed',
      [...left, ...stayed].slice(0, 50).join('; '),
      milliseconds,
    );
    const compared = {
      objects: before === null ? 0 : Object.keys(before).length,
      tables: rows?.tables ?? 0,
      rows: rows?.rows ?? 0,
    };
    emit({ type: 'step-rolled-back', step: id, proven, compared, differences: left, stayed, unchecked, milliseconds });
    return { proven, differences: left, stayed, unchecked };
  };

  return {
    status,
    plan,
    preview: async (id, signal) => {
      const { executor } = find(id);
      const planned = await plan(id);
      const results: PreviewResult[] = [];
      for await (const result of executor.preview(planned.plan.changes, context(id, signal))) {
        results.push(result);
        emit({ type: 'previewed', step: id, result });
      }
      const proofs: ProofResult[] = [];
      const { changes, blockers } = planned.plan;
      if (blockers.length === 0 && results.every((one) => one.outcome !== 'failed')) {
        const { step } = find(id);
        for await (const proof of prove(step, target, changes, executor, context(id, signal), accepted)) {
          proofs.push(proof);
        }
      }
      const relations = new Set(results.flatMap((one) => one.locks.map((lock) => lock.relation)));
      const impact = impactOf({
        changes,
        results,
        proofs,
        sizes: await executor.sizes([...relations]),
        running: find(id).step.running ?? null,
      });
      const open = proofs.flatMap((proof) => proof.results.filter((one) => isOpen(one, accepted)));
      return { ...planned, results, proofs, impact, open };
    },
    planAhead: async (phase, signal, upon = async () => undefined) => {
      const found = phases.find((one) => one.id === phase);
      const executor = found === undefined ? null : executors[found.medium];
      if (found === undefined || executor === null) return [];
      const rows = await status();
      const open = found.steps.filter((step) => rows.find((row) => row.step === step.id)?.state !== 'skipped');
      const plans = await planAhead(open, target, executor, context(`${phase}.1`, signal), upon);
      return plans.map((one) => ({ ...one, hash: hashOf(one.plan) }));
    },
    apply,
    verify,
    rollbackPlan,
    rollback,
    suspicion: async () => {
      try {
        await trusted(executors.database);
        return null;
      } catch (error) {
        if (error instanceof RolloutError) return error;
        throw error;
      }
    },
    skip: async (id, reason) => {
      const { executor } = find(id);
      await record(executor, id, 'skipped', reason, 0);
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const oneByOne =
  (executor: Executor): NonNullable<Executor['applyAll']> =>
  async (changes, context, applied) => {
    for (const change of changes) {
      context.signal.throwIfAborted();
      applied(await executor.apply(change, context));
    }
  };

/** Still in force, wholly or in part: a rollback has to take it back. */
export const isLive = (entry: { readonly state: EntryState }): boolean => entry.state !== 'reverted';
const isUnsettled = (entry: { readonly state: EntryState }): boolean =>
  entry.state === 'started' || entry.state === 'reverting';

/** What failed is told, not that the connection which failed could not take a note of it; the status says interrupted. */
const note = (written: Promise<void>): Promise<void> => written.catch(() => undefined);

/** Changes that no record of the step tells of: a run ended, or was killed, before it came to write one. */
function leftOff(last: StepRecord | null, live: boolean, moved: string): boolean {
  if (last === null || last.state === 'rolled back') return live;
  return (last.state === 'applied' || last.state === 'verified') && moved > last.at;
}

const count = (n: number): string => (n === 1 ? 'an object' : `${n} objects`);

const objectOf = (line: string): string => line.slice(line.indexOf(': ') + 2);

/** Hash over everything that a plan would do; the order of changes counts. */
export const hashOf = (plan: Plan): string => createHash('sha256').update(JSON.stringify(plan.changes)).digest('hex');

function refuseBlocked(id: StepId, plan: Plan): void {
  const first = plan.blockers[0];
  if (first === undefined) return;
  const more = plan.blockers.slice(1).map((one) => `- ${one.problem} ${one.remedy}`);
  throw new RolloutError(`Step ${id} was not started: ${lowerFirst(first.problem)}`, first.remedy, {
    detail:
      [first.detail, more.length > 0 ? `${more.length} more:\n${more.join('\n')}` : undefined]
        .filter(Boolean)
        .join('\n') || undefined,
    answers: plan.blockers.flatMap((one) => one.answers ?? []),
  });
}

const lowerFirst = (text: string): string =>
  /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;

const stopped = (id: StepId, done: number, of: number, verb = 'applied'): RolloutError =>
  new RolloutError(
    `Stopped in step ${id}: ${done} of ${plural(of, 'change')} ${verb} and journalled, the one under way was cancelled on the server, and the next run looks at what it left.`,
    `Run the same command again to go on, or "voxanne-rollout rollback" to roll it back.`,
    { exitCode: 130 },
  );
