import { type Key, useInput, useStdin } from 'ink';
import { type ReactElement, useCallback, useEffect, useMemo, useSyncExternalStore } from 'react';
import { Screen } from './components/screen.tsx';
import { type Line, sameLine } from './lines.ts';
import { frame } from './screens/frame.ts';
import type { State } from './state/state.ts';
import type { Store } from './store.ts';
import { keyNames } from './terminal/input.ts';
import type { Theme } from './theme.ts';

export type AppProps = {
  readonly store: Store;
  readonly theme: Theme;
};

/** How often the clock and the spinner move while something is under way. */
const tickMilliseconds = 120;

/** The frame of the present state; the very same array as long as nothing on the screen is different. */
const frames = (store: Store): (() => readonly Line[]) => {
  let from: State | undefined;
  let last: readonly Line[] = [];
  return () => {
    const state = store.getState();
    if (state === from) return last;
    from = state;
    const next = frame(state);
    const same = next.length === last.length && next.every((row, index) => sameLine(row, last[index] ?? []));
    if (!same) last = next;
    return last;
  };
};

/** The whole wizard: one state, one frame made of it, and the one place where keys come in. */
export const App = ({ store, theme }: AppProps): ReactElement => {
  // Piece by piece: an event that changes nothing on the screen costs no frame, which is laid out and compared cell by cell.
  const lines = useSyncExternalStore(
    store.subscribe,
    useMemo(() => frames(store), [store]),
  );
  const columns = useSyncExternalStore(store.subscribe, () => store.getState().size.columns);
  const suspended = useSyncExternalStore(store.subscribe, () => store.getState().suspended);
  const busy = useSyncExternalStore(store.subscribe, () => store.getState().job !== null);
  const { isRawModeSupported } = useStdin();

  // One hook for all keys and one handler for its whole life: several hooks lose keys of a burst.
  const onInput = useCallback(
    (input: string, key: Key) => {
      const keys = keyNames(input, key);
      if (keys.length > 0) store.dispatch({ type: 'keys', keys });
    },
    [store],
  );
  useInput(onInput, { isActive: Boolean(isRawModeSupported) && !suspended });

  useEffect(() => {
    if (!busy) return;
    const timer = setInterval(() => store.dispatch({ type: 'tick' }), tickMilliseconds);
    return () => clearInterval(timer);
  }, [busy, store]);

  return <Screen lines={lines} theme={theme} columns={columns} />;
};
