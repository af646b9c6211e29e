import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { phases } from '../../../phases/index.ts';
import { type Config, environmentOf } from '../../config/index.ts';
import { readScript } from '../../database/rehearsal/load.ts';
import { loadDatabase } from '../../demo/databases/load.ts';
import { rehearsalHtml, rehearsalLines, rehearsalMarkdown } from '../../report/rehearsal.ts';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import type { PlanIdentity, Rehearsal } from '../../rollout/saved-plan.ts';
import { describeUrl } from '../../supabase/connection/describe.ts';
import { demoDecisions, startDemoServer } from '../demo-server.ts';
import { environmentName } from '../environment.ts';
import { identityOf } from '../make-plan.ts';
import { loadSettings } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { openPlanFile, requireFree, writePlanFile, writePrivate } from '../plan-file.ts';
import { agreedSettings } from '../plan-settings.ts';
import { runWithFlag } from '../programs.ts';
import { createBench, type RehearsalOptions, rehearse } from '../rehearsal.ts';
import { type CommandContext, run, withTarget } from '../run.ts';

export type RehearseOptions = CommonOptions & {
  readonly on?: string;
  readonly plan?: string;
  readonly load?: string;
  readonly out?: string;
  readonly page?: string;
  readonly overwrite?: boolean;
};

/**
 * `voxanne-rollout rehearse --on URL`: phase 1 on a copy of the database, phases 2 to 4 in a copy of the checkout, there
 * and back and there again, measured.
 */
export const rehearseCommand = (options: RehearseOptions): Promise<ExitCode> =>
  run(options, async (context) => {
    const { on, out = options.plan ?? 'voxanne-rollout.plan.json' } = options;
    if (on === undefined) {
      throw new RolloutError(
        'A rehearsal changes a database, so it has to be named for this run.',
        'Give --on a staging database or a restored copy: its connection string, the exported variable that holds it, or an environment; or --on demo.',
        { exitCode: exitCodes.usage },
      );
    }
    if (options.executor === 'supabase-cli' || options.register === true) {
      throw new RolloutError(
        'A rehearsal measures the executor pg, and leaves nothing in the history of supabase db push.',
        'Leave out --executor supabase-cli and --register.',
        { exitCode: exitCodes.usage },
      );
    }
    const page = options.page ?? `${out.replace(/\.json$/, '')}.md`;
    const load = await loadOf(options.load);
    const plan = options.plan === undefined ? null : await openPlanFile(options.plan);
    // The rehearsed plan may take the place of the plan that was given for it: its content is the same.
    if (out !== options.plan) await requireFree(out, options.overwrite === true);
    await requireFree(page, options.overwrite === true);
    const files = { out, page };
    if (on === 'demo') return onDemo(options, { plan, load, files }, context);
    const dbUrl = urlOf(on, await loadSettings(options));
    return onTarget({ ...options, dbUrl }, { plan, load, files, target: await namedTarget(options) }, context);
  });

type Wanted = Pick<RehearsalOptions, 'plan' | 'load'> & {
  readonly files: { readonly out: string; readonly page: string };
};

async function onDemo(options: RehearseOptions, wanted: Wanted, context: CommandContext): Promise<ExitCode> {
  const { output, signal } = context;
  output.say('Starting an embedded PostgreSQL with the sample clinic; it is removed at the end.');
  const server = await startDemoServer(output, signal);
  const workspace = await mkdtemp(join(tmpdir(), 'voxanne-rehearsal-'));
  try {
    await loadDatabase(server, 'clinic', 'clinic');
    const { config: _, ...rest } = options;
    const target = { ...rest, ...demoDecisions, dbUrl: server.url('clinic'), workspace, environment: 'demo' };
    return await onTarget(target, { ...wanted, target: null }, context);
  } finally {
    await server.stop();
    await rm(workspace, { recursive: true, force: true });
  }
}

