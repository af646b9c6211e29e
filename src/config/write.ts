import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { Answer } from '../rollout/decision.ts';
import { exitCodes, RolloutError } from '../rollout/errors.ts';
import { answered } from './answers.ts';
import { configFileName } from './load.ts';
import { configSchema } from './schema.ts';

/** The configuration file with answers added: the path, and the text that it should hold. */
export type Rewritten = { readonly path: string; readonly text: string };

/**
 * The file of these settings with the answers under `decisions`; everything else in it, and its indentation, stays. Where
 * there is no file yet, a new one in the workspace.
 *
 * @throws {RolloutError} when the file there cannot be read, or would not be accepted afterwards.
 */
export async function withDecisions(
  { workspace, file }: { readonly workspace: string; readonly file: string | null },
  answers: readonly Answer[],
): Promise<Rewritten> {
  const path = file ?? resolve(workspace, configFileName);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '{}';
    throw unusable(path, error);
  });
  const before = parsed(text.replace(/^\uFEFF/, ''), path);
  const decisions = answered(isRecord(before.decisions) ? before.decisions : {}, answers);
  const after = { ...before, decisions };
  const checked = configSchema.safeParse(after);
  if (!checked.success) throw unusable(path, checked.error);
  const indent = /^[{[]\r?\n([ \t]+)/.exec(text)?.[1] ?? '  ';
  return { path, text: `${JSON.stringify(after, null, indent)}\n` };
}

function parsed(text: string, path: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unusable(path, error);
  }
  if (!isRecord(value)) throw unusable(path, null);
  return value;
}

const unusable = (path: string, cause: unknown): RolloutError =>
  new RolloutError(
    `The decisions cannot be written into ${relative(process.cwd(), path) || path}: it is not a configuration file that can be read.`,
    'Correct that file, then write them again; they hold for this session anyway.',
    { exitCode: exitCodes.usage, cause },
  );

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
