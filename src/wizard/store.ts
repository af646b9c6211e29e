import type { WizardEvent } from './state/events.ts';
import { reduce } from './state/reducer.ts';
import type { Request, State } from './state/state.ts';

export type Store = {
  readonly getState: () => State;
  readonly subscribe: (listener: () => void) => () => void;
  readonly dispatch: (event: WizardEvent) => void;
};

/** Holds the state, gives each event the time, and hands on what the reducer asks for. */
export const createStore = (
  initial: State,
  perform: (request: Request) => void,
  clock: () => number = Date.now,
): Store & { readonly start: () => void } => {
  let state = initial;
  const listeners = new Set<() => void>();

  const hand = (): void => {
    const { requests } = state;
    // Let go of before they are performed: one of them may hold the connection string.
    if (requests.length > 0) state = { ...state, requests: [] };
    for (const request of requests) perform(request);
  };

  return {
    getState: () => state,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    dispatch: (event) => {
      state = reduce({ ...state, now: clock() }, event);
      hand();
      for (const listener of listeners) listener();
    },
    /** Performs what the first state asks for. */
    start: hand,
  };
};
