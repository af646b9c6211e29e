import { identifier, literal } from '../../../src/database/quote.ts';
import type { Target } from '../../target.ts';
import { allowedValues, profileUser, type Survey, tenantOf } from '../survey.ts';
import { type Assignment, assign, memberRole, type UserFacts } from '../values.ts';
import { extraOf } from './given.ts';
import { type Names, roleValue } from './names.ts';
import { insertSql, type Take, userValue } from './parts.ts';

export function profileSql(
  found: Survey,
  target: Target,
  names: Names,
  facts: UserFacts,
  take: Take,
): { readonly text: string; readonly followed: string; readonly first: string } {
  const { organizations: o, profiles: p, memberships: m } = names;
  if (p === null) return { text: '', followed: '', first: '' };
  const there = p.of('p', 'new.id');
  let list: readonly Assignment[];
  const asMember = (one: Assignment): string =>
    one.expression.replaceAll('v_name', `coalesce(new.email, new.phone, '')`).replaceAll('v_joined', 'true');
  if (p.table === null) {
    list = [
      { column: 'id', expression: 'new.id', reason: '' },
      { column: found.to, expression: 'v_org', reason: '' },
    ];
  } else {
    const before = tenantOf(found, p.table)?.key.name ?? null;
    const given = {
      [profileUser(found)]: userValue(found, p.table),
      ...(before === null ? {} : { [before]: 'v_org' }),
    };
    const made = assign(p.table, 'profile', given, facts, found.enums, extraOf(found, target, p.table));
    const member = p.role === null ? null : roleValue(p.role, memberRole(allowedValues(p.table, p.role, found.enums)));
    list = take(made, 'profile').map((one) => ({
      ...one,
      column: one.column === before ? found.to : one.column,
      expression:
        one.column === 'role' && member !== null && one.reason !== 'as configured'
          ? `case when v_joined then ${member} else ${one.expression} end`
          : one.expression,
    }));
  }
  const insert = `  if not exists (select from ${p.sql} p where ${there}) then
    ${insertSql(p.sql, list)}
      on conflict do nothing;
  end if;`;
  // Somebody whom only the server put into an organization, in an app that makes profiles later, or not at once.
  const first = joinsProfiles(found)
    ? `  if not exists (select from ${p.sql} p where ${there}) then
    ${insertSql(
      p.sql,
      list.map((one) => ({ ...one, expression: asMember(one) })),
    )}
      on conflict do nothing;
  end if;
`
    : '';
  if (p.org === null) return { text: insert, followed: '', first };
  const member =
    p.role === null || p.table === null
      ? null
      : roleValue(p.role, memberRole(allowedValues(p.table, p.role, found.enums)));
  const role = member === null ? '' : `, ${identifier('role')} = ${roleThere(found, names, member)}`;
  return {
    first,
    text: `  update ${p.sql} p set ${p.org} = v_org where ${there} and p.${p.org} is null;\n${insert}`,
    // An organization that is being deleted keeps the rows that forbid it.
    followed: `  update ${p.sql} p set ${p.org} = v_org${role}
    where ${p.of('p', 'new.id')} and p.${p.org} is distinct from v_org
      and (p.${p.org} is null or exists (select from ${o.sql} o where o.${o.key} = p.${p.org}));`,
  };

  /** In the profile stands the role of the membership, where there is one and the column accepts it. */
  function roleThere(survey: Survey, at: Names, plain: string): string {
    if (m === null || m.role === null || at.profiles?.role == null || at.profiles.table === null) return plain;
    const allowed = allowedValues(at.profiles.table, at.profiles.role, survey.enums);
    const cast = `::${at.profiles.role.type}`;
    const condition = allowed.length === 0 ? '' : ` and m.${m.role}::text in (${allowed.map(literal).join(', ')})`;
    return `coalesce((select m.${m.role}::text${cast} from ${m.sql} m where m.${m.user} = ${m.member('new.id')} and m.${m.org} = v_org${condition} limit 1), ${plain})`;
  }
}

/** Memberships refer to profiles, so that there is none without a profile. */
const joinsProfiles = ({ memberships, profiles }: Survey): boolean =>
  memberships !== null &&
  profiles !== null &&
  memberships.table.constraints.some(
    ({ type, columns, references }) =>
      type === 'f' &&
      columns.join() === memberships.userColumn &&
      references?.schema === profiles.schema &&
      references.table === profiles.name,
  );
