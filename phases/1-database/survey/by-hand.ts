import type { Table } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import { nameOf } from './shape.ts';
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

/** For an app in which nothing says who belongs where: a table of memberships, or the profile's own column. */
export function newMemberships(found: Survey, organizations: Table, key: string): string {
  const sql = qualified(organizations.schema, organizations.name);
  const org = identifier(found.to);
  return [
    members(org, found.idType, sql, identifier(key)),
    ...(found.profiles === null
      ? []
      : [
          `-- or: alter table ${qualified(found.profiles.schema, found.profiles.name)} add column ${org} ${found.idType} references ${sql} (${identifier(key)});`,
        ]),
    `-- then one row for every user who is a member, for instance: insert into public.org_members values ('<organization>', '<user>', 'owner');`,
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
