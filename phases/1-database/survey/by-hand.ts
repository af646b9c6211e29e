import type { Column, Table } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import { isMembershipName } from './memberships.ts';
import { foreignKeyOf, isPeople, isUnique, nameOf, plainName, pointsAt, userColumns } from './shape.ts';
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
  const through = throughOf(found);
  if (through !== null) return throughTeams(through, org, members(org, found.idType, sql, identifier(key)));
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
          keepOwners(sql, identifier(key), identifier(owner.name), org),
        ]),
  ].join('\n');
}

/** The app goes on to name owners in the organizations alone, also for those that a sign-up makes. */
const keepOwners = (sql: string, key: string, owner: string, org: string): string =>
  `create function public.keep_owners() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.org_members (${org}, user_id, role) select new.${key}, new.${owner}, 'owner' where new.${owner} is not null
    on conflict (${org}, user_id) do update set role = 'owner';
  if tg_op = 'UPDATE' then
    delete from public.org_members m where m.${org} = new.${key} and m.user_id = old.${owner} and m.role = 'owner'
      and m.user_id is distinct from new.${owner};
  end if;
  return null;
end $$;
create trigger keep_owners after insert or update of ${owner} on ${sql} for each row execute function public.keep_owners();`;

/** Users belong to teams, and teams to organizations. Names are quoted. */
type Through = {
  readonly teams: string;
  readonly key: string;
  readonly org: string;
  readonly sql: string;
  readonly user: string;
  readonly team: string;
};

function throughOf({ tenants, catalog }: Survey): Through | null {
  const people = new Set(catalog.tables.filter(isPeople).map(nameOf));
  for (const { table: teams, key: org } of tenants) {
    for (const table of catalog.tables) {
      const team = table.columns.find((one) => pointsAt(foreignKeyOf(table, one.name), teams));
      const user = userColumns(table, people)[0];
      const key = team === undefined ? undefined : foreignKeyOf(table, team.name)?.references?.columns[0];
      if (team === undefined || key === undefined || user?.base !== 'uuid') continue;
      if (!isMembershipName(table) || !isUnique(table, [user.name, team.name])) continue;
      return {
        teams: qualified(teams.schema, teams.name),
        key: identifier(key),
        org: identifier(org.name),
        sql: qualified(table.schema, table.name),
        user: identifier(user.name),
        team: identifier(team.name),
      };
    }
  }
  return null;
}

/** Memberships of organizations that follow those of their teams, in the same transaction and whoever changes them. */
function throughTeams({ teams, key, org: own, sql, user, team }: Through, org: string, table: string): string {
  const belonging = `from ${sql} m join ${teams} t on t.${key} = m.${team} where t.${own} is not null`;
  return `${table}
insert into public.org_members (${org}, user_id) select distinct t.${own}, m.${user} ${belonging};
-- Who runs each: update public.org_members set role = 'owner' where …;
create function public.keep_org_members() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_users uuid[];
begin
  if tg_op <> 'INSERT' then v_users := v_users || old.${user}; end if;
  if tg_op <> 'DELETE' then v_users := v_users || new.${user}; end if;
  delete from public.org_members o where o.user_id = any (v_users) and o.role = 'member'
    and not exists (select 1 ${belonging} and m.${user} = o.user_id and t.${own} = o.${org});
  insert into public.org_members (${org}, user_id) select distinct t.${own}, m.${user} ${belonging} and m.${user} = any (v_users)
    on conflict do nothing;
  return null;
end $$;
create trigger keep_org_members after insert or update or delete on ${sql} for each row execute function public.keep_org_members();
-- A team that went to another organization would leave its members behind:
create function public.keep_org_of_teams() returns trigger language plpgsql as $$ begin
  raise exception 'a team stays in its organization: make a new one there';
end $$;
create trigger keep_org_of_teams before update of ${own} on ${teams} for each row when (new.${own} is distinct from old.${own})
  execute function public.keep_org_of_teams();`;
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
