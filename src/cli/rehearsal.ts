import { serverVersion } from '../database/app-state.ts';
import { type Load, type LoadSummary, type Script, startLoad } from '../database/rehearsal/load.ts';
import { openReader, type Reader } from '../database/rehearsal/reader.ts';
import type { Session } from '../database/session.ts';
import { count } from '../report/format.ts';
import { RolloutError } from '../rollout/errors.ts';
import { type Meters, measuring } from '../rollout/measure.ts';
import type { Planned } from '../rollout/rollout.ts';
import {
  changeHash,
  fingerprintOf,
  type Measured,
  type PlanIdentity,
  type Rehearsal,
  readsOf,
  type SavedPlan,
  sealed,
} from '../rollout/saved-plan.ts';
import type { StepId } from '../rollout/step.ts';
import { checkPlan } from './check-plan.ts';
import { type Before, identityOf, lookBefore, planOf } from './make-plan.ts';
import type { Opened, OpenOptions } from './open.ts';
import { planCode } from './plan-ahead.ts';
import { rehearseCode } from './rehearse-code.ts';
import type { CommandContext } from './run.ts';
import { version } from './version.ts';

/** What the rehearsal measures, handed to `openTarget` before anything runs. */
export type Bench = Pick<OpenOptions, 'around'> & {
  readonly measured: Measured[];
  reader: Reader | null;
};

export function createBench(): Bench {
  const bench: Bench = {
    measured: [],
    reader: null,
    around: (executor, session) =>
      measuring(executor, metersOf(session, bench), (one) => {
        bench.measured.push(one);
      }),
  };
  return bench;
}

const metersOf = (session: Session, bench: Bench): Meters => ({
  walBytes: async () => {
    const [row] = await session.observe<{ bytes: number }>(
      `select pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::float8 as bytes`,
    );
    return row?.bytes ?? 0;
  },
  watch: (tables) => bench.reader?.watch(tables) ?? (async () => null),
});

export type RehearsalOptions = {
  /** The plan that is rehearsed; null: the one that this database gives. */
  readonly plan: SavedPlan | null;
  /** The database that a new plan is for. */
  readonly target: PlanIdentity;
  /** Runs beside the first way forward; `none`: nothing does. */
  readonly load: 'mix' | 'none' | Script;
};

/**
 * Forward, verified, back, proven, forward again, on a database that may be changed; then the same with the code, in a
 * copy of the checkout.
 *
 * @returns the plan with what was measured on the first way forward.
 * @throws {RolloutError} when anything of it does not hold: no plan then counts as rehearsed.
 */
export async function rehearse(
  opened: Opened,
  bench: Bench,
  { plan: given, target, load }: RehearsalOptions,
  context: CommandContext,
): Promise<{ readonly plan: SavedPlan; readonly rehearsal: Rehearsal; readonly leftOut: readonly string[] }> {
  const { rollout } = opened;
  const { output, signal } = context;
  const steps = (await rollout.status()).filter((row) => row.phase === 1 && row.state !== 'skipped');
  const begun = steps.find((row) => row.applied > 0 || row.interrupted);
  if (begun !== undefined) {
    throw new RolloutError(
      `Step ${begun.step} ${begun.interrupted ? 'was interrupted here' : 'is in force here already'}, and a rehearsal begins before the first step.`,
      'Roll it back with "voxanne-rollout rollback --all", or restore the copy again.',
    );
  }
  const before = await lookBefore(opened);
  // Without a plan, step 1.1 plans and judges all of phase 1, before the first change. What a plan does to the code was
  // computed for the checkout of whoever made it.
  if (given !== null) await checkPlan(opened, given, signal, false);

  bench.reader = await openReader(opened.connect);
  let under: StepId | null = null;
  const stopListening = rollout.listen((event) => {
    if (event.type === 'step-started') under = event.step;
  });
  let beside: Load | null = null;
  let summary: LoadSummary | null = null;
  try {
    if (load !== 'none') beside = await startLoad(opened.connect, load === 'mix' ? null : load, () => under);
    for (const one of beside?.leftOut ?? []) output.say(`  not part of the load, since it fails already: ${one}`);
    output.say(`${output.paint('strong', 'Forward')}, measured`);
    const first = await forward(opened, steps, context);
    const measured = bench.measured.splice(0);
    const read = bench.reader.summary();
    summary = (await beside?.stop()) ?? null;
    const leftOut = beside?.leftOut ?? [];
    beside = null;
    await bench.reader.close();
    bench.reader = null;

    output.say('');
    output.say(`${output.paint('strong', 'Back')}, proven`);
    const back = await backward(opened, steps, context);
    output.say('');
    output.say(output.paint('strong', 'Forward again'));
    requireSame(first.planned, (await forward(opened, steps, context)).planned);

    const made = given ?? (await whole(opened, first.planned, before, target, signal));
    const code = await rehearseCode(opened, made, before.files, context);
    const rehearsal: Rehearsal = {
      kind: 'rehearsal',
      on: identityOf(opened.connection, opened.environment),
      at: new Date().toISOString(),
      tool: version,
      server: await serverVersion(await opened.session.work()),
      fingerprint: fingerprintOf(before.state, readsOf(made)),
      steps: first.times.map((one) => ({ ...one, back: back.get(one.step) ?? 0 })),
      changes: measured,
      code,
      reader: read,
      load: summary === null ? null : { ...summary, errors: [...summary.errors] },
    };
    return { plan: sealed({ ...made, carriedOut: [...made.carriedOut, rehearsal] }), rehearsal, leftOut };
  } finally {
    stopListening();
    await beside?.stop();
    await bench.reader?.close();
  }
}

