import type { State } from '../state/state.ts';
import { dialogLines } from './dialog.ts';
import { header } from './header.ts';

/** Header and footer with their rules, and a row for what was decided. */
const chromeRows = (state: State): number => header(state).length + 2;

/** Rows of a frame: one fewer than the terminal, because Ink wipes the scrollback at a frame of exactly its height. */
export const frameRows = (state: State): number => Math.max(6, state.size.rows - 1);

/** Rows of the command log, with its heading. */
export const logRows = (state: State): number =>
  state.log.open && state.screen !== 'start' ? Math.max(4, Math.floor((frameRows(state) - chromeRows(state)) / 3)) : 0;

/** Rows left to the screen itself. */
export const bodyRows = (state: State): number =>
  Math.max(
    1,
    frameRows(state) -
      chromeRows(state) -
      logRows(state) -
      (state.notice ? 1 : 0) -
      dialogLines(state, state.size.columns).length,
  );
