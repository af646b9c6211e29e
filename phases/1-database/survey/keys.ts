import { splitName } from '../../../src/config/names.ts';
import type { Column, Policy, Table } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import { mentions } from '../../../src/database/words.ts';
import type { Ask } from './ask.ts';
import { generalNames, policyWords } from './candidates.ts';
import { foreignKeyOf, holdsIdsOf, isText, nameOf, plainName, pointsAt, primaryColumn, singular } from './shape.ts';
import type { TenantTable, Unclear } from './types.ts';

export type KeyConfig = {
  readonly to: string;
  /** Old names as the operator gave them; null: found. */
  readonly from: readonly string[] | null;
  /** The column of single tables; null: none. */
  readonly keys: Readonly<Record<string, string | null>>;
};

export type Keys = {
  readonly tenants: readonly TenantTable[];
  readonly unkeyed: readonly Table[];
  readonly unclear: readonly Unclear[];
  /** What `names.keys` names and is not there. */
  readonly missing: readonly string[];
};

/** What the tool itself makes beside a key. */
const made = (name: string, to: string): boolean =>
  name.endsWith('_before_rollout') || name === `${to}_uuid` || name === `${to}_text`;

/** Words that make a column name another organization than the one that the row belongs to. */
const second =
  /^(parent|supplier|vendor|buyer|seller|partner|referr\w*|source|target|from|to|with|sender|recipient|receiver|previous|prev|old|new|original|origin|billing|invited|shared|linked|related|external|customer|client|provider|requesting|host|guest|counterparty|merged|moved|assigned|managing|payer|payee)_/;

/** Names that hold the organization wherever they stand. */
export function plainNames(directory: Table | null, to: string): readonly string[] {
  const own = directory === null ? [] : [`${singular(plainName(directory.name))}_id`];
  return [...new Set([to, ...generalNames.slice(0, 2), ...own, ...generalNames])];
}

/** Says for every table which column names its organization, which others do so too, and which only look like it. */
export async function findKeys(
  tables: readonly Table[],
  directory: Table | null,
  policies: readonly Policy[],
  config: KeyConfig,
  ask: Ask,
): Promise<Keys> {
  const idType = primaryColumn(directory)?.base ?? 'uuid';
  const words = policyWords(policies);
  const unclear: Unclear[] = [];
  const missing: string[] = [];
  const chosen = new Map<Table, readonly Column[]>();
  const plain = config.from === null ? plainNames(directory, config.to) : [config.to, ...config.from];
  // Names that are found mean the same in any spelling; those that somebody gave are meant as they stand.
  const says = (name: string): boolean => plain.includes(config.from === null ? plainName(name) : name);
  const keysOf = new Map(Object.entries(config.keys).map(([name, column]) => [nameOf(splitName(name)), column]));
  const looking = tables.filter((table) => table !== directory);
  const foreign = await valuesOf(looking, directory, plain, config, ask);
  for (const table of looking) {
    const given = keysOf.get(nameOf(table));
    if (given !== undefined) {
      // Once step 1.2 is done, the column has the name that stays.
      const [key] = (given === null ? [] : [given, config.to]).flatMap(
        (name) => table.columns.find((column) => column.name === name) ?? [],
      );
      chosen.set(table, key === undefined ? [] : [key]);
      for (const column of table.columns.filter((one) => one !== key && says(one.name)))
        unclear.push({ table, column, reason: 'the configuration says so' });
      if (given !== null && key === undefined) missing.push(`${nameOf(table)}.${given}`);
      continue;
    }
    const named = plain
      .flatMap((name) =>
        table.columns.filter((column) => (config.from === null ? plainName(column.name) : column.name) === name),
      )
      .filter((column) => config.from !== null || saysId(table, column, idType));
    const usable = named.filter((column) => {
      const reason =
        reasonNotAKey(table, column, directory, idType) ?? foreign.get(rootColumn(looking, table, column)) ?? null;
      if (reason !== null) unclear.push({ table, column, reason });
      return reason === null;
    });
    if (usable.length > 0 || config.from !== null) {
      chosen.set(table, usable);
      continue;
    }
    const other = byForeignKey(table, directory, words.get(nameOf(table)) ?? '', config.to);
    unclear.push(...other.unclear);
    chosen.set(table, other.key === null ? [] : [other.key]);
  }
  for (const [table, [key]] of chosen) {
    if (keysOf.has(nameOf(table)) || key === undefined || config.from !== null) continue;
    if (second.test(plainName(key.name)) && !says(key.name) && belongsToAnother(table, looking, chosen))
      chosen.set(table, []);
  }
  if (config.from === null && directory !== null && primaryColumn(directory) !== null) {
    const rest = looking.filter(
      (table) =>
        chosen.get(table)?.length === 0 && !unclear.some((one) => one.table === table) && !keysOf.has(nameOf(table)),
    );
    const elsewhere = namesByReference(chosen, directory);
    for (const [table, column] of await byValues(rest, directory, config.to, idType, elsewhere, ask))
      chosen.set(table, [column]);
  }
  const tenants: TenantTable[] = [];
  const unkeyed: Table[] = [];
  for (const table of looking) {
    const [key, ...also] = chosen.get(table) ?? [];
    if (key === undefined) {
      if (!unclear.some((one) => one.table === table)) unkeyed.push(table);
      continue;
    }
    const constraint = foreignKeyOf(table, key.name);
    tenants.push({
      table,
      sql: qualified(table.schema, table.name),
      key,
      also,
      renamed: key.name !== config.to && key.local && !table.isPartition,
      foreignKey: constraint,
      wrongForeignKey: constraint !== null && directory !== null && !pointsAt(constraint, directory),
      text: idType === 'uuid' && isText(key.base),
    });
  }
  missing.push(
    ...Object.keys(config.keys).filter((name) => !looking.some((table) => nameOf(table) === nameOf(splitName(name)))),
  );
  return { tenants, unkeyed, unclear, missing };
}

