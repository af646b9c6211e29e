import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { listFiles } from './files.ts';
import { sha256 } from './hash.ts';
import { orAbsent } from './paths.ts';

export const groundSchema = z.strictObject({
  /** The command of the app's tests. */
  tests: z.string().nullable(),
  /** The settings of each type check, as hashes. */
  tsconfigs: z.record(z.string(), z.string()),
  /** Comments that keep the type check quiet, by file. */
  silenced: z.record(z.string(), z.number()),
});

/** What the work on a task is judged by beside the code itself: whoever works on it could make it pass with these. */
export type ProofGround = Readonly<z.infer<typeof groundSchema>>;

const silencing = /(?:\/\/|\/\*|^\s*\*)\s*@ts-(?:nocheck|ignore|expect-error)\b/gm;

export async function proofGroundOf(
  root: string,
  tsconfigs: readonly string[],
  tests: string | null,
): Promise<ProofGround> {
  const read = async (file: string): Promise<string> =>
    (await readFile(path.join(root, file), 'utf8').catch(orAbsent)) ?? '';
  const { files } = await listFiles(root);
  const silenced: Record<string, number> = {};
  for (const { path: file } of files) {
    const times = [...(await read(file)).matchAll(silencing)].length;
    if (times > 0) silenced[file] = times;
  }
  const hashes = tsconfigs.map(async (file) => [file, sha256(await read(file))] as const);
  return { tests, tsconfigs: Object.fromEntries(await Promise.all(hashes)), silenced };
}

/** What of it is no longer as it was when the task was handed out, a sentence each. */
export function softened(before: ProofGround, now: ProofGround): readonly string[] {
  const lines: string[] = [];
  const sum = ({ silenced }: ProofGround): number => Object.values(silenced).reduce((all, one) => all + one, 0);
  // Code may move from file to file with what stands above it.
  if (sum(now) > sum(before)) {
    const where = Object.entries(now.silenced).filter(([file, times]) => times > (before.silenced[file] ?? 0));
    lines.push(`the type check is silenced in ${where.map(([file]) => file).join(', ')}`);
  }
  for (const [file, hash] of Object.entries(before.tsconfigs))
    if (now.tsconfigs[file] !== hash) lines.push(`${file} was changed`);
  if (before.tests !== now.tests) lines.push('code.tests is another command');
  return lines;
}
