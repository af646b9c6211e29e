import type { Column, Table } from '../../../src/database/catalog/types.ts';
import { literal } from '../../../src/database/quote.ts';
import { allowedValues } from './roles.ts';
import { isText, isTime, plainName } from './shape.ts';

/** A column with what it holds, as SQL, where a membership is over. */
export type Over = readonly [column: string, expression: string];

export const activeLabels =
  /^(active|accepted|approved|confirmed|enabled|member|joined|current|verified|ok|live|valid|open|full|working|employed|granted|complete|completed|registered|activated)$/;
export const goneLabels =
  /^(removed|deleted|left|revoked|suspended|deactivated|disabled|inactive|banned|blocked|archived|former|terminated|closed|ended|expired|kicked|resigned|withdrawn|offboarded|dissolved|fired|dismissed|purged|cancell?ed)$/;
export const waitingLabels =
  /^(invited|pending.*|requested|request|awaiting.*|waiting|invitation_sent|invite_sent|sent|declined|rejected|denied|refused|draft|unconfirmed|unverified|applied|proposed|new_request)$/;
export const typed = (column: Column, label: string): string =>
  `${literal(label)}${isText(column.base) ? '' : `::${column.type}`}`;

/** What may end a membership of which the operator says in SQL whether it counts: values of the columns that it names. */
export function endsOf(
  table: Table,
  condition: string,
  alias: string,
  found: readonly Over[],
  enums: ReadonlyMap<string, readonly string[]>,
): readonly Over[] {
  const words = new Set(
    condition
      .replace(/'(?:[^']|'')*'/g, ' ')
      .toLowerCase()
      .match(/\w+/g) ?? [],
  );
  return table.columns
    .filter((column) => words.has(column.name.toLowerCase()) && !column.generated && column.name !== alias)
    .flatMap((column): readonly Over[] => {
      const known = found.filter(([name]) => name === column.name);
      if (known.length > 0) return known;
      if (column.base === 'boolean')
        return [
          [column.name, 'false'],
          [column.name, 'true'],
        ];
      if (isTime(column.base))
        return [
          [column.name, 'now()'],
          [column.name, `now() - interval '1 year'`],
        ];
      if (/^(?:smallint|integer|bigint|numeric)$/.test(column.base))
        return [
          [column.name, '0'],
          [column.name, '-1'],
        ];
      const labels = allowedValues(table, column, enums).filter((one) => !waitingLabels.test(plainName(one)));
      const ended = (one: string): number => (goneLabels.test(plainName(one)) ? 0 : 1);
      const sorted = [...labels].sort((one, other) => ended(one) - ended(other));
      return (isText(column.base) && labels.length === 0 ? ['removed'] : sorted.slice(0, 4)).map(
        (label): Over => [column.name, typed(column, label)],
      );
    });
}
