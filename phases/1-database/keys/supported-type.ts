import type { ClientBase } from 'pg';
import type { Column, Table } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import { primaryColumn, type Survey } from '../survey.ts';
import { dependentsOf } from './dependents.ts';
import { looking } from './facts.ts';

/** Types of ids that every step can stamp, compare and refer to. */
export const supported = /^(uuid|smallint|integer|bigint|text|character varying)$/;

type Held = { readonly table: Table; readonly column: Column };

/**
 * SQL that gives ids of another type (citext, char(n), numeric) one that every step can work with: the directory's key,
 * and each column that holds it, with what stands on them taken away and brought back. Null where that cannot be written.
 */
export async function toSupportedType(client: ClientBase, found: Survey): Promise<string | null> {
  const directory = found.organizations;
  const key = primaryColumn(directory);
  if (directory === null || key === null || supported.test(found.idType)) return null;
  const held = holdersOf(found, directory, key);
  const all: readonly Held[] = [{ table: directory, column: key }, ...held];
  return looking(client, async () => {
    const drop = new Set<string>();
    const restore = new Set<string>();
    for (const { table, column } of all) {
      const tenant = {
        table,
        sql: sqlOf(table),
        key: column,
        also: [],
        renamed: false,
        foreignKey: null,
        wrongForeignKey: false,
        text: false,
      };
      const dependents = await dependentsOf(client, found, tenant);
      if (dependents.obstacles.length > 0) return null;
      for (const one of dependents.drop) drop.add(one);
      for (const one of dependents.restore) restore.add(overText(one, key.base));
    }
    const keys = foreignKeysOf(found, all);
    const type = await typeFor(client, directory, key);
    const own = identifier(key.name);
    return [
      'begin;',
      ...drop,
      ...keys.map(({ table, name }) => `alter table ${table} drop constraint ${name};`),
      // Two spellings that the old type calls the same are the directory's.
      ...held.map(
        ({ table, column: { name } }) =>
          `update ${sqlOf(table)} t set ${identifier(name)} = o.${own} from ${sqlOf(directory)} o where o.${own} = t.${identifier(name)} and o.${own}::text <> t.${identifier(name)}::text;`,
      ),
      ...all.map(
        ({ table, column: { name } }) =>
          `alter table ${sqlOf(table)} alter column ${identifier(name)} type ${type} using ${identifier(name)}::${type};`,
      ),
      ...keys.map(({ table, name, definition }) => `alter table ${table} add constraint ${name} ${definition};`),
      ...restore,
      'commit;',
    ].join('\n');
  });
}

/** Over text, without the operators and the casts of a type that an extension brought. */
function overText(sql: string, base: string): string {
  const [, schema] = /^("(?:[^"]|"")+"|\w+)\./.exec(base) ?? [];
  if (schema === undefined) return sql;
  return sql
    .replaceAll(`::${base}`, '::text')
    .replace(/OPERATOR\(("(?:[^"]|"")+"|\w+)\.([^)]+)\)/g, (whole, of: string, operator: string) =>
      of === schema ? operator : whole,
    );
}

const sqlOf = (table: Table): string => qualified(table.schema, table.name);

/** Columns that refer to the directory, and those that the survey takes for its keys. Partitions follow their parent. */
function holdersOf(found: Survey, directory: Table, key: Column): readonly Held[] {
  const list: Held[] = [];
  for (const table of found.catalog.tables) {
    if (table.isPartition || table.kind === 'foreign') continue;
    const tenant = found.tenants.find((one) => one.table === table);
    for (const column of table.columns) {
      const refers = table.constraints.some(
        (one) =>
          one.type === 'f' &&
          one.references?.schema === directory.schema &&
          one.references.table === directory.name &&
          one.references.columns.some((name, at) => name === key.name && one.columns[at] === column.name),
      );
      const taken = tenant !== undefined && [tenant.key, ...tenant.also].includes(column) && column.base === key.base;
      if ((refers || taken) && !(table === directory && column === key)) list.push({ table, column });
    }
  }
  return list;
}

function foreignKeysOf(
  found: Survey,
  all: readonly Held[],
): readonly { readonly table: string; readonly name: string; readonly definition: string }[] {
  const touched = (schema: string, table: string, columns: readonly string[]): boolean =>
    all.some((one) => one.table.schema === schema && one.table.name === table && columns.includes(one.column.name));
  return found.catalog.tables.flatMap((table) =>
    table.isPartition
      ? []
      : table.constraints
          .filter(
            (one) =>
              one.type === 'f' &&
              (touched(table.schema, table.name, one.columns) ||
                (one.references !== null &&
                  touched(one.references.schema, one.references.table, one.references.columns))),
          )
          .map((one) => ({ table: sqlOf(table), name: identifier(one.name), definition: one.definition })),
  );
}

/** Whole numbers stay numbers; everything else is known by its text. */
async function typeFor(client: ClientBase, directory: Table, key: Column): Promise<'bigint' | 'text'> {
  if (!/^numeric/.test(key.base)) return 'text';
  const name = identifier(key.name);
  const { rows } = await client.query<{ whole: boolean }>(
    `select not exists (select from ${sqlOf(directory)} o where o.${name} <> trunc(o.${name}) or abs(o.${name}) > 9e17) as whole`,
  );
  return rows[0]?.whole === true ? 'bigint' : 'text';
}
