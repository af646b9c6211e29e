import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { build } from 'esbuild';

export type RealTerminal = {
  /** What is on the screen now, row by row. */
  readonly screen: () => string;
  readonly wait: (text: string | RegExp) => Promise<void>;
  /** Writes keys after the pause that a person makes when a screen changes. */
  readonly press: (keys: string) => Promise<void>;
  /** Writes keys at once. */
  readonly type: (keys: string) => void;
  readonly resize: (columns: number, rows: number) => void;
  readonly kill: (signal: string) => void;
  readonly exit: Promise<{ readonly code: number; readonly signal: number | undefined }>;
  readonly buffer: () => 'normal' | 'alternate';
  readonly cursorShown: () => boolean;
  /** Everything that the program wrote so far, escape sequences and all. */
  readonly written: () => string;
  /** The emulator itself, for what only its cells can tell. */
  readonly emulator: Emulator;
  readonly pid: number;
};

export type Emulator = InstanceType<typeof xterm.Terminal>;

export type TerminalSettings = {
  readonly columns?: number;
  readonly rows?: number;
  /** Beside the environment of the tests, without what would make it look like CI or set its colours. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Under a shell that tells afterwards how the terminal was left: see `readsLines`. */
  readonly inShell?: boolean;
  /** How long a text may take to come, in milliseconds: machines that run tests are busy ones. */
  readonly patience?: number;
};

/** Whether the terminal gives its shell whole lines and shows what is typed: what raw mode turns off. */
export const readsLines = (terminal: RealTerminal): boolean =>
  process.platform === 'win32' || /\sicanon\s[\s\S]*\secho\s/.test(terminal.screen());

const shell = 'program=$1; shift; "$program" "$@"; code=$?; stty -a; exit $code';

const here = path.dirname(fileURLToPath(import.meta.url));

/** One file, as the wizard is shipped: what is measured is the wizard, not the loading of its sources. */
export const buildFixture = async (): Promise<string> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'wizard-'));
  await build({
    entryPoints: [path.join(here, 'fixture.ts')],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    splitting: true,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    external: ['react-devtools-core'],
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
    logLevel: 'warning',
  });
  return path.join(folder, 'fixture.mjs');
};

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A program of Node in a pseudo-terminal, with a terminal emulator that shows what a person would see. */
export const openTerminal = (
  program: string,
  args: readonly string[],
  { columns = 80, rows = 24, env = {}, cwd, inShell = false, patience = 30_000 }: TerminalSettings = {},
): RealTerminal => {
  const { CI: _, NO_COLOR: __, FORCE_COLOR: ___, ...inherited } = process.env;
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 500 });
  const command = [process.execPath, program, ...args];
  const [file = '', ...rest] =
    inShell && process.platform !== 'win32' ? ['/bin/sh', '-c', shell, 'sh', ...command] : command;
  const child = spawn(file, rest, {
    cols: columns,
    rows,
    name: 'xterm-256color',
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...inherited, NODE_ENV: 'production', ...env } as Record<string, string>,
  });
  let shown = true;
  let raw = '';
  child.onData((data) => {
    raw += data;
    if (data.includes('\u001b[?25')) shown = data.lastIndexOf('\u001b[?25h') > data.lastIndexOf('\u001b[?25l');
    terminal.write(data);
  });
  const exit = new Promise<{ code: number; signal: number | undefined }>((resolve) => {
    child.onExit(({ exitCode, signal }) => setTimeout(() => resolve({ code: exitCode, signal }), 50));
  });
  const screen = (): string => {
    const { active } = terminal.buffer;
    return Array.from(
      { length: active.length },
      (_row, index) => active.getLine(index)?.translateToString(true) ?? '',
    ).join('\n');
  };
  return {
    screen,
    wait: async (text) => {
      const until = Date.now() + patience;
      while (Date.now() < until) {
        if (typeof text === 'string' ? screen().includes(text) : text.test(screen())) return;
        await pause(20);
      }
      throw new Error(`${String(text)} never came:\n${screen()}`);
    },
    press: async (keys) => {
      await pause(80);
      child.write(keys);
    },
    type: (keys) => child.write(keys),
    resize: (to, tall) => {
      terminal.resize(to, tall);
      child.resize(to, tall);
    },
    kill: (signal) => child.kill(signal),
    exit,
    buffer: () => terminal.buffer.active.type,
    cursorShown: () => shown,
    written: () => raw,
    emulator: terminal,
    pid: child.pid,
  };
};
