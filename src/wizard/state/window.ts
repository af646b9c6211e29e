import { bodyRows } from '../screens/frame-rows.ts';
import { readingHead } from '../screens/reading.ts';
import type { Window } from './reading.ts';
import type { State } from './state.ts';
import type { Reading } from './views.ts';

/** Width and height of the text that is being read, on the step and the rollback screen. */
export const readingWindow = (state: State): Window => ({
  columns: Math.max(1, state.size.columns - 4),
  visible: Math.max(1, bodyRows(state) - readingHead(state).length - 1),
});

export const withReading = (state: State, how: (reading: Reading) => Reading): State => {
  if (state.screen === 'rollback' && state.rollback?.reading)
    return { ...state, rollback: { ...state.rollback, reading: how(state.rollback.reading) } };
  if (state.screen === 'journey' && state.journey?.reading)
    return { ...state, journey: { ...state.journey, reading: how(state.journey.reading) } };
  if (state.screen === 'request' && state.request?.reading)
    return { ...state, request: { ...state.request, reading: how(state.request.reading) } };
  if (state.screen === 'step' && state.step?.reading)
    return { ...state, step: { ...state.step, reading: how(state.step.reading) } };
  return state;
};
