/** Sets of rows as texts of `0` and `1`, one sign per row; packed, they take a sixth of that. */

export const none = (length: number): string => '0'.repeat(length);
export const all = (length: number): string => '1'.repeat(length);

export const union = (sets: readonly string[], length: number): string =>
  fold(sets, length, (found) => found.some((one) => one));

export const intersection = (sets: readonly string[], length: number): string =>
  fold(sets, length, (found) => found.every((one) => one));

function fold(sets: readonly string[], length: number, decide: (found: readonly boolean[]) => boolean): string {
  const [only] = sets;
  if (sets.length === 1 && only !== undefined) return only;
  return Array.from({ length }, (_, at) => (decide(sets.map((one) => one[at] === '1')) ? '1' : '0')).join('');
}

export function pack(bits: string): string {
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  for (let at = 0; at < bits.length; at++) {
    if (bits[at] === '1') bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (1 << (at & 7));
  }
  return bytes.toString('base64').replace(/A+$/, '');
}

export function unpack(packed: string, length: number): string {
  const bytes = Buffer.from(packed.padEnd(Math.ceil(Math.ceil(length / 8) / 3) * 4, 'A'), 'base64');
  return Array.from({ length }, (_, at) => ((((bytes[at >> 3] ?? 0) >> (at & 7)) & 1) === 1 ? '1' : '0')).join('');
}
