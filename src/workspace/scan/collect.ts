import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Of how much code trees may lie about until they are collected: 0.4 MB, some 16 MB of trees. */
const charactersKept = 400_000;

/** What was parsed since the last collection, by any scan of this process. */
let parsed = 0;
let collect: (() => void) | null = null;

/**
 * Counts code that was parsed, and collects garbage when it is too much. A tree lives in the parser's memory, which V8
 * knows nothing of: it sees a small heap, puts its collection off, and a scan of 10,000 files held on to half a gigabyte
 * of trees that nobody could reach any more. Buffers that only weigh as much as the trees did not move it to collect
 * sooner, and a collection of young objects alone takes none of the parser's.
 */
export async function treesGrown(characters: number): Promise<void> {
  parsed += characters;
  if (parsed < charactersKept) return;
  parsed = 0;
  collect ??= collector();
  collect();
  // The parser lets go of its trees in a turn of the event loop.
  await turn();
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const exposed: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return typeof exposed === 'function' ? () => exposed() : () => undefined;
}
