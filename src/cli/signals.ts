import { exitCodes } from '../rollout/errors.ts';

/**
 * Whoever reads our lines may have seen enough (`status | head`): what is under way is finished without a reader, since a
 * change that is cut off for the sake of a line would be worse.
 */
export function endureClosedPipes(): void {
  // One function for all calls: it is added to a stream once.
  for (const stream of [process.stdout, process.stderr])
    if (!stream.listeners('error').includes(endure)) stream.on('error', endure);
}

const endure = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
};

/**
 * An abort signal for one command. The first Ctrl-C asks the change under way to end or to be cancelled on the server;
 * the second leaves at once, saying what that means. SIGTERM and SIGHUP count as the first, and leave within two seconds.
 */
export function interruptible(say: (text: string) => void): {
  readonly signal: AbortSignal;
  readonly release: () => void;
} {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      process.stderr.write(
        'Left at once. The server rolls back what was open when it notices; the next run looks at the target before it goes on.\n',
      );
      process.exit(exitCodes.stopped);
    }
    say('Stopping: whatever is under way on the server is cancelled. Press Ctrl-C again to leave at once.');
    controller.abort(new Error('stopped by the operator'));
    // Whoever sends SIGTERM kills soon after. Beside a network that says nothing there is nothing to wait for, and the
    // server looks every second whether this process still lives.
    if (name !== 'SIGINT') {
      setTimeout(() => {
        process.stderr.write(
          'Left without an answer of the server; the next run looks at the target before it goes on.\n',
        );
        process.exit(exitCodes.stopped);
      }, 1_700).unref();
    }
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
