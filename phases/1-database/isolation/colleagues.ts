import type { Table } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import { orgColumnOf, profileUser, type Survey, tenantOf } from '../survey.ts';
import { bracketed, isCallers, isCallersMembership, isLiving } from './caller.ts';

/**
 * Rows that name a user and no organization, a profile or the role of a user, and that everybody could read: those who
 * belong to the same organization go on. Memberships need not show who that is, so that a function says it.
 */

/** Everybody who signs in may read every row, or colleagues may since then. */
export function everybodyReads({ catalog }: Survey, table: Table): boolean {
  return catalog.policies.some(
    (one) =>
      one.schema === table.schema &&
      one.table === table.name &&
      one.permissive &&
      (one.command === 'SELECT' || one.command === 'ALL') &&
      one.roles.some((role) => role === 'public' || role === 'authenticated') &&
      (letsAllIn(one.using) || /\bmy_colleagues\b/.test(one.using ?? '')),
  );
}

/** True of whoever is signed in, or one of its alternatives is. */
const letsAllIn = (condition: string | null): boolean =>
  condition === null ||
  (/\band\b/i.test(condition) ? [condition] : condition.split(/\bor\b/i)).some((part) =>
    /^true$|^auth\.uid\(\)isnotnull$|^auth\.role\(\)='authenticated'$/i.test(
      part.replace(/\bselect\b|\bas \w+|::text|[\s()]/gi, '').replace(/auth\.(uid|role)/gi, 'auth.$1()'),
    ),
  );

/** Profiles that everybody could read, and no column of which names an organization. */
export function showsColleagues(survey: Survey): boolean {
  const { profiles, memberships } = survey;
  if (profiles === null || memberships === null || tenantOf(survey, profiles) !== null) return false;
  return !profiles.rowSecurity || everybodyReads(survey, profiles);
}

/** Condition: a column that names a user names a colleague of the caller. Null where nothing says who belongs where. */
export function isColleagues(survey: Survey, table: Table, name: string): string | null {
  const ids = colleagueIds(survey);
  if (ids === null) return null;
  const all = 'any (array(select public.my_colleagues()))';
  const via = viaProfile(survey, table, name);
  const column = identifier(name);
  if (via !== null) return `${column} in (select u.${via.key} from ${via.from} u where u.${via.user} = ${all})`;
  const type = table.columns.find((one) => one.name === name)?.base;
  return type === undefined || ids.type.replace(/\(.*\)/, '') !== type.replace(/\(.*\)/, '')
    ? null
    : `${column} = ${all}`;
}

/** SQL, `text[]`, over a row under this alias: the organizations of the user whom a column of it names. */
export function organizationsOfUser(survey: Survey, table: Table, name: string, alias: string): string | null {
  const via = viaProfile(survey, table, name);
  const column = `${alias}.${identifier(name)}`;
  const user =
    via === null ? column : `(select u.${via.user} from ${via.from} u where u.${via.key} = ${column} limit 1)`;
  const { memberships, profiles } = survey;
  const all = (...conditions: readonly (string | null)[]): string =>
    conditions.flatMap((one) => (one === null || one === 'true' ? [] : [bracketed(one)])).join(' and ');
  if (memberships !== null) {
    const key = `m.${identifier(orgColumnOf(survey, memberships.table))}`;
    const where = all(isCallersMembership(survey, 'm', user), memberships.active('m'), isLiving(survey, key));
    return `array(select ${key}::text from ${memberships.sql} m where ${where})`;
  }
  if (profiles === null || tenantOf(survey, profiles) === null) return null;
  const key = `m.${identifier(orgColumnOf(survey, profiles))}`;
  const own = `m.${identifier(profileUser(survey))} = ${user}`;
  const where = all(own, `${key} is not null`, survey.profileCounts.active('m'), isLiving(survey, key));
  return `array(select ${key}::text from ${qualified(profiles.schema, profiles.name)} m where ${where})`;
}

/** What a column refers to of a profile, where that is not the id by which its user signs in. */
function viaProfile(survey: Survey, table: Table, name: string) {
  const { profiles } = survey;
  const target = table.constraints.find((one) => one.type === 'f' && one.columns.join() === name)?.references;
  const user = profileUser(survey);
  const [key] = target?.columns ?? [];
  if (profiles === null || target?.schema !== profiles.schema || target.table !== profiles.name) return null;
  if (key === undefined || key === user) return null;
  return { key: identifier(key), user: identifier(user), from: qualified(profiles.schema, profiles.name) };
}

/** What `public.my_colleagues()` gives: the ids by which the members of the caller's organizations sign in. */
export function colleagueIds(survey: Survey): { readonly type: string; readonly query: string } | null {
  const { memberships, profiles } = survey;
  const user = profileUser(survey);
  const typeOf = (table: Table, name: string): string | undefined =>
    table.columns.find((one) => one.name === name)?.type;
  const counting = (active: string): string => (active === 'true' ? '' : ` and ${bracketed(active)}`);
  const key = identifier(survey.to);
  if (memberships !== null) {
    const plain = isCallersMembership(survey, 'm', 'x');
    const where = `${isCallers(survey, `m.${key}`)}${counting(memberships.active('m'))}`;
    // A member may have no profile.
    if (!plain.includes(' in (')) {
      const column = `m.${identifier(memberships.userColumn)}`;
      const own = typeOf(memberships.table, memberships.userColumn) ?? 'uuid';
      const type = (profiles === null ? null : typeOf(profiles, user)) ?? own;
      return {
        type,
        query: `select ${column}${type === own ? '' : `::${type}`} from ${memberships.sql} m\n    where ${where}`,
      };
    }
    if (profiles === null) return null;
    const joined = isCallersMembership(survey, 'm', `p.${identifier(user)}`);
    const from = `${memberships.sql} m join ${qualified(profiles.schema, profiles.name)} p on ${joined}`;
    return {
      type: typeOf(profiles, user) ?? 'uuid',
      query: `select p.${identifier(user)} from ${from}\n    where ${where}`,
    };
  }
  if (profiles === null || tenantOf(survey, profiles) === null) return null;
  const where = `${isCallers(survey, `m.${key}`)}${counting(survey.profileCounts.active('m'))}`;
  const from = `${qualified(profiles.schema, profiles.name)} m`;
  return {
    type: typeOf(profiles, user) ?? 'uuid',
    query: `select m.${identifier(user)} from ${from}\n    where ${where}`,
  };
}
