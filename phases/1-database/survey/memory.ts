/**
 * What a run has seen of a database and a rename takes away: old names of the key, and what a column's name said. The
 * journal keeps it for later runs; a preview has none.
 */
export type Memory = { readonly names: Set<string> };

const seen = new WeakMap<object, Memory>();

/** The memory of one run, by its session. */
export function memoryOf(session: object): Memory {
  const known = seen.get(session);
  if (known !== undefined) return known;
  const fresh: Memory = { names: new Set() };
  seen.set(session, fresh);
  return fresh;
}
