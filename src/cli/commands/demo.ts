import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCode, sideOfFile } from '../../../phases/code/code.ts';
import { scanCode } from '../../../phases/code/scan.ts';
import { gitEnvironment } from '../../child-environment.ts';
import { configFileName } from '../../config/load.ts';
import { loadDatabase } from '../../demo/databases/load.ts';
import { packageRoot } from '../../package-root.ts';
import { count } from '../../report/format.ts';
import { toTerminal } from '../../report/terminal.ts';
import { type ExitCode, exitCodes } from '../../rollout/errors.ts';
import type { StepId } from '../../rollout/step.ts';
import { waive } from '../../workspace/waivers.ts';
import { demoDecisions, startDemoServer } from '../demo-server.ts';
import { whyNobody } from '../nobody.ts';
import type { Opened } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { runWithFlag } from '../programs.ts';
import { type CommandContext, run, withTarget } from '../run.ts';
import { applyAll } from './apply.ts';
import { chosen, rollbackSteps } from './rollback.ts';

export type DemoOptions = CommonOptions & {
  readonly yes?: boolean;
  readonly keep?: boolean;
  readonly inline?: boolean;
};

/** `voxanne-rollout demo`: the whole rollout, and its rollback, on a database and an app made for it. */
export const demoCommand = (options: DemoOptions): Promise<ExitCode> => {
  const terminal = whyNobody() === null;
  const wizard = options.yes !== true && options.json !== true && terminal;
  const body = async (context: CommandContext): Promise<ExitCode> => {
    const { output, signal } = context;
    const keep = options.keep === true;
    output.say(
      `Starting an embedded PostgreSQL and copying the sample app; ${keep ? 'both stay until Ctrl-C' : 'both are removed at the end'}.`,
    );
    const server = await startDemoServer(output, signal);
    const workspace = await mkdtemp(join(tmpdir(), 'voxanne-demo-'));
    try {
      await loadDatabase(server, 'clinic', 'clinic');
      await cp(join(packageRoot(), 'src/demo/app'), workspace, { recursive: true });
      // As an operator would: what was decided stands in the file, for whoever looks at the kept database later.
      await writeFile(join(workspace, configFileName), `${JSON.stringify({ decisions: demoDecisions }, null, 2)}\n`);
      commitAll(workspace);
      const target: CommonOptions = {
        ...options,
        ...demoDecisions,
        dbUrl: server.url('clinic'),
        workspace,
        environment: 'demo',
        // The app is a copy of our own.
        runPrograms: true,
      };
      if (wizard) {
        const { wizardOn } = await import('./wizard.ts');
        const exit = await wizardOn(
          { ...target, ...(options.inline === undefined ? {} : { inline: options.inline }) },
          { passing: !keep },
        );
        if (keep) await kept(server.url('clinic'), workspace, new AbortController().signal);
        return exit;
      }
      const exit = await applyAndTakeBack(target, context, keep);
      if (keep && !signal.aborted) await kept(server.url('clinic'), workspace, signal);
      return exit;
    } finally {
      await server.stop();
      await rm(workspace, { recursive: true, force: true });
    }
  };
  // The wizard owns the signals while it runs.
  return run(options, body, { signals: !wizard });
};

/**
 * Says where both are, and waits. The password is of a server that nobody else reaches and that goes with this process:
 * without it the address would be of no use, so that this one is not redacted.
 */
async function kept(url: string, workspace: string, signal: AbortSignal): Promise<void> {
  process.stdout.write(
    toTerminal(
      `\nKept until Ctrl-C:\n  database  ${url}\n  app       ${workspace}\nIn another terminal: voxanne-rollout --db-url '${url}' --workspace '${workspace}'\n`,
    ),
  );
  await new Promise<void>((resolve) => {
    // A promise alone keeps no process alive.
    const timer = setInterval(() => undefined, 60_000);
    const done = (): void => {
      clearInterval(timer);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, done);
  });
}

/** A checkout without uncommitted files, as one would begin with; nobody's own git settings or hooks take part. */
function commitAll(workspace: string): void {
  const own = ['user.name=demo', 'user.email=demo@example.test', 'commit.gpgsign=false', 'core.hooksPath=/dev/null'];
  for (const args of [
    ['init', '--quiet'],
    ['add', '--all'],
    ['commit', '--quiet', '--message', 'The sample app'],
  ]) {
    execFileSync('git', [...own.flatMap((one) => ['-c', one]), ...args], {
      cwd: workspace,
      stdio: 'ignore',
      env: gitEnvironment(),
    });
  }
}

/** Applies and verifies everything, then takes everything back. */
async function applyAndTakeBack(target: CommonOptions, context: CommandContext, keep: boolean): Promise<ExitCode> {
  const { output } = context;
  return withTarget(
    target,
    context,
    async (opened) => {
      const applied = await applyAll(opened, context, undefined, {
        beforeChecks: (step) => waiveTheRest(opened, context, step),
      });
      if (keep) return applied;
      output.say('');
      output.say('Now everything is rolled back.');
      const reverted = await rollbackSteps(opened, context, chosen(await opened.rollout.status(), { all: true }));
      return applied === exitCodes.done ? reverted : applied;
    },
    { programs: runWithFlag(context.output) },
  );
}

/** The places that only a person can decide, waived so that the demo can go on; a real rollout stops there and asks. */
async function waiveTheRest(opened: Opened, { output, signal }: CommandContext, step: StepId): Promise<void> {
  const { workspace } = opened.target;
  if (workspace === null || step !== '2.3') return;
  const code = await readCode(opened.target);
  const { findings } = await scanCode(code, { signal });
  // What a later step fixes is not waived.
  const undecided = findings.filter(
    (one) =>
      !one.advice &&
      one.fix === null &&
      one.fileClass === 'source' &&
      sideOfFile(code.workspace, one.file) === 'backend',
  );
  if (undecided.length === 0) return;
  for (const one of undecided) await waive(workspace.root, one, 'the demo has nobody who could decide it', 'demo');
  output.say(
    `  ${output.paint('warn', '! waived')}   ${count(undecided.length, 'place')} ${undecided.length === 1 ? 'needs' : 'need'} a manual change (a route without authentication, for one); a real rollout stops here`,
  );
}
