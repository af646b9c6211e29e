import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Client } from 'pg';
import { createWorkspaceTarget } from '../../phases/code/workspace-target.ts';
import { phases } from '../../phases/index.ts';
import type { Target } from '../../phases/target.ts';
import { withAnswers } from '../config/answers.ts';
import { type Config, loadConfig, type PartialConfig } from '../config/index.ts';
import { toKept, withKept } from '../config/kept.ts';
import { keepDecided, keptDecided } from '../database/decided.ts';
import { toRolloutError } from '../database/errors.ts';
import { createDatabaseExecutor } from '../database/executor.ts';
import { loadParserAhead } from '../database/rename/parser.ts';
import { applicationName, openSession, type Session } from '../database/session.ts';
import type { Answer } from '../rollout/decision.ts';
import type { RolloutError } from '../rollout/errors.ts';
import type { Executor } from '../rollout/executor.ts';
import type { Rollout } from '../rollout/rollout.ts';
import { createRollout } from '../rollout/runner.ts';
import { planName, type SavedPlan } from '../rollout/saved-plan.ts';
import type { StepId } from '../rollout/step.ts';
import type { CliExecutor, CliExecutorOptions, Finding } from '../supabase/cli/index.ts';
import {
  type ConnectionDescription,
  type ConnectionSource,
  connector,
  requireUsable,
} from '../supabase/connection/index.ts';
import { discoverWorkspace } from '../workspace/discover.ts';
import { createWorkspaceExecutor } from '../workspace/executor.ts';
import { takeBaselines } from '../workspace/type-check.ts';
import type { MayRun } from '../workspace-program.ts';
import { countsAsProduction, environmentName, unrehearsed } from './environment.ts';
import { inWords } from './in-words.ts';
import { type CommonOptions, flagsOf } from './options.ts';
import { requireOwnApi, requireOwnBackend } from './own-api.ts';
import { type ProgramConsent, runNamed, runNothing, type Teller } from './programs.ts';
import { hide } from './redaction.ts';

/** A target that was found, looked at and not refused. */
export type Opened = {
  readonly config: Config;
  readonly source: ConnectionSource;
  readonly connection: ConnectionDescription;
  readonly production: boolean;
  readonly environment: string;
  /** Why phase 1 may not be applied here: the environment asks for a rehearsed plan; or null. */
  readonly refused: RolloutError | null;
  readonly session: Session;
  /** Opens a connection beside those of the session; whoever asks closes it. */
  readonly connect: () => Promise<Client>;
  readonly target: Target;
  readonly rollout: Rollout;
  /** The settings that hold now: those of the start and the answers that were given since. */
  readonly settings: () => Config;
  /** Takes these answers into every plan and check from now on; those of an earlier call that are left out hold no more. */
  readonly decide: (answers: readonly Answer[]) => void;
  readonly close: () => Promise<void>;
};

/** Kept in the journal, and told by the report. */
const withoutRehearsal = 'without requiring a rehearsal (--without-rehearsal)';

/** A folder that holds an app, or a checkout: elsewhere phases 2 to 4 have nothing to work on. */
const hasCode = (folder: string): boolean =>
  existsSync(join(folder, 'package.json')) || existsSync(join(folder, '.git'));

export async function loadSettings(options: CommonOptions, over?: PartialConfig): Promise<Config> {
  const flags = flagsOf(options);
  return loadConfig({
    workspace: resolve(options.workspace ?? '.'),
    configPath: options.config,
    flags: { ...flags, ...over, code: { ...flags.code, ...over?.code } },
    env: process.env,
  });
}

export type OpenOptions = {
  readonly typedUrl?: string | undefined;
  /** True: only looks, so that no Supabase CLI is needed. */
  readonly reading?: boolean;
  /** What was decided for what is applied holds here too; `reading` unless said. A change is decided anew. */
  readonly asDecided?: boolean;
  /** For a look that leaves no trace: what checks find is not recorded, and the API is not asked. */
  readonly unrecorded?: boolean;
  /** What of the app may be started; nothing, unless a command says otherwise. */
  readonly programs?: ProgramConsent | undefined;
  /** Where a program that was consented to by naming its executor is said to be started. */
  readonly output?: Pick<Teller, 'note'> | undefined;
  /** Settings of a plan file, in place of those of the run. */
  readonly over?: PartialConfig | undefined;
  /** The plan file that is applied: it stays in the journal, and an environment may ask where it was rehearsed. */
  readonly plan?: SavedPlan | undefined;
  /** Put around the executor of the database: to measure what it does. */
  readonly around?: ((executor: Executor, session: Session) => Executor) | undefined;
};