async function onTarget(
  options: CommonOptions,
  { plan, load, files, target }: Wanted & { readonly target: PlanIdentity | null },
  context: CommandContext,
): Promise<ExitCode> {
  const { output } = context;
  const bench = createBench();
  const over = plan === null ? undefined : agreedSettings(plan, await loadSettings(options));
  return withTarget(
    options,
    context,
    async (opened) => {
      if (opened.production) {
        throw new RolloutError(
          `A rehearsal changes the database, and ${opened.connection.label} counts as production.`,
          `Give a copy; where this is one, say so with --not-production ${opened.connection.project ?? opened.connection.host}.`,
          { exitCode: exitCodes.usage },
        );
      }
      const own = identityOf(opened.connection, opened.environment);
      const done = await rehearse(opened, bench, { plan, load, target: target ?? own }, context);
      const running = phases.flatMap((phase) => phase.steps.map(({ id, running: one }) => [id, one ?? null] as const));
      const page = { plan: done.plan, rehearsal: done.rehearsal, leftOut: done.leftOut, running: new Map(running) };
      await writePlanFile(files.out, done.plan);
      await writePrivate(files.page, /\.html?$/.test(files.page) ? rehearsalHtml(page) : rehearsalMarkdown(page));
      output.event({ type: 'saved-plan', plan: done.plan });
      output.say('');
      for (const line of rehearsalLines(done.rehearsal, output.paint)) output.say(line);
      output.say('');
      output.say(
        `${output.paint('ok', 'Rehearsed: forward, back and forward again, each verified.')}${codeLeft(done.rehearsal)} The plan is in ${files.out}, what production will see in ${files.page}. Phase 1 stays applied here.`,
      );
      return exitCodes.done;
    },
    { over, around: bench.around, programs: runWithFlag(output) },
  );
}

/** What the sentence before it does not cover. */
const codeLeft = ({ code }: Rehearsal): string =>
  code === null
    ? ' This is phase 1: there is no code here.'
    : code.stopped === null
      ? ''
      : ` That is phase 1${code.steps.length === 0 ? '' : ` and the code before ${code.stopped.step}`}; ${code.stopped.step} needs somebody first, as said above.`;

/** `--on` may name what holds the connection string, which would else stand in the list of processes. */
function urlOf(on: string, { environments }: Config): string {
  if (on.includes(':')) return on;
  const variable = environments[on] === undefined ? on : environments[on].url;
  const url = variable === null ? undefined : process.env[variable];
  if (url !== undefined && url !== '') {
    const found = environments[on] === undefined ? on : (environmentOf(environments, describeUrl(url))?.name ?? null);
    if (found === on) return url;
    throw new RolloutError(
      `The variable ${variable} of environment ${on} names ${found === null ? 'a database of no environment' : `the database of ${found}`}.`,
      'Export the connection string of that environment, or correct the configuration.',
      { exitCode: exitCodes.usage },
    );
  }
  throw new RolloutError(
    environments[on] === undefined
      ? `--on ${on} is neither a connection string, nor an exported variable, nor an environment of the configuration.`
      : variable === null
        ? `Environment ${on} names no variable ("url") with its connection string.`
        : `The variable ${variable} of environment ${on} is not exported.`,
    'Give --on a connection string, or export it in a variable and name that.',
    { exitCode: exitCodes.usage },
  );
}

/** The database that the plan is for: one that was named for this run beside the copy. Nothing is connected to it. */
async function namedTarget(options: RehearseOptions): Promise<PlanIdentity | null> {
  const url = options.dbUrl ?? process.env.SUPABASE_DB_URL ?? process.env.DATABASE_URL;
  if (url === undefined || url === '') return null;
  const description = describeUrl(url);
  return identityOf(description, environmentName(await loadSettings(options), description));
}

async function loadOf(load: string | undefined): Promise<RehearsalOptions['load']> {
  if (load === undefined || load === 'mix') return 'mix';
  if (load === 'none') return 'none';
  const text = await readFile(load, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RolloutError(
      `The load file ${load} ${error.code === 'ENOENT' ? 'is not there' : `cannot be read (${error.code})`}.`,
      'Give --load a file of SQL statements, mix or none.',
      { exitCode: exitCodes.usage, cause: error },
    );
  });
  return readScript(load, text);
}
