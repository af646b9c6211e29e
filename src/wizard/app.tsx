import { type Key, useInput, useStdin } from 'ink';
import { type ReactElement, useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { Screen } from './components/screen.tsx';
import { type Line, sameLine } from './lines.ts';
import { frame } from './screens/frame.ts';
import type { Store } from './store.ts';
import { keyNames } from './terminal/input.ts';
import type { Theme } from './theme.ts';

export type AppProps = {
  readonly store: Store;
  readonly theme: Theme;
  /** What is on the screen already. Ink lays out nothing until it is to change: keys are answered the sooner. */
  readonly painted?: readonly Line[];
};

const nothing: readonly Line[] = [];

/** How often the clock and the spinner move while something is under way. */
const tickMilliseconds = 120;

const sameFrame = (a: readonly Line[], b: readonly Line[]): boolean =>
  a.length === b.length && a.every((row, index) => sameLine(row, b[index] ?? []));

/** The whole wizard: one state, one frame made of it, and the one place where keys come in. */
export const App = ({ store, theme, painted = nothing }: AppProps): ReactElement | null => {
  const state = useSyncExternalStore(store.subscribe, store.getState);
  const { isRawModeSupported } = useStdin();

  // One hook for all keys and one handler for its whole life: several hooks lose keys of a burst.
  const onInput = useCallback(
    (input: string, key: Key) => {
      const keys = keyNames(input, key);
      if (keys.length > 0) store.dispatch({ type: 'keys', keys });
    },
    [store],
  );
  useInput(onInput, { isActive: Boolean(isRawModeSupported) && !state.suspended });

  const busy = state.job !== null;
  useEffect(() => {
    if (!busy) return;
    const timer = setInterval(() => store.dispatch({ type: 'tick' }), tickMilliseconds);
    return () => clearInterval(timer);
  }, [busy, store]);

  // An event that changes nothing on the screen costs no layout: Ink would put every row together and cut it up again.
  const last = useRef(painted);
  const next = frame(state);
  if (!sameFrame(last.current, next)) last.current = next;
  const lines = last.current;
  const { columns } = state.size;
  return useMemo(
    () => (lines === painted ? null : <Screen lines={lines} theme={theme} columns={columns} />),
    [lines, painted, theme, columns],
  );
};
