import type { State } from './state.ts';
import type { Reading } from './views.ts';

/** What the screen reads, where it is one that reads. */
const viewOf = (state: State) => {
  switch (state.screen) {
    case 'step':
      return state.step;
    case 'rollback':
      return state.rollback;
    case 'journey':
      return state.journey;
    case 'request':
      return state.request;
    default:
      return null;
  }
};

/** The text on the screen, or null where there is none (yet). */
export const currentReading = (state: State): Reading | null => viewOf(state)?.reading ?? null;

/** Whether the screen is a long text. */
export const reads = ({ screen }: State): boolean => ['step', 'rollback', 'journey', 'request'].includes(screen);
