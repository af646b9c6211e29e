import type { Constraint, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { idFrom } from '../sign-up/names.ts';
import { doers, plainName } from '../survey/shape.ts';
import { orgColumnOf, primaryColumn, profileUser, type Survey, tenantOf } from '../survey.ts';
import { isCallersMembership } from './caller.ts';
import type { SaidLinks } from './said-links.ts';

/** How far foreign keys are followed to find whose a row is. */
const farthest = 2;

const empty = `'{}'::text[]`;

/**
 * SQL, over a row under this alias, for the organizations and the users that it belongs to: both `text[]`. `said`: links
 * that no foreign key says.
 */
export function ownersOf(
  survey: Survey,
  table: Table,
  alias = 't',
  said: SaidLinks = new Map(),
): { readonly organizations: string; readonly users: string } {
  const at = { survey, said };
  return {
    organizations: joined(organizationsOf(at, table, alias, [table.oid])),
    users: joined(usersOf(at, table, alias, [table.oid])),
  };
}

type Known = { readonly survey: Survey; readonly said: SaidLinks };

/** Parts are `text[]` as well; what is not there counts for nothing. */
const joined = (parts: readonly string[]): string =>
  parts.length === 0
    ? empty
    : `array(select distinct x from unnest(${parts.join(' || ')}) x where x is not null order by x)`;

function organizationsOf(known: Known, table: Table, alias: string, path: readonly number[]): readonly string[] {
  const { survey } = known;
  const own = (name: string): string => `array[${alias}.${identifier(name)}::text]`;
  if (table === survey.organizations) {
    const key = primaryColumn(table)?.name;
    return key === undefined ? [] : [own(key)];
  }
  const tenant = tenantOf(survey, table);
  const named = [...(tenant === null ? [] : [tenant.key.name, ...tenant.also.map((one) => one.name)])];
  // A row may be shared with a second organization: a supplier, a partner.
  const references = foreignKeys(table).filter(
    (one) => parentOf(survey, one) === survey.organizations && one.columns.length === 1,
  );
  const isKey = (one: Constraint): boolean => one.references?.columns[0] === primaryColumn(survey.organizations)?.name;
  const shared = references.filter(isKey).flatMap((one) => one.columns);
  // Named by something else than its key, as by a slug.
  const byName = references
    .filter((one) => !isKey(one))
    .map((one) =>
      subquery(survey.organizations as Table, one, alias, path.length, (at) =>
        organizationsOf(known, survey.organizations as Table, at, path),
      ),
    );
  const columns = [...[...new Set([...named, ...shared])].map(own), ...byName];
  // Where users have several organizations, a profile belongs to each; else to the one that it names.
  if (table === survey.profiles) {
    return columns.length > 0 && survey.model === 'one' ? columns : [...columns, ...profileMemberships(survey, alias)];
  }
  if (named.length > 0 || path.length > farthest) return columns;
  // Of a row without a key, what refers to organizations says with whom it is shared, and its parents whose it is.
  return [
    ...columns,
    ...below(survey, table, alias, path.length),
    ...throughParents(known, table, alias, path, organizationsOf),
  ];
}

/**
 * A group, an agency: what organizations refer to is theirs as well, not only whose user made it. What names no user is
 * everybody's, as a plan is.
 */
function below(survey: Survey, table: Table, alias: string, depth: number): readonly string[] {
  const { organizations } = survey;
  const key = primaryColumn(organizations)?.name;
  const namesUser = foreignKeys(table).some(
    (one) =>
      (one.references?.schema === 'auth' && one.references.table === 'users') ||
      (survey.profiles !== null && parentOf(survey, one) === survey.profiles),
  );
  if (organizations === null || key === undefined || !namesUser) return [];
  return foreignKeys(organizations).flatMap((foreign) => {
    if (parentOf(survey, foreign) !== table) return [];
    const own = `o${depth}`;
    const on = foreign.columns.map(
      (column, at) => `${own}.${identifier(column)} = ${alias}.${identifier(foreign.references?.columns[at] ?? '')}`,
    );
    return [
      `array(select ${own}.${identifier(key)}::text from ${qualified(organizations.schema, organizations.name)} ${own} where ${on.join(' and ')})`,
    ];
  });
}

function usersOf(known: Known, table: Table, alias: string, path: readonly number[]): readonly string[] {
  const { survey } = known;
  const own = (name: string): string => `array[${alias}.${identifier(name)}::text]`;
  if (table === survey.organizations) return [];
  if (table === survey.profiles) return [own(profileUser(survey))];
  const parts: string[] = [];
  for (const foreign of foreignKeys(table)) {
    const [column] = foreign.columns;
    if (column === undefined || foreign.columns.length > 1) continue;
    if (foreign.references?.schema === 'auth' && foreign.references.table === 'users') parts.push(own(column));
    else if (parentOf(survey, foreign) === survey.profiles && survey.profiles !== null) {
      parts.push(
        subquery(survey.profiles, foreign, alias, path.length, (at) =>
          usersOf(known, survey.profiles as Table, at, path),
        ),
      );
    }
  }
  const named = table.columns.find((one) => one.name === 'user_id' && one.type === 'uuid');
  if (parts.length === 0 && named !== undefined) parts.push(own(named.name));
  if (table === survey.memberships?.table || path.length > farthest) return parts;
  return [...parts, ...throughParents(known, table, alias, path, usersOf)];
}

/**
 * Whether rows name no users but those who made or changed them. Whose a row is, that may say (a note) or not (a rate, a
 * flag): it depends on who could read it.
 */
export function namesMakersAlone(survey: Survey, table: Table): boolean {
  const columns = foreignKeys(table).flatMap((foreign) => {
    const users = foreign.references?.schema === 'auth' && foreign.references.table === 'users';
    const people = survey.profiles !== null && parentOf(survey, foreign) === survey.profiles;
    return users || people ? foreign.columns : [];
  });
  const isMaker = (name: string): boolean => doers.test(plainName(name));
  return columns.length > 0 && columns.every(isMaker) && !table.columns.some((one) => one.name === 'user_id');
}

type Follow = typeof organizationsOf;

function throughParents(
  known: Known,
  table: Table,
  alias: string,
  path: readonly number[],
  follow: Follow,
): readonly string[] {
  const { survey, said } = known;
  const above = (parent: Table): readonly string[] =>
    path.includes(parent.oid) || parent === survey.organizations || parent === survey.profiles
      ? []
      : follow(known, parent, `p${path.length}`, [...path, parent.oid]);
  const declared = foreignKeys(table).flatMap((foreign) => {
    const parent = parentOf(survey, foreign);
    const parts = parent === null ? [] : above(parent);
    return parent === null || parts.length === 0 ? [] : [subquery(parent, foreign, alias, path.length, () => parts)];
  });
  const bySaying = (said.get(table.oid) ?? []).flatMap((link) => {
    const parts = above(link.parent);
    if (parts.length === 0) return [];
    const own = `p${path.length}`;
    const column = `${alias}.${identifier(link.column)}`;
    const value = link.sameType ? column : idFrom(`${column}::text`, link.keyType);
    const found = `coalesce((select ${parts.join(' || ')} from ${qualified(link.parent.schema, link.parent.name)} ${own} where ${own}.${identifier(link.key)} = ${value} limit 1), ${empty})`;
    const when = link.when.map(
      (one) => `${alias}.${identifier(one.column)}::text in (${one.values.map(literal).join(', ')})`,
    );
    return [when.length === 0 ? found : `case when ${when.join(' and ')} then ${found} else ${empty} end`];
  });
  return [...declared, ...bySaying];
}

function subquery(
  parent: Table,
  foreign: Constraint,
  alias: string,
  depth: number,
  parts: (alias: string) => readonly string[],
): string {
  const own = `p${depth}`;
  const on = foreign.columns.map(
    (column, at) => `${own}.${identifier(foreign.references?.columns[at] ?? '')} = ${alias}.${identifier(column)}`,
  );
  return `coalesce((select ${parts(own).join(' || ')} from ${qualified(parent.schema, parent.name)} ${own} where ${on.join(' and ')} limit 1), ${empty})`;
}

function profileMemberships(survey: Survey, alias: string): readonly string[] {
  const { memberships } = survey;
  if (memberships === null) return [];
  const key = identifier(orgColumnOf(survey, memberships.table));
  const mine = isCallersMembership(survey, 'm', `${alias}.${identifier(profileUser(survey))}`);
  return [
    // Whoever is invited or suspended is a matter of the organization that did so, and stands in its list of members.
    `array(select m.${key}::text from ${memberships.sql} m where ${mine})`,
  ];
}

const foreignKeys = (table: Table): readonly Constraint[] => table.constraints.filter((one) => one.type === 'f');

const parentOf = (survey: Survey, foreign: Constraint): Table | null =>
  survey.catalog.tables.find(
    (one) => one.schema === foreign.references?.schema && one.name === foreign.references.table,
  ) ?? null;
