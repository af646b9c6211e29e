import type { Answer } from './decision.ts';

export type ErrorKind = 'operator' | 'outside' | 'defect';

/** Exit codes of the command line. */
export const exitCodes = { done: 0, failed: 1, usage: 2, pending: 3, connection: 4, stopped: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * The one error that reaches a screen: one sentence on what is wrong, one on what to do.
 *
 * `operator`: they can fix it. `outside`: another program failed; it is named. `defect`: ours.
 */
export class RolloutError extends Error {
  override readonly name = 'RolloutError';
  readonly problem: string;
  readonly remedy: string;
  readonly kind: ErrorKind;
  readonly exitCode: ExitCode;
  /** An SQL excerpt with a caret, the last lines of a program, a sample of rows. Never a secret. */
  readonly detail: string | undefined;
  /** The decisions that get past it. */
  readonly answers: readonly Answer[];

  constructor(
    problem: string,
    remedy: string,
    options: {
      kind?: ErrorKind;
      exitCode?: ExitCode;
      detail?: string | undefined;
      answers?: readonly Answer[];
      cause?: unknown;
    } = {},
  ) {
    super(`${problem} ${remedy}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.problem = problem;
    this.remedy = remedy;
    this.kind = options.kind ?? 'operator';
    this.exitCode = options.exitCode ?? exitCodes.failed;
    this.detail = options.detail;
    this.answers = options.answers ?? [];
  }
}

/** What an error says; one that nobody put into words is a defect of ours. */
export const inWords = (error: unknown): { readonly problem: string; readonly remedy: string } =>
  error instanceof RolloutError ? error : { problem: String(error), remedy: 'Report this as a defect.' };

/** A sentence as the second half of another one; names and abbreviations keep their capitals. */
export const lowerFirst = (text: string): string =>
  /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
