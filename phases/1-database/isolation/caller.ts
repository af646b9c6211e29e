import type { Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { profileUser, type Survey, tenantOf } from '../survey.ts';

/** SQL for who is calling and which organizations are theirs: what helper functions and policies are made of. */

export const uid = '(select auth.uid())';
export const currentOrg = '(select public.current_org_id())';
const currentRole = '(select public.current_org_role())';

/** Rows of every organization of the caller are shown at once, and a table says which those are. */
export const showsAll = (survey: Survey): boolean => survey.model === 'all' && survey.memberships !== null;

/** The caller may have several organizations, whether they see one of them at a time or all of them. */
export const hasMany = (survey: Survey): boolean => survey.model !== 'one' && survey.memberships !== null;

/** Condition: this column holds an organization of the caller, in the form that the model asks for. */
export const isCallers = (survey: Survey, column: string): string =>
  showsAll(survey) ? isAnyOfCallers(column) : `${column} = ${currentOrg}`;

/** Condition: this column is a list of organizations, among them one of the caller, in the form that the model asks for. */
export const isAmongCallers = (survey: Survey, column: string): string =>
  showsAll(survey) ? `${column} && array(select public.my_org_ids())` : `${currentOrg} = any (${column})`;

/** Condition: this column holds any organization that the caller is a member of. */
export const isAnyOfCallers = (column: string): string => `${column} = any (array(select public.my_org_ids()))`;

/** Condition: this column holds an organization of the caller where they have one of these roles. */
export function isCallersAs(survey: Survey, column: string, roles: readonly string[]): string {
  const list = roles.map((role) => literal(role.toLowerCase())).join(', ');
  if (showsAll(survey) && survey.memberships?.roleColumn != null) {
    return `${column} = any (array(select public.my_org_ids(array[${list}])))`;
  }
  return `${column} = ${currentOrg} and ${roles.length === 1 ? `${currentRole} = ${list}` : `${currentRole} = any (array[${list}])`}`;
}

/** Condition over a membership under this alias: it is the caller's. `caller` is SQL for their user id. */
export function isCallersMembership(survey: Survey, alias: string, caller: string): string {
  const { memberships } = survey;
  const user = memberships?.userColumn ?? 'user_id';
  return isCallersOwn(survey, memberships?.table ?? null, user, `${alias}.${identifier(user)}`, caller);
}

/**
 * Condition: a column that names a user names the caller. One that refers to profiles holds what they refer to it by,
 * which need not be the user's id.
 */
export function isCallersOwn(
  survey: Survey,
  table: Table | null,
  name: string,
  column: string,
  caller: string,
): string {
  const { profiles } = survey;
  const target = table?.constraints.find((one) => one.type === 'f' && one.columns.join() === name)?.references;
  const user = profileUser(survey);
  const viaProfile =
    profiles !== null && target?.schema === profiles.schema && target.table === profiles.name && target.columns[0];
  if (typeof viaProfile !== 'string' || viaProfile === user) return `${column} = ${caller}`;
  const profile = qualified(profiles?.schema ?? '', profiles?.name ?? '');
  return `${column} in (select u.${identifier(viaProfile)} from ${profile} u where u.${identifier(user)} = ${caller})`;
}

/** Condition: the organization that this column names is there and is not closed; null where every one counts. */
export function isLiving(survey: Survey, column: string): string | null {
  const { organizations } = survey;
  const key = organizations?.constraints.find((one) => one.type === 'p')?.columns[0];
  if (organizations === null || key === undefined || survey.living('o') === 'true') return null;
  return `exists (select from ${qualified(organizations.schema, organizations.name)} o where o.${identifier(key)} = ${column} and ${bracketed(survey.living('o'))})`;
}

/** Rows that say now where a user belongs: of memberships, else of profiles. Null where neither table does. */
export function belongingSql(
  survey: Survey,
  caller: string,
  createProfiles: boolean,
): { readonly from: string; readonly where: string; readonly org: string } | null {
  const key = identifier(survey.to);
  const { memberships, profiles } = survey;
  const also = (column: string): string => {
    const living = isLiving(survey, column);
    return living === null ? '' : `\n  and ${living}`;
  };
  if (memberships !== null) {
    const active = memberships.active('m');
    return {
      from: `${memberships.sql} m`,
      where: `${isCallersMembership(survey, 'm', caller)}${active === 'true' ? '' : `\n  and ${bracketed(active)}`}${also(`m.${key}`)}`,
      org: `m.${key}`,
    };
  }
  if (profiles === null ? !createProfiles : tenantOf(survey, profiles) === null) return null;
  const table = profiles === null ? 'public.profiles' : qualified(profiles.schema, profiles.name);
  const active = survey.profileCounts.active('p');
  return {
    from: `${table} p`,
    where: `p.${identifier(profileUser(survey))} = ${caller}${active === 'true' ? '' : `\n  and ${bracketed(active)}`}${also(`p.${key}`)}`,
    org: `p.${key}`,
  };
}

/** The column by which one of several memberships is the oldest, or null. */
export const joinedAt = (survey: Survey): string | null =>
  ['joined_at', 'accepted_at', 'created_at', 'inserted_at'].find((name) =>
    survey.memberships?.table.columns.some((one) => one.name === name),
  ) ?? null;

export const bracketed = (condition: string): string => (/\bor\b/i.test(condition) ? `(${condition})` : condition);

/** Conditions that must all hold. */
export const joined = (parts: readonly string[]): string =>
  parts.length === 1 ? (parts[0] ?? '') : parts.map((one) => `(${one})`).join(' and ');
