import type { Requests } from './session.ts';
import type { WizardEvent } from './state/events.ts';
import { problemOf, type State } from './state/state.ts';

/** How often it is looked whether a program asked for something, in milliseconds. */
const every = 2000;

/** Tells what waits for an answer whenever that is something else than before, as long as the wizard is up. */
export function watchRequests(
  requests: Requests,
  wizard: {
    readonly tell: (event: WizardEvent) => void;
    readonly getState: () => State;
    readonly ended: () => boolean;
  },
): void {
  const look = async (): Promise<void> => {
    if (wizard.ended()) return;
    const waiting = await requests.waiting();
    const known = wizard.getState().waiting.map((one) => one.id);
    if (waiting.map((one) => one.id).join() !== known.join()) wizard.tell({ type: 'waiting', requests: waiting });
    setTimeout(again, every).unref();
  };
  // A folder that cannot be read is told once; the list is then what was known last.
  const again = (): void =>
    void look().catch((error: unknown) => wizard.tell({ type: 'failed', problem: problemOf(error) }));
  again();
}
