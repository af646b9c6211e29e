import type { ClientBase } from 'pg';
import { refusedOf } from '../../src/database/probes/sign-up.ts';
import { identifier, literal } from '../../src/database/quote.ts';
import { maySilenceTriggers } from '../../src/database/reversible.ts';
import { rolledBack } from '../../src/database/rolled-back.ts';
import type { BatchChange } from '../../src/rollout/change.ts';
import type { Blocker, Note, Plan, Step } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import type { Target } from '../target.ts';
import { checkUsers } from './checks.ts';
import { type Belongs, belongsOf, realUser } from './existing-users/belongs.ts';
import { type Judged, judgeUsers, lookAtUsers, noOrganization } from './existing-users/judge.ts';
import { mayBelongNowhere, orphansDecision } from './existing-users/nowhere.ts';
import { ownerColumn } from './existing-users/owners.ts';
import { signUpAdvice } from './sign-up/advice.ts';
import { extraOf } from './sign-up/given.ts';
import { idFrom, roleKey } from './sign-up/names.ts';
import { profileKey } from './sign-up/sql.ts';
import { allowedValues, isText, primaryColumn, profileUser, type Survey, survey, tenantOf } from './survey.ts';
import { type Assignment, assign, memberRole, ownerRole, type UserFacts } from './values.ts';

export const step: Step<Target> = {
  id: '1.5',
  title: 'Assign existing users',
  why: 'Users who signed up before the trigger may have no organization, no profile or no stamp. These are filled in from what the database knows, in small batches, and every old value is kept for the rollback; nobody is put into a first or default organization.',
  running: {
    before: '',
    after: 'Tokens signed before this step carry no org_id until they are refreshed, by default within one hour.',
  },
  plan,
  checks: async function* (target, signal) {
    yield* checkUsers(target, await survey(target), signal);
  },
};

async function plan(target: Target): Promise<Plan> {
  const client = await target.session.work();
  const found = await survey(target);
  const look = await lookAtUsers(client, found);
  const now = belongsOf(found, 'now', target, look.selfWritable, look.portals);
  const then = belongsOf(found, 'then', target, look.selfWritable, look.portals);
  if (found.organizations === null || now === null || then === null) {
    return { changes: [], notes: [], blockers: [needsTables] };
  }
  const quiet = await maySilenceTriggers(client);
  const judged = await judgeUsers(client, found, target, now, look);
  if (judged.blockers.length > 0) return { changes: [], blockers: judged.blockers, notes: judged.notes };

  const work: Work = { found, target, now, then, quiet, judged, blockers: [] };
  const planned = [
    organizations(work),
    missingProfiles(work),
    profileOrganizations(work),
    owners(work),
    memberships(work),
    stamps(work),
  ];
  work.blockers.push(...(await refusedOrganization(client, work, planned[0] ?? null)));
  if (work.blockers.length > 0) return { changes: [], blockers: work.blockers, notes: judged.notes };
  const changes: BatchChange[] = [];
  for (const one of planned) {
    if (one === null) continue;
    const { rows } = await client.query<{ n: string }>(one.todo);
    const n = Number(rows[0]?.n ?? 0);
    if (n > 0)
      changes.push({
        ...one.change,
        title: `${one.change.title} (${plural(n, 'row')})`,
      });
  }
  const notes: Note[] = [...judged.notes];
  if (changes.length > 0) {
    notes.push({
      text: 'Tokens signed before this step carry no org_id until they are refreshed, by default within one hour (JWT expiry); until then public.current_org_id() falls back to what the database says.',
    });
    if (work.quiet)
      notes.push({
        text: 'App triggers do not fire during these writes, so no other column changes and no mail is sent.',
      });
  }
  return { changes, blockers: [], notes };
}

type Work = {
  readonly found: Survey;
  readonly target: Target;
  readonly now: Belongs;
  readonly then: Belongs;
  readonly quiet: boolean;
  readonly judged: Judged;
  readonly blockers: Blocker[];
};

type Planned = { readonly change: BatchChange; readonly todo: string };

/** Each orphan gets an organization, where the operator said so. */
const ownOrganizations = ({ target }: Work): boolean => orphansDecision(target) === 'own-organization';

