import { toTerminal } from '../report/terminal.ts';
import { exitCodes } from '../rollout/errors.ts';
import { redacted } from './redaction.ts';

/**
 * What nobody expected ends the process in words, and past the redactor: Node itself would print the error as it is, with
 * every property that a library put on it, a connection string for one.
 */
export function crash(error: unknown): never {
  const debug = process.argv.includes('--debug');
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  const lines = [
    `Error: Something unexpected happened: ${message}`,
    'This is a defect; report it with --debug and its output. The next run looks at the target before it goes on.',
    ...(debug && stack !== undefined ? ['', stack] : []),
  ];
  process.stderr.write(redacted(toTerminal(`${lines.join('\n')}\n`)));
  process.exit(exitCodes.failed);
}

/** For the program itself, and not for those who call it from their own process. */
export function tellCrashes(): void {
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}
