import { identifier, literal, qualified } from '../../src/database/quote.ts';
import type { BatchChange } from '../../src/rollout/change.ts';
import type { Blocker, Note, Plan, Step } from '../../src/rollout/step.ts';
import type { Target } from '../target.ts';
import { checkUsers } from './checks.ts';
import { allowedValues, primaryColumn, profileUser, type Survey, survey, tenantOf } from './survey.ts';
import { assign, memberRole, ownerRole, type UserFacts } from './values.ts';

export const step: Step<Target> = {
  id: '1.5',
  title: 'Existing users',
  why: 'Users who signed up before the trigger have no organization, no profile or no stamp. They are filled from what the database knows, in small batches, and every value written is kept for the rollback; nobody is put into a first or default organization.',
  plan,
  checks: async function* (target, signal) {
    yield* checkUsers(target, await survey(target), signal);
  },
};

async function plan(target: Target): Promise<Plan> {
  const client = await target.session.work();
  const found = await survey(target);
  const { enums } = found;
  if (found.organizations === null || (found.profiles === null && !target.config.decisions.createProfiles)) {
    return { changes: [], notes: [], blockers: [needsTables] };
  }
  const { rows: capability } = await client.query<{ quiet: boolean }>(
    `select current_setting('is_superuser') = 'on' or has_parameter_privilege('session_replication_role', 'SET') as quiet`,
  );
  const quiet = capability[0]?.quiet === true;
  const now = names(found, 'now', target);
  const then = names(found, 'then', target);
  const count = async (sql: string): Promise<number> =>
    Number((await client.query<{ n: string }>(sql)).rows[0]?.n ?? 0);
  const blockers: Blocker[] = [];
  const notes: Note[] = [];

  // What is asked of the database now reads the names of now; what will run later is written with the names of then.
  const { rows: orphans } = await client.query<{ id: string; n: string }>(
    `select u.id, count(*) over () as n from auth.users u where ${realUser(target)} and ${orgOf(now, target, false)} is null order by u.created_at limit 3`,
  );
  const orphanCount = Number(orphans[0]?.n ?? 0);
  if (orphanCount > 0 && target.config.decisions.orphans === null) {
    blockers.push({
      problem: `${orphanCount} ${orphanCount === 1 ? 'user belongs' : 'users belong'} to no organization: no profile, membership or stamp names one.`,
      remedy: 'Connect them by hand, or let each get an organization of its own with --orphans own-organization.',
      detail: orphans.map((row) => `user ${row.id}`).join('\n'),
    });
  }
  if (now.memberships !== null && target.config.decisions.ambiguousMemberships === null) {
    const { rows } = await client.query<{ id: string; n: string }>(
      `select u.id, count(*) over () as n from auth.users u where ${realUser(target)} and ${certainOrg(now)} is null
         and (select count(distinct m.${now.memberships.org}) from ${now.memberships.table} m where m.${now.memberships.user} = u.id) > 1 limit 3`,
    );
    const ambiguous = Number(rows[0]?.n ?? 0);
    if (ambiguous > 0) {
      blockers.push({
        problem: `${ambiguous} ${ambiguous === 1 ? 'user is' : 'users are'} member of several organizations, and no profile says which one is theirs.`,
        remedy: 'Set it in their profile, or choose with --ambiguous-memberships owned or oldest.',
        detail: rows.map((row) => `user ${row.id}`).join('\n'),
      });
    }
  }
  const { rows: torn } = await client.query<{ id: string; n: string }>(
    `select u.id, count(*) over () as n from auth.users u ${
      now.profiles === null
        ? 'where false'
        : `join ${now.profiles.table} p on p.${now.profiles.user} = u.id
       join ${now.organizations} o on o.${now.organizationKey}::text = u.raw_app_meta_data ->> 'org_id'
       where ${realUser(target)} and p.${now.profiles.org} is not null and p.${now.profiles.org}::text <> u.raw_app_meta_data ->> 'org_id'`
    } limit 3`,
  );
  if (torn.length > 0) {
    blockers.push({
      problem: `${torn[0]?.n} users carry the stamp of one organization while their profile names another, and both exist.`,
      remedy: 'Decide for each which is right, and correct the profile or raw_app_meta_data by hand.',
      detail: torn.map((row) => `user ${row.id}`).join('\n'),
    });
  }
  if (blockers.length > 0) return { changes: [], blockers, notes };

  const changes: BatchChange[] = [];
  const add = async (todo: string, change: BatchChange): Promise<void> => {
    const n = await count(todo);
    if (n > 0)
      changes.push({ ...change, title: `${change.title} (${n.toLocaleString('en')} ${n === 1 ? 'row' : 'rows'})` });
  };
  const facts: UserFacts = {
    user: 'u.id',
    organization: orgOf(then, target, true),
    name: `coalesce(nullif(trim(u.raw_user_meta_data ->> 'organization_name'), ''), nullif(split_part(u.email, '@', 1), ''), nullif(u.phone, ''), 'Organization')`,
    email: 'u.email',
    phone: 'u.phone',
    metadata: 'u.raw_user_meta_data',
  };

  if (orphanCount > 0) {
    const made = assign(
      found.organizations,
      'organization',
      { [then.organizationKeyName]: ownOrganization },
      facts,
      enums,
    );
    blockers.push(...made.blockers);
    const list = first(made.list, then.organizationKeyName);
    await add(`select ${orphanCount} as n`, {
      kind: 'batches',
      id: 'organizations for orphans',
      title: 'Give each user without organization one of their own',
      table: then.organizations,
      key: { column: then.organizationKey, type: 'uuid' },
      quiet,
      write: {
        kind: 'insert',
        columns: list.map((one) => identifier(one.column)),
        cursor: 'walked_by',
        source: `select u.id as walked_by, ${list.map((one) => `${one.expression} as ${identifier(one.column)}`).join(', ')} from auth.users u where ${realUser(target)} and ${orgOf(then, target, false)} is null`,
      },
    });
  }

  if (now.profiles !== null && then.profiles !== null && found.profiles !== null) {
    const own = target.config.decisions.orphans !== null;
    const missing = (at: Names) =>
      `${realUser(target)} and not exists (select from ${at.profiles?.table} p where p.${at.profiles?.user} = u.id)`;
    const profileOrg = tenantOf(found, found.profiles)?.key.name ?? found.to;
    const made = assign(
      found.profiles,
      'profile',
      { [profileUser(found)]: 'u.id', [profileOrg]: orgOf(then, target, own) },
      facts,
      enums,
    );
    blockers.push(...made.blockers);
    const list = first(
      made.list.map((one) => (one.column === profileOrg ? { ...one, column: found.to } : one)),
      profileUser(found),
    ).map((one) =>
      one.column === 'role' ? { ...one, expression: roleFor(found, target, enums, found.profiles, then) } : one,
    );
    await add(`select count(*) as n from auth.users u where ${missing(now)}`, {
      kind: 'batches',
      id: 'profiles for users without one',
      title: 'Create the missing profiles',
      table: then.profiles.table,
      key: { column: then.profiles.user, type: 'uuid' },
      quiet,
      write: {
        kind: 'insert',
        columns: list.map((one) => identifier(one.column)),
        source: `select ${list.map((one) => `${one.expression} as ${identifier(one.column)}`).join(', ')} from auth.users u where ${missing(then)}`,
      },
    });
    const empty = (at: Names) =>
      `t.${at.profiles?.org} is null and exists (select from auth.users u where u.id = t.${at.profiles?.user} and ${realUser(target)})`;
    await add(`select count(*) as n from ${now.profiles.table} t where ${empty(now)}`, {
      kind: 'batches',
      id: 'organization of profiles',
      title: 'Fill the organization of profiles that have none',
      table: then.profiles.table,
      key: { column: then.profiles.user, type: 'uuid' },
      quiet,
      write: {
        kind: 'update',
        column: then.profiles.org,
        type: 'uuid',
        where: empty(then),
        value: `(select ${orgOf(then, target, own)} from auth.users u where u.id = t.${then.profiles.user})`,
      },
    });
  }

  if (now.memberships !== null && then.memberships !== null && found.memberships !== null) {
    const { memberships } = found;
    const own = target.config.decisions.orphans !== null;
    const without = (at: Names, organization: string) =>
      `${realUser(target)} and ${organization} is not null and not exists (select from ${at.memberships?.table} m where m.${at.memberships?.user} = u.id and m.${at.memberships?.org} = ${organization})`;
    const key = tenantOf(found, memberships.table)?.key.name ?? found.to;
    const made = assign(
      memberships.table,
      'membership',
      { [memberships.userColumn]: 'u.id', [key]: orgOf(then, target, own) },
      facts,
      enums,
    );
    blockers.push(...made.blockers);
    const list = first(
      made.list.map((one) => (one.column === key ? { ...one, column: found.to } : one)),
      memberships.userColumn,
    ).map((one) =>
      one.column === 'role' ? { ...one, expression: roleFor(found, target, enums, memberships.table, then) } : one,
    );
    await add(
      `select count(*) + ${orphanCount} as n from auth.users u where ${without(now, orgOf(now, target, false))}`,
      {
        kind: 'batches',
        id: 'memberships',
        title: 'Add the missing memberships',
        table: then.memberships.table,
        key: { column: then.memberships.user, type: 'uuid' },
        quiet,
        write: {
          kind: 'insert',
          columns: list.map((one) => identifier(one.column)),
          source: `select ${list.map((one) => `${one.expression} as ${identifier(one.column)}`).join(', ')} from auth.users u where ${without(then, orgOf(then, target, own))}`,
        },
      },
    );
  }

  const stampless = (at: Names) =>
    `${realUser(target, 't')} and not exists (select from ${at.organizations} o where o.${at.organizationKey}::text = t.raw_app_meta_data ->> 'org_id')`;
  await add(`select count(*) as n from auth.users t where ${stampless(now)}`, {
    kind: 'batches',
    id: 'stamps',
    title: 'Stamp org_id into the metadata that tokens are made from',
    table: 'auth.users',
    key: { column: 'id', type: 'uuid' },
    quiet,
    write: {
      kind: 'update',
      column: 'raw_app_meta_data',
      type: 'jsonb',
      jsonKey: 'org_id',
      where: stampless(then),
      value: `(select ${orgOf(then, target, target.config.decisions.orphans !== null)}::text from auth.users u where u.id = t.id)`,
    },
  });
  if (changes.length > 0) {
    notes.push({
      text: 'Tokens signed before this step carry no org_id until they are refreshed, by default within one hour (JWT expiry); until then public.current_org_id() falls back to the profile.',
    });
    if (quiet)
      notes.push({
        text: "The app's own triggers stay silent during these writes, so that no other column moves and no mail is sent.",
      });
  }
  return blockers.length > 0 ? { changes: [], blockers, notes } : { changes, blockers, notes };
}

