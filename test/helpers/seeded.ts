/** The seed of this run, for every test that chooses by chance. The same seed gives the same choice. */
export const seed = Number(process.env.SEED ?? 1);

/** `FULL=1`: everything, for hours if need be; otherwise what fits into CI. */
export const full = process.env.FULL === '1';

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export function seededRandom(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `size` different ones of `from`, or all of them. */
export function sample<T>(from: readonly T[], size: number, random: () => number): readonly T[] {
  const rest = [...from];
  const chosen: T[] = [];
  while (chosen.length < size && rest.length > 0) {
    chosen.push(...rest.splice(Math.floor(random() * rest.length), 1));
  }
  return chosen;
}

/** Of a sweep whose members differ in one thing only: all with FULL=1, otherwise `size` of them by the seed, in their order. */
export function inCi<T>(sweep: readonly T[], size: number): readonly T[] {
  if (full) return sweep;
  const chosen = new Set(sample([...sweep.keys()], size, seededRandom(seed)));
  return sweep.filter((_, index) => chosen.has(index));
}

/** Runs `work` for every item, `width` at a time, and gives the results in the order of the items. */
export async function inParallel<T, R>(
  width: number,
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Array<R>(items.length);
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