const factsOf = (work: Work): UserFacts => ({
  user: 'u.id',
  organization: 'b.org',
  name: `coalesce(nullif(trim(u.raw_user_meta_data ->> 'organization_name'), ''), nullif(split_part(u.email, '@', 1), ''), nullif(u.phone, ''), 'Organization')`,
  email: 'u.email',
  phone: 'u.phone',
  metadata: 'u.raw_user_meta_data',
  given: (expression) => `(select (${expression}) from auth.users as new where new.id = u.id)`,
  many: true,
  ...profileKey(work.found, work.then.names, 'u.id'),
});

/** The user and where they belong: OFFSET 0, so that it is worked out once per user and not once per column. */
const users = (belongs: Belongs, own: boolean, from = `auth.users u${belongs.each}`): string =>
  `${from} cross join lateral (select ${belongs.org(own)} as org offset 0) b`;

const orphan = (work: Work, at: Belongs): string =>
  `${realUser(work.target)} and ${at.org(false)} is null and not ${at.outsider}`;

function organizations(work: Work): Planned | null {
  const { found, target, then, judged } = work;
  const table = found.organizations;
  const key = primaryColumn(table);
  if (table === null || key === null || judged.orphans === 0) return null;
  const made = assign(
    table,
    'organization',
    { [key.name]: then.own },
    factsOf(work),
    found.enums,
    extraOf(found, target, table),
  );
  work.blockers.push(...made.blockers);
  const list = first(made.list, key.name);
  return {
    todo: `select ${judged.orphans} as n`,
    change: {
      kind: 'batches',
      id: 'organizations for orphans',
      title: 'Create an organization for each user who has none',
      table: then.names.organizations.sql,
      key: { column: identifier(key.name), type: found.idType },
      quiet: work.quiet,
      write: {
        kind: 'insert',
        columns: list.map((one) => identifier(one.column)),
        ...(found.idType === 'uuid' ? { cursor: 'walked_by' } : {}),
        source: `select u.id as walked_by, ${columns(list)} from auth.users u${then.each} where ${orphan(work, then)}`,
      },
    },
  };
}

/** One of them is made and rolled back: a rule of the app that it breaks is said before anything is written. */
async function refusedOrganization(
  client: ClientBase,
  work: Work,
  planned: Planned | null,
): Promise<readonly Blocker[]> {
  const { found, target } = work;
  if (planned === null || planned.change.write.kind !== 'insert') return [];
  const { columns, source } = planned.change.write;
  const list = columns.join(', ');
  try {
    await rolledBack(client, () =>
      client.query(
        `set local search_path = pg_catalog, public, extensions; insert into ${planned.change.table} (${list}) select ${list} from (${source} limit 1) s; set constraints all immediate`,
      ),
    );
    return [];
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
    // Anything else may be due to what the steps before have not done yet.
    if (!/^2[23]/.test(error.code)) return [];
    const { advice } = signUpAdvice(found, target, refusedOf(error, error.code));
    return [
      {
        problem: `An organization for a user who has none cannot be made: ${error.message} (${error.code}).`,
        remedy: `${advice === undefined ? '' : `${advice.replace(/ Or let a sign-up .*$/, '')} `}Or let these users stay without one with --orphans leave.`,
        answers: [noOrganization],
      },
    ];
  }
}