type Names = {
  readonly organizations: string;
  readonly organizationKey: string;
  readonly organizationKeyName: string;
  readonly profiles: { readonly table: string; readonly user: string; readonly org: string } | null;
  readonly memberships: {
    readonly table: string;
    readonly user: string;
    readonly org: string;
    readonly role: string | null;
    readonly order: string | null;
  } | null;
};

/** Quoted names as they stand now, or as they will once step 1.2 is done. */
function names(found: Survey, when: 'now' | 'then', target: Target): Names {
  const key = primaryColumn(found.organizations)?.name ?? 'id';
  const { organizations, profiles, memberships } = found;
  const org = (table: NonNullable<Survey['profiles']>): string => {
    const current = tenantOf(found, table)?.key.name ?? found.to;
    return identifier(when === 'now' ? current : found.to);
  };
  const created = when === 'then' && target.config.decisions.createProfiles;
  return {
    organizations:
      organizations === null ? 'public.organizations' : qualified(organizations.schema, organizations.name),
    organizationKey: identifier(key),
    organizationKeyName: key,
    profiles:
      profiles === null
        ? created
          ? { table: 'public.profiles', user: 'id', org: identifier(found.to) }
          : null
        : {
            table: qualified(profiles.schema, profiles.name),
            user: identifier(profileUser(found)),
            org: org(profiles),
          },
    memberships:
      memberships === null
        ? null
        : {
            table: memberships.sql,
            user: identifier(memberships.userColumn),
            org: org(memberships.table),
            role: memberships.roleColumn === null ? null : identifier(memberships.roleColumn),
            order:
              memberships.table.columns.find((one) => ['created_at', 'joined_at', 'inserted_at'].includes(one.name))
                ?.name ?? null,
          },
  };
}

