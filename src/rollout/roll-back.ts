import { inWords, lowerFirst, RolloutError } from './errors.ts';
import { differences } from './fingerprint.ts';
import type { Entry } from './journal.ts';
import type { RollbackPlan, Rollout } from './rollout.ts';
import { isLive, noted, type Run, stopped } from './run.ts';
import type { StepId } from './step.ts';

/** Differences that the record of a rollback names. */
const named = 50;

/** Takes a step back by the inverses that were journalled with it, and compares the target with what it was. */
export function createRollback<T>(run: Run<T>): Pick<Rollout, 'rollbackPlan' | 'rollback' | 'suspicion'> {
  const { database, workspace } = run.executors;

  const suspicion = async (): Promise<RolloutError | null> => {
    const own = await database.head();
    const kept = (await workspace?.keptHeads()) ?? [];
    // One workspace may have seen several databases; only heads of this journal speak of it, and the last says most.
    const last = kept.findLast((head) => head.journal === own?.journal);
    const problem = await database.suspicion(last === undefined ? [] : [last]);
    if (problem === null) return null;
    return new RolloutError(
      problem,
      'The journal was changed or removed outside this tool: restore schema voxanne_rollout from a backup. Nothing was rolled back.',
    );
  };

  /** What others made since the step, between later steps as well, that uses what taking the step back removes. */
  const dependantsOf = async (id: StepId, live: ReadonlySet<StepId>): Promise<RollbackPlan['dependants']> => {
    const { executor, phase } = run.find(id);
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

  const rollbackPlan: Rollout['rollbackPlan'] = async (id) => {
    const { executor } = run.find(id);
    const order = run.phases.flatMap((phase) => phase.steps.map((step) => step.id));
    const live = new Set((await run.standing()).filter(isLive).map((one) => one.step));
    const later = [...live].filter((step) => order.indexOf(step) > order.indexOf(id));
    return {
      step: id,
      entries: (await executor.entries(id)).filter(isLive).sort((a, b) => b.seq - a.seq),
      refusal:
        later.length === 0 ? null : `Step ${later.sort().join(', ')} was applied later and builds on step ${id}.`,
      dependants: await dependantsOf(id, live),
    };
  };

  /** Nothing stands in the way, and what a crash left is settled; gives what is to be taken back, newest first. */
  const ready = async (id: StepId, breaking: boolean, signal: AbortSignal): Promise<readonly Entry[]> => {
    if (run.find(id).executor === database) {
      const suspect = await suspicion();
      if (suspect !== null) throw suspect;
    }
    const planned = await rollbackPlan(id);
    if (planned.refusal !== null) {
      throw new RolloutError(planned.refusal, `Roll that back first, or use rollback --to ${id}.`);
    }
    refuseBreaking(planned, breaking);
    const { settled } = await run.settle(id, signal);
    return settled === 0 ? planned.entries : (await rollbackPlan(id)).entries;
  };

  /** What would stop it half-way. */
  const refuseObstacles = async (id: StepId, entries: readonly Entry[]): Promise<void> => {
    const [obstacle, ...more] = (await run.find(id).executor.cannotRevert?.(entries)) ?? [];
    if (obstacle === undefined) return;
    throw new RolloutError(
      `Step ${id} was not rolled back: ${lowerFirst(obstacle.problem)}`,
      `${obstacle.remedy} Then roll back again; nothing of it was rolled back.`,
      { detail: [obstacle.detail ?? [], ...more.map((one) => one.problem)].flat().join('\n') || undefined },
    );
  };

  /** Takes these back, newest first; gives what had to stay. */
  const revert = async (
    id: StepId,
    entries: readonly Entry[],
    began: number,
    signal: AbortSignal,
  ): Promise<readonly string[]> => {
    const { executor } = run.find(id);
    const stayed: string[] = [];
    for (const [index, entry] of entries.entries()) {
      const { title, id: change } = entry.change;
      try {
        signal.throwIfAborted();
        const result = await executor.revert(entry, run.context(id, signal));
        stayed.push(...result.stayed);
        run.emit({ type: 'change-reverted', step: id, change, stayed: result.stayed });
      } catch (error) {
        if (signal.aborted) throw stopped(id, index, entries.length, 'rolled back');
        const { problem, remedy } = inWords(error);
        run.emit({ type: 'change-failed', step: id, change, problem, remedy });
        await noted(run.record(id, 'failed', `Rolling back ${title}: ${problem}`, performance.now() - began));
        throw error;
      }
    }
    return stayed;
  };

  const rollback: Rollout['rollback'] = async (id, signal, breaking = false) => {
    const { executor } = run.find(id);
    const began = performance.now();
    await executor.begin?.();
    const entries = await ready(id, breaking, signal);
    const before = await executor.keptFingerprint(id, 'before');
    const after = await executor.keptFingerprint(id, 'after');
    // What others changed since the step is not ours to undo; it must not be blamed on the rollback either.
    const foreign = new Set(after === null ? [] : differences(after, await executor.fingerprint()).map(objectOf));
    await refuseObstacles(id, entries);
    run.emit({ type: 'rollback-started', step: id, changes: entries.length });
    const guard = entries.length === 0 ? null : await executor.guard(id, run.id, null);
    const kept = await revert(id, entries, began, signal);
    const all = before === null ? [] : differences(before, await executor.fingerprint());
    const rows = (await guard?.()) ?? null;
    const left = [...all.filter((line) => !foreign.has(objectOf(line))), ...(rows?.changed ?? [])];
    const others = all.filter((line) => foreign.has(objectOf(line)));
    const stayed = [...kept, ...others.map((line) => `${line} (not by this step)`)];
    const unchecked = rows?.unchecked ?? [];
    const proven = before !== null && left.length === 0;
    const milliseconds = performance.now() - began;
    const state = proven || entries.length === 0 ? 'rolled back' : 'failed';
    await run.record(id, state, [...left, ...stayed].slice(0, named).join('; '), milliseconds);
    const compared = {
      objects: before === null ? 0 : Object.keys(before).length,
      tables: rows?.tables ?? 0,
      rows: rows?.rows ?? 0,
    };
    run.emit({
      type: 'step-rolled-back',
      step: id,
      proven,
      compared,
      differences: left,
      stayed,
      unchecked,
      milliseconds,
    });
    return { proven, differences: left, stayed, unchecked };
  };

  return { rollbackPlan, rollback, suspicion };
}

function refuseBreaking({ step, dependants }: RollbackPlan, breaking: boolean): void {
  const stop = dependants.filter((one) => one.blocks || !breaking);
  if (stop.length === 0) return;
  const [what, use] = stop.length === 1 ? ['an object', 'uses'] : [`${stop.length} objects`, 'use'];
  throw new RolloutError(
    `Step ${step} was not rolled back: ${what} made since ${use} what would go, and will break.`,
    stop.some((one) => one.blocks)
      ? 'Change or drop what is named here, then roll back again; nothing was rolled back.'
      : 'Change it first, or say that it may break with --break-dependants; nothing was rolled back.',
    { detail: stop.map((one) => `${one.object} uses ${one.uses.join(', ')}`).join('\n'), exitCode: 2 },
  );
}

const objectOf = (line: string): string => line.slice(line.indexOf(': ') + 2);
