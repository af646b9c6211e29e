import type { Table } from '../../../src/database/catalog/types.ts';
import { identifier } from '../../../src/database/quote.ts';
import { profileUser, type Survey } from '../survey.ts';
import type { Assignment, Assignments, UserFacts } from '../values.ts';
import type { Names } from './names.ts';

/** What every part of the sign-up function is written with. */
export type Take = (made: Assignments, what: string) => readonly Assignment[];

export const insertSql = (table: string, list: readonly Assignment[]): string =>
  `insert into ${table} (${list.map((one) => identifier(one.column)).join(', ')})
      values (${list.map((one) => one.expression).join(', ')})`;

/** A profile's key, where it is not the user's id, for columns that refer to profiles. */
export function profileKey(found: Survey, names: Names, user: string): Pick<UserFacts, 'profile'> {
  const { profiles: p } = names;
  const key = p?.table?.constraints.find((one) => one.type === 'p')?.columns ?? [];
  const [only] = key;
  if (p === null || only === undefined || key.length !== 1 || only === profileUser(found)) return {};
  return { profile: `(select p.${identifier(only)} from ${p.sql} p where ${p.of('p', user)} limit 1)` };
}

export const userValue = (found: Survey, table: Table): string => {
  const column = table.columns.find((one) => one.name === profileUser(found));
  return column !== undefined && /^(text|character)/.test(column.base) ? 'new.id::text' : 'new.id';
};
