import { open, readFile as read, rename, unlink } from 'node:fs/promises';
import os from 'node:os';
import * as z from 'zod';
import { RolloutError } from '../rollout/errors.ts';
import { codeOf, orAbsent, resolveState, stateFolder } from './paths.ts';
import { createFolders } from './write.ts';

const holderSchema = z.object({ pid: z.number(), host: z.string(), started: z.string() });
type Holder = z.infer<typeof holderSchema>;

/** One operator at a time: the lock that this process holds on a workspace until it lets go or ends. */
export type RunLock = { readonly release: () => Promise<void> };

/**
 * Takes the lock of a workspace (`.voxanne-rollout/lock`), or says who holds it. A lock whose process has ended is
 * taken over; one of another machine cannot be judged from here and is left to the operator.
 */
export async function takeRunLock(root: string): Promise<RunLock> {
  const folder = await resolveState(root);
  const file = await resolveState(root, 'lock');
  await createFolders(folder);
  const own: Holder = { pid: process.pid, host: os.hostname(), started: await startOf(process.pid) };
  for (let attempt = 0; attempt < 10; attempt += 1) {
    if (await create(file, JSON.stringify(own))) {
      return { release: async () => void (await unlink(file).catch(orAbsent)) };
    }
    const text = await read(file, 'utf8').catch(orAbsent);
    if (text === null) continue;
    const holder = parse(text);
    if (holder !== null && (holder.host !== own.host || (await isAlive(holder)))) throw held(holder, own.host);
    // Two that find the same dead lock: the one that takes away something else than what it read puts it back.
    const aside = `${file}.${process.pid}`;
    if (!(await moved(file, aside))) continue;
    const taken = await read(aside, 'utf8').catch(orAbsent);
    if (taken !== text && taken !== null && !(await create(file, taken))) await unlink(aside).catch(orAbsent);
    await unlink(aside).catch(orAbsent);
  }
  throw new RolloutError(
    'Could not acquire the workspace lock: other runs keep taking it.',
    'Wait for the other run to end, then try again.',
  );
}

async function create(file: string, text: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Null for a lock whose write a crash cut off: nobody holds it. */
function parse(text: string): Holder | null {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return null; // a torn lock file names nobody
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
  // Process ids are used again: the same id with another start is another process.
  return (await startOf(holder.pid)) === holder.started;
}

/** When a process started, in the kernel's ticks; empty where the system does not tell. */
async function startOf(pid: number): Promise<string> {
  if (process.platform !== 'linux') return '';
  const text = await read(`/proc/${pid}/stat`, 'utf8').catch(orAbsent);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

const held = (holder: Holder, host: string): RolloutError =>
  new RolloutError(
    holder.host === host
      ? `Another run (process ${holder.pid}) works on this workspace.`
      : `A run on ${holder.host} (process ${holder.pid}) works on this workspace.`,
    holder.host === host
      ? 'Wait for it to end, or stop it, then try again.'
      : `If that machine has stopped, delete ${stateFolder}/lock and try again.`,
  );
