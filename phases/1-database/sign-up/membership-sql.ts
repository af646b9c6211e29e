import type { Column, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal } from '../../../src/database/quote.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import type { Target } from '../../target.ts';
import { signUpMakesOrganization } from '../existing-users/nowhere.ts';
import { type Survey, tenantOf } from '../survey.ts';
import {
  type Assignment,
  assign,
  asToday,
  asTodayAnswer,
  memberRole,
  sampleSetting,
  settingOf,
  type UserFacts,
} from '../values.ts';
import { extraOf, firstRole } from './given.ts';
import { appMakesOrganization } from './made-by-app.ts';
import { type Names, roleKey, roleValue } from './names.ts';
import { insertSql, type Take } from './parts.ts';

export function membershipSql(
  found: Survey,
  target: Target,
  names: Names,
  facts: UserFacts,
  take: Take,
): { readonly text: string; readonly joined: string } {
  const { organizations: o, profiles: p, memberships: m } = names;
  if (m === null || found.memberships === null) return { text: '', joined: '' };
  const { table, userColumn } = found.memberships;
  const before = tenantOf(found, table)?.key.name ?? found.to;
  const extra = extraOf(found, target, table, { ...roleKey(found, 'owner'), ...found.memberships.activeValues });
  const made = assign(
    table,
    'membership',
    { [userColumn]: m.member('new.id'), [before]: 'v_org' },
    facts,
    found.enums,
    extra,
  );
  const role = table.columns.find((one) => one.name === found.memberships?.roleColumn) ?? null;
  if (role !== null && signUpMakesOrganization(target) && firstRole(found, target) === null)
    take({ list: [], blockers: [unknownRole(table, role, found)] }, 'membership');
  const member = role === null ? null : roleValue(role, memberRole(found.memberships.roles));
  const memberValues = {
    ...roleKey(found, 'member'),
    ...extraOf(found, target, table, undefined, 'memberValues').values,
  };
  const list = take(made, 'membership').map((one) => ({
    ...one,
    column: one.column === before ? found.to : one.column,
  }));
  const as = (joined: (one: Assignment) => string): readonly Assignment[] =>
    list.map((one) => ({ ...one, expression: joined(one) }));
  const joinedValue = (one: Assignment): string | null =>
    memberValues[one.column] !== undefined
      ? `(${memberValues[one.column]})`
      : one.column === role?.name && member !== null
        ? member
        : null;
  const there = `exists (select from ${m.sql} m where m.${m.user} = ${m.member('new.id')} and m.${m.org} = v_org)`;
  const mine = (one: Assignment): string => {
    const other = joinedValue(one);
    if (other === null) return one.expression;
    const claimed = one.column === role?.name && role !== null ? ownsAlready(found, names, role, other) : other;
    return `case when v_joined then ${claimed} else ${one.expression} end`;
  };
  const insertJoined = `${insertSql(
    m.sql,
    as(
      (one) =>
        joinedValue(one) ??
        (one.expression.includes('v_name')
          ? one.expression.replaceAll('v_name', `coalesce(new.email, new.phone, '')`)
          : one.expression),
    ),
  )}
      on conflict do nothing;`;
  const roleSet =
    role !== null && member !== null ? `, ${identifier(role.name)} = ${memberValues[role.name] ?? member}` : '';
  return {
    text: `  if not ${there} then
    ${insertSql(m.sql, as(mine))}
      on conflict do nothing;
  end if;`,
    joined: m.single
      ? `  if not ${there} then
    update ${m.sql} m set ${m.org} = v_org${roleSet} where m.${m.user} = ${m.member('new.id')};
    if not found then
      ${insertJoined}
    end if;
  end if;`
      : `  if not ${there} then
    ${insertJoined}
    if v_made then
      begin
        delete from ${m.sql} m where m.${m.user} = ${m.member('new.id')} and m.${m.org} = v_left;
      exception when raise_exception or integrity_constraint_violation then
        -- A rule of the app keeps it, as one for the last owner of every organization does: that one stays theirs.
        null;
      end;
    end if;
  end if;`,
  };

  /** Whoever the app's own trigger wrote down as an owner is one; whoever came by a stamp is not. */
  function ownsAlready(survey: Survey, at: Names, column: Column, other: string): string {
    const owner = o.table.columns.find(
      (one) => ['owner_id', 'owner_user_id'].includes(one.name) && one.base === 'uuid',
    );
    const own =
      owner === undefined
        ? ''
        : ` when exists (select from ${o.sql} o where o.${o.key} = v_org and o.${identifier(owner.name)} = new.id) then ${list.find((one) => one.column === column.name)?.expression ?? other}`;
    const profileRole = p?.table == null || p.org === null ? null : at.profiles?.role;
    const allowed = survey.memberships?.roles ?? [];
    const accepted =
      allowed.length === 0 ? '' : ` and p.${identifier('role')}::text in (${allowed.map(literal).join(', ')})`;
    const fromProfile =
      profileRole == null || p === null
        ? ''
        : ` when v_stamp is null and tg_op = 'INSERT' then coalesce((select p.${identifier('role')}::text::${column.type} from ${p.sql} p where ${p.of('p', 'new.id')} and p.${p.org} = v_org${accepted} limit 1), ${other})`;
    // The app's own trigger made the organization for this user: nobody else is in it.
    const alone =
      fromProfile === '' && appMakesOrganization(survey)
        ? ` when v_stamp is null and tg_op = 'INSERT' and not exists (select from ${m?.sql} x where x.${m?.org} = v_org) then ${list.find((one) => one.column === column.name)?.expression ?? other}`
        : '';
    return own + fromProfile + alone === '' ? other : `case${own}${fromProfile}${alone} else ${other} end`;
  }
}

/** Nobody guesses which role runs an organization: a new one would have nobody who may. */
const unknownRole = (table: Table, role: Column, found: Survey): Blocker => ({
  problem: `The roles of ${table.schema}.${table.name} are ${(found.memberships?.roles ?? []).join(', ')}, and nothing tells which of them runs an organization: whoever makes one by signing up needs it.`,
  remedy: `Give it as ${settingOf(table, role.name)} in the configuration file; or ${asToday}.`,
  detail: sampleSetting(table, [role], found.enums),
  answers: [asTodayAnswer],
});
