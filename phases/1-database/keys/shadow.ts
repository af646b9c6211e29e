import type { ClientBase } from 'pg';
import type { Constraint, Index, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { scanSql } from '../../../src/database/rename/parser.ts';
import type { BatchChange, SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import type { Survey, TenantTable } from '../survey.ts';
import type { Conversion, Tools } from './convert.ts';
import { freeName, walkingKey } from './facts.ts';

/** The columns of a conversion beside the table's use, by their final names, quoted. */
type Columns = { readonly key: string; readonly shadow: string; readonly kept: string };

/**
 * Makes the key of a large table uuid while the table is in use: a second column is filled in batches and kept in step by
 * a trigger, gets its indexes CONCURRENTLY, and changes names with the first in one short transaction. The text column
 * stays under another name, in step as well, so that a rollback loses nothing that was written since.
 */
export async function planShadow(
  client: ClientBase,
  survey: Survey,
  tenant: TenantTable,
  tools: Tools,
  options: { readonly lockTimeout: number; readonly taken: Set<string> },
): Promise<Conversion | Blocker> {
  const { table } = tenant;
  const label = `${table.schema}.${table.name}`;
  const walking = walkingKey(table);
  const obstacle = await obstacleOf(client, tenant);
  if (obstacle !== null || walking === null) {
    return {
      problem: `${label} has many rows, and its ${tenant.key.name} cannot become uuid while it is in use: ${obstacle ?? 'no unique NOT NULL column to walk by'}.`,
      remedy: `Change it by hand in a quiet hour (alter table ${tenant.sql} alter column ${identifier(tenant.key.name)} type uuid using …), or leave it out with exclude.`,
    };
  }
  const names = { shadow: `${survey.to}_uuid`, kept: `${survey.to}_text`, trigger: `zz_sync_${survey.to}` };
  const columns: Columns = {
    key: identifier(survey.to),
    shadow: identifier(names.shadow),
    kept: identifier(names.kept),
  };
  const syncName = `sync_${table.name}_${survey.to}`.slice(0, 63);
  const there = survey.catalog.functions.some((one) => one.schema === table.schema && one.name === syncName);
  const begun = table.columns.some((one) => one.name === names.shadow);
  if (begun !== there || table.columns.some((one) => one.name === names.kept)) {
    return {
      problem: `${label} has a column or a function of the name that the conversion of ${survey.to} needs.`,
      remedy: `Rename ${names.shadow} and ${names.kept} of ${label}, and the function ${table.schema}.${syncName}().`,
    };
  }
  const sync = {
    name: qualified(table.schema, syncName),
    trigger: identifier(names.trigger),
  };
  const changes: (SqlChange | BatchChange)[] = [];
  const column: SqlChange = {
    kind: 'sql',
    id: `shadow ${label}`,
    title: `Add ${names.shadow} to ${label}, kept in step with ${survey.to} by a trigger`,
    mode: 'transaction',
    up: [
      `alter table ${tenant.sql} add column ${columns.shadow} uuid;`,
      syncFunction(sync.name, columns.shadow, `new.${columns.key}::text::uuid`),
      `revoke all on function ${sync.name}() from public, anon, authenticated, service_role;`,
      `create trigger ${sync.trigger} before insert or update on ${tenant.sql} for each row execute function ${sync.name}();`,
    ].join('\n'),
    down: [
      `drop trigger ${sync.trigger} on ${tenant.sql};`,
      `drop function ${sync.name}();`,
      `alter table ${tenant.sql} drop column ${columns.shadow};`,
    ].join('\n'),
  };
  if (!begun) changes.push(column);
  changes.push({
    kind: 'batches',
    id: `fill shadow ${label}`,
    title: `Fill ${names.shadow} of ${label}`,
    table: tenant.sql,
    key: walking,
    write: {
      kind: 'update',
      column: columns.shadow,
      type: 'uuid',
      where: `t.${columns.shadow} is null and t.${columns.key} is not null`,
      value: `t.${columns.key}::text::uuid`,
    },
    quiet: true,
    ...(begun ? {} : { after: [column.id] }),
  });
  const twins = twinsOf(survey, tenant, names.shadow, options.taken);
  for (const twin of twins) {
    if (!twin.there) changes.push(twinIndex(table, twin, label));
  }
  const check = identifier(`${table.name}_${survey.to}_filled`.slice(0, 63));
  const filled = table.constraints.find((one) => identifier(one.name) === check);
  if (tenant.key.notNull) {
    if (filled === undefined) {
      changes.push({
        kind: 'sql',
        id: `filled ${label}`,
        title: `Refuse rows of ${label} without ${names.shadow}`,
        mode: 'transaction',
        up: `alter table ${tenant.sql} add constraint ${check} check (${columns.shadow} is not null) not valid;`,
        down: `alter table ${tenant.sql} drop constraint ${check};`,
        after: [column.id],
      });
    }
    if (filled?.validated !== true) {
      changes.push({
        kind: 'sql',
        id: `validate filled ${label}`,
        title: `Check that every row of ${label} has ${names.shadow}`,
        mode: 'autocommit',
        up: `alter table ${tenant.sql} validate constraint ${check}`,
        applied: `select coalesce((select c.convalidated from pg_catalog.pg_constraint c where c.conrelid = ${literal(tenant.sql)}::pg_catalog.regclass and pg_catalog.quote_ident(c.conname) = ${literal(check)}), false)`,
        down: `alter table ${tenant.sql} drop constraint ${check}, add constraint ${check} check (${columns.shadow} is not null) not valid`,
      });
    }
  }
  const swap = swapChange(survey, tenant, tools, { columns, sync: sync.name, twins, check, label, ...options });
  changes.push(swap);
  return { tenant, changes, done: [swap.id], live: true };
}

const syncFunction = (name: string, to: string, value: string): string =>
  `create or replace function ${name}() returns trigger language plpgsql set search_path = '' as $function$
begin
  new.${to} := ${value};
  return new;
end
$function$;`;

/** What a column beside the first cannot take over. */
async function obstacleOf(client: ClientBase, tenant: TenantTable): Promise<string | null> {
  const { table } = tenant;
  if (table.kind !== 'table' || table.parents.length > 0) return 'it is partitioned or inherits';
  const holds = (one: Constraint): boolean => one.columns.includes(tenant.key.name);
  if (table.constraints.some((one) => one.type === 'p' && holds(one))) return 'it is part of the primary key';
  if (table.constraints.some((one) => (one.type === 'x' || one.type === 'f') && holds(one)))
    return 'a foreign key or an exclusion constraint holds it';
  const { rows } = await client.query<{ grants: boolean; referred: boolean; children: boolean }>(
    `select a.attacl is not null as grants,
       exists (select from pg_catalog.pg_constraint c where c.confrelid = a.attrelid and a.attnum = any (c.confkey)) as referred,
       exists (select from pg_catalog.pg_inherits h where h.inhparent = a.attrelid) as children
     from pg_catalog.pg_attribute a where a.attrelid = ${literal(tenant.sql)}::pg_catalog.regclass and a.attname = ${literal(tenant.key.name)}`,
  );
  const [row] = rows;
  if (row?.grants === true) return 'roles have grants on this column alone';
  if (row?.referred === true) return 'another table refers to it';
  if (row?.children === true) return 'other tables inherit from it';
  return null;
}

type Twin = {
  readonly index: Index;
  readonly constraint: Constraint | null;
  /** Unquoted names: of the index over the shadow column, and of the first one once it has stepped back. */
  readonly name: string;
  readonly kept: string;
  readonly definition: string;
  readonly there: boolean;
};

/** For every index that holds the key one like it over the shadow column. */
function twinsOf(survey: Survey, tenant: TenantTable, shadow: string, taken: Set<string>): readonly Twin[] {
  const { table } = tenant;
  return table.indexes
    .filter((index) => namesIn(index.definition).includes(tenant.key.name))
    .map((index) => {
      const name = `${index.name.slice(0, 58)}_uuid`;
      return {
        index,
        constraint: table.constraints.find((one) => one.name === index.name && one.type === 'u') ?? null,
        name,
        kept: freeName(survey, table.schema, index.name, 'text', taken),
        definition: replaceNames(index.definition, { [tenant.key.name]: shadow, [index.name]: name }),
        there: table.indexes.some((one) => one.name === name && one.valid),
      };
    });
}

const namesIn = (sql: string): readonly string[] =>
  scanSql(sql).flatMap((token) =>
    token.tokenName === 'IDENT' ? [sqlAt(sql, token.start, token.end).replace(/^"|"$/g, '')] : [],
  );

const sqlAt = (sql: string, start: number, end: number): string => Buffer.from(sql).subarray(start, end).toString();

function replaceNames(sql: string, names: Readonly<Record<string, string>>): string {
  let result = '';
  let from = 0;
  for (const token of scanSql(sql)) {
    const to =
      token.tokenName === 'IDENT' ? names[sqlAt(sql, token.start, token.end).replace(/^"|"$/g, '')] : undefined;
    if (to === undefined) continue;
    result += sqlAt(sql, from, token.start) + identifier(to);
    from = token.end;
  }
  return result + sqlAt(sql, from, Buffer.byteLength(sql));
}

function twinIndex(table: Table, twin: Twin, label: string): SqlChange {
  const index = qualified(table.schema, twin.name);
  return {
    kind: 'sql',
    id: `twin index ${table.schema}.${twin.index.name}`,
    title: `Index the new column of ${label} like ${twin.index.name}`,
    mode: 'autocommit',
    up: twin.definition.replace(/^CREATE (UNIQUE )?INDEX /, 'CREATE $1INDEX CONCURRENTLY '),
    down: `drop index concurrently ${index}`,
    applied: `select exists (select from pg_catalog.pg_index i where i.indexrelid = pg_catalog.to_regclass(${literal(index)}) and i.indisvalid)`,
    clean: `drop index concurrently if exists ${index}`,
  };
}

/**
 * Both columns change names, and everything that stands on the first moves to the new one. The statements are sent as
 * one text, which PostgreSQL runs as one transaction. A preview cannot run them: they need rows and indexes that only
 * exist once the changes before were applied.
 */
function swapChange(
  survey: Survey,
  tenant: TenantTable,
  tools: Tools,
  made: {
    readonly columns: Columns;
    readonly sync: string;
    readonly twins: readonly Twin[];
    readonly check: string;
    readonly label: string;
    readonly lockTimeout: number;
  },
): SqlChange {
  const { columns, twins } = made;
  const { key, shadow, kept } = columns;
  const { schema } = tenant.table;
  const alter = (what: string): string => `alter table ${tenant.sql} ${what};`;
  const rename = (from: string, to: string): string => alter(`rename column ${from} to ${to}`);
  const value = tenant.key.default === null ? null : tools.renamed(tenant.key.default);
  const patience = `set local lock_timeout = ${made.lockTimeout};`;
  const index = (from: string, to: string): string =>
    `alter index ${qualified(schema, from)} rename to ${identifier(to)};`;
  const comment = (of: string): readonly string[] =>
    tenant.key.comment === null ? [] : [`comment on column ${tenant.sql}.${of} is ${literal(tenant.key.comment)};`];
  return {
    kind: 'sql',
    id: `swap ${made.label}`,
    title: `Let the filled column take the name ${made.label}.${survey.to}; the text stays as ${survey.to}_text`,
    mode: 'autocommit',
    up: [
      patience,
      ...tools.drop,
      rename(key, kept),
      rename(shadow, key),
      ...(value === null
        ? []
        : [alter(`alter column ${kept} drop default`), alter(`alter column ${key} set default (${value})::uuid`)]),
      ...(tenant.key.notNull
        ? [
            alter(`alter column ${key} set not null`),
            alter(`alter column ${kept} drop not null`),
            alter(`drop constraint ${made.check}`),
          ]
        : []),
      ...twins.flatMap((twin) => [
        twin.constraint === null
          ? index(twin.index.name, twin.kept)
          : alter(`rename constraint ${identifier(twin.index.name)} to ${identifier(twin.kept)}`),
        twin.constraint === null
          ? index(twin.name, twin.index.name)
          : alter(`add constraint ${identifier(twin.index.name)} unique using index ${identifier(twin.name)}`),
      ]),
      ...comment(key),
      syncFunction(made.sync, kept, `new.${key}::text`),
      ...tools.again,
    ].join('\n'),
    down: [
      patience,
      // Rows that were written while triggers were silent; no lock that anybody feels is held yet.
      `update ${tenant.sql} set ${kept} = ${key}::text where ${kept} is distinct from ${key}::text;`,
      ...tools.drop,
      ...twins.flatMap((twin) => [
        // A constraint cannot give its index back; taking back the change that made it then finds nothing left to do.
        twin.constraint === null
          ? index(twin.index.name, twin.name)
          : alter(`drop constraint ${identifier(twin.index.name)}`),
        twin.constraint === null
          ? index(twin.kept, twin.index.name)
          : alter(`rename constraint ${identifier(twin.kept)} to ${identifier(twin.index.name)}`),
      ]),
      ...(tenant.key.notNull
        ? [
            alter(`alter column ${kept} set not null`),
            alter(`alter column ${key} drop not null`),
            alter(`add constraint ${made.check} check (${key} is not null) not valid`),
          ]
        : []),
      ...(value === null
        ? []
        : [alter(`alter column ${key} drop default`), alter(`alter column ${kept} set default ${value}`)]),
      ...(tenant.key.comment === null ? [] : [`comment on column ${tenant.sql}.${key} is null;`]),
      rename(key, shadow),
      rename(kept, key),
      syncFunction(made.sync, shadow, `new.${key}::text::uuid`),
      ...tools.restore,
    ].join('\n'),
    applied: `select exists (select from pg_catalog.pg_attribute a where a.attrelid = ${literal(tenant.sql)}::pg_catalog.regclass and a.attname = ${literal(survey.to)} and a.atttypid = 'uuid'::pg_catalog.regtype)`,
  };
}
