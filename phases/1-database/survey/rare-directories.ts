import type { Column, Table } from '../../../src/database/catalog/types.ts';
import { mentions } from '../../../src/database/words.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import { directoryOf } from './by-hand.ts';
import {
  type ByValues,
  type Candidate,
  type Directory,
  generalNames,
  joins,
  type References,
  reason,
} from './candidates.ts';
import { foreignKeyOf, nameOf, plainName, userColumns } from './shape.ts';

/**
 * Users are joined with ids under a name that says "the organization", and no table has those: another system keeps
 * the organizations. What rows of such an app hang on otherwise (its projects, say) is no directory.
 */
export function keptElsewhere(
  roots: readonly Table[],
  found: Table | null,
  people: ReadonlySet<string>,
  values: ByValues,
): Blocker | null {
  const known = new Set([...values.values()].flat().map((one) => one.column));
  const says = (table: Table): readonly Column[] =>
    table.columns.filter(
      (one) => generalNames.includes(plainName(one.name)) && foreignKeyOf(table, one.name) === null && !known.has(one),
    );
  const joined = roots.filter((table) => table !== found && joins(table, says(table), userColumns(table, people)));
  const [first] = joined;
  if (first === undefined) return null;
  // What the app isolates by has no organization above it.
  if (found !== null && says(found).length === 0) return null;
  const [column] = says(first);
  if (column === undefined) return null;
  const tables = roots.filter((table) => says(table).some((one) => one.name === column.name));
  return {
    problem: `${nameOf(first)} joins users with organizations by ${column.name}, and no table holds these organizations.`,
    remedy:
      'Name the table with --organizations (names.organizations), or make one of the ids that are in use with the SQL below.',
    detail: directoryOf(column, tables),
  };
}

/** Nobody is a member, but policies let whoever owns a row of it reach what refers to that row: shops of an owner. */
export function ofOwners(
  all: readonly Candidate[],
  roots: readonly Table[],
  people: ReadonlySet<string>,
  named: ReadonlyMap<string, string>,
): Directory | null {
  const owned = all.filter(({ table, tables }) => {
    const users = userColumns(table, people).map((one) => one.name);
    return (
      tables.size > 1 &&
      roots.some((other) => {
        const words = named.get(nameOf(other)) ?? '';
        return tables.has(other) && mentions(words, table.name) && users.some((one) => mentions(words, one));
      })
    );
  });
  const [first, second] = [...owned].sort((one, other) => other.tables.size - one.tables.size);
  if (first === undefined || (second !== undefined && second.tables.size === first.tables.size)) return null;
  return { table: first.table, because: `${reason(first)}, and policies ask who owns it`, question: null };
}

/** Nothing asks for it, but people and rows name it in one column, which no such row may leave empty. */
export function ofPeople(
  all: readonly Candidate[],
  people: ReadonlySet<string>,
  references: References,
): Directory | null {
  const shared = all.filter(({ table, tables }) => {
    const columns = [...references(table)]
      .filter(([other]) => tables.has(other))
      .flatMap(([other, list]) => list.map((column) => ({ other, column })));
    return columns.some(
      ({ other, column }) =>
        people.has(nameOf(other)) &&
        columns.some((one) => !people.has(nameOf(one.other)) && one.column.name === column.name && one.column.notNull),
    );
  });
  const [only, ...others] = shared;
  if (only === undefined || others.length > 0) return null;
  return { table: only.table, because: `${reason(only)}, and people and rows name it in one column`, question: null };
}
