import type { DbFunction } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import { loadMigration, statements } from '../migration.ts';
import { findFunction, findTrigger, functionDown, triggerDown } from '../restore.ts';
import { primaryColumn, profileUser, type Survey, tenantOf } from '../survey.ts';
import { roleSource } from './rules.ts';

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

/** The functions that the policies call, and the trigger that guards a profile's keys. */
export function planHelpers(survey: Survey, createProfiles: boolean): Helpers {
  const text = loadMigration('current_org_id.sql', parts(survey, createProfiles));
  const all = statements(text);
  const blockers: Blocker[] = [];
  const changes: SqlChange[] = [];
  const add = (name: string, title: string): void => {
    const own = all.filter(
      (one) => new RegExp(`function public\\.${name}\\(\\)`).test(one) && !/create or replace trigger/.test(one),
    );
    const before = findFunction(survey.catalog, 'public', name);
    if (before !== null && isCurrent(before, own)) return;
    const returns = /returns (\w+)/.exec(own[0] ?? '')?.[1];
    if (before !== null && (before.returns !== returns || before.kind !== 'function')) {
      blockers.push({
        problem: `A function public.${name}() that returns ${before.returns} is there already, and the policies need one that returns ${returns}.`,
        remedy: `Rename or drop yours: alter function public.${name}() rename to ${name}_before;`,
      });
      return;
    }
    changes.push({
      kind: 'sql',
      id: `function public.${name}`,
      title,
      mode: 'transaction',
      up: own.join('\n\n'),
      down: functionDown(before, 'public', name),
      ...(name === 'current_org_role' ? { after: ['function public.current_org_id'] } : {}),
    });
  };
  add('current_org_id', "Create current_org_id(): the caller's organization");
  if (roleSource(survey) !== null) add('current_org_role', "Create current_org_role(): the caller's role in it");
  const { profiles } = survey;
  if (profiles !== null && tenantOf(survey, profiles) !== null) {
    add('guard_profile_keys', 'Create guard_profile_keys(): users cannot change their organization or role');
    const trigger = all.find((one) => /create or replace trigger/.test(one)) ?? '';
    const before = findTrigger(survey.catalog, profiles.schema, profiles.name, 'guard_profile_keys');
    if (before === null || !['O', 'A'].includes(before.fires) || before.function !== 'public.guard_profile_keys()') {
      changes.push({
        kind: 'sql',
        id: 'trigger guard_profile_keys',
        title: `Guard the keys of ${profiles.schema}.${profiles.name} against API roles`,
        mode: 'transaction',
        up: trigger,
        down: triggerDown(before, profiles.schema, profiles.name, 'guard_profile_keys'),
        after: ['function public.guard_profile_keys'],
      });
    }
  }
  return {
    changes,
    blockers,
    ids: changes.map((one) => one.id).filter((id) => id.startsWith('function public.current')),
  };
}

/** The names that the survey found, in place of the usual ones. */
function parts(survey: Survey, createProfiles: boolean): Readonly<Record<string, string>> {
  const type = primaryColumn(survey.organizations)?.type ?? 'uuid';
  const key = identifier(survey.to);
  const { profiles } = survey;
  const user = identifier(profileUser(survey));
  const table = profiles === null ? 'public.profiles' : qualified(profiles.schema, profiles.name);
  const hasProfile = profiles === null ? createProfiles : tenantOf(survey, profiles) !== null;
  const source = roleSource(survey);
  const columns = (profiles?.columns ?? []).filter((one) => privileges.includes(one.name));
  const guarded = [...new Set([user, key, ...columns.map((one) => identifier(one.name))])];
  return {
    header: `create or replace function public.current_org_id() returns ${type}`,
    claim: claimSql(type),
    profile: hasProfile
      ? `  return (select p.${key} from ${table} p where p.${user} = (select auth.uid()));`
      : '  return null;',
    role:
      source === null
        ? '  select null::text'
        : `  select m.${identifier(source.column)}::text from ${qualified(source.table.schema, source.table.name)} m\n  where m.${identifier(source.user)} = (select auth.uid()) and m.${key} = (select public.current_org_id())`,
    insert: columns
      .map((one) => {
        const name = identifier(one.name);
        return `    if (new.${name} is distinct from ${one.default ?? 'null'}
        and not exists (select from ${table} p where p.${user} = new.${user} and p.${name} is not distinct from new.${name})) then
      raise exception ${literal(`A profile cannot choose its ${one.name}.`)} using errcode = 'insufficient_privilege';
    end if;`;
      })
      .join('\n'),
    update: `  if ${guarded.map((name) => `new.${name} is distinct from old.${name}`).join('\n      or ')} then
    raise exception ${literal(`A profile cannot change its ${listed(guarded)}.`)} using errcode = 'insufficient_privilege';
  end if;`,
    trigger: `create or replace trigger guard_profile_keys before insert or update on ${table}\n  for each row execute function public.guard_profile_keys();`,
  };
}

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;

/** The claim as a value of the key's type; NULL, never an error, where it is no such value. */
function claimSql(type: string): string {
  const shape: Readonly<Record<string, string>> = {
    uuid: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
    bigint: '^[0-9]{1,18}$',
    integer: '^[0-9]{1,9}$',
  };
  const pattern = shape[type];
  if (pattern === undefined) return `  if v_claim is not null then\n    return v_claim::${type};\n  end if;`;
  return `  if v_claim ~* '${pattern}' then\n    return v_claim::${type};\n  end if;`;
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
    before.settings.some((one) => /^search_path=(""|)$/.test(one)) &&
    [...before.executors].sort().join() === granted.join()
  );
}