/** Profiles of users who have none: of everybody who belongs somewhere, and of nobody who is somebody else's customer. */
function missingProfiles(work: Work): Planned | null {
  const { found, target, then } = work;
  const p = then.names.profiles;
  if (p === null) return null;
  const own = ownOrganizations(work);
  const missing = (at: Belongs): string =>
    at.names.profiles === null
      ? realUser(target)
      : `${realUser(target)} and not exists (select from ${at.names.profiles.sql} p where ${at.names.profiles.of('p', 'u.id')})`;
  const { profiles: table } = found;
  let list: readonly Assignment[] = [
    { column: 'id', expression: 'u.id', reason: '' },
    { column: found.to, expression: 'b.org', reason: '' },
  ];
  let type = 'uuid';
  if (table !== null) {
    const before = tenantOf(found, table)?.key.name ?? null;
    const user = table.columns.find((one) => one.name === profileUser(found));
    type = user?.base ?? 'uuid';
    const id = isText(type) ? 'u.id::text' : 'u.id';
    const given = { [profileUser(found)]: id, ...(before === null ? {} : { [before]: 'b.org' }) };
    const made = assign(table, 'profile', given, factsOf(work), found.enums, extraOf(found, target, table));
    work.blockers.push(...made.blockers);
    list = first(made.list, profileUser(found)).map((one) => ({
      ...one,
      column: one.column === before ? found.to : one.column,
      expression:
        one.column === 'role' && one.reason !== 'as configured'
          ? roleFor(work, table, 'role', made.list)
          : one.expression,
    }));
  }
  // Who stays without an organization has the profile that the app gave them.
  const without = (at: Belongs): string => (mayBelongNowhere(target) ? 'false' : `not ${at.outsider}`);
  const belongs = `(b.org is not null or ${without(then)})`;
  return {
    todo:
      found.profiles === null
        ? `select count(*) as n from auth.users u where ${realUser(target)}`
        : `select count(*) as n from ${users(work.now, false, work.now.whole)} where ${missing(work.now)} and (b.org is not null or ${without(work.now)})`,
    change: {
      kind: 'batches',
      id: 'profiles for users without one',
      title: 'Create the missing profiles',
      table: p.sql,
      key: { column: p.user, type },
      quiet: work.quiet,
      write: {
        kind: 'insert',
        columns: list.map((one) => identifier(one.column)),
        source: `select ${columns(list)} from ${users(then, own)} where ${missing(then)} and ${belongs}`,
      },
    },
  };
}

function profileOrganizations(work: Work): Planned | null {
  const { found, target, now, then } = work;
  const p = then.names.profiles;
  const table = found.profiles;
  if (p === null || p.org === null || table === null || now.names.profiles === null) return null;
  const own = ownOrganizations(work);
  const empty = (at: Belongs, gets: string): string => {
    const mine = at.names.profiles;
    if (mine === null || mine.org === null) return 'false';
    return `t.${mine.org} is null and exists (select from auth.users u${at.each} where ${mine.of('t', 'u.id')} and ${realUser(target)} and ${gets})`;
  };
  const gets = `${now.org(false)} is not null`;
  // By a key that is one: several profiles may be of one user.
  const walked = walkedBy(table, profileUser(found));
  return {
    todo: `select count(*) as n from ${now.names.profiles.sql} t where ${empty(now, own ? `(${gets} or not ${now.outsider})` : gets)}`,
    change: {
      kind: 'batches',
      id: 'organization of profiles',
      title: 'Fill the organization of profiles that have none',
      table: p.sql,
      key: walked,
      quiet: work.quiet,
      write: {
        kind: 'update',
        column: p.org,
        type: found.idType,
        where: empty(then, `${then.org(own)} is not null`),
        value: `(select ${then.org(own)} from auth.users u${then.each} where ${p.of('t', 'u.id')})`,
      },
    },
  };
}

/** The column by which the rows of a table are walked: its primary key, where the user is not unique there. */
function walkedBy(table: NonNullable<Survey['profiles']>, user: string): BatchChange['key'] {
  const unique = table.indexes.some((one) => one.unique && !one.partial && one.columns.join() === user);
  const column = (unique ? undefined : primaryColumn(table)) ?? table.columns.find((one) => one.name === user);
  return { column: identifier(column?.name ?? user), type: column?.base ?? 'uuid' };
}

/** No row of memberships, whether it counts or not, has user `u` in organization `b`. */
function noMembership(at: Belongs): string {
  const there = at.names.memberships;
  if (there === null) return 'false';
  return `not exists (select from ${there.sql} m where m.${there.user} = ${there.member('u.id')} and ${at.sameOrganization(`m.${there.org}`, 'b.org')})`;
}

