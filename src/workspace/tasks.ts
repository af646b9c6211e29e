import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { RolloutError } from '../rollout/errors.ts';
import { orAbsent, resolveState, stateFolder } from './paths.ts';
import { groundSchema, type ProofGround } from './proof-ground.ts';
import type { Finding } from './scan/types.ts';
import { createFolders, writeAtomically } from './write.ts';

const fileSchema = z.strictObject({
  version: z.literal(2),
  at: z.string(),
  /** Every finding that was open then: what is not among them came with the work on a task. */
  findings: z.array(z.string()),
  tasks: z.array(z.strictObject({ finding: z.string(), kind: z.string(), file: z.string(), ground: groundSchema })),
});

/** The tasks that were handed out last, and what was open then. */
export type HandedOut = z.infer<typeof fileSchema>;

/** Keeps which tasks were handed out. Earlier ones stay provable as long as nothing new was open by now. */
export async function keepTasks(
  root: string,
  open: readonly Finding[],
  tasks: readonly Finding[],
  ground: ProofGround,
): Promise<void> {
  const before = await readTasks(root);
  // One that is handed out again is judged by what was there at first.
  const own = tasks.map(
    ({ id, kind, file }) => before?.tasks.find((one) => one.finding === id) ?? { finding: id, kind, file, ground },
  );
  const ids = new Set(own.map((one) => one.finding));
  await createFolders(await resolveState(root));
  const ignore = await resolveState(root, '.gitignore');
  if ((await readFile(ignore, 'utf8').catch(orAbsent)) === null) await writeAtomically(ignore, Buffer.from('*\n'));
  const content: HandedOut = {
    version: 2,
    at: new Date().toISOString(),
    findings: [...new Set([...open.map((one) => one.id), ...(before?.findings ?? [])])],
    tasks: [...own, ...(before?.tasks ?? []).filter((one) => !ids.has(one.finding))],
  };
  await writeAtomically(
    await resolveState(root, 'tasks.json'),
    Buffer.from(`${JSON.stringify(content, null, 1)}\n`),
    0o600,
  );
}

export async function readTasks(root: string): Promise<HandedOut | null> {
  const text = await readFile(await resolveState(root, 'tasks.json'), 'utf8').catch(orAbsent);
  if (text === null) return null;
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new RolloutError(
      `${stateFolder}/tasks.json cannot be read.`,
      'Delete it, and hand the tasks out again with voxanne-rollout findings --format tasks.',
      { cause: error },
    );
  }
}
