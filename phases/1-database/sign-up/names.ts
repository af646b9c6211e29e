import type { Column, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import type { Target } from '../../target.ts';
import { memberNames, ownerNames } from '../survey/roles.ts';
import { isText, primaryColumn, profileUser, type Survey, tenantOf } from '../survey.ts';

/**
 * Where organizations, profiles and memberships are, as quoted SQL: what sign-up, backfill, the hook and their checks are
 * written from. Any of profiles and memberships may be absent, and a profile may name no organization.
 */
export type Names = {
  readonly organizations: {
    readonly table: Table;
    readonly sql: string;
    readonly key: string;
    /** The key fills itself: a default, an identity. */
    readonly fills: boolean;
    /** SQL condition: the organization under this alias is open. */
    readonly living: (alias: string) => string;
  };
  /** Base type of an organization's id. */
  readonly idType: string;
  readonly profiles: Profiles | null;
  readonly memberships: {
    readonly table: Table;
    readonly sql: string;
    readonly user: string;
    readonly org: string;
    readonly role: string | null;
    /** When somebody joined; null where no column says it. */
    readonly joined: string | null;
    readonly active: (alias: string) => string;
    /** One row per user at most. */
    readonly single: boolean;
    /** SQL for the value of the user column, of an expression for the user's id. */
    readonly member: (user: string) => string;
    /** The inverse: the user's id, of an expression for the value of the user column. */
    readonly userOf: (member: string) => string;
  } | null;
};

export type Profiles = {
  readonly sql: string;
  /** The table as the catalog has it; null where step 1.2 is about to create it. */
  readonly table: Table | null;
  readonly user: string;
  readonly org: string | null;
  readonly role: Column | null;
  /** SQL condition: the profile under this alias counts, where profiles say who belongs where. */
  readonly active: (alias: string) => string;
  /** SQL condition: the profile under this alias is that of a user whose id the expression gives. */
  readonly of: (alias: string, user: string) => string;
};

/** Names as they stand now, or as they will once the steps before are done. Null without organizations. */
export function namesOf(found: Survey, when: 'now' | 'then', target: Target): Names | null {
  const { organizations, memberships } = found;
  const key = primaryColumn(organizations);
  if (organizations === null || key === null) return null;
  const org = (table: Table): string | null => {
    const tenant = tenantOf(found, table);
    return tenant === null ? null : identifier(when === 'now' ? tenant.key.name : found.to);
  };
  const profiles = profilesOf(found, when, target, org);
  const membershipOrg = memberships === null ? null : org(memberships.table);
  return {
    organizations: {
      table: organizations,
      sql: qualified(organizations.schema, organizations.name),
      key: identifier(key.name),
      fills: key.default !== null || key.identity,
      living: found.living,
    },
    idType: found.idType,
    profiles,
    memberships:
      memberships === null || membershipOrg === null
        ? null
        : {
            table: memberships.table,
            sql: memberships.sql,
            user: identifier(memberships.userColumn),
            org: membershipOrg,
            role: memberships.roleColumn === null ? null : identifier(memberships.roleColumn),
            joined: joinedColumn(memberships.table),
            active: memberships.active,
            single: memberships.table.indexes.some(
              (one) => one.unique && !one.partial && one.columns.join() === memberships.userColumn,
            ),
            ...personOf(memberships.table, memberships.userColumn, found),
          },
  };
}

function profilesOf(
  found: Survey,
  when: 'now' | 'then',
  target: Target,
  org: (table: Table) => string | null,
): Profiles | null {
  const { profiles } = found;
  if (profiles === null) {
    if (when === 'now' || !target.config.decisions.createProfiles) return null;
    return {
      sql: 'public.profiles',
      table: null,
      user: 'id',
      org: identifier(found.to),
      role: null,
      active: found.profileCounts.active,
      of: (alias, user) => `${alias}.id = ${user}`,
    };
  }
  const column = profiles.columns.find((one) => one.name === profileUser(found));
  const user = identifier(profileUser(found));
  return {
    sql: qualified(profiles.schema, profiles.name),
    table: profiles,
    user,
    org: org(profiles),
    role: profiles.columns.find((one) => one.name === 'role' && !one.generated) ?? null,
    active: found.profileCounts.active,
    of: (alias, id) => `${alias}.${user} = ${asType(id, column)}`,
  };
}

/** How a column of a membership names a user: by the id of `auth.users`, or by the key of a profile that is not that id. */
export function personOf(
  table: Table,
  columnName: string,
  found: Survey,
): { readonly member: (user: string) => string; readonly userOf: (member: string) => string } {
  const column = table.columns.find((one) => one.name === columnName);
  const foreign = table.constraints.find((one) => one.type === 'f' && one.columns.join() === columnName);
  const { profiles } = found;
  const through =
    profiles !== null && foreign?.references?.table === profiles.name && foreign.references.schema === profiles.schema
      ? (foreign.references.columns[0] ?? null)
      : null;
  if (profiles === null || through === null || through === profileUser(found)) {
    return {
      member: (user) => asType(user, column),
      userOf: (member) => (column === undefined || column.base === 'uuid' ? member : `${uuidFrom(`${member}::text`)}`),
    };
  }
  const sql = qualified(profiles.schema, profiles.name);
  const userColumn = profiles.columns.find((one) => one.name === profileUser(found));
  const user = `p.${identifier(profileUser(found))}`;
  return {
    member: (id) => `(select p.${identifier(through)} from ${sql} p where ${user} = ${asType(id, userColumn)} limit 1)`,
    userOf: (member) =>
      `(select ${userColumn?.base === 'uuid' ? user : uuidFrom(`${user}::text`)} from ${sql} p where p.${identifier(through)} = ${member} limit 1)`,
  };
}

/** A user's id as a column holds it: a text column compares with no uuid. */
const asType = (expression: string, column: Column | undefined): string =>
  column === undefined || !isText(column.base) ? expression : `${expression}::text`;

const uuidPattern = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';

const uuidFrom = (text: string): string => `case when ${text} ~ '${uuidPattern}' then (${text})::uuid end`;

/**
 * An id from text that anything may stand in: null where it is none. The text is cast, never the key, so that an index
 * finds the organization; only the form that PostgreSQL prints counts, because others compare it as text.
 */
export function idFrom(text: string, type: string): string {
  if (type === 'uuid') return uuidFrom(text);
  const digits = { smallint: 4, integer: 9, bigint: 18 }[type];
  if (digits !== undefined)
    return `case when ${text} ~ '^(0|[1-9][0-9]{0,${digits - 1}})$' then (${text})::${type} end`;
  return isText(type) ? text : `(${text})::${type}`;
}

const joinedColumn = (table: Table): string | null => {
  const name = ['created_at', 'joined_at', 'accepted_at', 'inserted_at'].find((each) =>
    table.columns.some((one) => one.name === each),
  );
  return name === undefined ? null : identifier(name);
};

/** SQL for the organization that a user belongs to by membership: open, and of a membership that counts; the oldest first. */
export function membershipOf(names: Names, user: string): string {
  const { memberships: m, organizations: o } = names;
  if (m === null) return 'null';
  return `(select m.${m.org} from ${m.sql} m join ${o.sql} o on o.${o.key} = m.${m.org}
      where m.${m.user} = ${m.member(user)} and ${m.active('m')} and ${o.living('o')}
      order by ${m.joined === null ? '' : `m.${m.joined}, `}m.${m.org} limit 1)`;
}

/** SQL for the organization of a user by whatever says it: their memberships, or without such a table their profile. */
export function belongsTo(names: Names, user: string): string {
  const { memberships, organizations: o, profiles: p } = names;
  if (memberships !== null || p === null || p.org === null) return membershipOf(names, user);
  return `(select p.${p.org} from ${p.sql} p join ${o.sql} o on o.${o.key} = p.${p.org}
      where ${p.of('p', user)} and ${p.active('p')} and ${o.living('o')} limit 1)`;
}

/** SQL condition: the user is a member, now, of the open organization whose id the expression gives. */
export function isMember(names: Names, user: string, id: string): string {
  const { memberships: m, organizations: o, profiles: p } = names;
  if (m !== null) {
    return `exists (select from ${m.sql} m join ${o.sql} o on o.${o.key} = m.${m.org}
      where m.${m.user} = ${m.member(user)} and m.${m.org} = ${id} and ${m.active('m')} and ${o.living('o')})`;
  }
  if (p !== null && p.org !== null) {
    return `exists (select from ${p.sql} p join ${o.sql} o on o.${o.key} = p.${p.org}
      where ${p.of('p', user)} and p.${p.org} = ${id} and ${p.active('p')} and ${o.living('o')})`;
  }
  return `exists (select from ${o.sql} o where o.${o.key} = ${id} and ${o.living('o')})`;
}

/** A role as an expression of the column's type. */
export const roleValue = (column: Column, role: string): string =>
  `${literal(role)}${/^(text|character)/.test(column.type) ? '' : `::${column.type}`}`;

/** SQL for the key of a role, where a membership names one in a table of roles: that of an owner, or of a member. */
export function roleKey(found: Survey, who: 'owner' | 'member'): Readonly<Record<string, string>> {
  const roles = found.memberships?.roleTable ?? null;
  if (roles === null) return {};
  const label = `lower(r.${identifier(roles.label)}::text)`;
  const wanted = who === 'owner' ? ownerNames : memberNames;
  const list = wanted.map((name) => literal(name)).join(', ');
  return {
    [roles.column]: `(select r.${identifier(roles.key)} from ${qualified(roles.table.schema, roles.table.name)} r
      where ${label} in (${list}) order by array_position(array[${list}], ${label}) limit 1)`,
  };
}
