import type { WizardEvent } from '../state/events.ts';

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** How long a change may take to end after SIGTERM or SIGHUP before the wizard leaves without it. */
const patience = 5000;

/** Stops the process as Ctrl-Z does where nobody takes the keys, and resolves when the shell lets it go on. */
export const suspendProcess = (): Promise<void> =>
  new Promise((resolve) => {
    process.once('SIGCONT', () => resolve());
    // To the whole group, as the terminal sends it: a shell script or npx in front of this process stops with it.
    process.kill(0, 'SIGTSTP');
  });

/**
 * Turns signals into events, so that a change that runs is ended in order. While a listener of our own is there,
 * `signal-exit` leaves the process alive. Returns how to stop listening.
 */
export const listenToSignals = (dispatch: (event: WizardEvent) => void): (() => void) => {
  let timer: NodeJS.Timeout | undefined;
  const heard = (name: NodeJS.Signals): void => {
    const known = names.find((one) => one === name);
    if (!known) return;
    dispatch({ type: 'signal', name: known });
    if (known !== 'SIGINT') timer ??= setTimeout(() => dispatch({ type: 'signal', name: known }), patience).unref();
  };
  for (const name of names) process.on(name, heard);
  return () => {
    clearTimeout(timer);
    for (const name of names) process.off(name, heard);
  };
};
