import { type Config, environmentOf } from '../../config/index.ts';
import { serverVersion } from '../../database/app-state.ts';
import { comparisonLines } from '../../report/comparison.ts';
import { count } from '../../report/format.ts';
import { uncoveredLines } from '../../report/saved-plan.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import {
  coveredSteps,
  fingerprintOf,
  planName,
  type Rehearsal,
  readsOf,
  type SavedPlan,
  sealed,
} from '../../rollout/saved-plan.ts';
import type { StepId } from '../../rollout/step.ts';
import { checkPlan, expecting } from '../check-plan.ts';
import { requireNamedTarget } from '../consent.ts';
import { requireSameServer } from '../environment.ts';
import { identityOf } from '../make-plan.ts';
import { observedOf } from '../observed.ts';
import { loadSettings, type Opened } from '../open.ts';
import { openPlanFile, writePlanFile } from '../plan-file.ts';
import { agreedSettings } from '../plan-settings.ts';
import { runWithFlag } from '../programs.ts';
import { type Bench, createBench } from '../rehearsal.ts';
import { type CommandContext, run, withTarget } from '../run.ts';
import { version } from '../version.ts';
import { type ApplyOptions, applyAll } from './apply.ts';

type Place = Pick<SavedPlan['target'], 'project' | 'host' | 'port' | 'database'>;

type PlanOptions = ApplyOptions & { readonly plan: string };

/** `voxanne-rollout --yes --plan FILE`: exactly the changes of the file, or nothing. */
export const applyPlanCommand = (options: PlanOptions): Promise<ExitCode> =>
  run(options, async (context) => {
    const plan = await openPlanFile(options.plan);
    const bench = createBench();
    const settings = agreedSettings(plan, await loadSettings(options));
    return withTarget(
      options,
      context,
      async (opened) => {
        requireNamedTarget(opened.source, opened.connection.label, '--yes');
        requireSameTarget(plan, opened, options.plan);
        return applyPlan(plan, opened, context, options, bench);
      },
      { over: settings, programs: runWithFlag(context.output), plan, around: bench.around },
    );
  });

async function applyPlan(
  plan: SavedPlan,
  opened: Opened,
  context: CommandContext,
  options: PlanOptions,
  bench: Bench,
): Promise<ExitCode> {
  const { output, signal } = context;
  const covered = coveredSteps(plan);
  const last = plan.steps.at(-1)?.step;
  const to = options.to ?? covered.at(-1);
  if (to === undefined || !covered.includes(to)) throw notCovered(plan, to);
  const withCode = !to.startsWith('1.');
  if (withCode && opened.target.workspace === null) {
    throw new RolloutError(
      `The plan changes the app's code as well, and there is none in ${opened.config.workspace}.`,
      `Name its folder with --workspace, or give --to ${last} for the database alone.`,
      { exitCode: exitCodes.usage },
    );
  }
  if (opened.refused !== null) throw opened.refused;
  const server = await serverVersion(await opened.session.work());
  if (options.withoutRehearsal !== true) requireSameServer(opened.config, opened.connection, plan, server);
  const { unrelated, notAhead, inForce } = await checkPlan(opened, plan, signal, withCode);
  const all = [...plan.steps, ...(withCode ? (plan.code?.steps ?? []) : [])].reduce(
    (sum, one) => sum + one.changes.length,
    0,
  );
  output.say(
    notAhead === null
      ? `${output.paint('ok', '✓')} plan ${planName(plan)} fits this database${withCode ? ' and this checkout' : ''}: ${count(all, 'change')}${inForce === 0 ? '' : `, ${inForce} of them in force already`}`
      : `${output.paint('warn', '-')} every object${withCode ? ' and file' : ''} is as the plan found it; each step is compared right before it is applied, since not all of it could be computed beforehand: ${notAhead}`,
  );
  for (const { text } of unrelated.slice(0, 20))
    output.say(`  ${output.paint('dim', 'differs, and no change depends on it:')} ${text}`);
  if (unrelated.length > 20) output.say(`  and ${unrelated.length - 20} more that no change depends on`);
  output.say('');
  const times = timesOf(opened);
  const whole = options.to === undefined && plan.uncovered.length === 0;
  const exit = await applyAll(opened, context, whole ? undefined : to, {
    onFailure: options.onFailure ?? 'rollback',
    expect: expecting(opened, plan),
    // The database is rolled out then, wherever a step of the code may stop.
    afterStep: async (step) => {
      if (step !== last || !(bench.measured.length > 0 || isNews(plan, opened))) return;
      await keep(plan, opened, { server, steps: times(), changes: bench.measured }, context, options.plan);
    },
  });
  if (exit !== exitCodes.done) return exit;
  for (const line of comparisonLines(await observedOf(opened, plan), output.paint)) output.say(line);
  if (options.to === undefined && plan.uncovered.length > 0) {
    output.say('');
    output.say('Not part of the plan, and not run:');
    for (const line of uncoveredLines(plan)) output.say(line);
  }
  return exitCodes.done;
}