/** Users who need an organization: not deleted, and not anonymous unless the operator wants it. */
export const realUser = (target: Target, alias = 'u'): string =>
  `${alias}.deleted_at is null${target.config.decisions.anonymousUsers === 'no-organization' ? ` and not ${alias}.is_anonymous` : ''}`;

/** The id of the organization that an orphan gets: from the user's own id, so that every later change finds it again. */
const ownOrganization = `pg_catalog.md5('voxanne-rollout/' || u.id::text)::uuid`;

/** What profile or stamp say of user `u`; both were set by the app or the service key, never by the user. */
const certainOrg = (at: Names): string => `coalesce(
    ${at.profiles === null ? 'null::uuid' : `(select p.${at.profiles.org}::text::uuid from ${at.profiles.table} p where p.${at.profiles.user} = u.id and p.${at.profiles.org} is not null limit 1)`},
    (select o.${at.organizationKey} from ${at.organizations} o where o.${at.organizationKey}::text = u.raw_app_meta_data ->> 'org_id'))`;

/** SQL for the organization of user `u`: profile, stamp, membership, and, when asked, the one made for an orphan. */
function orgOf(at: Names, target: Target, own: boolean): string {
  const parts = [certainOrg(at)];
  if (at.memberships !== null) {
    const { table, user, org, role, order } = at.memberships;
    const base = `from ${table} m join ${at.organizations} o on o.${at.organizationKey}::text = m.${org}::text where m.${user} = u.id`;
    const choice = target.config.decisions.ambiguousMemberships;
    const oldest = order === null ? `m.${org}::text` : `m.${identifier(order)}, m.${org}::text`;
    parts.push(
      choice === 'owned' && role !== null
        ? `(select o.${at.organizationKey} ${base} order by (m.${role}::text = 'owner') desc, ${oldest} limit 1)`
        : `(select o.${at.organizationKey} ${base} order by ${oldest} limit 1)`,
    );
  }
  if (own)
    parts.push(
      `(select o.${at.organizationKey} from ${at.organizations} o where o.${at.organizationKey} = ${ownOrganization})`,
    );
  return parts.length === 1 ? (parts[0] ?? 'null') : `coalesce(${parts.join(',\n    ')})`;
}

