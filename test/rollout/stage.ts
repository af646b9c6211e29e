import type { Change, SqlChange } from '../../src/rollout/change.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { RolloutEvent } from '../../src/rollout/events.ts';
import type { Dependant, Executor, Standing, Untouched } from '../../src/rollout/executor.ts';
import type { Entry, EntryState, Fingerprint, Head, StepRecord } from '../../src/rollout/journal.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import type { RunnerOptions } from '../../src/rollout/run.ts';
import { createRollout } from '../../src/rollout/runner.ts';
import type { Blocker, Phase, Step } from '../../src/rollout/step.ts';

export const changeOf = (id: string): SqlChange => ({
  kind: 'sql',
  id,
  title: id.toUpperCase(),
  mode: 'transaction',
  up: `make ${id}`,
  down: `drop ${id}`,
});

export const check = (verdict: CheckResult['verdict'], more: Partial<CheckResult> = {}): CheckResult => ({
  id: `check/${verdict}`,
  title: `It is ${verdict}`,
  kind: 'probe',
  verdict,
  expected: 'something',
  observed: `seen: ${verdict}`,
  milliseconds: 1,
  ...more,
});

/** A medium whose objects are a plain map: a change makes the object of its id, and its rollback takes that away. */
export class Medium {
  readonly objects: Record<string, string>;
  readonly entries: Entry[] = [];
  readonly records: StepRecord[] = [];
  readonly kept = new Map<string, Fingerprint>();
  readonly looks = new Map<string, unknown>();
  readonly guarded: (readonly Change[] | null)[] = [];
  readonly settled: string[] = [];
  readonly asked: string[] = [];
  heads: Head[] = [];
  head: Head | null = null;
  suspicion: string | null = null;
  obstacles: readonly Blocker[] = [];
  dependants: readonly Dependant[] = [];
  /** What a guard finds when it looks again. */
  guardFinds: Untouched | null = null;
  untouched: Untouched | null = null;
  /** How `within` ends, one after another; then it runs. */
  within: ('busy' | 'not executed')[] = [];
  onApply: (change: Change) => void = () => undefined;
  onRevert: (entry: Entry) => void = ({ change }) => void delete this.objects[change.id];

  constructor(start: Fingerprint = {}) {
    this.objects = { ...start };
  }

  /** As a run that was killed left it. */
  left(step: Entry['step'], id: string, state: EntryState, at = '0'): void {
    const seq = this.entries.length + 1;
    const common = { run: 'earlier', appliedAt: at, revertedAt: null, milliseconds: 0 };
    this.entries.push({ seq, step, state, change: changeOf(id), ...common });
  }

