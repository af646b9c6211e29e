import { identifier } from '../../../src/database/quote.ts';
import { extraOf } from '../sign-up/given.ts';
import { roleKey } from '../sign-up/names.ts';
import { type Survey, tenantOf } from '../survey.ts';
import { type Assignment, assign } from '../values.ts';
import { type Belongs, realUser } from './belongs.ts';
import { ownerColumn } from './owners.ts';
import { columns, factsOf, first, ownOrganizations, type Planned, roleFor, users, type Work } from './work.ts';

/** No row of memberships, whether it counts or not, has user `u` in organization `b`. */
function noMembership(at: Belongs): string {
  const there = at.names.memberships;
  if (there === null) return 'false';
  return `not exists (select from ${there.sql} m where m.${there.user} = ${there.member('u.id')} and ${at.sameOrganization(`m.${there.org}`, 'b.org')})`;
}

/**
 * The column of owners where they have a batch of their own: walked by the organization, of which each has one owner.
 * Elsewhere they are connected with everybody else.
 */
function ownersByOrganization({ found, then }: Work): string | null {
  const mine = found.memberships;
  const user = mine?.table.columns.find((one) => one.name === mine.userColumn);
  const walked = found.idType === 'uuid' && user?.base === 'uuid' && then.names.memberships?.single === false;
  return walked ? ownerColumn(found) : null;
}

/** Whom the app lets in as the owner of an organization, without a membership in it: one for each that they own. */
export function owners(work: Work): Planned | null {
  const { found, target, now, then } = work;
  const owner = ownersByOrganization(work);
  const m = then.names.memberships;
  const mine = found.memberships;
  if (owner === null || m === null || mine === null || now.names.memberships === null) return null;
  const { organizations: o } = then.names;
  const owning = (at: Belongs): string =>
    `auth.users u join ${o.sql} o on o.${owner} = u.id cross join lateral (select o.${o.key} as org) b where ${realUser(target)} and ${o.living('o')} and ${noMembership(at)}`;
  const made = membershipOf(work, m, mine, 'true');
  return {
    todo: `select count(*) as n from ${owning(now)}`,
    change: {
      kind: 'batches',
      id: 'memberships of owners',
      title: 'Make owners of organizations members of them',
      table: m.sql,
      key: { column: m.user, type: 'uuid' },
      quiet: work.quiet,
      write: {
        kind: 'insert',
        columns: made.map((one) => identifier(one.column)),
        cursor: 'walked_by',
        source: `select b.org as walked_by, ${columns(made)} from ${owning(then)}`,
      },
    },
  };
}

type Found = NonNullable<Survey['memberships']>;

/** The columns of a new membership of user `u` in organization `b`. `owns`: SQL, they are its owner. */
function membershipOf(
  work: Work,
  m: NonNullable<Belongs['names']['memberships']>,
  mine: Found,
  owns: string,
): readonly Assignment[] {
  const { found, target } = work;
  const before = tenantOf(found, mine.table)?.key.name ?? found.to;
  const extra = extraOf(found, target, mine.table, { ...roleKey(found, 'owner'), ...mine.activeValues });
  const made = assign(
    mine.table,
    'membership',
    { [mine.userColumn]: m.member('u.id'), [before]: 'b.org' },
    factsOf(work),
    found.enums,
    extra,
  );
  work.blockers.push(...made.blockers.filter((one) => !work.blockers.some(({ problem }) => problem === one.problem)));
  const joined: Readonly<Record<string, string>> = {
    ...roleKey(found, 'member'),
    ...extraOf(found, target, mine.table, undefined, 'memberValues').values,
  };
  return first(made.list, mine.userColumn).map((one) => {
    const other = joined[one.column];
    const expression =
      other !== undefined
        ? `case when ${owns} then ${one.expression} else ${other} end`
        : one.column === mine.roleColumn
          ? roleFor(work, mine.table, one.column, made.list, owns)
          : one.expression;
    return { ...one, column: one.column === before ? found.to : one.column, expression };
  });
}

export function memberships(work: Work): Planned | null {
  const { found, target, now, then } = work;
  const m = then.names.memberships;
  const mine = found.memberships;
  if (m === null || mine === null || now.names.memberships === null) return null;
  const own = ownOrganizations(work);
  const owner = ownersByOrganization(work);
  const { organizations: o } = then.names;
  const owns =
    owner === null ? '' : ` and not exists (select from ${o.sql} o where o.${o.key} = b.org and o.${owner} = u.id)`;
  const without = (at: Belongs): string => `${realUser(target)} and b.org is not null${owns} and ${noMembership(at)}`;
  const user = mine.table.columns.find((one) => one.name === mine.userColumn);
  const list = membershipOf(work, m, mine, `b.org = ${then.own}`);
  return {
    todo: `select count(*) + ${own ? work.judged.orphans : 0} as n from ${users(now, false, now.whole)} where ${without(now)}`,
    change: {
      kind: 'batches',
      id: 'memberships',
      title: 'Add the missing memberships',
      table: m.sql,
      key: { column: m.user, type: user?.base ?? 'uuid' },
      quiet: work.quiet,
      write: {
        kind: 'insert',
        columns: list.map((one) => identifier(one.column)),
        source: `select ${columns(list)} from ${users(then, own)} where ${without(then)}`,
      },
    },
  };
}
