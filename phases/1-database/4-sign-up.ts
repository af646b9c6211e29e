import type { DbFunction, Trigger } from '../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../src/database/quote.ts';
import type { SqlChange } from '../../src/rollout/change.ts';
import type { Blocker, Note, Plan, Step } from '../../src/rollout/step.ts';
import type { Target } from '../target.ts';
import { checkAccessTokenHook, planAccessTokenHook } from './access-token-hook.ts';
import { checkDocuments, checkSignUps } from './checks.ts';
import { loadMigration, statements } from './migration.ts';
import { findFunction, findTrigger, functionDown, replaceable, triggerDown } from './restore.ts';
import { allowedValues, primaryColumn, profileUser, type Survey, survey, tenantOf } from './survey.ts';
import { type Assignments, assign, memberRole, type UserFacts } from './values.ts';

export const step: Step<Target> = {
  id: '1.4',
  title: 'Sign-up',
  why: 'Every new user needs an organization, a profile, a membership and an org_id in the token from the first second. Without this trigger a sign-up leaves a user who belongs nowhere, and the app guesses.',
  plan,
  checks: async function* (target, signal) {
    const found = await survey(target);
    yield* checkDocuments(target, found, '1.4');
    yield* checkSignUps(target, found, signal);
    if (target.config.accessTokenHook) yield* checkAccessTokenHook(await target.session.work(), found);
  },
};

async function plan(target: Target): Promise<Plan> {
  const found = await survey(target);
  const { enums } = found;
  const made = signUpSql(found, target, enums);
  if (made.blockers.length > 0) return { changes: [], blockers: made.blockers, notes: [] };
  const { catalog } = found;
  const notes: Note[] = [...made.notes];
  const changes: SqlChange[] = [];

  const define = (name: string, ddl: string, revoke: string): void => {
    const before = findFunction(catalog, 'public', name);
    if (before !== null && sameFunction(before, ddl)) return;
    changes.push({
      kind: 'sql',
      id: `function public.${name}`,
      title: `${before === null ? 'Create' : 'Replace'} function public.${name}()`,
      mode: 'transaction',
      up: `${ddl}\n${revoke}`,
      down: functionDown(before, 'public', name),
    });
  };
  const attach = (ddl: string, functionName: string, replaced: readonly Trigger[] = []): void => {
    const name = /create or replace trigger (\w+)/.exec(ddl)?.[1] ?? '';
    const before = findTrigger(catalog, 'auth', 'users', name);
    if (before !== null && sameTrigger(before, ddl) && replaced.length === 0) return;
    for (const one of replaced) {
      notes.push({
        text: `Trigger ${one.name} on auth.users does the same job; it is kept in the journal and comes back on rollback.`,
        detail: one.definition,
      });
    }
    if (before !== null)
      notes.push({
        text: `Trigger ${name} is there already and is replaced; rollback restores it.`,
        detail: before.definition,
      });
    changes.push({
      kind: 'sql',
      id: `trigger auth.users.${name}`,
      title: `${before === null ? 'Create' : 'Replace'} trigger ${name} on auth.users${replaced.length === 0 ? '' : `, instead of ${replaced.map((one) => one.name).join(', ')}`}`,
      mode: 'transaction',
      // One transaction: with both triggers at work a sign-up would get two organizations.
      up: [...replaced.map((one) => `drop trigger ${identifier(one.name)} on auth.users;`), ddl].join('\n'),
      down: [
        triggerDown(before, 'auth', 'users', name),
        ...replaced.map((one) => `${replaceable(one.definition)};`),
      ].join('\n'),
      after: [`function public.${functionName}`],
    });
  };

  const [setup = '', revokeSetup = '', created = '', permanent = '', ...rest] = made.statements;
  const [keep = '', revokeKeep = '', keepTrigger = '', follow = '', revokeFollow = '', followTrigger = ''] = rest;
  define('keep_org_id', keep, revokeKeep);
  attach(keepTrigger, 'keep_org_id');
  define('follow_org_id', follow, revokeFollow);
  attach(followTrigger, 'follow_org_id');
  define('handle_new_user_setup', setup, revokeSetup);
  attach(created, 'handle_new_user_setup', samePurpose(found));
  attach(permanent, 'handle_new_user_setup');
  if (!target.config.accessTokenHook) return { changes, blockers: [], notes };
  const hook = planAccessTokenHook(found);
  return { changes: [...changes, ...hook.changes], blockers: hook.blockers, notes: [...notes, ...hook.notes] };
}

