import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | null = null;

/**
 * Collects garbage now. A tree lives in the parser's memory, which V8 knows nothing of: it sees a small heap, puts its
 * collection off, and a scan of 10,000 files held on to half a gigabyte of trees that nobody could reach any more. Buffers that only weigh as much as the trees did not move it to collect sooner.
 */
export function collectTrees(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    const exposed: unknown = runInNewContext('gc');
    setFlagsFromString('--no-expose-gc');
    collect = typeof exposed === 'function' ? () => exposed() : () => undefined;
  }
  collect();
}
