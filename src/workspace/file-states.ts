import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { FileStates } from '../rollout/match-files.ts';
import { listFiles } from './files.ts';
import { sha256 } from './hash.ts';
import { orAbsent } from './paths.ts';

/** Every file of the app that the scan lists, and these, as they are now. */
export async function fileStates(root: string, also: readonly string[]): Promise<FileStates> {
  const { files, unread } = await listFiles(root);
  const paths = new Set([...files.map((one) => one.path), ...unread, ...also]);
  const states: Record<string, string> = {};
  for (const file of [...paths].sort()) {
    const at = path.join(root, file);
    const info = await stat(at).catch(orAbsent);
    if (info === null || !info.isFile()) continue;
    states[file] = sha256(await readFile(at)) + ((info.mode & 0o100) === 0 ? '' : ' executable');
  }
  return states;
}
