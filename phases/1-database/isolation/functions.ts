import type { DbFunction, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import { loadMigration, statements } from '../migration.ts';
import { findFunction, findTrigger, functionDown, triggerDown } from '../restore.ts';
import { hasOwners, ownerRole } from '../survey/roles.ts';
import { primaryColumn, profileUser, type Survey, tenantOf } from '../survey.ts';
import {
  belongingSql,
  bracketed,
  currentOrg,
  hasMany,
  isCallersMembership,
  joinedAt,
  showsAll,
  uid,
} from './caller.ts';
import { colleagueIds } from './colleagues.ts';
import { profileOpens } from './opened-by.ts';
import { roleSource, rulesOf } from './rules.ts';

/** Columns of a profile that would give their user more than they have. */
const privileges = [
  'role',
  'org_role',
  'user_role',
  'is_admin',
  'is_owner',
  'is_super_admin',
  'is_superadmin',
  'permissions',
];

export type Helpers = {
  readonly changes: readonly SqlChange[];
  readonly blockers: readonly Blocker[];
  /** Ids of the functions that policies call; they stand even where nothing of them has to change. */
  readonly ids: readonly string[];
};

/**
 * The functions that the policies call, and the trigger that guards a profile's keys. `opened`: the app's own function
 * that says which organization is open.
 */
export function planHelpers(survey: Survey, createProfiles: boolean, opened: DbFunction | null): Helpers {
  const text = loadMigration('current_org_id.sql', parts(survey, createProfiles, opened));
  const all = statements(text);
  const blockers: Blocker[] = [];
  const changes: SqlChange[] = [];
  const add = (name: string, title: string, type = ''): void => {
    const own = all.filter(
      (one) =>
        new RegExp(`function public\\.${name}\\((?:roles )?${type.replace(/\W/g, '\\$&')}\\)`).test(one) &&
        !/create or replace trigger/.test(one),
    );
    const before = findFunction(survey.catalog, 'public', name, type === '' ? [] : [type]);
    if (before !== null && isCurrent(before, own)) return;
    const [, set, returns] = /returns (setof )?([^\n]+?)(?:\n| language)/.exec(own[0] ?? '') ?? [];
    const given = before?.returns.replace(/^SETOF /, '');
    if (
      before !== null &&
      (given !== returns || before.returnsSet !== (set !== undefined) || before.kind !== 'function')
    ) {
      blockers.push({
        problem: `A function public.${name}(${type}) that returns ${before.returnsSet ? 'setof ' : ''}${given} is there already, and the policies need one that returns ${set ?? ''}${returns}.`,
        remedy: `Rename or drop yours: alter function public.${name}(${type}) rename to ${name}_before;`,
      });
      return;
    }
    changes.push({
      kind: 'sql',
      id: `function public.${name}${type === '' ? '' : `(${type})`}`,
      title,
      mode: 'transaction',
      up: own.join('\n\n'),
      down: functionDown(before, 'public', name, type),
      ...(name === 'current_org_role' ? { after: ['function public.current_org_id'] } : {}),
    });
  };
  const guard = (name: string, table: Table, title: string): void => {
    const before = findTrigger(survey.catalog, table.schema, table.name, name);
    if (before !== null && ['O', 'A'].includes(before.fires) && before.function === `public.${name}()`) return;
    changes.push({
      kind: 'sql',
      // With the table in it: what guards a table is proven with its policies.
      id: `trigger ${table.schema}.${table.name} ${name}`,
      title: title.replace('%s', `${table.schema}.${table.name}`),
      mode: 'transaction',
      up: all.find((one) => one.startsWith(`create or replace trigger ${name} `)) ?? '',
      down: triggerDown(before, table.schema, table.name, name),
      after: [`function public.${name}`],
    });
  };
  add('current_org_id', "Create current_org_id(): the caller's organization");
  if (roleSource(survey) !== null) add('current_org_role', "Create current_org_role(): the caller's role in it");
  if (hasMany(survey)) {
    add('my_org_ids', 'Create my_org_ids(): every organization of the caller');
    if (showsAll(survey) && survey.memberships?.roleColumn != null) {
      add('my_org_ids', 'Create my_org_ids(roles): those where the caller has one of these roles', 'text[]');
    }
  }
  if (asksColleagues(survey)) add('my_colleagues', 'Create my_colleagues(): who is in an organization of the caller');
  const { profiles } = survey;
  if (profiles !== null && tenantOf(survey, profiles) !== null) {
    add('guard_profile_keys', 'Create guard_profile_keys(): users cannot change their organization or role');
    guard('guard_profile_keys', profiles, 'Guard the keys of %s against API roles');
  }
  const { memberships } = survey;
  if (memberships !== null && keepsOwners(survey)) {
    add('keep_last_owner', 'Create keep_last_owner(): nobody takes the last owner from an organization');
    guard('keep_last_owner', memberships.table, 'Keep the last owner of each organization in %s');
  }
  return {
    changes,
    blockers,
    ids: changes.map((one) => one.id).filter((id) => /^function public\.(current|my)_/.test(id)),
  };
}

/** Roles stand in the memberships, and one of them is the owner's. */
export const keepsOwners = ({ memberships }: Survey): boolean =>
  memberships !== null && memberships.roleColumn !== null && hasOwners(memberships.roles);

/** The names that the survey found, in place of the usual ones. */
function parts(survey: Survey, createProfiles: boolean, opened: DbFunction | null): Readonly<Record<string, string>> {
  const type = survey.idType;
  const { profiles } = survey;
  const user = identifier(profileUser(survey));
  const table = profiles === null ? 'public.profiles' : qualified(profiles.schema, profiles.name);
  const columns = (profiles?.columns ?? []).filter((one) => privileges.includes(one.name));
  const key = identifier(survey.to);
  const guarded = [...new Set([user, key, ...columns.map((one) => identifier(one.name))])];
  const own = belongingSql(survey, uid, createProfiles);
  // RETURN QUERY takes a column of this very type alone, and no domain over it.
  const org = own === null || truthType(survey) === type ? own?.org : `${own.org}::${type}`;
  const none = `    select null::${type} where false`;
  const all = own === null ? none : `    select ${org} from ${own.from}\n    where ${own.where.replace(/\n/g, '\n  ')}`;
  const role = survey.memberships?.roleColumn ?? null;
  return {
    header: `create or replace function public.current_org_id() returns ${type}`,
    all_header: `create or replace function public.my_org_ids() returns setof ${type}`,
    roles_header: `create or replace function public.my_org_ids(roles text[]) returns setof ${type}`,
    organization: organizationSql(survey, createProfiles, opened),
    role: roleSql(survey),
    all: `${all};`,
    roles: `${role === null ? none : `${all} and lower(m.${identifier(role)}::text) = any ($1)`};`,
    ...colleagueParts(survey),
    insert: columns
      .map((one) => {
        const name = identifier(one.name);
        return `    if (new.${name} is distinct from ${one.default ?? 'null'}
        and not exists (select from ${table} p where p.${user} = new.${user} and p.${name} is not distinct from new.${name})) then
      raise exception ${literal(`A profile cannot choose its ${one.name}.`)} using errcode = 'insufficient_privilege';
    end if;`;
      })
      .join('\n'),
    update: `  if ${guarded.map((name) => changed(survey, name, key)).join('\n      or ')} then
    raise exception ${literal(`A profile cannot change its ${listed(guarded)}.`)} using errcode = 'insufficient_privilege';
  end if;${countsAgain(survey, user)}`,
    ...ownerParts(survey),
    trigger: `create or replace trigger guard_profile_keys before insert or update on ${table}\n  for each row execute function public.guard_profile_keys();`,
  };
}

/** Somebody whose profile counts no more, where it is their membership, does not make it count again. */
function countsAgain({ profileCounts }: Survey, user: string): string {
  if (profileCounts.active('p') === 'true') return '';
  return `
  if new.${user}::text = auth.uid()::text and (${profileCounts.active('old')}) is not true and (${profileCounts.active('new')}) then
    raise exception 'A profile that does not count is not made to count by its user.' using errcode = 'insufficient_privilege';
  end if;`;
}

/** A rule of a profile, or of what else names a user alone, asks who the caller's colleagues are. */
const asksColleagues = (survey: Survey): boolean =>
  rulesOf(survey).some(({ conditions }) => /\bmy_colleagues\b/.test(conditions.SELECT?.using ?? ''));

function colleagueParts(survey: Survey): Readonly<Record<string, string>> {
  const ids = colleagueIds(survey);
  if (ids === null) return {};
  return {
    colleagues_header: `create or replace function public.my_colleagues() returns setof ${ids.type}`,
    colleagues: `    ${ids.query};`,
  };
}

function ownerParts(survey: Survey): Readonly<Record<string, string>> {
  const { memberships } = survey;
  const role = memberships?.roleColumn ?? null;
  if (memberships === null || role === null) return {};
  const key = identifier(survey.to);
  const active = memberships.active('m');
  const isOwner = (row: string): string =>
    `lower(${row}.${identifier(role)}::text) = ${literal(ownerRole(memberships.roles).toLowerCase())}`;
  const counts = (row: string): string =>
    active === 'true' ? isOwner(row) : `${isOwner(row)} and ${bracketed(memberships.active(row))}`;
  const owners = `from ${memberships.sql} m where m.${key} = old.${key} and ${counts('m')}`;
  return {
    last_owner: `  if tg_op = 'UPDATE' and new.${key} = old.${key} and ${counts('new')} then
    return null;
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('keep_last_owner ' || old.${key}::text, 0));
  if pg_catalog.current_setting('transaction_isolation') = 'read committed' then
    perform ${owners} limit 1;
  else
    -- Here nothing newer is seen, but a row that is gone by now cannot be locked.
    perform ${owners} for key share;
  end if;`,
    owner_trigger: `create or replace trigger keep_last_owner after update or delete on ${memberships.sql}
  for each row when (current_user in ('anon', 'authenticated') and ${counts('old')})
  execute function public.keep_last_owner();`,
  };
}

/** Where a user has several organizations, the profile only says which one is open: any of theirs. */
const changed = (survey: Survey, name: string, key: string): string =>
  name === key && hasMany(survey)
    ? `(new.${key} is distinct from old.${key} and new.${key} is not null
        and not coalesce(new.${key} = any (array(select public.my_org_ids())), false))`
    : `new.${name} is distinct from old.${name}`;

/** The column that says where a user belongs. */
const truthType = (survey: Survey): string | undefined => {
  const table = survey.memberships?.table ?? survey.profiles;
  return table == null ? undefined : tenantOf(survey, table)?.key.type;
};

/**
 * The organization that a row names now. Where several do, the app's own function says which, or the token's claim, then
 * the profile, then the oldest membership.
 */
function organizationSql(survey: Survey, createProfiles: boolean, opened: DbFunction | null): string {
  const { profiles, idType: type } = survey;
  if (isOnly(survey)) {
    const { from, where, org } = belongingSql(survey, uid, createProfiles) ?? { from: '', where: '', org: '' };
    return bodySql([], [`select ${org}`, `from ${from}`, `where ${where}`]);
  }
  const from = belongingSql(survey, 'v_user', createProfiles);
  if (from === null) return claimSql(survey);
  const key = identifier(survey.to);
  const claim = type === 'uuid' ? 'lower(v_claim)' : 'v_claim';
  const order = [`${from.org}::text = ${claim} desc nulls last`];
  if (survey.memberships !== null && profiles !== null && tenantOf(survey, profiles) !== null) {
    const table = qualified(profiles.schema, profiles.name);
    const named = `${from.org} = (select p.${key} from ${table} p where p.${identifier(profileUser(survey))} = v_user limit 1) desc nulls last`;
    // What the app's own switch writes counts at once, not when the token is next refreshed.
    if (profileOpens(survey)) order.unshift(named);
    else order.push(named);
  }
  if (opened !== null)
    order.unshift(`${from.org}::text = (select ${qualified(opened.schema, opened.name)}())::text desc nulls last`);
  const joined = joinedAt(survey);
  if (joined !== null) order.push(`m.${identifier(joined)}`);
  order.push(from.org);
  return bodySql(
    [userVariable, claimVariable],
    [`select ${from.org}`, `from ${from.from}`, `where ${from.where}`, `order by ${order.join(',\n  ')}`, 'limit 1'],
  );
}

/** A user has one row at most, so that nothing has to say which of several counts. */
function isOnly(survey: Survey): boolean {
  const { memberships, profiles } = survey;
  const table = memberships?.table ?? (profiles !== null && tenantOf(survey, profiles) !== null ? profiles : null);
  const user = memberships?.userColumn ?? profileUser(survey);
  if (table === null || (memberships !== null && / in \(/.test(isCallersMembership(survey, 'm', uid)))) return false;
  return table.indexes.some((one) => one.unique && one.valid && !one.partial && one.columns.join() === user);
}

const userVariable = 'v_user uuid := auth.uid();';
const claimVariable = `v_claim text := auth.jwt() -> 'app_metadata' ->> 'org_id';`;

/** Without a variable the plan is kept from the first call on: PL/pgSQL tries five times what knowing its value is worth. */
const bodySql = (variables: readonly string[], query: readonly string[]): string =>
  [
    ...(variables.length === 0 ? [] : ['declare', ...variables.map((one) => `  ${one}`)]),
    'begin',
    '  return (',
    query.join('\n').replace(/^/gm, '    '),
    '  );',
    'end',
  ].join('\n');

function roleSql(survey: Survey): string {
  const source = roleSource(survey);
  if (source === null) return '    select null::text';
  const from = `${qualified(source.table.schema, source.table.name)} m`;
  const { memberships } = survey;
  const ofMember = memberships !== null && source.table === memberships.table;
  const active = ofMember ? memberships.active('m') : 'true';
  const own = ofMember ? isCallersMembership(survey, 'm', uid) : `m.${identifier(source.user)} = ${uid}`;
  return `    select lower(m.${identifier(source.column)}::text) from ${from}\n    where ${own} and m.${identifier(survey.to)} = ${currentOrg}${active === 'true' ? '' : ` and ${bracketed(active)}`}`;
}

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;

/**
 * Where no table says who belongs where, only the claim does, which the auth server alone writes. Compared as text, so
 * that a claim of any shape is no error.
 */
function claimSql(survey: Survey): string {
  const { organizations, idType: type } = survey;
  const id = primaryColumn(organizations)?.name;
  if (organizations === null || id === undefined) return bodySql([], ['null']);
  const claim = type === 'uuid' ? 'lower(v_claim)' : 'v_claim';
  const living = survey.living('o');
  return bodySql(
    [userVariable, claimVariable],
    [
      `select o.${identifier(id)} from ${qualified(organizations.schema, organizations.name)} o`,
      `where v_user is not null and o.${identifier(id)}::text = ${claim}${living === 'true' ? '' : ` and ${bracketed(living)}`}`,
      'limit 1',
    ],
  );
}

/** The function stands as the statements would leave it: body, security, search path and grants. */
function isCurrent(before: DbFunction, own: readonly string[]): boolean {
  const wanted = own[0] ?? '';
  const body = /\$function\$([\s\S]*)\$function\$/.exec(wanted)?.[1];
  const granted = own.some((one) => /^grant execute/m.test(one)) ? ['authenticated'] : [];
  return (
    before.body === body &&
    before.securityDefiner === /security definer/.test(wanted) &&
    before.volatility === (/\bstable\b/.test(wanted) ? 'stable' : 'volatile') &&
    /\bPARALLEL RESTRICTED\b/.test(before.definition ?? '') === /\bparallel restricted\b/.test(wanted) &&
    before.settings.some((one) => /^search_path=(""|)$/.test(one)) &&
    [...before.executors].sort().join() === granted.join()
  );
}
