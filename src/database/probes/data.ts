import type { ClientBase } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import { identifier, qualified } from '../quote.ts';
import type { TableName } from './world.ts';

export type ExistingUsersNames = {
  readonly organizations: TableName;
  /** Key of the organizations table; `id` unless said. */
  readonly organizationKey?: string;
  /** `idColumn` is the user's id; `id` unless said. */
  readonly profiles: TableName & { readonly idColumn?: string; readonly orgColumn: string };
  /** What an anonymous sign-up gets: with `no-organization` anonymous users may lack profile and stamp. */
  readonly anonymous: 'no-organization' | 'own-organization';
  /** Beginning of every check's id; `1.5/users` unless said. */
  readonly idPrefix?: string;
};

/** How many offending ids a check shows. */
const sample = 5;

/**
 * Every user has a profile, an organization that exists, and the same one stamped into `raw_app_meta_data`. Deleted
 * users (`deleted_at`) are left out: the auth server empties their metadata and they cannot sign in.
 */
export async function* checkExistingUsers(client: ClientBase, names: ExistingUsersNames): AsyncIterable<CheckResult> {
  const { anonymous, organizationKey = 'id', idPrefix = '1.5/users' } = names;
  const users = `auth.users u`;
  const profiles = `${qualified(names.profiles.schema, names.profiles.table)} p`;
  const organizations = `${qualified(names.organizations.schema, names.organizations.table)} o`;
  const org = `p.${identifier(names.profiles.orgColumn)}::text`;
  const key = `o.${identifier(organizationKey)}::text`;
  const own = `p.${identifier(names.profiles.idColumn ?? 'id')} = u.id`;
  const stamp = `u.raw_app_meta_data ->> 'org_id'`;
  const live = `u.deleted_at is null${anonymous === 'no-organization' ? ' and not u.is_anonymous' : ''}`;
  const checks: readonly (readonly [id: string, title: string, from: string])[] = [
    [
      'profile-without-organization',
      'No profile is without an organization',
      `${profiles} left join ${users} on ${own} where ${org} is null and (u.id is null or (${live}))`,
    ],
    [
      'user-without-profile',
      'No user is without a profile',
      `${users} where ${live} and not exists (select from ${profiles} where ${own})`,
    ],
    [
      'user-without-stamp',
      'No user is without an org_id in app metadata',
      `${users} where ${live} and ${stamp} is null`,
    ],
    [
      'stamp-disagrees',
      'Every stamp agrees with the profile',
      `${users} join ${profiles} on ${own} where u.deleted_at is null and ${stamp} is not null and ${stamp} is distinct from ${org}`,
    ],
    [
      'stamp-of-nothing',
      'Every stamp names an organization that exists',
      `${users} where u.deleted_at is null and ${stamp} is not null and not exists (select from ${organizations} where ${key} = ${stamp})`,
    ],
    [
      'profile-of-nothing',
      'Every profile names an organization that exists',
      `${profiles} where ${org} is not null and not exists (select from ${organizations} where ${key} = ${org})`,
    ],
  ];
  for (const [name, title, from] of checks) {
    const id = from.startsWith('auth.users') ? 'u.id' : `p.${identifier(names.profiles.idColumn ?? 'id')}`;
    const sql = `select count(*)::int8 as count, (array_agg(${id}::text))[1:${sample}] as sample from ${from}`;
    const began = performance.now();
    const { rows } = await client.query<{ count: string; sample: string[] | null }>(sql);
    const count = Number(rows[0]?.count ?? 0);
    const ids = rows[0]?.sample ?? [];
    yield {
      id: `${idPrefix}/${name}`,
      title,
      kind: 'catalog',
      verdict: count === 0 ? 'passed' : 'failed',
      expected: '0 rows',
      observed: `${count} ${count === 1 ? 'row' : 'rows'}${count === 0 ? '' : `: ${ids.join(', ')}${count > ids.length ? ', …' : ''}`}`,
      evidence: `${sql};\n`,
      ...(count === 0
        ? {}
        : { advice: 'Apply step 1.5 (existing users); what belongs to no organization needs your decision there.' }),
      milliseconds: performance.now() - began,
    };
  }
}
