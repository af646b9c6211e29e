import {
  constants,
  copyFile,
  mkdir,
  mkdtemp,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { installedPrograms } from '../child-environment.ts';
import type { FileChange } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import { discoverWorkspace } from './discover.ts';
import { maxBytes, scannable } from './files.ts';
import { orAbsent, resolveInside, stateFolder } from './paths.ts';
import { walk } from './walk.ts';
import { readBytes, refuseReadOnly } from './write.ts';

/** No plan reads what is in these; that they are there is enough, and secrets stay where they are. */
const unread =
  /(?:^|\/)\.env(?:\.(?!example|sample|template)[^/]*)?$|\.(?:pem|key|p12|pfx|jks|keystore)$|\.(?:png|jpe?g|gif|webp|avif|ico|bmp|tiff?|mp[34]|m4a|mov|webm|wav|ogg|pdf|zip|t?gz|7z|woff2?|ttf|otf|eot|psd|sqlite|db)$/i;

export type WorkspaceCopy = AsyncDisposable & {
  readonly root: string;
  /**
   * Makes changes in the copy.
   *
   * @throws {RolloutError} where the workspace itself would refuse them.
   */
  readonly write: (changes: readonly FileChange[]) => Promise<void>;
};

/**
 * A copy of a workspace in a temporary folder, for plans upon plans: all that a plan reads, without packages, build
 * output and the records of the rollout. Disposing of it removes it.
 *
 * @param packages `linked`: what is installed is reached from the copy as well, for what runs there, as a type check does.
 */
export async function copyWorkspace(root: string, packages: 'empty' | 'linked' = 'empty'): Promise<WorkspaceCopy> {
  const folder = await mkdtemp(path.join(await realpath(tmpdir()), 'voxanne-ahead-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  // A package without a name is called by its folder.
  const copy = path.join(folder, path.basename(root));
  try {
    await mkdir(copy);
    for await (const { path: file, kind } of walk(root)) {
      const [from, to] = [path.join(root, file), path.join(copy, file)];
      await mkdir(path.dirname(to), { recursive: true });
      if (kind === 'packages') await (packages === 'linked' ? symlink(from, to) : mkdir(to, { recursive: true }));
      else if (kind === 'link') await symlink(await readlink(from), to);
      else if (kind === 'file') await copyText(from, to);
    }
    const waivers = path.join(stateFolder, 'waivers.json');
    if ((await stat(path.join(root, waivers)).catch(orAbsent)) !== null) {
      await mkdir(path.join(copy, stateFolder));
      await copyFile(path.join(root, waivers), path.join(copy, waivers));
    }
    // In a checkout a folder named `build` may hold sources: what git keeps of it was copied, and is kept here as well.
    await execa('git', ['init', '--quiet'], {
      cwd: copy,
      reject: false,
      stdin: 'ignore',
      extendEnv: false,
      env: installedPrograms(),
    });
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    root: copy,
    write: async (changes) => {
      for (const { path: file, before, after } of changes) {
        await refuseReadOnly(await resolveInside(root, file), file);
        const to = await resolveInside(copy, file);
        if (before !== null && (await readBytes(to))?.equals(Buffer.from(before)) !== true) {
          throw new RolloutError(
            `${file} is not valid UTF-8, so it cannot be edited without changing other bytes.`,
            'Convert it to UTF-8.',
          );
        }
        await rm(to, { force: true });
        if (after === null) continue;
        await mkdir(path.dirname(to), { recursive: true });
        await writeFile(to, after);
      }
    },
    [Symbol.asyncDispose]: remove,
  };
}

async function copyText(from: string, to: string): Promise<void> {
  const { size } = await stat(from);
  if (unread.test(from) || (size > maxBytes && !scannable.test(from))) await writeFile(to, '');
  else await copyFile(from, to, constants.COPYFILE_FICLONE);
}

/** Whether a copy is read as the workspace is: something that lies outside of it, such as a shared tsconfig, may tell. */
export async function readsAlike(root: string, copy: string): Promise<boolean> {
  const [one, other] = await Promise.all([root, copy].map(lookOf));
  return one === other;
}

async function lookOf(root: string): Promise<string> {
  const { root: _, git: __, notes: ___, authenticatedFiles, list, ...rest } = await discoverWorkspace(root);
  return JSON.stringify([rest, [...authenticatedFiles].sort(), list.files, list.unread]);
}
