import { exitCodes } from '../rollout/errors.ts';

/**
 * An abort signal for one command. The first Ctrl-C asks the change under way to end or to be cancelled on the server;
 * the second leaves at once, saying what that means. SIGTERM and SIGHUP count as the first.
 */
export function interruptible(say: (text: string) => void): {
  readonly signal: AbortSignal;
  readonly release: () => void;
} {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      process.stderr.write(
        'Left at once. The server rolls back what was open when it notices; the next run looks at the target before it goes on.\n',
      );
      process.exit(exitCodes.stopped);
    }
    say('Stopping: the change under way is cancelled on the server. Press Ctrl-C again to leave at once.');
    controller.abort(new Error('stopped by the operator'));
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
