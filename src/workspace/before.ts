import { openJournal } from './journal.ts';
import { openOriginals } from './originals.ts';

/**
 * The texts that the files in force have replaced, by path, as they were before the first change: null where there was
 * none. Everything else is as it is now, so that what an operator changed besides is on both sides of a comparison.
 */
export async function textsBefore(root: string): Promise<ReadonlyMap<string, string | null>> {
  const originals = openOriginals(root);
  const texts = new Map<string, string | null>();
  for (const { path, before, states } of await openJournal(root).entries()) {
    if (texts.has(path) || states.at(-1)?.state === 'reverted') continue;
    texts.set(path, before === null ? null : (await originals.read(before)).toString('utf8'));
  }
  return texts;
}