/**
 * Finds the database, connects, refuses what a rollout must not run on, and builds the rollout over it.
 *
 * @throws {RolloutError} with the exit code of what is wrong; nothing was changed by then.
 */
export async function openTarget(
  options: CommonOptions,
  {
    typedUrl,
    reading = false,
    asDecided = reading,
    programs = runNothing,
    unrecorded = false,
    output,
    over,
    plan,
    around,
  }: OpenOptions = {},
): Promise<Opened> {
  if (!reading) loadParserAhead();
  const given = await loadSettings(options, over);
  const found = await connector({
    dbUrl: typedUrl ?? options.dbUrl,
    env: process.env,
    workspace: given.workspace,
    ca: given.ca,
    allowPlaintext: given.allowPlaintext,
    applicationName: applicationName(),
  });
  hide(found.secrets);
  const exported = {
    anon: process.env.SUPABASE_ANON_KEY ?? process.env.SUPABASE_PUBLISHABLE_KEY ?? null,
    service: process.env.SUPABASE_SERVICE_ROLE_KEY ?? process.env.SUPABASE_SECRET_KEY ?? null,
  };
  const keys = unrecorded ? { anon: null, service: null } : exported;
  const { source, description: connection, connect } = found;
  await requireUsable(found);
  requireOwnApi(given, connection, flagsOf(options).supabaseUrl ?? process.env.VOXANNE_ROLLOUT_SUPABASE_URL, keys);
  requireOwnBackend(given, flagsOf(options).backendUrl ?? process.env.VOXANNE_ROLLOUT_BACKEND_URL, [
    process.env.VOXANNE_TEST_TOKEN,
    process.env.VOXANNE_TEST_TOKEN_WITHOUT_ORG,
  ]);
  const session = openSession(connect, {
    lockTimeout: given.lockTimeout,
    statementTimeout: given.statementTimeout,
    exclude: given.exclude,
    patience: given.patience,
    batchSize: given.batchSize,
  });
  // A look at what is applied goes by what was decided for it; a run that changes something is decided anew.
  const config = asDecided && over === undefined ? withKept(given, await keptOf(session)) : given;
  const mayRun = programs(config);
  const mayRunCli = programs === runNothing || !namedExecutor(options) ? mayRun : runNamed(output ?? quiet);
  const root = hasCode(config.workspace) ? config.workspace : null;
  let settings = config;
  // Read at every plan and check: an answer that is given meanwhile holds from the next one on.
  const asked = {
    get config(): Config {
      return settings;
    },
    session,
  };
  const target: Target = {
    get config(): Config {
      return settings;
    },
    session,
    keys,
    mayRun,
    ...(wantsCli(options, config)
      ? { advisors: (signal: AbortSignal) => advisorsOf(config, found, mayRunCli, signal) }
      : {}),
    workspace: root === null ? null : createWorkspaceTarget(asked, root),
  };
  const workspace =
    root === null
      ? null
      : createWorkspaceExecutor({
          root,
          commit: options.commit === true,
          // Type errors that are there already are no fault of the rollout: they are counted before it begins.
          beforeFirst: async (signal) => takeBaselines(await discoverWorkspace(root), signal, mayRun),
        });
  const inner = createDatabaseExecutor(session);
  // What only looks needs no Supabase CLI, and does not wait for it to start.
  const cliExecutor = reading
    ? null
    : await chooseCliExecutor(
        options,
        config,
        { inner, session, connection: found, looking: programs === runNothing },
        mayRunCli,
      );
  const database = reading ? inner : keeping(cliExecutor ?? inner, session, () => settings);
  const production = countsAsProduction(config, connection);
  const rehearsed = unrehearsed(config, connection, plan);
  const asks = unrehearsed(config, connection, undefined) !== null;
  const without = options.withoutRehearsal === true;
  const refused = without ? null : rehearsed;
  const remarks = [plan === undefined ? '' : `plan ${planName(plan)}`, without && asks ? withoutRehearsal : '']
    .filter(Boolean)
    .join('; ');
  const rollout = inWords(
    createRollout({
      phases,
      target,
      executors: unrecorded
        ? { database: withoutRecords(inner), workspace: workspace === null ? null : withoutRecords(workspace) }
        : { database: around?.(database, session) ?? database, workspace },
      ...(options.to === undefined ? {} : { until: options.to as StepId }),
      refuse: (phase) => (phase.medium === 'database' ? refused : null),
      ...(remarks === '' ? {} : { remark: remarks }),
      settings: () => settings,
      accepted: (check) => settings.decisions.acceptNotChecked.includes(check),
      missing: (phase) =>
        phase.medium === 'workspace' && workspace === null
          ? `Phase ${phase.id} works on the app's code, and there is none in ${config.workspace}: name its folder with --workspace.`
          : null,
    }),
    session,
  );
  return {
    config,
    source,
    connection,
    production,
    environment: environmentName(config, connection),
    refused,
    session,
    connect,
    target,
    rollout,
    settings: () => settings,
    decide: (answers) => {
      settings = withAnswers(config, answers);
    },
    close: async () => {
      try {
        await cliExecutor?.finish();
        await workspace?.close();
      } finally {
        await session.close();
      }
    },
  };
}

