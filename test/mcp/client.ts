import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { spawn as inTerminal } from '@lydell/node-pty';

type Message = {
  readonly id?: number;
  readonly result?: { readonly content?: readonly { readonly text: string }[]; readonly isError?: boolean } & Record<
    string,
    unknown
  >;
  readonly error?: { readonly message: string };
};

export type McpClient = {
  /** Sends a line as it is. */
  readonly raw: (line: string) => void;
  /** Sends a request and gives its answer. */
  readonly ask: (method: string, params?: unknown) => Promise<Message>;
  /** Calls a tool; what it says, and whether that is an error. */
  readonly call: (
    name: string,
    given?: unknown,
  ) => Promise<{ readonly text: string; readonly refused: boolean; readonly said: unknown }>;
  /** Every line that the server wrote. */
  readonly lines: readonly string[];
  readonly close: () => Promise<number | null>;
};

/** A client that writes and reads the lines of the protocol itself, so that it can write wrong ones too. */
export async function connect(bin: string, cwd: string, env: NodeJS.ProcessEnv): Promise<McpClient> {
  const child: ChildProcess = spawn(process.execPath, [bin, 'mcp'], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const waiting = new Map<number, (message: Message) => void>();
  const lines: string[] = [];
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  // A server that ended takes nothing more: that it ended is what its caller is told.
  child.stdin?.on('error', () => undefined);
  if (child.stdout === null) throw new Error('no stdout');
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    const message = JSON.parse(line) as Message;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
  });
  let last = 0;
  const raw = (line: string): void => void child.stdin?.write(`${line}\n`);
  const ask: McpClient['ask'] = (method, params = {}) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, resolve);
      child.once('close', () => reject(new Error(`The server ended: ${errors}`)));
      raw(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    });
  child.setMaxListeners(200);
  await ask('initialize', {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'test', version: '0' },
  });
  raw(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
  return {
    raw,
    ask,
    call: async (name, given = {}) => {
      const { result, error } = await ask('tools/call', { name, arguments: given });
      const text = result?.content?.[0]?.text ?? error?.message ?? '';
      return {
        text,
        refused: error !== undefined || result?.isError === true,
        said: error === undefined ? JSON.parse(text) : null,
      };
    },
    lines,
    close: async () => {
      child.stdin?.end();
      if (child.exitCode === null) await once(child, 'close');
      return child.exitCode;
    },
  };
}

/** Runs a command in a terminal, answers its question, and gives what was shown. */
export async function answerInTerminal(
  bin: string,
  args: readonly string[],
  answer: string,
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number; readonly shown: string }> {
  const terminal = inTerminal(process.execPath, [bin, ...args], {
    cwd,
    env: env as Record<string, string>,
    cols: 200,
    rows: 50,
  });
  let shown = '';
  let answered = false;
  terminal.onData((text) => {
    shown += text;
    if (answered || !/anything else to leave it: /.test(shown)) return;
    answered = true;
    terminal.write(`${answer}\r`);
  });
  const code = await new Promise<number>((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode)));
  return { code, shown };
}
