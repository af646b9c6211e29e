import type { Belonging, PeopleScope } from '../../../src/database/access/people.ts';
import type { DbFunction } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { orgColumnOf, profileUser, type Survey, tenantOf } from '../survey.ts';
import { bracketed, isLiving } from './caller.ts';
import { roleSource, rolesOf } from './rules.ts';

/** What tells the users of an app apart: where they belong, as what, and how their tokens look. */
export function peopleOf(found: Survey): PeopleScope {
  const { profiles } = found;
  const members = membershipsBy(found) ?? countingProfiles(found);
  return {
    belongs: belonging(found, members),
    members,
    roles: rolesBy(found, members),
    profile:
      profiles === null
        ? null
        : `person.id in (select p.${identifier(profileUser(found))} from ${qualified(profiles.schema, profiles.name)} p)`,
    claims: [found.to, ...found.from],
    elsewhere: elsewhere(found),
    current:
      found.model !== 'all' &&
      found.catalog.functions.some((one) => one.schema === 'public' && one.name === 'current_org_id')
        ? 'public.current_org_id()'
        : null,
    hooks: found.catalog.functions.filter(isHook).map((one) => one.signature),
    secondFactor: found.catalog.policies.some((one) => /\baal\b|aal2/.test(`${one.using ?? ''} ${one.check ?? ''}`)),
  };
}

const all = (...conditions: readonly (string | null)[]): string =>
  conditions.flatMap((one) => (one === null || one === 'true' ? [] : [bracketed(one)])).join(' and ') || 'true';

/** Every membership with the id that its user signs in with, whether it counts or not. */
function membershipsBy(found: Survey): Belonging | null {
  const { memberships, profiles } = found;
  if (memberships === null) return null;
  const column = `m.${identifier(memberships.userColumn)}`;
  const link = memberships.table.constraints.find(
    (one) => one.type === 'f' && one.columns.join() === memberships.userColumn,
  )?.references;
  const via =
    profiles !== null && link?.schema === profiles.schema && link.table === profiles.name ? link.columns[0] : undefined;
  const org = `m.${identifier(orgColumnOf(found, memberships.table))}`;
  const user = profileUser(found);
  if (profiles === null || via === undefined || via === user) {
    return { from: `${memberships.sql} m`, user: column, org, where: 'true' };
  }
  const profile = qualified(profiles.schema, profiles.name);
  return {
    from: `${memberships.sql} m join ${profile} mp on mp.${identifier(via)} = ${column}`,
    user: `mp.${identifier(user)}`,
    org,
    where: 'true',
  };
}

/** Where users belong now: by memberships that count, in organizations that live; without such a table by profiles. */
function belonging(found: Survey, members: Belonging | null): Belonging | null {
  const rows = members ?? profilesBy(found);
  if (rows === null) return null;
  const { active } = found.memberships ?? found.profileCounts;
  return { ...rows, where: all(active('m'), isLiving(found, rows.org)) };
}

/** Every profile with the organization that it names. */
function profilesBy(found: Survey): Belonging | null {
  const { profiles } = found;
  if (profiles === null || tenantOf(found, profiles) === null) return null;
  return {
    from: `${qualified(profiles.schema, profiles.name)} m`,
    user: `m.${identifier(profileUser(found))}`,
    org: `m.${identifier(orgColumnOf(found, profiles))}`,
    where: 'true',
  };
}

/** They are memberships where some of them may count no more. */
const countingProfiles = (found: Survey): Belonging | null =>
  found.profileCounts.active('m') === 'true' ? null : profilesBy(found);

function rolesBy(found: Survey, members: Belonging | null): PeopleScope['roles'] {
  const source = roleSource(found);
  const roles = rolesOf(found);
  if (source === null || roles === null) return null;
  const isMembership = source.table === found.memberships?.table && members !== null;
  const rows: Belonging = isMembership
    ? { ...members, where: all(found.memberships?.active('m') ?? null) }
    : {
        from: `${qualified(source.table.schema, source.table.name)} m`,
        user: `m.${identifier(source.user)}`,
        org: `m.${identifier(orgColumnOf(found, source.table))}`,
        where: source.table === found.profiles ? found.profileCounts.active('m') : 'true',
      };
  const role = `lower(m.${identifier(source.column)}::text)`;
  return { ...rows, role, leads: `${role} in (${roles.writers.map((one) => literal(one)).join(', ')})` };
}

/** Tables of so many rows are not searched for users. */
const searchable = 200_000;

/** Columns that refer to users, outside profiles and memberships: customers who sign in, contractors, guests. */
const elsewhere = (found: Survey): PeopleScope['elsewhere'] =>
  found.catalog.tables
    .filter(
      (table) => table !== found.profiles && table !== found.memberships?.table && table.estimatedRows < searchable,
    )
    .flatMap((table) =>
      table.constraints
        .filter((one) => one.type === 'f' && one.references?.schema === 'auth' && one.references.table === 'users')
        .flatMap(({ columns: [column] }) =>
          column === undefined
            ? []
            : [{ table: `${table.schema}.${table.name}`, sql: qualified(table.schema, table.name), column }],
        ),
    )
    .slice(0, 10);

const isHook = (one: DbFunction): boolean =>
  one.kind === 'function' &&
  one.returns === 'jsonb' &&
  one.arguments.map(({ type }) => type).join() === 'jsonb' &&
  one.executors.includes('supabase_auth_admin');
