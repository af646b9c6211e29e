import { RolloutError } from '../rollout/errors.ts';
import { sha256 } from './hash.ts';
import { resolveState, stateFolder } from './paths.ts';
import { createFolders, readBytes, writeAtomically } from './write.ts';

/** Contents by their hash, under `.voxanne-rollout/originals`: what a rollback writes back, and what it compares with. */
export type Originals = {
  /** Keeps a content, durably; returns its hash. */
  readonly keep: (content: string | Uint8Array) => Promise<string>;
  /** The bytes of a kept content; refuses when they are gone or not what they were. */
  readonly read: (hash: string) => Promise<Buffer>;
};

export function openOriginals(root: string): Originals {
  return {
    keep: async (content) => {
      const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
      const hash = sha256(bytes);
      const file = await resolveState(root, 'originals', hash);
      const there = await readBytes(file);
      if (there !== null && sha256(there) === hash) return hash;
      await createFolders(await resolveState(root, 'originals'));
      await writeAtomically(file, bytes, 0o600);
      return hash;
    },
    read: async (hash) => {
      const bytes = await readBytes(await resolveState(root, 'originals', hash));
      if (bytes === null || sha256(bytes) !== hash) {
        throw new RolloutError(
          `The kept content ${hash.slice(0, 12)} is ${bytes === null ? 'missing' : 'damaged'} in ${stateFolder}/originals.`,
          'Restore that folder from a backup, or take the file back with git; nothing was written.',
        );
      }
      return bytes;
    },
  };
}