/** The plan of what was carried out, and of the code: its names are those that the database has by now. */
async function whole(
  opened: Opened,
  database: readonly Planned[],
  before: Before,
  target: PlanIdentity,
  signal: AbortSignal,
): Promise<SavedPlan> {
  const facts = (await opened.target.workspace?.database()) ?? null;
  return planOf(opened, { database, code: await planCode(opened, facts, signal) }, before, { target, applied: [] });
}

type Row = { readonly step: StepId; readonly title: string };

async function forward(
  { rollout }: Opened,
  steps: readonly Row[],
  { signal }: CommandContext,
): Promise<{
  readonly planned: readonly Planned[];
  readonly times: readonly { readonly step: StepId; readonly forward: number; readonly verified: number }[];
}> {
  const planned: Planned[] = [];
  const times: { step: StepId; forward: number; verified: number }[] = [];
  for (const { step, title } of steps) {
    const began = performance.now();
    await rollout.apply(step, signal, async (now) => {
      planned.push(now);
    });
    const applied = performance.now();
    const { failed, unproven } = await rollout.verify(step, signal);
    if (failed > 0 || unproven > 0) {
      throw new RolloutError(
        `The rehearsal stopped: step ${step} (${title}) was applied, and ${failed > 0 ? `${count(failed, 'check')} failed` : `${count(unproven, 'check')} that ${unproven === 1 ? 'matters' : 'matter'} could not be run`}.`,
        planned.every((one) => one.plan.changes.length === 0)
          ? 'Nothing was changed. Fix what the checks above name, or give the decisions they ask for, and rehearse again.'
          : 'Nothing counts as rehearsed. Look at the checks above, roll the copy back with "voxanne-rollout rollback --all", and rehearse again.',
      );
    }
    times.push({ step, forward: applied - began, verified: performance.now() - applied });
  }
  return { planned, times };
}

async function backward(
  { rollout }: Opened,
  steps: readonly Row[],
  { signal }: CommandContext,
): Promise<ReadonlyMap<StepId, number>> {
  const times = new Map<StepId, number>();
  const live = (await rollout.status()).filter((row) => row.applied > 0 && steps.some((one) => one.step === row.step));
  for (const { step } of live.reverse()) {
    const began = performance.now();
    const { proven, differences } = await rollout.rollback(step, signal);
    times.set(step, performance.now() - began);
    if (!proven) {
      throw new RolloutError(
        `The rehearsal stopped: step ${step} was rolled back, but the database is not proven to be as before.`,
        'Nothing counts as rehearsed.',
        { detail: differences.slice(0, 20).join('\n') },
      );
    }
  }
  return times;
}

/** The second way forward has to be the first one again: a plan that a rollback changes is no plan. */
function requireSame(first: readonly Planned[], second: readonly Planned[]): void {
  const lines = first.flatMap(({ step, plan }) => {
    const again = second.find((one) => one.step === step)?.plan.changes ?? [];
    const hashes = new Map(again.map((change) => [change.id, changeHash(change)]));
    const differ = plan.changes.filter((change) => hashes.get(change.id) !== changeHash(change));
    const fresh = again.filter((change) => !plan.changes.some((one) => one.id === change.id));
    return [...differ, ...fresh].map((change) => `${step}: ${change.title}`);
  });
  if (lines.length === 0) return;
  throw new RolloutError(
    'The rehearsal stopped: after the rollback other changes came out than at first.',
    'Nothing counts as rehearsed. Look whether something else changed this database meanwhile, and rehearse on a quiet copy.',
    { detail: lines.slice(0, 20).join('\n') },
  );
}
