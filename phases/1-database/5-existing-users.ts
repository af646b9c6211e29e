import type { ClientBase } from 'pg';
import { refusedOf } from '../../src/database/probes/sign-up-refused.ts';
import { identifier } from '../../src/database/quote.ts';
import { maySilenceTriggers } from '../../src/database/reversible.ts';
import { rolledBack } from '../../src/database/rolled-back.ts';
import type { BatchChange } from '../../src/rollout/change.ts';
import type { Blocker, Note, Plan, Step } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import type { Target } from '../target.ts';
import { checkUsers } from './checks.ts';
import { type Belongs, belongsOf, realUser } from './existing-users/belongs.ts';
import { judgeUsers, lookAtUsers, noOrganization } from './existing-users/judge.ts';
import { memberships, owners } from './existing-users/memberships.ts';
import { mayBelongNowhere } from './existing-users/nowhere.ts';
import {
  columns,
  factsOf,
  first,
  ownOrganizations,
  type Planned,
  roleFor,
  users,
  type Work,
} from './existing-users/work.ts';
import { signUpAdvice } from './sign-up/advice.ts';
import { extraOf } from './sign-up/given.ts';
import { idFrom } from './sign-up/names.ts';
import { isText, primaryColumn, profileUser, type Survey, survey, tenantOf } from './survey.ts';
import { type Assignment, assign } from './values.ts';

export const step: Step<Target> = {
  id: '1.5',
  title: 'Assign existing users',
  why: 'Users who signed up before the trigger may have no organization, no profile or no stamp (org_id in the metadata that tokens are made from). These are filled in from what the database knows, in small batches, and every old value is kept for the rollback; nobody is put into a first or default organization.',
  running: {
    before: '',
    after: 'Tokens signed before this step carry no org_id until they are refreshed, by default within one hour.',
  },
  plan,
  queries: checkEveryUser,
  checks: checkEveryUser,
};

async function* checkEveryUser(target: Target, signal: AbortSignal): ReturnType<Step<Target>['checks']> {
  yield* checkUsers(target, await survey(target), signal);
}

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

const needsTables: Blocker = {
  problem: 'There is no table of organizations, so users cannot be connected.',
  remedy: 'Name it with --organizations or names.organizations in the configuration file.',
};
