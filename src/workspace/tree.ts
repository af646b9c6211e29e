import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Fingerprint } from '../rollout/journal.ts';
import { sha256 } from './hash.ts';
import { orAbsent, stateFolder } from './paths.ts';

/** Folders that package managers, version control and builds fill. A change never touches them. */
const outside = new Set([
  'node_modules',
  '.git',
  '.hg',
  '.svn',
  stateFolder,
  '.next',
  '.nuxt',
  '.turbo',
  '.cache',
  '.vercel',
  'dist',
  'coverage',
]);

/** A file of more than this is no source; its size and time stand for it, so that a folder of media costs nothing. */
const largest = 4_000_000;

type Known = { readonly size: number; readonly time: bigint; readonly inode: bigint; readonly hash: string };

/**
 * Hashes every file of a workspace. A second look reads only what changed on the disk: a rollback of many steps asks
 * for the state often.
 */
export function createTreeReader(root: string): () => Promise<Fingerprint> {
  let known = new Map<string, Known>();
  return async () => {
    const next = new Map<string, Known>();
    const state: Record<string, string> = {};
    const enter = async (folder: string): Promise<void> => {
      const entries = await readdir(path.join(root, folder), { withFileTypes: true });
      for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        const relative = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) {
          if (!outside.has(entry.name)) await enter(relative);
        } else if (entry.isFile()) {
          const info = await stat(path.join(root, relative), { bigint: true }).catch(orAbsent);
          if (info === null) continue;
          const size = Number(info.size);
          const last = known.get(relative);
          const same = last?.size === size && last.time === info.mtimeNs && last.inode === info.ino;
          // Within the resolution of the clock a second write may leave the time as it was.
          const settled = BigInt(Date.now()) * 1_000_000n - info.mtimeNs > 2_000_000_000n;
          const hash =
            same && settled && last !== undefined
              ? last.hash
              : size > largest
                ? `${size} bytes at ${info.mtimeNs}`
                : await hashOf(path.join(root, relative));
          if (hash === null) continue;
          next.set(relative, { size, time: info.mtimeNs, inode: info.ino, hash });
          // A script that comes back without its executable bit is not the same file.
          state[`file ${relative}`] = `${hash} mode ${Number(info.mode & 0o7777n).toString(8)}`;
        }
      }
    };
    await enter('');
    known = next;
    return state;
  };
}

const hashOf = async (file: string): Promise<string | null> => {
  const bytes = await readFile(file).catch(orAbsent);
  return bytes === null ? null : sha256(bytes);
};