/** A column `tenant` of text may hold a name; with the type of the ids or a foreign key it holds an id. */
const saysId = (table: Table, column: Column, idType: string): boolean =>
  /(id|uuid)$/i.test(column.name) || column.base === idType || foreignKeyOf(table, column.name) !== null;

/** The column of the table that a partition belongs to: what its values mean holds for every partition. */
function rootColumn(tables: readonly Table[], table: Table, column: Column): Column {
  const parent = table.isPartition ? tables.find((one) => table.parents.includes(one.oid)) : undefined;
  const same = parent?.columns.find((one) => one.name === column.name);
  return parent === undefined || same === undefined ? column : rootColumn(tables, parent, same);
}

/** A tenant name can mean something else: a number where organizations have uuids, or a key of another kind. */
function reasonNotAKey(table: Table, column: Column, directory: Table | null, idType: string): string | null {
  if (column.generated) return 'it is a generated column';
  const foreign = foreignKeyOf(table, column.name);
  if (pointsAt(foreign, directory)) {
    const target = foreign?.references?.columns[0];
    return target === primaryColumn(directory)?.name
      ? null
      : `it refers to ${target} of the organization, not to its key`;
  }
  if (holdsIdsOf(column, idType)) {
    // A text column with a foreign key elsewhere holds what that table is known by.
    if (foreign === null || !isText(column.base) || isText(idType)) return null;
  }
  if (foreign !== null)
    return `its type is ${column.type} and it refers to ${foreign.references?.schema}.${foreign.references?.table}`;
  return `its type is ${column.type}, while organizations are known by ${idType}`;
}

/**
 * Every row hangs on a row of another table that says whose it is: `document_shares(document_id, with_organization_id)`.
 * What names a second organization then says with whom it is shared.
 */
const belongsToAnother = (
  table: Table,
  tables: readonly Table[],
  chosen: ReadonlyMap<Table, readonly Column[]>,
): boolean =>
  table.constraints.some(({ type, columns, references }) => {
    if (type !== 'f' || references === null) return false;
    const parent = tables.find((one) => one.schema === references.schema && one.name === references.table);
    const [key] = (parent === undefined ? undefined : chosen.get(parent)) ?? [];
    const always = columns.every((name) => table.columns.find((one) => one.name === name)?.notNull === true);
    return parent !== table && key !== undefined && !second.test(plainName(key.name)) && always;
  });

