import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { RolloutError } from '../rollout/errors.ts';

/** The folder of a workspace that holds its journal, the kept originals and the waivers. */
export const stateFolder = '.voxanne-rollout';

const closed = new Set(['.git', 'node_modules', stateFolder]);

/**
 * The absolute path of a file that a change names, with every link resolved. What lies outside of the workspace, in
 * git's own folder or in installed packages is refused, whatever links lead there.
 */
export async function resolveInside(root: string, file: string): Promise<string> {
  const segments = file.split('/');
  if (file === '' || file.includes('\0') || path.isAbsolute(file) || segments.includes('..') || segments.includes('')) {
    throw new RolloutError(
      `${JSON.stringify(file)} is not a path inside the workspace.`,
      'Nothing was written. Report this as a defect, with the step.',
      { kind: 'defect' },
    );
  }
  const barred = segments.find((segment) => closed.has(segment));
  if (barred !== undefined) {
    throw new RolloutError(`${file} lies in ${barred}, which is not changed.`, 'Nothing was written.');
  }
  const base = await realpath(root);
  const real = await realpathOfNearest(path.join(base, ...segments));
  const inside = path.relative(base, real);
  if (inside === '' || inside.startsWith('..') || path.isAbsolute(inside)) {
    throw new RolloutError(
      `${file} is reached through a link that leaves the workspace.`,
      'Nothing was written. Replace the link by a file or a folder of the workspace, or take it out.',
    );
  }
  if (inside.split(path.sep).some((segment) => closed.has(segment))) {
    throw new RolloutError(`${file} is a link into ${inside}, which is not changed.`, 'Nothing was written.');
  }
  return real;
}

/**
 * The path of something below the state folder. A checkout can bring a link with it, and what this tool writes or cuts
 * off there would be a file of somebody else: links are refused, and so is whatever is neither a file nor a folder.
 */
export async function resolveState(root: string, ...names: readonly string[]): Promise<string> {
  let at = root;
  for (const [index, name] of [stateFolder, ...names].entries()) {
    at = path.join(at, name);
    const info = await lstat(at).catch(orAbsent);
    if (info === null) break;
    const sound = index === names.length && index > 0 ? info.isFile() || info.isDirectory() : info.isDirectory();
    if (sound) continue;
    const shown = path.relative(root, at).split(path.sep).join('/');
    throw new RolloutError(
      `${shown} is ${info.isSymbolicLink() ? 'a link' : 'not what this tool made'}, and its own records are read and written only where they are.`,
      'Nothing was written. Find out who put it there, move it away, and restore the folder from a backup if it was yours.',
    );
  }
  return path.join(root, stateFolder, ...names);
}

/** Resolves the links of the deepest part of a path that is there; the rest is appended. */
async function realpathOfNearest(target: string): Promise<string> {
  try {
    return await realpath(target);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  // A link to nothing would be followed by a write: it is there, although its target is not.
  const link = await lstat(target).catch(orAbsent);
  if (link?.isSymbolicLink()) {
    throw new RolloutError(`${path.basename(target)} is a link to nothing.`, 'Remove the link; nothing was written.');
  }
  return path.join(await realpathOfNearest(path.dirname(target)), path.basename(target));
}

/** Folders above a file that are not there yet, deepest first, relative to the (real) root. */
export async function missingFolders(root: string, file: string): Promise<readonly string[]> {
  const base = await realpath(root);
  const missing: string[] = [];
  for (let folder = path.dirname(file); folder !== base && folder.startsWith(base); folder = path.dirname(folder)) {
    if ((await lstat(folder).catch(orAbsent)) !== null) break;
    missing.push(path.relative(base, folder).split(path.sep).join('/'));
  }
  return missing;
}

export const isAbsent = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';

export const codeOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;

/** For `.catch`: null where the file is not there; every other error goes on. */
export function orAbsent(error: unknown): null {
  if (isAbsent(error)) return null;
  throw error;
}
