import { type ExitCode, exitCodes, RolloutError } from '../rollout/errors.ts';
import type { Opened, OpenOptions } from './open.ts';
import type { CommonOptions } from './options.ts';
import { createOutput, type Output } from './output.ts';
import { interruptible } from './signals.ts';

export type CommandContext = { readonly output: Output; readonly signal: AbortSignal };

/** Runs one command: output, signals, errors and exit code in one place. `aside`: stdout holds the result alone. */
export async function run(
  options: CommonOptions,
  body: (context: CommandContext) => Promise<ExitCode>,
  { signals = true, aside = false }: { readonly signals?: boolean; readonly aside?: boolean } = {},
): Promise<ExitCode> {
  const output = createOutput(options, { aside });
  const { signal, release } = signals
    ? interruptible((text) => process.stderr.write(`${text}\n`))
    : { signal: new AbortController().signal, release: () => undefined };
  let exit: ExitCode;
  try {
    exit = await body({ output, signal });
  } catch (error) {
    const shown = await toShown(error, signal);
    output.error(shown, options.debug === true && error instanceof Error ? error.stack : undefined);
    exit = shown.exitCode;
  } finally {
    release();
  }
  output.event({ type: 'end', exit });
  return exit;
}

/** Opens the target, names it (unless what follows is a script), listens, and closes it whatever happens. */
export async function withTarget(
  options: CommonOptions,
  context: CommandContext,
  body: (opened: Opened) => Promise<ExitCode>,
  { header = true, ...open }: { readonly header?: boolean } & Omit<OpenOptions, 'output'> = {},
): Promise<ExitCode> {
  const { openTarget } = await import('./open.ts');
  const opened = await openTarget(options, { ...open, output: context.output });
  try {
    context.output.about(opened, header);
    opened.rollout.listen(context.output.listener);
    return await body(opened);
  } finally {
    await opened.close();
  }
}

async function toShown(error: unknown, signal: AbortSignal): Promise<RolloutError> {
  if (error instanceof RolloutError) return error;
  if (signal.aborted) {
    return new RolloutError('Stopped.', 'Run the same command again to go on.', { exitCode: exitCodes.stopped });
  }
  // Whatever command it was: a connection that broke is no defect of this tool.
  const { isFromOutside, toRolloutError } = await import('../database/errors.ts');
  if (isFromOutside(error)) return toRolloutError(error);
  const text = error instanceof Error ? error.message : String(error);
  return new RolloutError(
    `Something unexpected happened: ${text}`,
    'This is a defect; report it with --debug and its output.',
    {
      kind: 'defect',
      cause: error,
    },
  );
}