/** Whom the app lets in as the owner of an organization, without a membership in it: one for each that they own. */
function owners(work: Work): Planned | null {
  const { found, target, now, then } = work;
  const owner = ownerColumn(found);
  const m = then.names.memberships;
  const mine = found.memberships;
  const user = mine?.table.columns.find((one) => one.name === mine.userColumn);
  if (owner === null || m === null || mine === null || now.names.memberships === null || m.single) return null;
  // Walked by the organization, of which each has one owner.
  if (found.idType !== 'uuid' || user?.base !== 'uuid') return null;
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

function memberships(work: Work): Planned | null {
  const { found, target, now, then } = work;
  const m = then.names.memberships;
  const mine = found.memberships;
  if (m === null || mine === null || now.names.memberships === null) return null;
  const own = ownOrganizations(work);
  const owner = ownerColumn(found);
  const { organizations: o } = then.names;
  const owns =
    owner === null
      ? ''
      : ` and not exists (select from ${o.sql} o where o.${o.key} = b.org and o.${owner} = u.id and ${found.idType === 'uuid' && !m.single})`;
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

/** A stamp that names no organization is somebody else's, and stays; one of an organization that a user left goes over. */
function stamps(work: Work): Planned {
  const { found, target, then } = work;
  const { organizations: o } = then.names;
  const stampOf = (alias: string): string => `(${alias}.raw_app_meta_data ->> 'org_id')`;
  const namedBy = (alias: string): string =>
    `exists (select from ${o.sql} o where o.${o.key} = ${idFrom(stampOf(alias), found.idType)})`;
  const stamp = stampOf('t');
  const named = namedBy('t');
  // `u` is the row itself, under the name that the rest of the text gives to a user.
  const value = (at: Belongs, own: boolean): string =>
    `(select ${at.org(own)}::text from (select t.id, t.raw_app_meta_data) u${at.each})`;
  const where = (at: Belongs, own: boolean): string =>
    `${realUser(target, 't')} and (${stamp} is null or ${named})
      and (select coalesce(x.org <> ${stamp}, x.org is not null) from (select ${value(at, own)} as org offset 0) x)`;
  const own = ownOrganizations(work);
  return {
    todo: `select count(*) + ${own ? work.judged.orphans : 0} as n from ${users(work.now, false, work.now.whole)}
      where ${realUser(target)} and (${stampOf('u')} is null or ${namedBy('u')}) and b.org is not null and b.org::text is distinct from ${stampOf('u')}`,
    change: {
      kind: 'batches',
      id: 'stamps',
      title: 'Stamp org_id into the metadata that tokens are made from',
      table: 'auth.users',
      key: { column: 'id', type: 'uuid' },
      quiet: work.quiet,
      write: {
        kind: 'update',
        column: 'raw_app_meta_data',
        type: 'jsonb',
        jsonKey: 'org_id',
        where: where(then, own),
        value: value(then, own),
      },
    },
  };
}

/** The owner of an organization made for them; else what their profile says; else a plain member. */
function roleFor(
  work: Work,
  table: NonNullable<Survey['profiles']>,
  name: string,
  list: readonly Assignment[],
  owns = `b.org = ${work.then.own}`,
): string {
  const { found, then } = work;
  const column = table.columns.find((one) => one.name === name);
  if (column === undefined) return list.find((one) => one.column === name)?.expression ?? 'null';
  const allowed = allowedValues(table, column, found.enums);
  const cast = isText(column.type) ? '' : `::${column.type}`;
  const p = then.names.profiles;
  const said =
    table === found.profiles || p === null || p.role === null || p.org === null
      ? ''
      : `(select p.role::text from ${p.sql} p where ${p.of('p', 'u.id')} and p.${p.org} = b.org limit 1)`;
  const accepted = allowed.length === 0 ? 'is not null' : `in (${allowed.map(literal).join(', ')})`;
  const fromProfile = said === '' ? '' : ` when ${said} ${accepted} then ${said}`;
  const configured = list.find((one) => one.column === name && one.reason === 'as configured')?.expression;
  const owner = configured === undefined ? literal(ownerRole(allowed)) : `(${configured})::text`;
  return `(case when ${owns} then ${owner}${fromProfile} else ${literal(memberRole(allowed))} end)${cast}`;
}

const columns = (list: readonly Assignment[]): string =>
  list.map((one) => `${one.expression} as ${identifier(one.column)}`).join(', ');

const first = <T extends { readonly column: string }>(list: readonly T[], column: string): readonly T[] => [
  ...list.filter((one) => one.column === column),
  ...list.filter((one) => one.column !== column),
];

const needsTables: Blocker = {
  problem: 'There is no table of organizations, so users cannot be connected.',
  remedy: 'Name it with --organizations or names.organizations in the configuration file.',
};
