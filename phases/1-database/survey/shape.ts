import type { Column, Constraint, Table } from '../../../src/database/catalog/types.ts';
import { qualified } from '../../../src/database/quote.ts';

/** Small questions about one table of the catalog. */

export const nameOf = (table: { readonly schema: string; readonly name: string }): string =>
  `${table.schema}.${table.name}`;

/** A table as a flag or a setting takes it, quoted for a shell where its name has to be. */
export const asFlag = (table: { readonly schema: string; readonly name: string }): string => {
  const name = qualified(table.schema, table.name);
  return /^[\w.]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
};

/** A name as most apps write it, for whatever asks what a name means: `organizationId` and `Organization ID` are `organization_id`. */
export const plainName = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[\s-]+/g, '_')
    .toLowerCase();

export const isText = (type: string): boolean => /^(text|character varying|character|citext)/.test(type);

export const isTime = (type: string): boolean => /^(timestamp|date)/.test(type);

export const primaryColumn = (table: Table | null): Column | null => {
  const columns = table?.constraints.find((one) => one.type === 'p')?.columns ?? [];
  return columns.length === 1 ? (table?.columns.find((column) => column.name === columns[0]) ?? null) : null;
};

/** The foreign key over this column alone. */
export const foreignKeyOf = (table: Table, column: string): Constraint | null =>
  table.constraints.find((one) => one.type === 'f' && one.columns.length === 1 && one.columns[0] === column) ?? null;

export const pointsAt = (constraint: Constraint | null, table: Table | null): boolean =>
  constraint !== null &&
  table !== null &&
  constraint.references?.table === table.name &&
  constraint.references.schema === table.schema;

const pointsAtUsers = (constraint: Constraint | null): boolean =>
  constraint?.references?.schema === 'auth' && constraint.references.table === 'users';

/** At most one row for each value of these columns; a partial index counts, since it says the same of rows that count. */
export const isUnique = (table: Table, columns: readonly string[]): boolean =>
  table.indexes.some(
    (index) =>
      index.unique &&
      index.columns.length === columns.length &&
      columns.every((column) => index.columns.includes(column)),
  );

const userNames =
  /^(user|member|profile|auth_user|auth|account|person|owner|staff|employee|supabase_user|app_user)_?(id|uuid|uid)$|^uid$|^user$/;

/** Columns of a table of people that hold the id of `auth.users` where that is not the key, the likeliest first. */
const authNames = [
  'user_id',
  'auth_user_id',
  'auth_id',
  'auth_uid',
  'supabase_user_id',
  'supabase_id',
  'supabase_uid',
  'user_uuid',
];

/** Names that say who did something to a row, not whose it is. */
export const doers =
  /(created|updated|invited|deleted|removed|added|approved|assigned|changed|granted|reviewed)_?(by|from)/;

/** Columns that hold a user: by foreign key to `auth.users` or to a table of people, else by name and type. */
export function userColumns(table: Table, people: ReadonlySet<string>): readonly Column[] {
  const linked = table.columns.filter((column) => {
    if (doers.test(plainName(column.name))) return false;
    const foreign = foreignKeyOf(table, column.name);
    return pointsAtUsers(foreign) || (foreign?.references != null && people.has(nameOf2(foreign.references)));
  });
  if (linked.length > 0) return [...linked].sort((one, other) => rank(one) - rank(other));
  return table.columns
    .filter(
      (column) =>
        column.base === 'uuid' && userNames.test(plainName(column.name)) && foreignKeyOf(table, column.name) === null,
    )
    .sort((one, other) => rank(one) - rank(other));
}

const nameOf2 = (one: { readonly schema: string; readonly table: string }): string => `${one.schema}.${one.table}`;
const rank = (column: Column): number => {
  const at = ['user_id', 'profile_id', 'member_id'].indexOf(plainName(column.name));
  return at === -1 ? 9 : at;
};

/** Tables with one row per user: their key, or a unique column, is the user's id. */
export const isPeople = (table: Table): boolean =>
  table.columns.some((column) => pointsAtUsers(foreignKeyOf(table, column.name)) && isUnique(table, [column.name]));

/** The column of a table of people that holds the user: the one with a foreign key to `auth.users`, else one of a usual name. */
export function authColumn(table: Table): Column | null {
  const linked = table.columns
    .filter((column) => !doers.test(plainName(column.name)) && pointsAtUsers(foreignKeyOf(table, column.name)))
    .sort((one, other) => Number(isUnique(table, [other.name])) - Number(isUnique(table, [one.name])));
  const named = authNames.flatMap((name) => table.columns.filter((column) => plainName(column.name) === name));
  return linked[0] ?? named[0] ?? null;
}

/** `companies` is `company`, `clinics` is `clinic`, `staff` stays. */
export function singular(name: string): string {
  if (/(ss|us|is)$/.test(name)) return name;
  if (/ies$/.test(name)) return name.replace(/ies$/, 'y');
  if (/(ch|sh|x|z|ss)es$/.test(name)) return name.replace(/es$/, '');
  return name.replace(/s$/, '');
}

/** The same kind of id: uuids that stand as text, and whole numbers of other widths, included. */
export function holdsIdsOf(column: Column, idType: string): boolean {
  const whole = /^(smallint|integer|bigint|numeric)/;
  if (isText(idType)) return isText(column.base);
  if (whole.test(idType)) return whole.test(column.base);
  return column.base === idType || (idType === 'uuid' && isText(column.base));
}
