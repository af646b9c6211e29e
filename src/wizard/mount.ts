import { type Instance, render } from 'ink';
import { createElement } from 'react';
import { App } from './app.tsx';
import type { Line } from './lines.ts';
import type { Store } from './store.ts';
import type { TerminalInput } from './terminal/screen.ts';
import type { ScreenStream } from './terminal/screen-stream.ts';
import type { Theme } from './theme.ts';

/** Hands the screen and the keys to Ink. A file of its own, because it is imported after the first frame was shown. */
export const mount = (
  store: Store,
  theme: Theme,
  painted: readonly Line[],
  stream: ScreenStream,
  input: TerminalInput,
): Instance =>
  render(createElement(App, { store, theme, painted }), {
    // Ink asks for tty streams and uses of them what these have.
    stdout: stream as unknown as NodeJS.WriteStream,
    stdin: input as NodeJS.ReadStream,
    exitOnCtrlC: false,
    patchConsole: false,
    // Frames come whole and at once; `ScreenStream` draws what changed, and events come in batches already.
    debug: true,
    isScreenReaderEnabled: false,
  });
