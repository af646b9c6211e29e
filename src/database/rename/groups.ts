import { identifier, literal, qualified } from '../quote.ts';
import type { Routine } from './routine.ts';
import type { TriggerPlan } from './triggers.ts';
import type { ColumnRename, RenameGroup } from './types.ts';
import { relationKey, type ViewRename } from './world.ts';

/** One transaction per set of tables that a function, a view or a trigger ties together. */
export function formGroups(
  renames: readonly ColumnRename[],
  views: readonly ViewRename[],
  routines: readonly Routine[],
  triggers: readonly TriggerPlan[],
): readonly RenameGroup[] {
  const parent = new Map<string, string>(renames.map((item) => [keyOf(item), keyOf(item)]));
  const find = (key: string): string => {
    const up = parent.get(key) ?? key;
    return up === key ? key : find(up);
  };
  const tie = (roots: Iterable<string>): void => {
    const [first, ...rest] = [...roots].filter((root) => parent.has(root));
    if (first !== undefined) for (const root of rest) parent.set(find(root), find(first));
  };
  for (const item of views) tie(item.roots);
  // Also where the text stays: a NATURAL JOIN of two tables must never see only one of them renamed.
  for (const item of routines) tie(item.roots);
  for (const item of triggers) tie(item.roots);

  const members = new Map<string, ColumnRename[]>();
  for (const item of [...renames].sort(order)) {
    const root = find(keyOf(item));
    members.set(root, [...(members.get(root) ?? []), item]);
  }
  const within = (roots: Iterable<string>, root: string): boolean =>
    [...roots].some((each) => parent.has(each) && find(each) === root);
  const loose = routines.filter((item) => item.body !== null && ![...item.roots].some((root) => parent.has(root)));
  return [...members]
    .map(([root, tables]) =>
      group(
        tables,
        views.filter((item) => within(item.roots, root)),
        routines.filter((item) => item.body !== null && within(item.roots, root)),
        triggers.filter((item) => within(item.roots, root)),
      ),
    )
    .concat(loose.map(claims));
}

/** A function that names no renamed table itself: it reads a claim by a new name, or builds its SQL at run time. */
function claims(item: Routine): RenameGroup {
  return {
    id: `claims of function ${item.function.signature}`,
    title: `Change the names in ${item.function.signature}`,
    tables: [],
    up: ['set local check_function_bodies = off;', statementOf(newDefinition(item))].join('\n'),
    down: ['set local check_function_bodies = off;', statementOf(item.function.definition ?? '')].join('\n'),
    functions: [item.function.signature],
    swallowing: item.swallows ? [item.function.signature] : [],
  };
}

const keyOf = (item: ColumnRename): string => relationKey(item.schema, item.table);
const order = (a: ColumnRename, b: ColumnRename): number => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0);

function group(
  tables: readonly ColumnRename[],
  views: readonly ViewRename[],
  routines: readonly Routine[],
  triggers: readonly TriggerPlan[],
): RenameGroup {
  const names = [...new Set(tables.map((item) => qualified(item.schema, item.table)))];
  const merged = tables.filter((item) => item.aside !== undefined);
  const renames = [
    ...tables
      .filter((item) => item.aside === undefined)
      .map((item) => ({ verb: `alter table ${qualified(item.schema, item.table)}`, ...item })),
    ...views.map((item) => ({
      verb: `alter ${item.materialized ? 'materialized view' : 'view'} ${qualified(item.schema, item.table)}`,
      ...item,
    })),
  ];
  // All at once and in one order: two runs cannot hold half each.
  const lock = `lock table ${names.join(', ')} in access exclusive mode;`;
  // A body without a path of its own is checked with the path its callers have; the connection's may be anything.
  const path =
    routines.length === 0
      ? []
      : [
          `set local search_path = ${[...new Set(['public', 'extensions', ...routines.map((item) => item.function.schema)])].map(identifier).join(', ')};`,
        ];
  const up = [
    lock,
    ...renames.map((item) => `${item.verb} rename column ${identifier(item.from)} to ${identifier(item.to)};`),
    ...merged.map(putAside),
    ...path,
    ...routines.map((item) => statementOf(newDefinition(item))),
    ...triggers.map((item) => `${item.up};`),
  ];
  const down = [
    lock,
    ...merged.map(bringBack),
    ...[...renames]
      .reverse()
      .map((item) => `${item.verb} rename column ${identifier(item.to)} to ${identifier(item.from)};`),
    ...path,
    // What comes back stood there before, whether or not it would be accepted today.
    ...(routines.length === 0 ? [] : ['set local check_function_bodies = off;']),
    ...routines.map((item) => statementOf(item.function.definition ?? '')),
    ...triggers.map((item) => `${item.down};`),
  ];
  const [first = ''] = names;
  const olds = [...new Set(tables.map((item) => item.from))].join(' and ');
  const others = names.length === 1 ? '' : ` and ${names.length - 1} more`;
  return {
    id: `rename ${names.join(' ')}`,
    title: `Rename ${olds} to ${[...new Set(tables.map((item) => item.to))].join(' and ')} on ${first}${others}`,
    tables,
    up: up.join('\n'),
    down: down.join('\n'),
    functions: routines.map((item) => item.function.signature),
    swallowing: routines.filter((item) => item.swallows).map((item) => item.function.signature),
  };
}

/**
 * The old column keeps its values, indexes and constraints under another name, and may be empty from now on, because
 * nobody writes it any more. A row that came to disagree since the plan stops the transaction.
 */
function putAside(item: ColumnRename): string {
  const table = qualified(item.schema, item.table);
  const from = identifier(item.from);
  const to = identifier(item.to);
  const problem = literal(`${table}: a row has different values in ${item.from} and ${item.to}`);
  return [
    `do $check$ begin if exists (select from ${table} t where t.${from} is not null and t.${from}::text is distinct from t.${to}::text) then raise exception using message = ${problem}; end if; end $check$;`,
    `alter table ${table} rename column ${from} to ${identifier(item.aside ?? item.from)};`,
    ...(item.notNull === true
      ? [`alter table ${table} alter column ${identifier(item.aside ?? item.from)} drop not null;`]
      : []),
  ].join('\n');
}

/** Rows that were made meanwhile get the value that the old column would have had. */
function bringBack(item: ColumnRename): string {
  const table = qualified(item.schema, item.table);
  const from = identifier(item.from);
  return [
    `alter table ${table} rename column ${identifier(item.aside ?? item.from)} to ${from};`,
    ...(item.notNull === true
      ? [
          `update ${table} set ${from} = ${identifier(item.to)} where ${from} is null;`,
          `alter table ${table} alter column ${from} set not null;`,
        ]
      : []),
  ].join('\n');
}

const statementOf = (definition: string): string => `${definition.replace(/\s+$/, '')};`;

/** `pg_get_functiondef` with another text between the same dollar quotes. */
function newDefinition(item: Routine): string {
  const { definition, body } = item.function;
  const at = definition?.lastIndexOf(`$${body}$`) ?? -1;
  if (definition === null || at < 0 || item.body === null) return definition ?? '';
  return definition.slice(0, at + 1) + item.body + definition.slice(at + 1 + body.length);
}
