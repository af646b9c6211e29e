import type { ExitCode } from '../../rollout/errors.ts';
import type { State } from './state.ts';

/** 130 after a stop that nothing made good, the code of the first failure that stands, else 0. */
const codeOf = (state: State): ExitCode => (state.stopped ? 130 : (Object.values(state.failures)[0] ?? 0));

/** Leaves the wizard. `now` does not wait for what still runs. */
export const leave = (state: State, code: ExitCode = codeOf(state), now = false): State => ({
  ...state,
  dialog: null,
  notice: { tone: 'waiting', text: 'Closing connections…' },
  exit: { code, now },
});