/** Of columns with a foreign key to the directory, whatever their names: the one that says whose row it is. */
function byForeignKey(
  table: Table,
  directory: Table | null,
  words: string,
  to: string,
): { readonly key: Column | null; readonly unclear: readonly Unclear[] } {
  if (directory === null) return { key: null, unclear: [] };
  const all = table.columns.filter(
    (column) =>
      !made(column.name, to) &&
      !column.generated &&
      foreignKeyOf(table, column.name)?.references?.columns[0] === primaryColumn(directory)?.name &&
      pointsAt(foreignKeyOf(table, column.name), directory),
  );
  const first = all.filter((column) => !second.test(plainName(column.name)));
  const asked = all.filter((column) => mentions(words, column.name));
  const pick =
    asked.length === 1
      ? asked[0]
      : first.length === 1
        ? first[0]
        : all.length === 1 && (all[0]?.notNull === true || !second.test(plainName(all[0]?.name ?? '')))
          ? all[0]
          : undefined;
  if (pick !== undefined) return { key: pick, unclear: [] };
  return {
    key: null,
    unclear: all.map((column) => ({
      table,
      column,
      reason:
        all.length === 1
          ? 'it may be empty and by its name it is another organization than the one that the row belongs to'
          : `${all.map((one) => one.name).join(' and ')} refer to organizations and nothing says which of them the row belongs to; name it with names.keys`,
    })),
  };
}

/**
 * Columns with a tenant name and no foreign key to the directory, none of whose values is an organization: an identity
 * vendor's directory id, a key of another table. With what to say about each.
 */
async function valuesOf(
  tables: readonly Table[],
  directory: Table | null,
  plain: readonly string[],
  config: KeyConfig,
  ask: Ask,
): Promise<ReadonlyMap<Column, string>> {
  const reasons = new Map<Column, string>();
  const primary = primaryColumn(directory);
  if (directory === null || primary === null || config.from !== null) return reasons;
  const columns = tables
    .filter((table) => !table.isPartition && table.kind !== 'foreign')
    .flatMap((table) => table.columns.map((column) => ({ table, column })))
    .filter(
      ({ table, column }) =>
        plain.includes(plainName(column.name)) &&
        saysId(table, column, primary.base) &&
        reasonNotAKey(table, column, directory, primary.base) === null &&
        !pointsAt(foreignKeyOf(table, column.name), directory),
    );
  const questions = columns.map(({ table, column }, at) => {
    const value = identifier(column.name);
    const from = `${qualified(table.schema, table.name)} t`;
    const id = `o.${identifier(primary.name)}`;
    return {
      at,
      sql: `select ${at} as at, exists (select from ${from} where t.${value} is not null) as filled,
      exists (select from ${from} join ${qualified(directory.schema, directory.name)} o on ${column.base === primary.base ? `${id} = t.${value}` : `${id}::text = t.${value}::text`}) as known,
      exists (select from ${qualified(directory.schema, directory.name)}) as any`,
    };
  });
  type Row = { at: number; filled: boolean; known: boolean; any: boolean };
  const together = questions.length === 0 ? [] : await ask<Row>(questions.map((one) => one.sql).join('\nunion all\n'));
  // One large table may take the time of all: then each is asked alone, and one without an answer stays a key by name.
  const rows = [...(together ?? [])];
  let late = 0;
  for (const one of together === null ? questions : []) {
    const answer = late < 3 ? await ask<Row>(one.sql) : [];
    if (answer === null) late += 1;
    rows.push(...(answer ?? []));
  }
  const strange = new Set<string>();
  const meant = new Set(rows.filter((row) => row.known).map((row) => columns[row.at]?.column.name));
  for (const row of rows) {
    const found = columns[row.at];
    if (found === undefined || !row.filled || row.known || !row.any) continue;
    strange.add(found.column.name);
    const foreign = foreignKeyOf(found.table, found.column.name);
    reasons.set(
      found.column,
      `it means something else: no value is an organization${foreign === null ? '' : `, it refers to ${foreign.references?.schema}.${foreign.references?.table}`} (names.keys names it where it is one after all)`,
    );
  }
  // An empty column says nothing by itself: by what the same name holds elsewhere, or beside a column that is the key.
  for (const row of rows) {
    const found = columns[row.at];
    if (found === undefined || row.filled || foreignKeyOf(found.table, found.column.name) !== null) continue;
    const { table, column } = found;
    const key = table.columns.find(
      (one) =>
        one !== column && plain.includes(plainName(one.name)) && pointsAt(foreignKeyOf(table, one.name), directory),
    );
    if (strange.has(column.name) && !meant.has(column.name))
      reasons.set(column, `it is empty, and in other tables no value of ${column.name} is an organization`);
    else if (key !== undefined && column.name !== config.to)
      reasons.set(
        column,
        `it is empty and has no foreign key, and ${key.name} says which organization the row belongs to`,
      );
  }
  return reasons;
}

