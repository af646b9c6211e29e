import { identifier, qualified } from '../quote.ts';
import { counting, removeSql } from './cast.ts';
import type { ApiRole, ColumnFacts, TableFacts } from './facts.ts';
import { insertSql, type Row, rowFilter } from './rows.ts';
import { type Act, cursorName } from './script.ts';
import { nameOf, type World } from './world.ts';

/** Who acts: the role, and the claims of the token as JSON. */
export type Who = { readonly role: ApiRole; readonly claims: string };

const target = (table: TableFacts): string => qualified(table.schema, table.name);

export const read = (name: string, who: Who, table: TableFacts, filter: string): Act => ({
  name,
  about: nameOf(table),
  ...who,
  sql: [`select count(*) from ${target(table)} where ${filter}`],
  measure: 'value',
});

/** Conditions of an inserted row that counts: of the one under its key, and of any where that one is not there. */
export type Landing = { readonly byKey: string; readonly else: string };

/**
 * Takes the prepared row away first, so that its own keys are free for the attempt. Triggers of the app give rows
 * another organization or another key than they were sent with: `landing` says which row counts then.
 */
export const insert = (name: string, who: Who, world: World, row: Row, quiet: boolean, landing?: Landing): Act => {
  const filter = rowFilter(world, row);
  const table = target(row.table);
  const count = counting(table, landing === undefined ? filter : `${filter} and (${landing.byKey})`);
  const observe =
    landing === undefined
      ? count.observe
      : `select case when exists (select from ${table} where ${filter}) then (${count.observe}) else (select count(*) from ${table} where ${landing.else}) end`;
  return {
    name,
    about: nameOf(row.table),
    ...who,
    before: [...removeSql(row, filter, quiet), count.before],
    sql: [insertSql(row, insertable(row.table, who.role))],
    measure: 'rows',
    observe,
  };
};

/**
 * `blind` reaches the row as an UPDATE without WHERE would, which is what a careless or hostile client sends: SELECT
 * policies do not apply. Otherwise the row is found by its key, as an app does it.
 */
export const update = (name: string, who: Who, world: World, row: Row, manner: 'blind' | 'by key'): Act =>
  reach(name, who, world, row, manner, `update ${target(row.table)} set ${assignment(world, row, who.role)}`);

export const remove = (name: string, who: Who, world: World, row: Row, manner: 'blind' | 'by key'): Act =>
  reach(name, who, world, row, manner, `delete from ${target(row.table)}`);

/** Performs `statement`, which has no WHERE yet, on one row. */
export function reach(
  name: string,
  who: Who,
  world: World,
  row: Row,
  manner: 'blind' | 'by key',
  statement: string,
): Act {
  const filter = rowFilter(world, row);
  // Foreign tables know no WHERE CURRENT OF.
  if (manner === 'by key' || row.table.kind === 'f') {
    return { name, about: nameOf(row.table), ...who, sql: [`${statement} where ${filter}`], measure: 'rows' };
  }
  return {
    name,
    about: nameOf(row.table),
    ...who,
    cursor: `select 1 from ${target(row.table)} where ${filter} for update`,
    sql: [`${statement} where current of ${cursorName}`],
    measure: 'rows',
  };
}

/** Where only some columns are granted, only these are written: the rest would be refused for the wrong reason. */
const insertable = (table: TableFacts, role: ApiRole): ((column: ColumnFacts) => boolean) => {
  const granted = table.columns.filter((column) => column.grants.includes(`${role}.insert`));
  return granted.length === 0 ? () => true : (column) => granted.includes(column);
};

/** Sets a column to the value that it has: enough to know whether the row can be reached, and no constraint minds. */
function assignment(world: World, row: Row, role: ApiRole): string {
  const keys = new Set([...row.table.primary, world.tenantColumns.get(nameOf(row.table))]);
  const open = row.table.columns.filter((column) => !column.generated);
  const granted = open.filter((column) => column.grants.includes(`${role}.update`));
  const choice = granted.length > 0 ? granted : open;
  const column =
    choice.find(({ name }) => !keys.has(name) && row.values.has(name)) ??
    // Of a copied row only the keys are known.
    (row.copied.length > 0 ? choice.find(({ name }) => row.values.has(name)) : undefined) ??
    choice.find(({ name, notNull }) => !keys.has(name) && !notNull) ??
    choice.find(({ name }) => row.values.has(name)) ??
    choice[0];
  if (column === undefined) throw new Error(`${nameOf(row.table)} has no column`);
  return `${identifier(column.name)} = ${row.values.get(column.name) ?? column.default ?? 'null'}`;
}
