import { type Key, useInput, useStdin } from 'ink';
import { type ReactElement, useCallback, useEffect, useSyncExternalStore } from 'react';
import { Screen } from './components/screen.tsx';
import { frame } from './screens/frame.ts';
import type { Store } from './store.ts';
import { keyNames } from './terminal/input.ts';
import type { Theme } from './theme.ts';

export type AppProps = {
  readonly store: Store;
  readonly theme: Theme;
};

/** How often the clock and the spinner move while something is under way. */
const tickMilliseconds = 120;

/** The whole wizard: one state, one frame made of it, and the one place where keys come in. */
export const App = ({ store, theme }: AppProps): ReactElement => {
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

  return <Screen lines={frame(state)} theme={theme} columns={state.size.columns} />;
};
