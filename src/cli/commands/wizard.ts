import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../../config/index.ts';
import { isProduction } from '../../config/production.ts';
import { type ExitCode, RolloutError } from '../../rollout/errors.ts';
import { describeUrl } from '../../supabase/connection/describe.ts';
import { connectionSources } from '../../supabase/connection/sources.ts';
import {
  type Discovery,
  runWizard,
  type Session,
  type StartInfo,
  type TargetInfo,
  type WizardOptions,
} from '../../wizard/index.ts';
import { resolveState } from '../../workspace/paths.ts';
import { createFolders, writeAtomically } from '../../workspace/write.ts';
import type { Opened } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { version } from '../version.ts';
import type { lookAround } from '../wizard/around.ts';
import { productionReason } from '../wizard/production.ts';

// The phases, the SQL parser, doctor and, where nothing is set, the check of the settings are imported when they are
// asked for: before the first frame they would cost several times what the frame does.

export type WizardCommandOptions = CommonOptions & { readonly inline?: boolean };

/** `voxanne-rollout` on a terminal. Ends the process: after a leave at once something may still be running. */
export async function wizardCommand(options: WizardCommandOptions): Promise<never> {
  const exit = await wizardOn(options).catch(async (error: unknown) => {
    const { run } = await import('../run.ts');
    return run(options, () => Promise.reject(error), { signals: false });
  });
  process.exit(exit);
}

/**
 * Runs the wizard over the target that the options name, or over one that the operator types. `passing`: the target
 * goes away afterwards, so that the summary names nothing to come back to.
 */
export async function wizardOn(
  options: WizardCommandOptions,
  { passing = false }: { readonly passing?: boolean } = {},
): Promise<ExitCode> {
  // `--interactive` is for where CI or the like was guessed wrongly; without a terminal nobody can press a key.
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
    throw new RolloutError(
      'The wizard needs a terminal for its keys and for its screen.',
      'Leave --interactive out to see the plan, or give --yes to apply it.',
      { exitCode: 2 },
    );
  }
  const start = await startInfo(options, nothingIsSet(options) ?? (await checkedSettings(options)));
  return runWizard({
    start,
    passing,
    ...sessionsAndDiscovery(options, start),
    terminal: {
      ...(options.inline === undefined ? {} : { inline: options.inline }),
      ...(options.color === false ? { colour: false } : {}),
    },
  });
}

/** What the first frame shows of the settings. */
type FirstSettings = Pick<Config, 'workspace' | 'environment' | 'production' | 'notProduction'>;

/** Options that are no settings. */
const notSettings: readonly string[] = [
  'dbUrl',
  'workspace',
  'color',
  'verbose',
  'debug',
  'inline',
  'interactive',
] satisfies readonly (keyof CommonOptions | 'inline' | 'interactive')[];

/**
 * The settings where no flag, variable or file gives one. Anything that is given is checked before the screen is
 * taken, so that what is wrong with it is said on the terminal; without it the check would only hold the frame up.
 */
function nothingIsSet(options: CommonOptions): FirstSettings | null {
  const workspace = resolve(options.workspace ?? '.');
  const given =
    Object.entries(options).some(([name, value]) => value !== undefined && !notSettings.includes(name)) ||
    Object.keys(process.env).some((name) => name.startsWith('VOXANNE_ROLLOUT_')) ||
    existsSync(join(workspace, 'voxanne-rollout.config.json'));
  return given ? null : { workspace, environment: null, production: [], notProduction: [] };
}

/** @throws {RolloutError} exit code 2, naming what is wrong in the file, a variable or a flag. */
async function checkedSettings(options: CommonOptions): Promise<Config> {
  const [{ loadConfig }, { flagsOf }] = await Promise.all([import('../../config/load.ts'), import('../options.ts')]);
  return loadConfig({
    workspace: resolve(options.workspace ?? '.'),
    configPath: options.config,
    flags: flagsOf(options),
    env: process.env,
  });
}

const around: typeof lookAround = async (...rest) => (await import('../wizard/around.ts')).lookAround(...rest);

/** Opening the target, and looking around beside it; once more, with the database, when that was typed. */
function sessionsAndDiscovery(options: CommonOptions, start: StartInfo): Pick<WizardOptions, 'connect' | 'discover'> {
  const look = { tell: (_: Discovery): void => undefined, signal: new AbortController().signal };
  return {
    connect: async (url, signal) => {
      const { openTarget } = await import('../open.ts');
      const { shownPrograms } = await import('../wizard/programs.ts');
      signal.throwIfAborted();
      const shown = shownPrograms();
      const opened = await openTarget(options, { typedUrl: url, programs: shown.programs });
      // Nothing here needs the answer: what could not be found out is not shown.
      if (url !== undefined) void around({ config: opened.config, url }, look.tell, look.signal).catch(() => undefined);
      const { requestOffers } = await import('../wizard/requests.ts');
      return {
        ...(await sessionOf({ ...opened, rollout: shown.within(opened.rollout) })),
        requests: requestOffers(options, opened, url),
      };
    },
    discover: async (tell, signal) => {
      Object.assign(look, { tell, signal });
      const config = await checkedSettings(options);
      await around({ config, url: start.needsUrl ? undefined : options.dbUrl }, tell, signal);
    },
  };
}

/** What is known before anything is connected: the settings and the address, never a secret. */
async function startInfo(options: CommonOptions, config: FirstSettings): Promise<StartInfo> {
  const [source] = await connectionSources({ dbUrl: options.dbUrl, env: process.env, workspace: config.workspace });
  const connection = source === undefined ? null : describeUrl(source.url);
  const production = connection === null ? false : isProduction(config, connection);
  return {
    version,
    needsUrl: source === undefined,
    project: connection?.project ?? connection?.database ?? null,
    host: connection?.host ?? null,
    environment: config.environment ?? (connection === null ? null : production ? 'production' : 'local'),
    production,
    workspace: null,
    looking: true,
    findings: [],
  };
}

async function sessionOf(opened: Opened): Promise<Session> {
  const { redacted } = await import('../redaction.ts');
  const { codeOffers } = await import('../wizard/findings.ts');
  const { connection, config, rollout } = opened;
  const save = async (name: string, text: string): Promise<string> => {
    const file = await resolveState(config.workspace, name);
    const ignore = await resolveState(config.workspace, '.gitignore');
    await createFolders(dirname(file));
    await writeAtomically(ignore, Buffer.from('*\n'), 0o644);
    await writeAtomically(file, Buffer.from(redacted(text)), 0o600);
    return file;
  };
  const target: TargetInfo = {
    project: connection.project ?? connection.database,
    host: connection.host,
    environment: opened.environment,
    production: opened.production,
    productionReason: productionReason(config, connection),
    workspace: null,
  };
  return {
    rollout,
    target,
    findings: [],
    ...codeOffers(opened.target),
    decide: opened.decide,
    saveDecisions: async (answers) => {
      const { withDecisions } = await import('../../config/write.ts');
      const { path, text } = await withDecisions(config, answers);
      await writeAtomically(path, Buffer.from(text));
      return path;
    },
    savePreview: (step, text) => save(`preview-${step}.txt`, text),
    saveLog: (text) => save('commands.log', text),
    reportPath: async () => {
      if (!(await rollout.status()).some((row) => row.last !== null)) {
        throw new RolloutError('Nothing was done, so there is no report.', 'Apply a step first.');
      }
      const { reportText } = await import('./report.ts');
      return save('report.md', await reportText(opened, 'markdown', new AbortController().signal));
    },
    close: () => opened.close(),
  };
}
