import type { DbFunction } from '../catalog/types.ts';
import { identifier, literal, qualified } from '../quote.ts';
import type { TableFacts } from './facts.ts';
import { type Family, findFilter, findRow } from './rows.ts';
import { scopeOf } from './scope.ts';
import { nameOf, type World } from './world.ts';

/** What the bodies of functions are about, and what they leave behind. */

/** A function and those that its body names, by whole word, and theirs. */
export function named(world: World, fn: DbFunction): ReadonlySet<DbFunction> {
  const found = new Set([fn]);
  // A set takes what is added while it is walked.
  for (const one of found) {
    const words = new Set(wordsOf(one.body));
    for (const other of world.catalog.functions) if (words.has(other.name)) found.add(other);
  }
  return found;
}

/** Tables of organizations that the body names, by whole word: itself, or through views and functions that it names. */
export const mentioned = (world: World, fn: DbFunction): readonly TableFacts[] => {
  const words = new Set([...named(world, fn)].flatMap(({ body }) => wordsOf(body)));
  for (const word of words)
    for (const view of world.catalog.views.filter(({ name }) => name === word))
      for (const one of wordsOf(view.definition)) words.add(one);
  return [...world.facts.values()]
    .filter((table) => table !== world.users && !table.isPartition && words.has(table.name))
    .filter((table) => scopeOf(world, table).kind !== 'none')
    .slice(0, 8);
};

const wordsOf = (text: string): readonly string[] => text.match(/[\w$]+/g) ?? [];

/**
 * B's rows as one value: what differs before and after a call was changed by it. Where a row stands tells also of an
 * update that left every value as it was.
 */
export const stateSql = (world: World, family: Family, tables: readonly TableFacts[]): string => {
  const parts = tables.flatMap((table) => {
    const row = findRow(family, table, 'b');
    const filter = row === undefined ? null : findFilter(world, row);
    if (filter === null) return [];
    const column = world.tenantColumns.get(nameOf(table));
    // Where the attempt frees the key of B's row, what comes to stand there is B's only if it says so.
    const theirs = column === undefined ? '' : ` and ${identifier(column)}::text = ${literal(family.ids.org.b)}`;
    return [
      `coalesce((select string_agg(${table.kind === 'f' ? '' : `t.ctid::text || `}t::text, '|') from ${qualified(table.schema, table.name)} t where ${filter}${theirs}), '-')`,
    ];
  });
  return parts.length === 0 ? `select ''` : `select md5(${parts.join(` || '#' || `)})`;
};
