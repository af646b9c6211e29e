/**
 * Ends what must not outlive this process, on a normal exit and on the signals that end it.
 *
 * A signal that somebody else listens to as well is theirs to decide (the command line cancels a step on Ctrl-C and
 * goes on); when they exit, `exit` comes here. Only kill -9 escapes, which is what the lock file is for.
 */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const pending = new Set<() => void>();

/** Calls `end`, which must be synchronous, when the process ends. Returns what takes that back. */
export const atExit = (end: () => void): (() => void) => {
  if (pending.size === 0) {
    process.on('exit', endAll);
    for (const signal of signals) process.on(signal, onSignal);
  }
  pending.add(end);
  return () => {
    if (pending.delete(end) && pending.size === 0) removeListeners();
  };
};

const endAll = () => {
  for (const end of pending) end();
  pending.clear();
};

const onSignal = (signal: NodeJS.Signals) => {
  if (process.listenerCount(signal) > 1) return;
  endAll();
  removeListeners();
  process.kill(process.pid, signal);
};

const removeListeners = () => {
  process.off('exit', endAll);
  for (const signal of signals) process.off(signal, onSignal);
};
