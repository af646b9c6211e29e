import path from 'node:path';
import type { ExitCode } from '../rollout/errors.ts';
import { createEffects, type Effects } from './effects.ts';
import { frame } from './screens/frame.ts';
import type { WizardOptions } from './session.ts';
import { initialState } from './state/state.ts';
import { createStore } from './store.ts';
import { summary } from './summary.ts';
import { capabilities } from './terminal/capabilities.ts';
import { editorCommand, runEditor } from './terminal/editor.ts';
import { runLinear } from './terminal/linear.ts';
import { paint } from './terminal/paint.ts';
import { openScreen } from './terminal/screen.ts';
import { listenToSignals, suspendProcess } from './terminal/signals.ts';
import { coloured, plain } from './theme.ts';

export type {
  CodeFinding,
  Discovery,
  DoctorFinding,
  Requests,
  Session,
  StartInfo,
  TargetInfo,
  WizardOptions,
  WorkspaceInfo,
} from './session.ts';

/**
 * Runs the wizard on the terminal of this process and gives its exit code. Stdin and stdout must be terminals: the
 * caller makes sure. After `130` something may still be running; the caller ends the process with the code.
 */
export const runWizard = async (options: WizardOptions): Promise<ExitCode> => {
  const { stdout, stdin } = process;
  const { look, colour, inline } = capabilities(options.terminal ?? {});
  const size = () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 });
  const screen = openScreen(stdout, stdin, inline);

  const edit = async (file: string, line: number): Promise<void> => {
    const { target, start } = store.getState();
    const root = (target ?? start).workspace?.root ?? '.';
    const command = editorCommand(process.env, path.resolve(root, file), line);
    if (!look.accessible) screen.lend();
    try {
      await runEditor(command);
    } finally {
      if (!look.accessible) screen.take();
    }
  };

  const store = createStore(initialState(options.start, look, size(), Date.now()), (request) =>
    effects.perform(request),
  );
  const effects: Effects = createEffects({
    connect: options.connect,
    discover: options.discover,
    look,
    getState: store.getState,
    dispatch: store.dispatch,
    edit,
    redraw: screen.redraw,
    suspend: async () => {
      if (!look.accessible) screen.lend();
      await suspendProcess();
      if (look.accessible) return;
      screen.take();
      // The terminal may have another size by now, and nothing was said of it.
      resized();
    },
  });

  const left = new Promise<void>((resolve) => {
    const stop = store.subscribe(() => {
      if (store.getState().exit === null) return;
      stop();
      resolve();
    });
  });
  const quiet = listenToSignals(store.dispatch);
  const resized = (): void => {
    store.dispatch({ type: 'resize', size: size() });
    // Ink lays out for the new width first; then everything is drawn, because the terminal moved what was there.
    screen.stream.emit('resize');
    screen.redraw();
  };

  let report: string | null = null;
  const conclude = async (): Promise<void> => {
    report = await effects.finish(store.getState().exit?.now ?? true);
  };

  try {
    if (look.accessible) {
      effects.discover();
      await runLinear({ store, left, input: stdin, output: stdout });
      await conclude();
    } else {
      screen.enter();
      stdout.on('resize', resized);
      const theme = colour ? coloured : plain;
      // The first screen does not wait for Ink. Keys that are pressed until it is there wait in the terminal.
      const first = frame(store.getState());
      screen.stream.write(paint(first, theme));
      const { mount } = await import('./mount.ts');
      const ink = mount(store, theme, first, screen.stream, stdin);
      const drawn = ink.waitUntilExit();
      store.start();
      effects.discover();
      try {
        // A frame that cannot be drawn ends Ink with the error, which is thrown on here.
        await Promise.race([left, drawn]);
        await conclude();
      } finally {
        ink.unmount();
      }
    }
  } finally {
    stdout.off('resize', resized);
    screen.leave();
    quiet();
  }
  const state = store.getState();
  stdout.write(`${summary(state, report, options.passing).join('\n')}\n`);
  return state.exit?.code ?? 1;
};
