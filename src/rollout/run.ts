import { randomUUID } from 'node:crypto';
import { RolloutError } from './errors.ts';
import type { Emit } from './events.ts';
import type { Context, Executor, Standing } from './executor.ts';
import type { EntryState, StepRecord } from './journal.ts';
import { hashOf, type Planned } from './rollout.ts';
import type { Phase, Step, StepId } from './step.ts';
import { plural } from './text.ts';

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

type Found<T> = { readonly phase: Phase<T>; readonly step: Step<T>; readonly executor: Executor };

type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };

/** `live`: changes of the step that are in force. */
type Settled = { readonly settled: number; readonly live: number };

/** One run over one target: what applying, verifying and rolling back work with. */
export type Run<T> = RunnerOptions<T> & {
  readonly id: string;
  readonly emit: Emit;
  readonly listen: (listener: Emit) => () => void;
  readonly accepted: (check: string) => boolean;
  readonly find: (step: StepId) => Found<T>;
  readonly context: (step: StepId, signal: AbortSignal) => Context;
  /** What is in force in all media. */
  readonly standing: () => Promise<readonly Standing[]>;
  readonly plan: (step: StepId) => Promise<Planned>;
  /** Settles what a crash left in the medium of this step; tells how many changes that were, and what is in force then. */
  readonly settle: (step: StepId, signal: AbortSignal) => Promise<Settled>;
  readonly record: (
    step: StepId,
    state: StepRecord['state'],
    detail: string,
    milliseconds: number,
    counts?: Counts,
  ) => Promise<void>;
};

export function createRun<T>(options: RunnerOptions<T>): Run<T> {
  const { phases, target, executors } = options;
  const { database, workspace } = executors;
  const id = randomUUID();
  const listeners = new Set<Emit>();
  const emit: Emit = (event) => {
    for (const listener of listeners) listener(event);
  };

  const find = (id: StepId): Found<T> => {
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

  const context = (step: StepId, signal: AbortSignal): Context => ({ run: id, step, emit, signal });

  return {
    ...options,
    id,
    emit,
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    accepted: options.accepted ?? (() => false),
    find,
    context,
    standing: async () => [...(await database.standing()), ...((await workspace?.standing()) ?? [])],
    plan: async (id) => {
      const { step } = find(id);
      const plan = await step.plan(target);
      emit({ type: 'planned', step: id, title: step.title, plan });
      return { step: id, plan, hash: hashOf(plan) };
    },
    settle: async (step, signal) => {
      const { executor } = find(step);
      const found = await executor.standing();
      let settled = 0;
      for (const id of new Set(found.filter(isUnsettled).map((one) => one.step))) {
        for (const entry of await executor.entries(id)) {
          if (!isUnsettled(entry)) continue;
          await executor.settle(entry, context(entry.step, signal));
          settled++;
        }
      }
      const now = settled === 0 ? found : await executor.standing();
      const own = now.filter((one) => one.step === step && isLive(one));
      return { settled, live: own.reduce((sum, one) => sum + one.count, 0) };
    },
    record: async (step, state, detail, milliseconds, counts = { passed: 0, failed: 0, skipped: 0 }) => {
      const { executor } = find(step);
      await executor.record({ run: id, step, state, detail, milliseconds, ...counts });
      if (executor !== database || workspace === null || !['applied', 'rolled back'].includes(state)) return;
      const head = await database.head();
      if (head !== null) await workspace.keepHead(head);
    },
  };
}

/** Still in force, wholly or in part: a rollback has to take it back. */
export const isLive = (entry: { readonly state: EntryState }): boolean => entry.state !== 'reverted';

/** A crash left it half-done. */
export const isUnsettled = (entry: { readonly state: EntryState }): boolean =>
  entry.state === 'started' || entry.state === 'reverting';

/** What failed is told, not that the connection which failed could not take a note of it; the status says interrupted. */
export const noted = (written: Promise<void>): Promise<void> => written.catch(() => undefined);

export const stopped = (id: StepId, done: number, of: number, verb = 'applied'): RolloutError =>
  new RolloutError(
    `Stopped in step ${id}: ${done} of ${plural(of, 'change')} ${verb} and journalled, the one under way was cancelled on the server, and the next run looks at what it left.`,
    `Run the same command again to go on, or "voxanne-rollout rollback" to roll it back.`,
    { exitCode: 130 },
  );
