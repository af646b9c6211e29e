import { onExit } from 'signal-exit';
import { ScreenStream, type TerminalOutput } from './screen-stream.ts';

const enterAlternate = '\u001b[?1049h\u001b[2J\u001b[H';
const leaveAlternate = '\u001b[?1049l';
const showCursor = '\u001b[?25h';
const hideCursor = '\u001b[?25l';

export type TerminalInput = NodeJS.ReadableStream & {
  readonly isTTY?: boolean;
  readonly setRawMode?: (raw: boolean) => unknown;
};

export type TerminalScreen = {
  readonly stream: ScreenStream;
  /** Takes the screen. The mouse stays with the terminal, so that scrolling and copying go on working. */
  readonly enter: () => void;
  /** Gives everything back: normal buffer, cursor, cooked input. May be called any number of times. */
  readonly leave: () => void;
  /** Lends the screen to another program. */
  readonly lend: () => void;
  readonly take: () => void;
  readonly redraw: () => void;
};

/**
 * The screen for the time of the wizard. `signal-exit` gives it back however the process ends; `process.on('exit')`
 * alone does not run after a signal.
 */
export const openScreen = (out: TerminalOutput, input: TerminalInput, inline: boolean): TerminalScreen => {
  const stream = new ScreenStream(out, inline);
  let held = false;
  let forget: (() => void) | undefined;

  const restore = (): void => {
    out.write(showCursor + (inline ? '' : leaveAlternate));
    if (input.isTTY) input.setRawMode?.(false);
  };
  const leave = (): void => {
    if (!held) return;
    held = false;
    forget?.();
    process.off('uncaughtExceptionMonitor', leave);
    stream.silent = true;
    restore();
  };
  const redraw = (): void => {
    if (held) stream.redraw();
  };
  const raw = (): void => {
    // Before anybody reads keys: until then they are kept for later, and not echoed onto the screen.
    if (input.isTTY) input.setRawMode?.(true);
  };

  return {
    stream,
    enter: () => {
      held = true;
      forget = onExit(leave);
      // Before Node prints the error: what it writes to the alternate screen would vanish with it.
      process.on('uncaughtExceptionMonitor', leave);
      raw();
      out.write(hideCursor + (inline ? '' : enterAlternate));
    },
    leave,
    lend: () => {
      stream.silent = true;
      restore();
      // Else this process would go on reading keys that are meant for the other one.
      input.pause();
    },
    take: () => {
      if (!held) return;
      out.write(hideCursor + (inline ? '' : enterAlternate));
      stream.silent = false;
      redraw();
    },
    redraw,
  };
};