function notCovered(plan: SavedPlan, to: StepId | undefined): RolloutError {
  const open = plan.uncovered.find(({ step }) => step === to);
  return new RolloutError(
    open === undefined ? `The plan holds no step ${to ?? ''}.` : `The plan does not cover step ${to}: ${open.reason}`,
    `Its steps are ${coveredSteps(plan).join(', ')}.`,
    { exitCode: exitCodes.usage },
  );
}

/** How long each step took to apply and to verify, as it is told. */
function timesOf(opened: Opened): () => Rehearsal['steps'] {
  const steps: Rehearsal['steps'] = [];
  opened.rollout.listen((event) => {
    if (event.type === 'step-applied')
      steps.push({ step: event.step, forward: event.milliseconds, verified: 0, back: 0 });
    const last = steps.at(-1);
    if (event.type === 'step-verified' && last?.step === event.step) last.verified = event.milliseconds;
  });
  return () => steps.filter((one) => one.step.startsWith('1.'));
}

/** Whether the file does not say yet that it was rolled out here: a run may have been killed right before it did. */
const isNews = (plan: SavedPlan, { connection }: Opened): boolean =>
  plan.steps.some((one) => one.changes.length > 0) &&
  !plan.carriedOut.some(({ kind, on }) => kind === 'rollout' && samePlace(on, connection));

/** Adds to the file that the plan was rolled out here, for an environment that comes after this one. */
async function keep(
  plan: SavedPlan,
  opened: Opened,
  seen: Pick<Rehearsal, 'server' | 'steps' | 'changes'>,
  { output }: CommandContext,
  file: string,
): Promise<void> {
  const done: Rehearsal = {
    kind: 'rollout',
    on: identityOf(opened.connection, opened.environment),
    at: new Date().toISOString(),
    tool: version,
    fingerprint: fingerprintOf(plan.state, readsOf(plan)),
    code: null,
    reader: null,
    load: null,
    ...seen,
  };
  try {
    await writePlanFile(file, sealed({ ...plan, carriedOut: [...plan.carriedOut, done] }));
    output.say(`${file} now says that phase 1 was rolled out on ${opened.environment}.`);
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    output.say(`${output.paint('warn', '!')} ${error.problem} It does not say that the plan was rolled out here.`);
  }
}

/**
 * The plan has to be for this database, or for an environment that comes right before it.
 *
 * @throws {RolloutError} exit code 2.
 */
export function requireSameTarget(
  { target }: SavedPlan,
  { connection, config }: { readonly connection: Place; readonly config: Pick<Config, 'environments'> },
  file: string,
): void {
  const same = samePlace(target, connection);
  const origin = environmentOf(config.environments, target)?.name;
  const before = environmentOf(config.environments, connection)?.after ?? [];
  if (same || (origin !== undefined && before.includes(origin))) return;
  throw new RolloutError(
    `${file} was made for ${placeOf(target)}, and this is ${placeOf(connection)}.`,
    'Give the database that the plan was made for, or make a plan for this one.',
    { exitCode: exitCodes.usage },
  );
}

const samePlace = (one: Place, other: Place): boolean =>
  one.project !== null || other.project !== null
    ? one.project === other.project
    : one.host.toLowerCase() === other.host.toLowerCase() && one.port === other.port && one.database === other.database;

const placeOf = (one: Place): string =>
  one.project === null ? `${one.host}:${one.port}/${one.database}` : `project ${one.project}`;