/** Fills `migrations/sign_up.sql` for the columns that organizations, profiles and memberships really have. */
function signUpSql(
  found: Survey,
  target: Target,
  enums: ReadonlyMap<string, readonly string[]>,
): { statements: readonly string[]; blockers: readonly Blocker[]; notes: readonly Note[] } {
  const { organizations, profiles, memberships, to } = found;
  const blockers: Blocker[] = [];
  if (organizations === null)
    blockers.push(missingTable('organizations', target.config.names.organizations ?? 'public.organizations'));
  if (profiles === null && !target.config.decisions.createProfiles)
    blockers.push(missingProfiles(target.config.names.profiles ?? 'public.profiles'));
  if (found.membershipCandidates.length > 1) {
    blockers.push({
      problem: `More than one table could hold the memberships: ${found.membershipCandidates.map((one) => `${one.schema}.${one.name}`).join(', ')}.`,
      remedy: 'Name it with --memberships or names.memberships in the configuration file.',
    });
  }
  if (blockers.length > 0 || organizations === null) return { statements: [], blockers, notes: [] };

  const org = identifier(to);
  const facts: UserFacts = {
    user: 'new.id',
    organization: 'v_org',
    name: 'v_name',
    email: 'new.email',
    phone: 'new.phone',
    metadata: 'new.raw_user_meta_data',
  };
  const notes: Note[] = [];
  const insert = (table: string, made: Assignments, what: string): string => {
    blockers.push(...made.blockers);
    for (const one of made.list.filter((each) => each.reason.startsWith('required'))) {
      notes.push({ text: `A new ${what} gets ${one.expression} in ${one.column}: ${one.reason}.` });
    }
    const columns = made.list.map((one) => identifier(one.column)).join(', ');
    return `insert into ${table} (${columns})\n      values (${made.list.map((one) => one.expression).join(', ')})`;
  };

  const organizationSql = qualified(organizations.schema, organizations.name);
  const organizationKey = primaryColumn(organizations)?.name ?? 'id';
  const organization = insert(
    organizationSql,
    assign(organizations, 'organization', { [organizationKey]: 'v_org' }, facts, enums),
    'organization',
  );

  const profilesSql = profiles === null ? 'public.profiles' : qualified(profiles.schema, profiles.name);
  const userColumn = profiles === null ? 'id' : profileUser(found);
  const profileKey = profiles === null ? to : (tenantOf(found, profiles)?.key.name ?? to);
  const profileValues: Assignments =
    profiles === null
      ? {
          list: [
            { column: 'id', expression: 'new.id', reason: '' },
            { column: to, expression: 'v_org', reason: '' },
          ],
          blockers: [],
        }
      : rename(
          assign(profiles, 'profile', { [userColumn]: 'new.id', [profileKey]: 'v_org' }, facts, enums),
          profileKey,
          to,
        );
  const profile = `${insert(profilesSql, invitedRole(profileValues, profiles, enums), 'profile')}
      on conflict (${identifier(userColumn)}) do update set ${org} = excluded.${org} where ${identifier(profiles?.name ?? 'profiles')}.${org} is null;`;

  const membership =
    memberships === null
      ? ''
      : `  ${insert(
          memberships.sql,
          invitedRole(
            rename(
              assign(
                memberships.table,
                'membership',
                { [memberships.userColumn]: 'new.id', [tenantOf(found, memberships.table)?.key.name ?? to]: 'v_org' },
                facts,
                enums,
              ),
              tenantOf(found, memberships.table)?.key.name ?? to,
              to,
            ),
            memberships.table,
            enums,
          ),
          'membership',
        )}\n      on conflict do nothing;`;
  const joined = memberships === null ? '' : followMembership(found, memberships, facts, enums);
  if (memberships === null) {
    notes.push({ text: 'No membership table was found: a user belongs to the organization of their profile alone.' });
  }
  const text = loadMigration('sign_up.sql', {
    anonymous:
      target.config.decisions.anonymousUsers === 'no-organization'
        ? '  if new.is_anonymous then\n    return new;\n  end if;'
        : '',
    existing: `    select p.${org} into v_org from ${profilesSql} p where p.${identifier(userColumn)} = new.id and p.${org} is not null;`,
    organization: `    ${organization};`,
    profile: `  ${profile}`,
    membership,
    known: `  if exists (select from ${organizationSql} o where o.${identifier(organizationKey)}::text = new.raw_app_meta_data ->> 'org_id') then`,
    left: `  select p.${org} into v_left from ${profilesSql} p where p.${identifier(userColumn)} = new.id for update;`,
    made: `  select o.${identifier(organizationKey)} into v_org from ${organizationSql} o
    where o.${identifier(organizationKey)}::text = new.raw_app_meta_data ->> 'org_id';
  select o.xmin = pg_current_xact_id()::xid into v_made from ${organizationSql} o where o.${identifier(organizationKey)} = v_left;`,
    followed: `  update ${profilesSql} set ${org} = v_org${followedRole(profiles, enums)} where ${identifier(userColumn)} = new.id;`,
    joined,
    unmake: `      delete from ${organizationSql} o where o.${identifier(organizationKey)} = v_left;`,
  })
    .replace(
      'from public.organizations o\n    where o.id::text',
      () => `from ${organizationSql} o\n    where o.${identifier(organizationKey)}::text`,
    )
    .replaceAll(`'org_id'`, () => literal('org_id'));
  return { statements: statements(text), blockers, notes };
}

