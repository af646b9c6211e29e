import type { ColumnRow, ConstraintRow, IndexRow, TableRow } from './queries.ts';
import type { Column, Constraint, Index, Table } from './types.ts';

/** Puts tables together from flat rows, which are in the order that their lists have. */
export function assemble(
  tables: readonly TableRow[],
  columns: readonly ColumnRow[],
  constraints: readonly ConstraintRow[],
  indexes: readonly IndexRow[],
): readonly Table[] {
  const columnsOf = lists(columns);
  const constraintsOf = lists(constraints);
  const indexesOf = lists(indexes);
  const names = new Map(
    [...columnsOf].map(([relation, list]) => [relation, new Map(list.map((one) => [one.number, one.name]))]),
  );
  /** Null for an expression, whose number is 0, and for a system column. */
  const name = (relation: number, column: number): string | null => names.get(relation)?.get(column) ?? null;
  const namesOf = (relation: number, numbers: readonly number[] | null): readonly string[] =>
    (numbers ?? []).map((one) => name(relation, one)).filter((one) => one !== null);

  const constraint = ({ relation, target, schema, table, targetColumns, ...one }: ConstraintRow): Constraint => ({
    ...one,
    columns: namesOf(relation, one.columns),
    references:
      one.type !== 'f' || schema === null || table === null
        ? null
        : { schema, table, columns: namesOf(target, targetColumns) },
  });
  const index = ({ relation, ...one }: IndexRow): Index => ({
    ...one,
    columns: one.columns.map((column) => name(relation, column)),
  });
  return tables.map((table) => ({
    ...table,
    columns: (columnsOf.get(table.oid) ?? []).map(({ relation: _, ...one }): Column => one),
    constraints: (constraintsOf.get(table.oid) ?? []).map(constraint),
    indexes: (indexesOf.get(table.oid) ?? []).map(index),
  }));
}

function lists<T extends { readonly relation: number }>(rows: readonly T[]): ReadonlyMap<number, readonly T[]> {
  const byRelation = new Map<number, T[]>();
  for (const row of rows) {
    const list = byRelation.get(row.relation);
    if (list === undefined) byRelation.set(row.relation, [row]);
    else list.push(row);
  }
  return byRelation;
}
