import type { Column, Table } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import { nameOf, plainName } from './shape.ts';
import type { Survey } from './types.ts';

/** How many tables a text names; the rest is counted. */
const named = 20;

const members = (org: string, type: string, organizations: string, key: string): string =>
  `create table public.org_members (
  ${org} ${type} not null references ${organizations} (${key}) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  role text not null default 'member' check (role in ('owner', 'admin', 'member')),
  primary key (${org}, user_id)
);`;

/** For an app that has no organizations yet: the tables that say which there are, who belongs where and whose a row is. */
export function newDirectory(found: Survey): string {
  const org = identifier(found.to);
  const tables = found.unkeyed.filter((table) => table.kind !== 'foreign' && !table.isPartition);
  const rows = tables
    .slice(0, named)
    .map(
      (table) =>
        `-- alter table ${qualified(table.schema, table.name)} add column ${org} uuid references public.organizations (id);`,
    );
  return [
    'create table public.organizations (id uuid primary key default gen_random_uuid(), name text not null);',
    members(org, 'uuid', 'public.organizations', 'id'),
    `-- insert into public.organizations (name) values ('…'); insert into public.org_members values ('<organization>', '<user>', 'owner');`,
    ...(rows.length === 0 ? [] : ['-- For every table whose rows belong to an organization:', ...rows]),
    ...(tables.length > named ? [`-- and ${tables.length - named} more tables`] : []),
  ].join('\n');
}

/** A directory of the organizations whose ids stand in a column of these tables, and that no table holds yet. */
export function directoryOf(column: Column, tables: readonly Table[]): string {
  const id = identifier(column.name);
  const name = qualified('public', `${plainName(column.name).replace(/_?id$/, '') || 'organization'}s`);
  const ids = tables.map((table) => `select ${id} from ${qualified(table.schema, table.name)}`);
  return [
    `create table ${name} (id ${column.type} primary key${column.base === 'uuid' ? ' default gen_random_uuid()' : ''}, name text not null);`,
    `insert into ${name} (id, name) select ${id}, ${id}::text from (${ids.join(' union ')}) s where ${id} is not null;`,
    `alter table ${name} enable row level security; -- and its names, as people know them`,
  ].join('\n');
}

/** The column by which an organization names the user who owns it. */
export const ownerOf = (organizations: Table): Column | undefined =>
  organizations.columns.find(
    (one) =>
      one.base === 'uuid' &&
      /^(owner|owner_user|user|created_by|creator|admin)(_id|_user_id)?$/.test(plainName(one.name)),
  );

/** For an app in which nothing says who belongs where: a table of memberships, or the profile's own column. */
export function newMemberships(found: Survey, organizations: Table, key: string): string {
  const sql = qualified(organizations.schema, organizations.name);
  const org = identifier(found.to);
  const owner = ownerOf(organizations);
  return [
    members(org, found.idType, sql, identifier(key)),
    ...(found.profiles === null
      ? []
      : [
          `-- or: alter table ${qualified(found.profiles.schema, found.profiles.name)} add column ${org} ${found.idType} references ${sql} (${identifier(key)});`,
        ]),
    ...(owner === undefined
      ? [
          `-- then one row for every user who is a member, for instance: insert into public.org_members values ('<organization>', '<user>', 'owner');`,
        ]
      : [
          `-- whoever owns one, and then one row for every other user who is a member:`,
          `insert into public.org_members select ${identifier(key)}, ${identifier(owner.name)}, 'owner' from ${sql} where ${identifier(owner.name)} is not null;`,
        ]),
  ].join('\n');
}

/** The column that rows refer to becomes the primary key; what refers to it by its unique index goes on to do so. */
export function otherKey(table: Table, column: string): string {
  const sql = qualified(table.schema, table.name);
  const old = table.constraints.find((one) => one.type === 'p');
  return [
    `alter table ${sql} alter column ${identifier(column)} set not null${old === undefined ? '' : `, drop constraint ${identifier(old.name)}`};`,
    `alter table ${sql} add primary key (${identifier(column)});`,
    ...(old === undefined ? [] : [`alter table ${sql} add unique (${old.columns.map(identifier).join(', ')});`]),
  ].join('\n');
}

/** A primary key over the column that could be one; a column of its own where there is none. */
export function newKey(table: Table): string {
  const sql = qualified(table.schema, table.name);
  const candidate = table.columns.find(
    (column) =>
      column.notNull &&
      /^(uuid|smallint|integer|bigint|text|character varying)/.test(column.base) &&
      table.indexes.some((one) => one.unique && !one.partial && one.columns.join() === column.name),
  );
  const old = table.constraints.find((one) => one.type === 'p');
  if (candidate !== undefined && old === undefined)
    return `alter table ${sql} add primary key (${identifier(candidate.name)});`;
  return `-- ${nameOf(table)} needs one column that names an organization:
alter table ${sql} add column organization_key uuid not null default gen_random_uuid() unique;
${old === undefined ? '' : `alter table ${sql} drop constraint ${identifier(old.name)};\n`}alter table ${sql} add primary key (organization_key);`;
}
