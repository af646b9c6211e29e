import type { Constraint, Table } from '../../src/database/catalog/types.ts';
import { identifier } from '../../src/database/quote.ts';
import { escapeRegExp } from '../../src/database/words.ts';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import { type Survey, tenantOf } from '../1-database/survey.ts';
import { type Change, hashOf, type Make, nameOf, type Since } from './changed.ts';

/** Constraints that say who belongs where, those of the rollout, and keys by which policies find a row's organization. */
export function constraintFinding(change: Change, found: Survey, since: Since, make: Make): GuardFinding | null {
  const { object, how } = change;
  if (how === 'new') return null;
  const name = nameOf(object);
  const [schema, tableName, ...rest] = name.split('.');
  const table = found.catalog.tables.find((one) => one.schema === schema && one.name === tableName);
  const now = table?.constraints.find((one) => one.name === rest.join('.'));
  if (isIndexed(change, table)) return null;
  const isOwn = since.own.has(object);
  const whose = isOwn ? 'which the rollout made' : meaning(change, table, now, found);
  if (whose === null) return null;
  // One value more in a list is how an app gets another role; the list still stands.
  if (!isOwn && how === 'changed' && now?.validated === true && isList.test(now.definition)) return null;
  return make(
    'constraint',
    `Constraint ${name}, ${whose}, ${how === 'gone' ? 'no longer exists' : 'was changed since the rollout'}.`,
    'Restore it, or accept this finding in the baseline where the change was meant.',
  );
}

function meaning(
  { how, was }: Change,
  table: Table | undefined,
  now: Constraint | undefined,
  found: Survey,
): string | null {
  if (table === undefined) return null;
  const directory = [found.organizations, found.profiles, found.memberships?.table ?? null];
  if (directory.includes(table)) return 'of a table that says who belongs where';
  if (how !== 'changed' || now?.type !== 'f') return null;
  const key = tenantOf(found, table)?.key.name;
  if (key !== undefined && now.columns.includes(key)) return 'the key of a row’s organization';
  const isAsked = now.columns.some((column) =>
    found.catalog.policies.some(
      (one) =>
        one.schema === table.schema &&
        one.table === table.name &&
        new RegExp(`(?<![\\w$])${escapeRegExp(column)}(?![\\w$])`).test(`${one.using ?? ''} ${one.check ?? ''}`),
    ),
  );
  return key === undefined && isAsked && !actsOtherwise(was, now)
    ? 'the key by which policies find the row that tells whose this one is'
    : null;
}

/** What a unique key forbade, and a unique index does. */
const isIndexed = ({ how, was }: Change, table: Table | undefined): boolean =>
  how === 'gone' &&
  was !== undefined &&
  (table?.indexes ?? []).some(({ unique, valid, partial, columns }) => {
    const names = columns.filter((one) => one !== null);
    if (!unique || !valid || partial || names.length < columns.length) return false;
    return ordersOf(names).some((order) => was === hashOf(`UNIQUE (${order.map(identifier).join(', ')})`, true, false));
  });

const ordersOf = (names: readonly string[]): readonly (readonly string[])[] =>
  names.length < 2 || names.length > 4
    ? [names]
    : names.flatMap((first, at) => ordersOf(names.filter((_, index) => index !== at)).map((rest) => [first, ...rest]));

const actions = ['', ' CASCADE', ' SET NULL', ' SET DEFAULT', ' RESTRICT'];

/** Only what becomes of a row when the one that it refers to is deleted or gets another key is different now. */
function actsOtherwise(was: string | undefined, now: Constraint): boolean {
  const [, plain = '', deferred = ''] =
    /^(.*?)(?: ON (?:UPDATE|DELETE) .*?)?((?: (?:NOT )?DEFERRABLE.*| NOT VALID)?)$/s.exec(now.definition) ?? [];
  return actions.some((update) =>
    actions.some((remove) =>
      [true, false].some(
        (deferrable) =>
          was ===
          hashOf(
            `${plain}${update === '' ? '' : ` ON UPDATE${update}`}${remove === '' ? '' : ` ON DELETE${remove}`}${deferred}`,
            now.validated,
            deferrable,
          ),
      ),
    ),
  );
}

/** A column that holds one of some values, and nothing beside that. */
const isList =
  /^CHECK \(+\w+(?:\)?::[\w ]+)?\)* = ANY \(+ARRAY\[(?:'(?:[^']|'')*'::[\w ]+(?:, )?)+\]\)*(?:::[\w ]+\[\])?\)*$/;
