import type { Table } from '../../../src/database/catalog/types.ts';
import type { Target } from '../../target.ts';
import { nameOf } from '../survey/shape.ts';
import { profileUser, type Survey, tenantOf } from '../survey.ts';
import { assign, type UserFacts } from '../values.ts';
import { writesOf } from './app-triggers.ts';
import { extraOf } from './given.ts';
import { membershipOf, type Names } from './names.ts';
import { insertSql, userValue } from './parts.ts';

export const nullable = (found: Survey, table: Table): boolean => tenantOf(found, table)?.key.notNull === false;

/** Whether triggers of the app write one of these tables as soon as a row comes into another one. */
const writtenAfter = (
  found: Survey,
  { schema, name }: { readonly schema: string; readonly name: string },
  tables: readonly Table[],
): boolean =>
  found.catalog.triggers.some((one) => {
    if (one.schema !== schema || one.table !== name || one.fires === 'D' || !/\bINSERT\b/.test(one.definition))
      return false;
    const body = found.catalog.functions.find((each) => each.signature === one.function);
    // What our own functions write is not the app's.
    if (body === undefined || body.signature === 'public.handle_new_user_setup()') return false;
    const written = writesOf(body, found.catalog, []).tables;
    return tables.some((table) => written.has(nameOf(table)));
  });

/** A trigger of the app makes an organization for a new user, or for their profile. */
export const appMakesOrganization = (found: Survey): boolean =>
  found.organizations !== null &&
  [{ schema: 'auth', name: 'users' }, ...(found.profiles === null ? [] : [found.profiles])].some((table) =>
    writtenAfter(found, table, found.organizations === null ? [] : [found.organizations]),
  );

/**
 * A trigger of the app makes the organization or the membership as soon as somebody has a profile: it runs before we look
 * at what there is already, or there would be two.
 */
export function profileMakes(found: Survey, { profiles: p, organizations: o, memberships: m }: Names): boolean {
  if (p?.table == null || !(p.org === null || nullable(found, p.table))) return false;
  const made = [o.table, ...(m === null || found.memberships === null ? [] : [found.memberships.table])];
  return writtenAfter(found, p.table, made);
}

/** The profile comes first, without an organization yet, where the organization refers to it. */
export function early(found: Survey, target: Target, names: Names, facts: UserFacts): string {
  const { profiles: p } = names;
  if (p?.table == null) return '';
  const org = tenantOf(found, p.table)?.key.name;
  const list = assign(
    p.table,
    'profile',
    { [profileUser(found)]: userValue(found, p.table) },
    facts,
    found.enums,
    extraOf(found, target, p.table),
  ).list;
  const rest = list.filter((one) => one.column !== org && one.column !== found.to);
  return `    if not exists (select from ${p.sql} p where ${p.of('p', 'new.id')}) then
      ${insertSql(p.sql, rest)};
    end if;`;
}

/** What a trigger of the app made of the new user before ours ran. */
export function existingSql({ organizations: o, profiles: p, memberships: m, ...rest }: Names): string {
  const names = { organizations: o, profiles: p, memberships: m, ...rest };
  const parts: string[] = [];
  if (m !== null) parts.push(`    v_org := ${membershipOf(names, 'new.id')};`);
  if (p !== null && p.org !== null) {
    // Somebody who was anonymous could write their own profile before they signed up for good.
    parts.push(`    if v_org is null and tg_op = 'INSERT' then
      select p.${p.org} into v_org from ${p.sql} p join ${o.sql} o on o.${o.key} = p.${p.org} where ${p.of('p', 'new.id')} and ${o.living('o')} limit 1;
    end if;`);
  }
  return parts.length === 0 ? '    null;' : parts.join('\n');
}
