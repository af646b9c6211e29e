import type { Constraint, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { adminRoles, ownerRole } from '../survey/roles.ts';
import { nameOf } from '../survey/shape.ts';
import { primaryColumn, profileUser, type Survey, tenantOf } from '../survey.ts';
import {
  bracketed,
  hasMany,
  isAnyOfCallers,
  isCallers,
  isCallersAs,
  isCallersMembership,
  isCallersOwn,
  uid,
} from './caller.ts';
import { everybodyReads, isColleagues, showsColleagues } from './colleagues.ts';
import { linksOf } from './links.ts';
import { isLog } from './logs.ts';

export const commands = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;
export type Command = (typeof commands)[number];

/** SQL over the table's columns, as it stands in USING (for INSERT: WITH CHECK; for UPDATE: both, unless they differ). */
export type Condition = { readonly using: string; readonly check?: string };

export type Kind = 'tenant' | 'organizations' | 'profiles' | 'memberships' | 'child' | 'personal' | 'log' | 'lookup';

/** Who may do what with the rows of one table once step 1.7 is done. */
export type Rule = {
  readonly table: Table;
  readonly sql: string;
  readonly kind: Kind;
  /** Commands that no condition names are closed to API roles. */
  readonly conditions: Readonly<Partial<Record<Command, Condition>>>;
  /** What stands beside a condition of the app that asks more than the organization, or something else. */
  readonly bound: Readonly<Partial<Record<Command, Condition>>>;
  /** What stands beside a condition that is about the caller's own rows, where such a row may refer to nothing at all. */
  readonly ownBound?: string;
  /** Commands that get their policy even where row security had closed them: without them nobody could work. */
  readonly always: readonly Command[];
  /** Beginning of the names of its policies. */
  readonly prefix: 'org' | 'own' | 'log' | 'lookup';
  /** Columns that say whose row it is, by their names of now. */
  readonly keys: readonly string[];
  readonly user: string | null;
};

const caller = uid;

/** The rule of every table that the rollout may touch. */
export function rulesOf(survey: Survey): readonly Rule[] {
  const excluded = new Set(survey.excluded.map((table) => table.oid));
  const inScope = new Set(
    [...survey.tenants.map((one) => one.table), ...survey.unkeyed, ...survey.unclear.map((one) => one.table)].map(
      (table) => table.oid,
    ),
  );
  if (survey.organizations !== null) inScope.add(survey.organizations.oid);
  return survey.catalog.tables
    .filter((table) => inScope.has(table.oid) && !excluded.has(table.oid) && table.kind !== 'foreign')
    .map((table) => ruleOf(survey, table));
}

function ruleOf(survey: Survey, table: Table): Rule {
  if (table === survey.organizations) return organizationsRule(survey, table);
  if (table === survey.profiles) return profilesRule(survey, table);
  if (table === survey.memberships?.table) return membershipsRule(survey, table);
  const tenant = tenantOf(survey, table);
  const shared = survey.shared.has(nameOf(table));
  if (tenant !== null) {
    const key = identifier(survey.to);
    const rule = all(
      table,
      'tenant',
      'org',
      isCallers(survey, key),
      [tenant.key, ...tenant.also].map((one) => one.name),
    );
    return shared && !tenant.key.notNull ? reading(rule, `${key} is null or ${isCallers(survey, key)}`) : rule;
  }
  const parents = parentConditions(survey, table);
  if (parents !== null) {
    const loose = parentConditions(survey, table, 1, identifier(table.name), true);
    const rule = { ...all(table, 'child', 'org', parents, []), ...(loose === null ? {} : { ownBound: loose }) };
    return shared && loose !== null ? reading(rule, loose) : rule;
  }
  const user = userColumnOf(survey, table);
  if (user !== null && !shared) return personalRule(survey, table, user);
  if (isLog(survey, table) && !shared)
    return { ...base(table, 'log', 'log'), conditions: { INSERT: { using: `${caller} is not null` } } };
  return { ...base(table, 'lookup', 'lookup'), conditions: { SELECT: { using: 'true' } } };
}

/** Where everybody could read the rows of everybody, colleagues go on; written they are by their own user alone. */
function personalRule(survey: Survey, table: Table, user: string): Rule {
  const own = isCallersOwn(survey, table, user, identifier(user), caller);
  const rule = { ...all(table, 'personal', 'own', own, []), user };
  const seen = table.rowSecurity && everybodyReads(survey, table) ? isColleagues(survey, table, user) : null;
  return seen === null ? rule : reading(rule, `${own} or ${seen}`);
}

const base = (table: Table, kind: Kind, prefix: Rule['prefix']): Omit<Rule, 'conditions'> => ({
  bound: {},
  table,
  sql: qualified(table.schema, table.name),
  kind,
  prefix,
  always: [],
  keys: [],
  user: null,
});

const all = (table: Table, kind: Kind, prefix: Rule['prefix'], using: string, keys: readonly string[]): Rule => ({
  ...base(table, kind, prefix),
  keys,
  conditions: everywhere({ using }),
  bound: everywhere({ using }),
});

/** The same, where more may be read. */
const reading = (rule: Rule, using: string): Rule => ({
  ...rule,
  conditions: { ...rule.conditions, SELECT: { using } },
  bound: { ...rule.bound, SELECT: { using } },
});

const everywhere = (condition: Condition): Readonly<Record<Command, Condition>> => ({
  SELECT: condition,
  INSERT: condition,
  UPDATE: condition,
  DELETE: condition,
});

function organizationsRule(survey: Survey, table: Table): Rule {
  const key = primaryColumn(table)?.name ?? 'id';
  // A person who has several must find them all, also where one at a time is open.
  const own = hasMany(survey) ? isAnyOfCallers(identifier(key)) : isCallers(survey, identifier(key));
  const roles = rolesOf(survey);
  return {
    ...base(table, 'organizations', 'org'),
    keys: [key],
    always: ['SELECT', 'UPDATE'],
    bound: { SELECT: { using: own }, UPDATE: { using: own }, DELETE: { using: own } },
    conditions: {
      SELECT: { using: own },
      ...(roles === null ? {} : { UPDATE: { using: isCallersAs(survey, identifier(key), roles.writers) } }),
    },
  };
}

function profilesRule(survey: Survey, table: Table): Rule {
  const tenant = tenantOf(survey, table);
  const user = profileUser(survey);
  const own = `${identifier(user)} = ${caller}`;
  if (tenant === null) {
    const colleague = colleagueCondition(survey, table);
    const bound = colleague === null ? {} : { bound: everywhere({ using: colleague }) };
    const rule = { ...all(table, 'profiles', 'org', own, []), user, ...bound };
    if (!showsColleagues(survey)) return rule;
    const seen = `${identifier(user)} = any (array(select public.my_colleagues())) or ${own}`;
    return { ...rule, conditions: { ...rule.conditions, SELECT: { using: seen } } };
  }
  const key = identifier(survey.to);
  // A profile that names no organization stays its user's to edit; guard_profile_keys() keeps them from choosing one.
  const kept = `${own} and (${key} is null or ${hasMany(survey) ? isAnyOfCallers(key) : isCallers(survey, key)})`;
  // Of several organizations a profile names the one that is open: colleagues are those who belong here, wherever they work now.
  const colleague = (counting: boolean): string =>
    (hasMany(survey) ? colleagueCondition(survey, table, counting) : null) ?? isCallers(survey, key);
  return {
    ...base(table, 'profiles', 'org'),
    keys: [tenant.key.name],
    user,
    always: ['SELECT', 'UPDATE'],
    bound: { ...everywhere({ using: isCallers(survey, key) }), SELECT: { using: colleague(false) } },
    conditions: {
      SELECT: { using: `${colleague(true)} or ${own}` },
      INSERT: { using: kept },
      // guard_profile_keys() says which organization a profile may come to name; one that it named before is no reason.
      UPDATE: { using: own },
    },
  };
}

/**
 * A profile that does not name an organization belongs to those of which its user is a member. `counting`: only by a
 * membership that counts, where nothing of the app says more: whoever may invite would otherwise see anybody's profile.
 */
function colleagueCondition(survey: Survey, table: Table, counting = false): string | null {
  const { memberships } = survey;
  if (memberships === null) return null;
  const link = memberships.table.constraints.find(
    (one) => one.type === 'f' && one.columns.join() === memberships.userColumn,
  )?.references;
  const viaProfile = link?.schema === table.schema && link.table === table.name ? link.columns[0] : undefined;
  const column = `${identifier(table.name)}.${identifier(viaProfile ?? profileUser(survey))}`;
  const key = `member_1.${identifier(survey.to)}`;
  const active = counting ? memberships.active('member_1') : 'true';
  return `exists (select 1 from ${memberships.sql} member_1 where member_1.${identifier(memberships.userColumn)} = ${column} and ${isCallers(survey, key)}${active === 'true' ? '' : ` and ${bracketed(active)}`})`;
}

function membershipsRule(survey: Survey, table: Table): Rule {
  const user = survey.memberships?.userColumn ?? 'user_id';
  const key = identifier(survey.to);
  const keys = [tenantOf(survey, table)?.key.name ?? survey.to];
  const self = identifier(user);
  const mine = isCallersMembership(survey, identifier(table.name), caller).replace(`${identifier(table.name)}.`, '');
  const seen = `${isCallers(survey, key)} or ${mine}`;
  const roles = rolesOf(survey);
  const roleColumn = survey.memberships?.roleColumn ?? null;
  const notSelf = mine.includes(' in (') ? mine.replace(' in (', ' not in (') : `${self} <> ${caller}`;
  const conditions: Partial<Record<Command, Condition>> = { SELECT: { using: seen } };
  // Whoever the app lets manage members goes on doing so: of their organization, never themselves.
  let manages = `${isCallers(survey, key)} and ${notSelf}`;
  if (roles !== null && roleColumn !== null) {
    const owner = literal(roles.owner);
    const [, ...helpers] = roles.writers;
    const notOwner = `lower(${identifier(roleColumn)}::text) <> ${owner}`;
    manages = `${manages} and (${notOwner} or ${isCallersAs(survey, key, [roles.owner])})`;
    const allowed = [
      isCallersAs(survey, key, [roles.owner]),
      ...helpers.map((one) => `${isCallersAs(survey, key, [one])} and ${notOwner}`),
    ];
    const using = `${notSelf} and (${allowed.join(' or ')})`;
    for (const command of ['INSERT', 'UPDATE', 'DELETE'] as const) conditions[command] = { using };
  }
  const bound = { ...everywhere({ using: manages }), SELECT: { using: isCallers(survey, key) } };
  return { ...base(table, 'memberships', 'org'), keys, user, always: ['SELECT'], conditions, bound };
}

/** Who runs an organization, as its members' roles are called, in lower case: the owner first. Null where no column names roles. */
export function rolesOf(survey: Survey): { readonly owner: string; readonly writers: readonly string[] } | null {
  const source = roleSource(survey);
  if (source === null) return null;
  const allowed = source.table === survey.memberships?.table ? survey.memberships.roles : [];
  const known = allowed.map((one) => one.toLowerCase());
  const owner = ownerRole(known);
  return { owner, writers: [owner, ...adminRoles(known)] };
}

/** Where the caller's role stands: the membership table, else the profile. */
export function roleSource(
  survey: Survey,
): { readonly table: Table; readonly column: string; readonly user: string } | null {
  const { memberships, profiles } = survey;
  if (memberships?.roleColumn != null) {
    return { table: memberships.table, column: memberships.roleColumn, user: memberships.userColumn };
  }
  const user = profileUser(survey);
  const role = profiles?.columns.find((column) => column.name === 'role');
  if (profiles === null || role === undefined || tenantOf(survey, profiles) === null) return null;
  return { table: profiles, column: role.name, user };
}

/**
 * For a table without the key: every reference to a table whose rows have an organization must lead to the caller's.
 * Null when there is none. `loose`: of a row that is somebody's own, so that it may refer to none of them.
 */
function parentConditions(
  survey: Survey,
  table: Table,
  depth = 1,
  own = identifier(table.name),
  loose = false,
): string | null {
  const all = linksOf(survey).get(table.oid) ?? [];
  // A row that always hangs on another one is of that one's organization; a second organization is one it is shared with.
  const hangs = all.some((link) => link.declared && link.notNull && link.parent !== survey.organizations);
  const links = all
    .filter((link) => !hangs || link.parent !== survey.organizations)
    .flatMap((link) => {
      const alias = `parent_${depth}`;
      // Outside a subquery PostgreSQL prints the row's columns bare, and what it prints is how a policy is known again.
      const outside = link.columns.map((column) => (depth === 1 ? identifier(column) : `${own}.${identifier(column)}`));
      const join = link.columns
        .map(
          (column, index) => `${alias}.${identifier(link.parentColumns[index] ?? 'id')} = ${own}.${identifier(column)}`,
        )
        .join(' and ');
      const named = link.parentColumns[0] ?? '';
      const inside =
        link.parent === survey.organizations
          ? named === primaryColumn(link.parent)?.name
            ? isCallers(survey, outside[0] ?? '')
            : isNamed(survey, link.parent, named, `${own}.${identifier(link.columns[0] ?? '')}`)
          : exists(survey, link.parent, alias, join, depth + 1, loose);
      return inside === null ? [] : [{ outside, notNull: link.notNull, inside }];
    });
  if (links.length === 0) return null;
  const parts = links.map((link) => {
    if (link.notNull || (links.length === 1 && !loose)) return link.inside;
    return `(${link.outside.map((column) => `${column} is null`).join(' or ')} or ${link.inside})`;
  });
  if (links.length > 1 && !loose && !links.some((link) => link.notNull)) {
    const some = links.map((link) => link.outside.map((column) => `${column} is not null`).join(' and '));
    parts.push(`(${some.join(' or ')})`);
  }
  return parts.join(' and ');
}

/** Organizations that are named by something else than their key, as by a slug. */
function isNamed(survey: Survey, organizations: Table, by: string, column: string): string | null {
  const key = primaryColumn(organizations)?.name;
  if (key === undefined) return null;
  return `exists (select 1 from ${qualified(organizations.schema, organizations.name)} parent_0 where parent_0.${identifier(by)} = ${column} and ${isCallers(survey, `parent_0.${identifier(key)}`)})`;
}

function exists(
  survey: Survey,
  parent: Table,
  alias: string,
  join: string,
  depth: number,
  loose: boolean,
): string | null {
  const tenant = tenantOf(survey, parent);
  const key = `${alias}.${identifier(survey.to)}`;
  const condition =
    tenant === null
      ? parentConditions(survey, parent, depth, alias, loose)
      : loose && !tenant.key.notNull
        ? `(${key} is null or ${isCallers(survey, key)})`
        : isCallers(survey, key);
  if (condition === null) return null;
  return `exists (select 1 from ${qualified(parent.schema, parent.name)} ${alias} where ${join} and ${condition})`;
}

const foreignKeys = (table: Table): readonly Constraint[] =>
  table.constraints.filter((one) => one.type === 'f' && one.columns.length === 1);

/** The column that holds a user's id, in a table of users' own rows. */
function userColumnOf(survey: Survey, table: Table): string | null {
  const { profiles } = survey;
  const toUser = foreignKeys(table).filter(
    ({ references }) =>
      (references?.schema === 'auth' && references.table === 'users') ||
      (profiles !== null && references?.schema === profiles.schema && references.table === profiles.name),
  );
  const names = toUser.flatMap((one) => one.columns);
  const named = table.columns.find((column) => column.name === 'user_id' && column.type === 'uuid');
  return names.find((name) => name === 'user_id') ?? named?.name ?? names[0] ?? null;
}
