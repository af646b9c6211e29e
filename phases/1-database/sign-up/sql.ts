import type { Column, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal } from '../../../src/database/quote.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import type { Target } from '../../target.ts';
import { signUpMakesOrganization } from '../existing-users/nowhere.ts';
import { loadMigration } from '../migration.ts';
import { allowedValues, isText, primaryColumn, profileUser, type Survey, tenantOf } from '../survey.ts';
import {
  type Assignment,
  type Assignments,
  assign,
  asToday,
  asTodayAnswer,
  memberRole,
  randomKey,
  sampleSetting,
  settingOf,
  type UserFacts,
} from '../values.ts';
import { extraOf, firstRole } from './given.ts';
import { idFrom, isMember, membershipOf, type Names, namesOf, roleKey, roleValue } from './names.ts';

export type SignUpSql = {
  readonly text: string;
  readonly names: Names;
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

/** Fills `migrations/sign_up.sql` for the columns that organizations, profiles and memberships really have. */
export function signUpText(found: Survey, target: Target): SignUpSql | null {
  const names = namesOf(found, 'then', target);
  if (names === null) return null;
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  const { organizations: o, profiles: p, memberships: m, idType } = names;
  const facts: UserFacts = {
    user: 'new.id',
    organization: 'v_org',
    name: 'v_name',
    email: 'new.email',
    phone: 'new.phone',
    metadata: 'new.raw_user_meta_data',
    ...profileKey(found, names, 'new.id'),
  };
  const take = (made: Assignments, what: string): readonly Assignment[] => {
    blockers.push(...made.blockers.filter((one) => !blockers.some((each) => each.problem === one.problem)));
    for (const one of made.list.filter((each) => /^required|^as configured/.test(each.reason))) {
      notes.push({ text: `A new ${what} gets ${one.expression} in ${one.column}: ${one.reason}.` });
    }
    return made.list;
  };

  const organization = signUpMakesOrganization(target)
    ? organizationSql(found, target, names, facts, take)
    : '    -- The app makes organizations when somebody asks for one; the stamp comes with the membership.\n    return new;';
  const profile = profileSql(found, target, names, facts, take);
  const membership = membershipSql(found, target, names, facts, take);
  const org = p?.org ?? null;
  const stamped = (text: string): string => `${o.sql} o
    where o.${o.key} = ${idFrom(text, idType)}`;
  const text = loadMigration('sign_up.sql', {
    type: `  v_org ${idType};`,
    anonymous:
      target.config.decisions.anonymousUsers === 'no-organization'
        ? '  if new.is_anonymous then\n    return new;\n  end if;'
        : '',
    stamped: `  select o.${o.key} into v_org from ${stamped('v_stamp')} and ${o.living('o')};`,
    existing: `${profileMakes(found, names) ? `${early(found, target, names, facts)}\n` : ''}${existingSql(names)}`,
    organization,
    profile: profile.text,
    membership: membership.text,
    stamp: `  update auth.users u
    set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}'::jsonb) || jsonb_build_object('org_id', v_org::text)
    where u.id = new.id and u.raw_app_meta_data ->> 'org_id' is distinct from v_org::text
      and (v_stamp is null or exists (select from ${stamped('v_stamp')}));`,
    known: `  if exists (select from ${stamped('v_stamp')} and ${o.living('o')}) then
    return new;
  end if;`,
    stands: `  if ${isMember(names, 'new.id', idFrom('v_before', idType))} then`,
    types: `  v_org ${idType};\n  v_left ${idType};`,
    followed_to: `  select o.${o.key} into v_org from ${stamped('v_stamp')} and ${o.living('o')};`,
    left:
      p === null || org === null
        ? `  select o.${o.key} into v_left from ${stamped('v_before')};`
        : `  select p.${org} into v_left from ${p.sql} p where ${p.of('p', 'new.id')} limit 1 for update;
  if v_left is null then
    select o.${o.key} into v_left from ${stamped('v_before')};
  end if;`,
    joined: membership.joined,
    followed: profile.followed,
    next_type: `  v_org ${idType};\n  v_old ${idType};`,
    ...followParts(names, stamped),
    ...(found.model === 'active' ? { chosen: chosenSql(names), also: alsoSql(found, names) } : { switch: '' }),
  })
    .replaceAll(`'public.organizations'::regclass`, () => `${literal(o.sql)}::regclass`)
    .replace('from public.organizations o where o.id = v_left;', () => `from ${o.sql} o where o.${o.key} = v_left;`)
    .replace('where o.id = $1)', () => `where o.${o.key} = $1)`)
    .replace(
      `a.attname = 'org_id' and a.atttypid = 'uuid'`,
      () => `a.attname = ${literal(found.to)} and a.atttypid = ${literal(idType)}`,
    )
    .replaceAll(
      'switch_organization(organization uuid) returns uuid',
      () => `switch_organization(organization ${idType}) returns ${idType}`,
    )
    .replaceAll('switch_organization(uuid)', () => `switch_organization(${idType})`);
  if (m === null) {
    notes.push({
      text:
        org === null
          ? 'Neither memberships nor profiles say who belongs to which organization: the stamp alone does.'
          : 'No membership table was found: a user belongs to the organization of their profile alone.',
    });
  }
  return { text, names, blockers, notes };
}

/** Nobody guesses which role runs an organization: a new one would have nobody who may. */
const unknownRole = (table: Table, role: Column, found: Survey): Blocker => ({
  problem: `The roles of ${table.schema}.${table.name} are ${(found.memberships?.roles ?? []).join(', ')}, and nothing tells which of them runs an organization: whoever makes one by signing up needs it.`,
  remedy: `Give it as ${settingOf(table, role.name)} in the configuration file; or ${asToday}.`,
  detail: sampleSetting(table, [role], found.enums),
  answers: [asTodayAnswer],
});

type Take = (made: Assignments, what: string) => readonly Assignment[];

const insertSql = (table: string, list: readonly Assignment[]): string =>
  `insert into ${table} (${list.map((one) => identifier(one.column)).join(', ')})
      values (${list.map((one) => one.expression).join(', ')})`;

/** A profile's key, where it is not the user's id, for columns that refer to profiles. */
export function profileKey(found: Survey, names: Names, user: string): Pick<UserFacts, 'profile'> {
  const { profiles: p } = names;
  const key = p?.table?.constraints.find((one) => one.type === 'p')?.columns ?? [];
  const [only] = key;
  if (p === null || only === undefined || key.length !== 1 || only === profileUser(found)) return {};
  return { profile: `(select p.${identifier(only)} from ${p.sql} p where ${p.of('p', user)} limit 1)` };
}

function organizationSql(found: Survey, target: Target, names: Names, facts: UserFacts, take: Take): string {
  const { organizations: o, profiles: p } = names;
  const { table } = o;
  const keyName = table.columns.find((one) => identifier(one.name) === o.key)?.name ?? 'id';
  const makes = o.fills ? {} : keyValue(names);
  const given: Record<string, string> = makes.value === undefined ? {} : { [keyName]: makes.value };
  const made = assign(table, 'organization', given, facts, found.enums, extraOf(found, target, table));
  const list = take(made, 'organization').filter((one) => !(o.fills && one.column === keyName));
  const insert = list.length === 0 ? `insert into ${o.sql} default values` : insertSql(o.sql, list);
  const statement = `    ${insert}\n      returning ${o.key} into v_org;`;
  // Two people of the same name at the same moment: whoever comes second takes another suffix.
  const derived = list.some((one) => one.expression.includes('generate_series'));
  const safe = derived
    ? `    for v_try in 1..5 loop
      begin
    ${statement.replaceAll('\n', '\n    ')}
        exit;
      exception when unique_violation then
        if v_try = 5 then
          raise;
        end if;
      end;
    end loop;`
    : statement;
  const first =
    p?.table != null &&
    p.org !== null &&
    list.some((one) => refersTo(table, one.column, p.table)) &&
    nullable(found, p.table)
      ? `${early(found, target, names, facts)}\n`
      : '';
  return `${first}${safe}
    -- Says until the end of this transaction that nobody but sign-up can have made it.
    perform set_config('voxanne_rollout.sign_up', new.id::text || ' ' || v_org::text, true);`;
}

const refersTo = (table: Table, column: string, other: Table | null): boolean =>
  table.constraints.some(
    (one) =>
      one.type === 'f' &&
      one.columns.join() === column &&
      one.references?.table === other?.name &&
      one.references?.schema === other?.schema,
  );

const nullable = (found: Survey, table: Table): boolean => tenantOf(found, table)?.key.notNull === false;

/**
 * A trigger of the app makes the organization or the membership as soon as somebody has a profile: it runs before we look
 * at what there is already, or there would be two.
 */
function profileMakes(found: Survey, { profiles: p, organizations: o, memberships: m }: Names): boolean {
  if (p?.table == null || !(p.org === null || nullable(found, p.table))) return false;
  const { schema, name } = p.table;
  const made = [o.table, ...(m === null ? [] : [found.memberships?.table])].flatMap((table) =>
    table == null ? [] : [table.name],
  );
  return found.catalog.triggers
    .filter(
      (one) => one.schema === schema && one.table === name && one.fires !== 'D' && /\bINSERT\b/.test(one.definition),
    )
    .some((one) => {
      const body = found.catalog.functions.find((each) => each.signature === one.function)?.body ?? '';
      return made.some((each) => new RegExp(`\\binsert\\s+into\\s+("?\\w+"?\\.)?"?${each}\\b`, 'i').test(body));
    });
}

/** The profile comes first, without an organization yet, where the organization refers to it. */
function early(found: Survey, target: Target, names: Names, facts: UserFacts): string {
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

/** An id for a key that does not fill itself: only for types of which any value will do. */
function keyValue(names: Names): { readonly value?: string } {
  if (names.idType === 'uuid') return { value: 'gen_random_uuid()' };
  const column = primaryColumn(names.organizations.table);
  const made = column === null || !isText(column.base) ? null : randomKey(column);
  return made === null ? {} : { value: made };
}

const userValue = (found: Survey, table: Table): string => {
  const column = table.columns.find((one) => one.name === profileUser(found));
  return column !== undefined && /^(text|character)/.test(column.base) ? 'new.id::text' : 'new.id';
};

/** What a trigger of the app made of the new user before ours ran. */
function existingSql({ organizations: o, profiles: p, memberships: m, ...rest }: Names): string {
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

function profileSql(
  found: Survey,
  target: Target,
  names: Names,
  facts: UserFacts,
  take: Take,
): { readonly text: string; readonly followed: string } {
  const { organizations: o, profiles: p, memberships: m } = names;
  if (p === null) return { text: '', followed: '' };
  const there = p.of('p', 'new.id');
  let list: readonly Assignment[];
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
  if (p.org === null) return { text: insert, followed: '' };
  const member =
    p.role === null || p.table === null
      ? null
      : roleValue(p.role, memberRole(allowedValues(p.table, p.role, found.enums)));
  const role = member === null ? '' : `, ${identifier('role')} = ${roleThere(found, names, member)}`;
  return {
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

function membershipSql(
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
      delete from ${m.sql} m where m.${m.user} = ${m.member('new.id')} and m.${m.org} = v_left;
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
    return own === '' && fromProfile === '' ? other : `case${own}${fromProfile} else ${other} end`;
  }
}

/** The parts of `follow_membership`, which stands on the table whose word counts. */
function followParts(names: Names, stamped: (text: string) => string): Readonly<Record<string, string>> {
  const { organizations: o, profiles: p, memberships: m, idType } = names;
  const org = p?.org ?? null;
  const from =
    m ?? (p !== null && org !== null ? { sql: p.sql, user: p.user, org, userOf: (one: string) => one } : null);
  if (from === null) return { membership_trigger: '' };
  const stamp = idFrom('v_stamp', idType);
  const next =
    m !== null
      ? `      v_org := ${membershipOf(names, 'v_user')};`
      : `      select p.${org} into v_org from ${p?.sql} p join ${o.sql} o on o.${o.key} = p.${org} where ${p?.of('p', 'v_user')} and ${o.living('o')} limit 1;`;
  const userText = p?.table?.columns.find((one) => identifier(one.name) === p.user);
  const id = (row: string): string =>
    m !== null
      ? from.userOf(`${row}.${from.user}`)
      : userText !== undefined && userText.base !== 'uuid'
        ? idFrom(`${row}.${from.user}::text`, 'uuid')
        : `${row}.${from.user}`;
  return {
    users: `    select distinct x.id from unnest(array[case when tg_op <> 'INSERT' then ${id('old')} end, case when tg_op <> 'DELETE' then ${id('new')} end]) x (id)`,
    ended: `    v_old := case when tg_op <> 'INSERT' then old.${from.org} end;`,
    still: `    v_org := null;
    if ${isMember(names, 'v_user', stamp)} then
      v_org := ${stamp};
    end if;`,
    theirs: `      -- A value that others put there and that is no organization is theirs.
      if v_stamp is not null and v_stamp is distinct from v_old::text and not exists (select from ${stamped('v_stamp')}) then
        continue;
      end if;`,
    next,
    emptied:
      m === null || p === null || org === null
        ? ''
        : `    -- The profile names no organization that its user left; one that is being deleted keeps the rows that forbid it.
    if v_old is distinct from v_org and exists (select from ${o.sql} o where o.${o.key} = v_old) and not ${isMember(names, 'v_user', 'v_old')} then
      begin
        update ${p.sql} p set ${org} = v_org where ${p.of('p', 'v_user')} and p.${org} = v_old;
      exception when not_null_violation or check_violation then
        -- A profile that has to name an organization keeps the last one: the membership alone decides.
        null;
      end;
    end if;`,
    membership_trigger:
      m !== null
        ? `create or replace trigger on_membership_changed after insert or delete or update on ${m.sql}
  for each row execute function public.follow_membership();`
        : `create or replace trigger on_membership_changed after insert or delete or update of ${p?.user}, ${org} on ${p?.sql}
  for each row when (current_user <> all (array['anon', 'authenticated'])) execute function public.follow_membership();`,
  };
}

const chosenSql = (names: Names): string =>
  `  if not ${isMember(names, 'auth.uid()', 'switch_organization.organization')} then`;

/**
 * What else says which organization is open, for whatever of the app still asks it: a claim under an old name, where the
 * user has one, and the profile.
 */
function alsoSql(found: Survey, names: Names): string {
  const { profiles: p } = names;
  const chosen = 'switch_organization.organization';
  const claims = found.from.map(
    (
      name,
    ) => `  update auth.users u set raw_app_meta_data = u.raw_app_meta_data || jsonb_build_object(${literal(name)}, ${chosen})
    where u.id = auth.uid() and u.raw_app_meta_data ->> ${literal(name)} is distinct from ${chosen}::text and u.raw_app_meta_data ? ${literal(name)};`,
  );
  const profile =
    p === null || p.org === null
      ? []
      : [
          `  update ${p.sql} p set ${p.org} = ${chosen} where ${p.of('p', 'auth.uid()')} and p.${p.org} is distinct from ${chosen};`,
        ];
  return [...claims, ...profile].join('\n');
}