/** Whoever is put into an organization by their stamp is a member there, and no longer the owner of what sign-up made. */
function followMembership(
  found: Survey,
  memberships: NonNullable<Survey['memberships']>,
  facts: UserFacts,
  enums: ReadonlyMap<string, readonly string[]>,
): string {
  const { table, sql, userColumn } = memberships;
  const key = tenantOf(found, table)?.key.name ?? found.to;
  const named = { ...facts, name: `coalesce(new.email, new.phone, '')` };
  const made = rename(
    assign(table, 'membership', { [userColumn]: 'new.id', [key]: 'v_org' }, named, enums),
    key,
    found.to,
  );
  const member = roleOf(table, enums);
  const list = made.list.map((one) =>
    one.column === 'role' && member !== null ? { ...one, expression: member } : one,
  );
  return `  if v_made then
    delete from ${sql} where ${identifier(userColumn)} = new.id and ${identifier(found.to)} = v_left;
  end if;
  insert into ${sql} (${list.map((one) => identifier(one.column)).join(', ')})
    values (${list.map((one) => one.expression).join(', ')})
    on conflict do nothing;`;
}

/** The profile of somebody who signed up a moment ago says that they own what they now left. */
const followedRole = (profiles: Survey['profiles'], enums: ReadonlyMap<string, readonly string[]>): string => {
  const member = profiles === null ? null : roleOf(profiles, enums);
  return member === null ? '' : `, role = case when v_made then ${member} else role end`;
};

/** A member's role as an expression of the column's type; null where the table has no such column. */
function roleOf(table: NonNullable<Survey['profiles']>, enums: ReadonlyMap<string, readonly string[]>): string | null {
  const column = table.columns.find((one) => one.name === 'role');
  if (column === undefined) return null;
  const cast = /^(text|character)/.test(column.type) ? '' : `::${column.type}`;
  return `${literal(memberRole(allowedRoles(table, column.name, enums)))}${cast}`;
}

/** Somebody invited into an organization does not become its owner. */
function invitedRole(
  made: Assignments,
  table: Survey['profiles'],
  enums: ReadonlyMap<string, readonly string[]>,
): Assignments {
  const member = table == null ? null : roleOf(table, enums);
  if (member === null) return made;
  return {
    ...made,
    list: made.list.map((one) =>
      one.column === 'role'
        ? { ...one, expression: `case when v_invited then ${member} else ${one.expression} end` }
        : one,
    ),
  };
}

const allowedRoles = (
  table: NonNullable<Survey['profiles']>,
  name: string,
  enums: ReadonlyMap<string, readonly string[]>,
): readonly string[] => {
  const column = table.columns.find((one) => one.name === name);
  return column === undefined ? [] : allowedValues(table, column, enums);
};

const rename = (made: Assignments, from: string, to: string): Assignments => ({
  ...made,
  list: made.list.map((one) => (one.column === from ? { ...one, column: to } : one)),
});

/** Other AFTER INSERT triggers on auth.users whose function makes organizations, profiles or stamps. */
function samePurpose(found: Survey): readonly Trigger[] {
  const own = [
    'on_auth_user_created',
    'on_auth_user_permanent',
    'on_auth_user_keep_org_id',
    'on_auth_user_org_id_changed',
  ];
  const tables = [found.organizations, found.profiles].flatMap((table) => (table === null ? [] : [table.name]));
  const does = new RegExp(`insert\\s+into\\s+(\\w+\\.)?"?(${tables.join('|')})"?\\b|raw_app_meta_?data`, 'i');
  return found.catalog.triggers.filter((trigger) => {
    if (trigger.schema !== 'auth' || trigger.table !== 'users' || own.includes(trigger.name)) return false;
    if (!/ (AFTER|BEFORE) INSERT/.test(trigger.definition)) return false;
    const body = found.catalog.functions.find((one) => one.signature === trigger.function)?.body ?? '';
    return does.test(body);
  });
}

/** The body, the SECURITY clause and the search_path decide; formatting of the header does not. */
function sameFunction(before: DbFunction, ddl: string): boolean {
  const body = /\$function\$([\s\S]*)\$function\$/.exec(ddl)?.[1];
  return (
    before.body === body &&
    before.securityDefiner === /security definer/.test(ddl) &&
    before.settings.includes('search_path=""') &&
    before.executors.length === 0
  );
}

function sameTrigger(before: Trigger, ddl: string): boolean {
  const shape = (text: string): string =>
    text
      .replace(/^\s*--.*$/gm, '')
      .toLowerCase()
      // PostgreSQL prints a condition with casts and parentheses of its own.
      .replace(/or replace |::\w+|[();]/g, '')
      .replace(/\s+/g, ' ')
      .trim();
  return ['O', 'A'].includes(before.fires) && shape(before.definition) === shape(ddl);
}

const missingTable = (what: string, name: string): Blocker => ({
  problem: `The table of ${what}, ${name}, is not there.`,
  remedy: `Name the right table with names.${what} in the configuration file.`,
});

const missingProfiles = (name: string): Blocker => ({
  problem: `The table of profiles, ${name}, is not there.`,
  remedy: 'Name it with names.profiles in the configuration file, or let step 1.2 create it with --create-profiles.',
});
