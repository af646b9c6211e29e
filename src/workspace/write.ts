import { mkdir, open, readFile, rename, rmdir, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { RolloutError } from '../rollout/errors.ts';
import { codeOf, isAbsent, orAbsent, resolveInside } from './paths.ts';

/** How a temporary file is recognized after a crash. A library's random name could not be told from the app's files. */
const temporary = '.voxanne-rollout-tmp';

/**
 * Puts a content in a file so that a reader, and a power cut, sees the old or the new one: temporary file in the same
 * folder, fsync, rename, fsync of the folder. Mode and, for root, owner of a replaced file stay.
 */
export async function writeAtomically(file: string, content: Uint8Array, mode?: number): Promise<void> {
  const folder = path.dirname(file);
  const part = path.join(folder, `.${path.basename(file).slice(0, 200)}${temporary}`);
  const old = await stat(file).catch(orAbsent);
  await unlink(part).catch(orAbsent);
  const handle = await open(part, 'wx', mode ?? (old === null ? 0o644 : old.mode & 0o7777));
  try {
    await handle.writeFile(content);
    // The umask takes bits away from the mode of a new file; a replaced file keeps the ones it had.
    if (old !== null) await handle.chmod(old.mode & 0o7777);
    else if (mode !== undefined) await handle.chmod(mode);
    if (old !== null && process.getuid?.() === 0) await handle.chown(old.uid, old.gid);
    await handle.sync();
  } catch (error) {
    await handle.close();
    await unlink(part).catch(orAbsent);
    throw error;
  }
  await handle.close();
  await rename(part, file);
  await syncFolder(folder);
}

/** Removes a file, durably; it is no error when it is gone already. */
export async function removeFile(file: string): Promise<void> {
  await unlink(file).catch(orAbsent);
  await syncFolder(path.dirname(file));
}

/** Creates folders, durably: a file in a folder whose own entry is lost is lost too. */
export async function createFolders(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let at = folder; at.length >= first.length; at = path.dirname(at)) await syncFolder(path.dirname(at));
}

/** Removes folders that are empty, deepest first; stops at the first that holds something. */
export async function removeEmptyFolders(root: string, folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    try {
      await rmdir(await resolveInside(root, folder));
    } catch (error) {
      if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') return;
      if (!isAbsent(error)) throw error;
    }
  }
}

/** Removes the temporary file that a killed write left beside `file`. */
export async function removeLeftover(file: string): Promise<void> {
  await unlink(path.join(path.dirname(file), `.${path.basename(file).slice(0, 200)}${temporary}`)).catch(orAbsent);
}

/** The bytes of a file, or null where it is not there. */
export async function readBytes(file: string): Promise<Buffer | null> {
  return readFile(file).catch(orAbsent);
}

/** One sentence where a file or its folder cannot be written; asked before anything is. */
export async function refuseReadOnly(file: string, shown: string): Promise<void> {
  const info = await stat(file).catch(orAbsent);
  if (info !== null && !info.isFile()) {
    throw new RolloutError(`${shown} is not a file.`, 'Nothing was written. Move it out of the way, then run again.');
  }
  // Root may write everything; a file without any write bit was closed on purpose all the same.
  if (info !== null && (info.mode & 0o222) === 0) {
    throw new RolloutError(
      `${shown} is read-only.`,
      'Make it writable (chmod u+w), then run again; nothing was written.',
    );
  }
  let folder = path.dirname(file);
  while ((await stat(folder).catch(orAbsent)) === null) folder = path.dirname(folder);
  if (((await stat(folder)).mode & 0o222) === 0) {
    throw new RolloutError(
      `The folder of ${shown} is read-only.`,
      'Make it writable (chmod u+w), then run again; nothing was written.',
    );
  }
}

/** Turns what the file system says into the one sentence that helps. */
export function explain(error: unknown, shown: string): unknown {
  const code = codeOf(error);
  if (code === undefined || error instanceof RolloutError) return error;
  const reasons: Readonly<Record<string, readonly [string, string]>> = {
    EACCES: ['may not be written by this user', 'Give this user the right to write it, then run again.'],
    EPERM: ['may not be written by this user', 'Give this user the right to write it, then run again.'],
    EROFS: ['is on a read-only file system', 'Mount it writable, then run again.'],
    ENOSPC: ['could not be written: the disk is full', 'Free some space, then run again.'],
    EDQUOT: ['could not be written: the quota is used up', 'Free some space, then run again.'],
    EMFILE: ['could not be opened: too many open files', 'Close some programs, then run again.'],
  };
  const known = reasons[code];
  if (known === undefined) return error;
  return new RolloutError(`${shown} ${known[0]}.`, known[1], { kind: 'outside', cause: error });
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder, and makes a rename durable on its own.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r').catch(orAbsent);
  if (handle === null) return;
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
