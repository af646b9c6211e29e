import type { Screen, State } from '../state/state.ts';

export type Action =
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'first'
  | 'last'
  | 'open'
  | 'back'
  | 'connect'
  | 'apply'
  | 'verify'
  | 'roll-back'
  | 'skip'
  | 'save'
  | 'again'
  | 'next-step'
  | 'search'
  | 'next-match'
  | 'previous-match'
  | 'next-part'
  | 'previous-part'
  | 'findings'
  | 'decide'
  | 'choose'
  | 'save-decisions'
  | 'scope'
  | 'filter'
  | 'index'
  | 'journey'
  | 'requests'
  | 'approve'
  | 'decline'
  | 'group'
  | 'edit'
  | 'waive'
  | 'fold'
  | 'evidence'
  | 'log'
  | 'save-log'
  | 'help'
  | 'redraw'
  | 'suspend'
  | 'quit'
  | 'stop';

/** One row of the table that matching, the footer and the `?` overlay all read. */
export type Binding = {
  readonly action: Action;
  /** Names as `terminal/input.ts` gives them. */
  readonly keys: readonly string[];
  /** How the keys are written on the screen. */
  readonly shown: string;
  /** One or two words for the footer; absent where it goes without saying. */
  readonly hint?: string;
  /** One line for the overlay; absent where the other of a pair speaks for both. */
  readonly help?: string;
  /** Where it works; absent: on every screen. */
  readonly on?: readonly Screen[];
  /** Whether it would do something now. */
  readonly when?: (state: State) => boolean;
  /** Why it would not, for whoever presses it; asked only where `when` says no. */
  readonly why?: (state: State) => string | null;
};
