import { hasSubquery, readBy } from './classify.ts';

/** A policy as far as its own subqueries go. */
export type Asking = {
  /** `schema.name` of the table that it guards. */
  readonly table: string;
  readonly name: string;
  readonly command: 'ALL' | 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';
  readonly conditions: readonly (string | null)[];
};

/**
 * PostgreSQL refuses a query (42P17) when the policies of a table, followed through the tables that they read as the
 * caller, come back to it. Functions end the walk: their queries are planned apart.
 *
 * @returns for every policy that comes back to its table, the tables on the way.
 */
export async function circles(policies: readonly Asking[]): Promise<ReadonlyMap<Asking, readonly string[]>> {
  const reads = new Map<Asking, readonly string[]>();
  const subqueries = new Set<string>();
  for (const one of policies) {
    const tables: string[] = [];
    let asks = false;
    for (const condition of one.conditions) {
      tables.push(...(await readBy(condition)));
      asks ||= await hasSubquery(condition);
    }
    reads.set(one, [...new Set(tables)]);
    // Only where the policies that decide about reading hold a subquery are they walked at all.
    if (asks && (one.command === 'SELECT' || one.command === 'ALL')) subqueries.add(one.table);
  }
  const readers = new Map<string, readonly Asking[]>();
  for (const one of policies) {
    if (one.command === 'SELECT' || one.command === 'ALL')
      readers.set(one.table, [...(readers.get(one.table) ?? []), one]);
  }
  const walk = (from: Asking, way: readonly string[]): readonly string[] | null => {
    for (const table of reads.get(from) ?? []) {
      if (way.includes(table)) {
        if (subqueries.has(table)) return [...way, table];
        continue;
      }
      for (const next of readers.get(table) ?? []) {
        const found = walk(next, [...way, table]);
        if (found !== null) return found;
      }
    }
    return null;
  };
  const found = new Map<Asking, readonly string[]>();
  for (const one of policies) {
    const way = walk(one, [one.table]);
    if (way !== null) found.set(one, way);
  }
  return found;
}