/** What was decided for what is applied. */
async function keptOf(session: Session): Promise<unknown> {
  try {
    return await keptDecided(await session.work());
  } catch (error) {
    await session.close();
    throw toRolloutError(error);
  }
}

/** Keeps what a step was decided by, when it was applied and when its checks passed. */
const keeping = (executor: Executor, session: Session, settings: () => Config): Executor => ({
  ...executor,
  record: async (record) => {
    await executor.record(record);
    if (record.state === 'applied' || record.state === 'verified')
      await keepDecided(await session.work(), record.run, toKept(settings()));
  },
});

const withoutRecords = (executor: Executor): Executor => ({ ...executor, record: async () => undefined });

const wantsCli = (options: CommonOptions, config: Config): boolean =>
  config.executor === 'supabase-cli' || options.register === true;

/** Whether the executor was named for this run, by a flag or an exported variable; a file of the checkout names none. */
const namedExecutor = (options: CommonOptions): boolean =>
  flagsOf(options).executor === 'supabase-cli' ||
  process.env.VOXANNE_ROLLOUT_EXECUTOR === 'supabase-cli' ||
  options.register === true;

/** Nobody listens: the wizard shows the command in its own way. */
const quiet: Pick<Teller, 'note'> = { note: () => undefined };

/** The executor that goes through the Supabase CLI, or that records in its history what went through `pg`. */
async function chooseCliExecutor(
  options: CommonOptions,
  config: Config,
  given: Pick<CliExecutorOptions, 'inner' | 'session' | 'connection' | 'looking'>,
  mayRun: MayRun,
): Promise<CliExecutor | null> {
  if (!wantsCli(options, config)) return null;
  const { createCliExecutor, createRegisteringExecutor, findCli } = await import('../supabase/cli/index.ts');
  const all: CliExecutorOptions = {
    ...given,
    workspace: config.workspace,
    titleOf: (step) => phases.flatMap((phase) => phase.steps).find((one) => one.id === step)?.title,
    cli: () => findCli({ workspace: config.workspace, env: process.env, mayRun }),
  };
  return config.executor === 'supabase-cli' ? createCliExecutor(all) : createRegisteringExecutor(all);
}

async function advisorsOf(
  config: Config,
  connection: CliExecutorOptions['connection'],
  mayRun: MayRun,
  signal: AbortSignal,
): Promise<readonly Finding[] | null> {
  const { cliOfWorkspace, findCli, readAdvisors } = await import('../supabase/cli/index.ts');
  const own = cliOfWorkspace(config.workspace);
  if (own !== null && !(await mayRun(own))) return null;
  return readAdvisors({ cli: await findCli({ workspace: config.workspace, env: process.env }), connection, signal });
}