/** Words of a column that holds no organization, or only as long as nothing else is written there. */
const other = /(user|profile|created|updated|owner|author|entity|resource|record|object|subject|row)/;

/** What the key is called where a foreign key says that it is one, and nowhere refers to anything else. */
function namesByReference(chosen: ReadonlyMap<Table, readonly Column[]>, directory: Table): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [table, [key]] of chosen)
    if (key !== undefined && pointsAt(foreignKeyOf(table, key.name), directory)) names.add(plainName(key.name));
  for (const table of chosen.keys())
    for (const column of table.columns) {
      const foreign = foreignKeyOf(table, column.name);
      if (foreign !== null && !pointsAt(foreign, directory)) names.delete(plainName(column.name));
    }
  return names;
}

/**
 * Columns of tables without a key whose every value is an organization: uuids whatever they are called, ids of other
 * kinds, which are ids of everything, where other tables call their key so.
 */
async function byValues(
  tables: readonly Table[],
  directory: Table,
  to: string,
  idType: string,
  elsewhere: ReadonlySet<string>,
  ask: Ask,
): Promise<ReadonlyMap<Table, Column>> {
  const key = identifier(primaryColumn(directory)?.name ?? 'id');
  const organizations = qualified(directory.schema, directory.name);
  const columns = tables
    .filter((table) => !table.isPartition && table.kind !== 'foreign')
    .flatMap((table) =>
      table.columns
        .filter(
          (column) =>
            (elsewhere.has(plainName(column.name))
              ? holdsIdsOf(column, idType)
              : idType === 'uuid' && column.base === 'uuid' && !other.test(column.name)) &&
            !column.generated &&
            !made(column.name, to) &&
            !second.test(plainName(column.name)) &&
            primaryColumn(table) !== column &&
            foreignKeyOf(table, column.name) === null &&
            // "Of any table" holds organizations only as long as nothing else is logged.
            !table.columns.some(
              (one) => /_type$/.test(one.name) && column.name.startsWith(one.name.replace(/_type$/, '')),
            ),
        )
        .map((column) => ({ table, column })),
    )
    .slice(0, 200);
  if (columns.length === 0) return new Map();
  const rows = await ask<{ at: number }>(
    columns
      .map(({ table, column }, at) => {
        const value = identifier(column.name);
        return `select ${at} as at from (select t.${value} as v from ${qualified(table.schema, table.name)} t where t.${value} is not null limit 100) s
          left join ${organizations} o on ${column.base === idType ? `o.${key} = s.v` : `o.${key}::text = s.v::text`} having count(*) > 0 and count(*) = count(o.${key}) and count(distinct s.v) > 1`;
      })
      .join('\nunion all\n'),
  );
  const found = new Map<Table, Column>();
  const torn = new Set<Table>();
  for (const row of rows ?? []) {
    const one = columns[row.at];
    if (one === undefined) continue;
    if (found.has(one.table)) torn.add(one.table);
    found.set(one.table, one.column);
  }
  for (const table of torn) found.delete(table);
  return found;
}