/** The owner of an organization made for them; else what their profile says; else a plain member. */
function roleFor(
  found: Survey,
  target: Target,
  enums: ReadonlyMap<string, readonly string[]>,
  table: Survey['profiles'],
  at: Names,
): string {
  const column = table?.columns.find((one) => one.name === 'role');
  if (table == null || column === undefined) return 'null';
  const allowed = allowedValues(table, column, enums);
  const cast = /^(text|character)/.test(column.type) ? '' : `::${column.type}`;
  const profileRole = found.profiles?.columns.find((one) => one.name === 'role');
  const fromProfile =
    table === found.profiles || profileRole === undefined || at.profiles === null
      ? ''
      : ` when (select p.role::text from ${at.profiles.table} p where p.${at.profiles.user} = u.id) ${allowed.length === 0 ? 'is not null' : `in (${allowed.map(literal).join(', ')})`} then (select p.role::text from ${at.profiles.table} p where p.${at.profiles.user} = u.id)`;
  return `(case when ${orgOf(at, target, true)} = ${ownOrganization} then ${literal(ownerRole(allowed))}${fromProfile} else ${literal(memberRole(allowed))} end)${cast}`;
}

const first = <T extends { readonly column: string }>(list: readonly T[], column: string): readonly T[] => [
  ...list.filter((one) => one.column === column),
  ...list.filter((one) => one.column !== column),
];

const needsTables: Blocker = {
  problem: 'Organizations or profiles are not there, so that users cannot be connected.',
  remedy:
    'Name them with names.organizations and names.profiles, or let step 1.2 create profiles with --create-profiles.',
};
