import type { DbFunction, Table } from '../../../src/database/catalog/types.ts';
import { hasSubquery, readBy } from './classify.ts';
import { calledIn, reachOf, textOf } from './definer-bodies.ts';

/** A policy as far as its own subqueries go. */
export type Asking = {
  /** `schema.name` of the table that it guards. */
  readonly table: string;
  readonly name: string;
  readonly command: 'ALL' | 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';
  readonly conditions: readonly (string | null)[];
};

/** A table that a condition reads, itself or through a function that asks as its caller. */
export type Read = { readonly table: string; readonly by: string | null };

/**
 * PostgreSQL refuses a query (42P17) when the policies of a table, followed through the tables that they read as the
 * caller, come back to it. Through a function they are planned apart, and come back until the stack is full (54001);
 * that way is walked with `through`, and whether it ends before is for a query to show.
 *
 * @returns for every policy that comes back to its table, the tables and functions on the way.
 */
export async function circles(
  policies: readonly Asking[],
  through: (condition: string) => readonly Read[] = () => [],
): Promise<ReadonlyMap<Asking, readonly string[]>> {
  const reads = new Map<Asking, readonly Read[]>();
  const subqueries = new Set<string>();
  for (const one of policies) {
    const tables: Read[] = [];
    let asks = false;
    for (const condition of one.conditions) {
      tables.push(...(await readBy(condition)).map((table) => ({ table, by: null })));
      const called = condition === null ? [] : through(condition);
      tables.push(...called);
      asks ||= called.length > 0 || (await hasSubquery(condition));
    }
    reads.set(one, tables);
    // Only where the policies that decide about reading hold a subquery are they walked at all.
    if (asks && (one.command === 'SELECT' || one.command === 'ALL')) subqueries.add(one.table);
  }
  const readers = new Map<string, readonly Asking[]>();
  for (const one of policies) {
    if (one.command === 'SELECT' || one.command === 'ALL')
      readers.set(one.table, [...(readers.get(one.table) ?? []), one]);
  }
  // Where a table leads nowhere, it is not walked again from the next policy: schemas have many that ask the same.
  const ends = new Set<string>();
  const walk = (from: Asking, way: readonly string[], on: ReadonlySet<string>): readonly string[] | null => {
    for (const { table, by } of reads.get(from) ?? []) {
      const further = by === null ? way : [...way, by];
      if (on.has(table)) {
        if (subqueries.has(table)) return [...further, table];
        continue;
      }
      if (ends.has(table)) continue;
      for (const next of readers.get(table) ?? []) {
        const found = walk(next, [...further, table], new Set([...on, table]));
        if (found !== null) return found;
      }
      ends.add(table);
    }
    return null;
  };
  const found = new Map<Asking, readonly string[]>();
  for (const one of policies) {
    ends.clear();
    const way = walk(one, [one.table], new Set([one.table]));
    if (way !== null) found.set(one, way);
  }
  return found;
}

/** How far calls of functions by functions are followed. */
const deepest = 4;

/** Tables that conditions read through functions which ask as their caller, row security and all. */
export function throughFunctions(
  functions: readonly DbFunction[],
  tables: readonly Table[],
): (condition: string) => readonly Read[] {
  const asking = new Map<string, readonly DbFunction[]>();
  for (const one of functions) {
    if (one.securityDefiner || !['sql', 'plpgsql'].includes(one.language)) continue;
    const name = one.name.toLowerCase();
    asking.set(name, [...(asking.get(name) ?? []), one]);
  }
  const names = new Set(tables.map((one) => `${one.schema}.${one.name}`));
  const known = new Map<string, readonly Read[]>();
  const readIn = (name: string, depth: number): readonly Read[] => {
    const before = known.get(name);
    if (before !== undefined) return before;
    known.set(name, []);
    const found = (asking.get(name) ?? []).flatMap((one): readonly Read[] => {
      const by = `${one.schema}.${one.name}()`;
      const own = reachOf(one, names)?.tables ?? [];
      const further = depth < deepest ? calledIn(textOf(one)).flatMap((each) => readIn(each, depth + 1)) : [];
      return [...own.map((table) => ({ table, by })), ...further.map(({ table }) => ({ table, by }))];
    });
    known.set(name, found);
    return found;
  };
  return (condition) => [...new Set(calledIn(condition))].flatMap((name) => readIn(name, 1));
}
