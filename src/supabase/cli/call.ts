import { execa } from 'execa';
import * as z from 'zod';
import { RolloutError } from '../../rollout/errors.ts';
import { withNode } from '../../workspace-program.ts';
import type { Door } from './door.ts';
import { type CliInfo, unusable } from './find.ts';

/** What a call of the CLI came to. */
export type Answer =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      /** The CLI's own name of the error (`DbPushApplyError`), or null when it ended without an answer. */
      readonly code: string | null;
      readonly message: string;
    };

const failure = z.object({
  _tag: z.literal('Error'),
  error: z.object({ code: z.string(), message: z.string(), suggestion: z.string().optional() }),
});

export type CallOptions = {
  readonly workdir: string;
  readonly signal: AbortSignal;
  /** Told the process id, for whoever wants to look at the process. */
  readonly onStart?: ((pid: number) => void) | undefined;
};

/**
 * Runs one command of the CLI against the database behind `door` and reads its JSON. An abort kills the CLI with every
 * process that it started, and is then thrown; what it began on the server is the caller's to end.
 */
export async function callCli(
  cli: CliInfo,
  door: Door,
  command: readonly string[],
  { workdir, signal, onStart }: CallOptions,
): Promise<Answer> {
  signal.throwIfAborted();
  const args = [...command, '--workdir', workdir, `${cli.target}=${door.url}`, '--output-format', 'json'];
  const child = execa(cli.program, args, {
    cwd: workdir,
    stdin: 'ignore',
    reject: false,
    extendEnv: false,
    env: withNode({ ...cli.env, ...door.env }),
    maxBuffer: 64 * 1024 * 1024,
    // The package starts the real program as a child and cannot pass a SIGKILL on: the group is killed as one. Ctrl-C
    // does not reach it then, so that it is always us who decide.
    detached: process.platform !== 'win32',
  });
  const kill = () => {
    if (child.pid === undefined) return;
    if (process.platform === 'win32') child.kill('SIGKILL');
    else killGroup(child.pid);
  };
  signal.addEventListener('abort', kill, { once: true });
  try {
    if (child.pid !== undefined) onStart?.(child.pid);
    const result = await child;
    signal.throwIfAborted();
    return read(result, door);
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It ended by itself in the meantime.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

type Ended = {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly shortMessage?: string | undefined;
};

function read({ stdout, stderr, exitCode, signal, shortMessage }: Ended, door: Door): Answer {
  const value = parse(stdout);
  const failed = failure.safeParse(value);
  if (failed.success) {
    const { code, message, suggestion } = failed.data.error;
    return { ok: false, code, message: door.redact([message, suggestion].filter(Boolean).join('\n')) };
  }
  if (exitCode === 0 && value !== undefined) return { ok: true, value };
  const how =
    signal !== undefined
      ? `It was ended by ${signal}.`
      : exitCode === undefined
        ? (shortMessage ?? 'It did not start.')
        : `It ended with code ${exitCode} and no answer in JSON.`;
  return {
    ok: false,
    code: null,
    message: door.redact([lastLines(stderr), how].filter((one) => one !== '').join('\n')),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-10).join('\n');

/**
 * A failed call in our form. `cause` carries the SQLSTATE or the network code of the message, so that the retry of the
 * database room can tell a lock timeout from a mistake.
 */
export function cliError(what: string, answer: Extract<Answer, { ok: false }>): RolloutError {
  // A CLI of before JSON answers only says that it does not know the option, and has done nothing by then.
  if (answer.code === null && /unknown (?:flag|option).*output-format/i.test(answer.message)) {
    return unusable('is too old: it does not know --output-format json', answer.message);
  }
  const code =
    /\(SQLSTATE ([0-9A-Z]{5})\)/.exec(answer.message)?.[1] ??
    /\b(ECONN[A-Z]+|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)\b/.exec(answer.message)?.[1];
  const first = /^(?:ERROR:\s*)?(.+)$/m.exec(answer.message)?.[1] ?? 'no reason given';
  return new RolloutError(
    `The Supabase CLI could not ${what}: ${first.replace(/[.\s]+$/, '')}.`,
    'Nothing of it was done; correct what its last lines name and run the same command again.',
    {
      kind: 'outside',
      detail: answer.message,
      cause: Object.assign(new Error(first), code === undefined ? {} : { code }),
    },
  );
}

/** Reads a successful answer with its schema; another shape means another CLI than the ones that were tried. */
export function answerOf<T>(what: string, answer: Answer, schema: z.ZodType<T>): T {
  if (!answer.ok) throw cliError(what, answer);
  const parsed = schema.safeParse(answer.value);
  if (parsed.success) return parsed.data;
  throw new RolloutError(
    `The Supabase CLI answered in a form that is not known when asked to ${what}.`,
    'Use a version of the CLI that voxanne-rollout doctor accepts, or omit --executor supabase-cli.',
    { kind: 'outside', detail: z.prettifyError(parsed.error) },
  );
}