  executor(together?: (apply: Executor['apply']) => NonNullable<Executor['applyAll']>): Executor {
    const apply: Executor['apply'] = async (change, { run, step }) => {
      this.onApply(change);
      this.objects[change.id] = 'made';
      const entry: Entry = {
        seq: this.entries.length + 1,
        run,
        step,
        state: 'applied',
        change,
        appliedAt: this.#now(),
        revertedAt: null,
        milliseconds: 7,
      };
      this.entries.push(entry);
      return entry;
    };
    return {
      preview: async function* (changes) {
        for (const change of changes) {
          const locks = [{ relation: `public.${change.id}`, level: 'AccessExclusive' }] as const;
          yield { change, outcome: 'ran', locks, held: 3, milliseconds: 3 };
        }
      },
      within: async ({ title, body }, { signal }) => {
        this.asked.push(title);
        const end = this.within.shift();
        if (end !== undefined) return { outcome: end, reason: `it is ${end}` };
        const before = { ...this.objects };
        const result = await body({
          signal,
          run: async (changes) => {
            for (const { id } of changes) this.objects[id] = 'tested';
          },
          attempt: (work) => work(),
        });
        for (const id of Object.keys(this.objects)) delete this.objects[id];
        Object.assign(this.objects, before);
        return { outcome: 'ran', result, milliseconds: 5 };
      },
      apply,
      ...(together === undefined ? {} : { applyAll: together(apply) }),
      revert: async (entry) => {
        this.onRevert(entry);
        this.#replace(entry, { state: 'reverted', revertedAt: this.#now() });
        return { stayed: [] };
      },
      cannotRevert: async () => this.obstacles,
      settle: async (entry) => {
        this.settled.push(entry.change.id);
        this.#replace(entry, { state: entry.state === 'reverting' ? 'reverted' : 'applied' });
      },
      entries: async (step) => this.entries.filter((one) => step === undefined || one.step === step),
      standing: async () => this.#standing(),
      suspicion: async (heads) => {
        this.heads = [...heads];
        return this.suspicion;
      },
      head: async () => this.head,
      keepHead: async (head) => void this.heads.push(head),
      keptHeads: async () => this.heads,
      dependants: async (_before, _after, others) => {
        this.asked.push(...others);
        return this.dependants;
      },
      records: async () => this.records,
      record: async (given) => void this.records.push({ ...given, seq: this.records.length, at: this.#now() }),
      sizes: async (relations) => relations.map((relation) => ({ relation, rows: 10, bytes: 8192 })),
      fingerprint: async () => ({ ...this.objects }),
      keepFingerprint: async (step, _, when) => void this.kept.set(`${step} ${when}`, { ...this.objects }),
      keptFingerprint: async (step, when) => this.kept.get(`${step} ${when}`) ?? null,
      guard: async (_step, _run, changes) => {
        this.guarded.push(changes);
        return async () => this.guardFinds;
      },
      keepLook: async (step, _, look) => void this.looks.set(step, look),
      keptLook: async (step) => this.looks.get(step) ?? null,
      untouched: async () => this.untouched,
    };
  }

  #clock = 0;
  #now = (): string => String(++this.#clock).padStart(3, '0');

  #replace(entry: Entry, with_: Partial<Entry>): void {
    this.entries.splice(this.entries.indexOf(entry), 1, { ...entry, ...with_ });
  }

  #standing(): readonly Standing[] {
    return this.entries.map((one) => ({
      step: one.step,
      state: one.state,
      count: 1,
      at: one.revertedAt ?? one.appliedAt,
    }));
  }
}

/** A step whose changes make these objects. Its checks pass unless they are told not to. */
export function stepOf(
  id: Step<null>['id'],
  medium: Medium,
  objects: readonly string[],
  more: Partial<Step<null>> & { readonly blockers?: readonly Blocker[]; readonly results?: () => CheckResult[] } = {},
): Step<null> {
  const { blockers, results, ...rest } = more;
  return {
    id,
    title: `Step ${id}`,
    why: '',
    plan: async () => ({
      changes: objects.filter((one) => medium.objects[one] === undefined).map(changeOf),
      blockers: blockers ?? [],
      notes: [],
    }),
    checks: async function* () {
      yield* results?.() ?? [check('passed')];
    },
    ...rest,
  };
}

export const phaseOf = (id: Phase<null>['id'], steps: readonly Step<null>[]): Phase<null> => ({
  id,
  title: `Phase ${id}`,
  medium: id === 1 ? 'database' : 'workspace',
  steps,
});

export type Staged = { readonly rollout: Rollout; readonly events: RolloutEvent[] };

export function stageOf(
  database: Medium,
  phases: readonly Phase<null>[],
  more: Partial<RunnerOptions<null>> & {
    readonly workspace?: Medium;
    readonly together?: (apply: Executor['apply']) => NonNullable<Executor['applyAll']>;
  } = {},
): Staged {
  const { workspace, together, ...options } = more;
  const rollout = createRollout({
    phases,
    target: null,
    executors: { database: database.executor(together), workspace: workspace?.executor() ?? null },
    ...options,
  });
  const events: RolloutEvent[] = [];
  rollout.listen((event) => events.push(event));
  return { rollout, events };
}

export const never = new AbortController().signal;

export const typesOf = (events: readonly RolloutEvent[]): readonly string[] => events.map((one) => one.type);
