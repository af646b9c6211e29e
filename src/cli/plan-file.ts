import { chmod, readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { exitCodes, RolloutError } from '../rollout/errors.ts';
import { planText, readSavedPlan, type SavedPlan } from '../rollout/saved-plan.ts';
import { writeAtomically } from '../workspace/write.ts';
import { whyNobody } from './nobody.ts';
import { version } from './version.ts';

/** @throws {RolloutError} exit code 2 for what cannot be read, is no plan, was edited, or is another version's. */
export async function openPlanFile(file: string): Promise<SavedPlan> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RolloutError(
      `The plan file ${file} ${error.code === 'ENOENT' ? 'is not there' : `cannot be read (${error.code})`}.`,
      'Give the path of a file that "voxanne-rollout plan --out FILE" wrote.',
      { exitCode: exitCodes.usage, cause: error },
    );
  });
  return readSavedPlan(text, file, version);
}

/**
 * Refuses a file that is there already, before any work is done for its sake. Whoever sits at the terminal is asked.
 *
 * @throws {RolloutError} exit code 2.
 */
export async function requireFree(file: string, overwrite: boolean): Promise<void> {
  if (overwrite || !(await isThere(file))) return;
  if (whyNobody() === null && (await ask(`${file} is there already. Overwrite it? [y/N] `)) === 'y') return;
  throw new RolloutError(
    `${file} is there already, and nothing is overwritten.`,
    'Name another file, or give --overwrite.',
    {
      exitCode: exitCodes.usage,
    },
  );
}

/** Writes a file that only its owner reads: a plan holds the definitions of the app's functions. */
export async function writePrivate(file: string, text: string): Promise<void> {
  const path = resolve(file);
  try {
    await writeAtomically(path, Buffer.from(text), 0o600);
    await chmod(path, 0o600);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new RolloutError(
      `${file} could not be written (${code}).`,
      'Name a file in a folder that you may write to.',
      {
        exitCode: exitCodes.usage,
        cause: error,
      },
    );
  }
}

export const writePlanFile = (file: string, plan: SavedPlan): Promise<void> => writePrivate(file, planText(plan));

const isThere = async (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );

async function ask(question: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await reader.question(question)).trim().toLowerCase();
  } finally {
    reader.close();
  }
}
