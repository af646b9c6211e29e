import type { ClientBase } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import { plural } from '../../rollout/text.ts';
import { identifier, qualified } from '../quote.ts';
import type { TableName } from './world.ts';

export type ExistingUsersNames = {
  readonly organizations: TableName;
  /** Key of the organizations table; `id` unless said. */
  readonly organizationKey?: string;
  /** `idColumn` is the user's id; `id` unless said. Without `orgColumn` profiles name no organization. */
  readonly profiles: (TableName & { readonly idColumn?: string; readonly orgColumn: string | null }) | null;
  /** SQL over user `u` and, for `in`, an organization's id: there is a membership that counts. Null: profiles say it. */
  readonly memberships?: { readonly any: string; readonly in: (id: string) => string } | null;
  /** What is read of users, as `u`; `auth.users u` unless said. */
  readonly users?: string;
  /** SQL condition over user `u`: somebody who is nobody's member on purpose. */
  readonly outsider?: string;
  /** SQL for an organization's id from text, null where it is none; unless said, ids are compared as text. */
  readonly idFrom?: (text: string) => string;
  /** What an anonymous sign-up gets: with `no-organization` anonymous users may lack profile and stamp. */
  readonly anonymous: 'no-organization' | 'own-organization';
  /** Beginning of every check's id; `1.5/users` unless said. */
  readonly idPrefix?: string;
};

/** How many offending ids a check shows. */
const sample = 5;

/**
 * Every user belongs to an organization that exists, and carries it as a stamp. Deleted users (`deleted_at`) are left
 * out: the auth server empties their metadata and they cannot sign in. So are a value under `org_id` that names no
 * organization, which others put there, and a profile of no user: step 1.5 names them, and nothing is wrong with them.
 */
export async function* checkExistingUsers(client: ClientBase, names: ExistingUsersNames): AsyncIterable<CheckResult> {
  const { anonymous, organizationKey = 'id', idPrefix = '1.5/users', memberships = null } = names;
  const { users = 'auth.users u' } = names;
  const joined = users.includes(' join ') ? `(${users})` : users;
  const table = names.profiles;
  const profiles = table === null ? '' : `${qualified(table.schema, table.table)} p`;
  const organizations = `${qualified(names.organizations.schema, names.organizations.table)} o`;
  const org = table === null || table.orgColumn === null ? null : `p.${identifier(table.orgColumn)}`;
  const stamp = `(u.raw_app_meta_data ->> 'org_id')`;
  const key = `o.${identifier(organizationKey)}`;
  const stamped = names.idFrom === undefined ? `${key}::text = ${stamp}` : `${key} = ${names.idFrom(stamp)}`;
  const own = `p.${identifier(table?.idColumn ?? 'id')}::text = u.id::text`;
  const inside = names.outsider === undefined ? '' : ` and not ${names.outsider}`;
  const live = `u.deleted_at is null${anonymous === 'no-organization' ? ' and not u.is_anonymous' : ''}${inside}`;
  const isOrganization = `exists (select from ${organizations} where ${stamped})`;
  const checks: readonly (readonly [id: string, title: string, from: string])[] = [
    ...(org === null
      ? []
      : ([
          [
            'profile-without-organization',
            'Every profile of a user has an organization',
            `${profiles} join ${joined} on ${own} where ${org} is null and ${live}`,
          ],
        ] as const)),
    ...(table === null
      ? []
      : ([
          [
            'user-without-profile',
            'Every user has a profile',
            `${users} where ${live} and not exists (select from ${profiles} where ${own})`,
          ],
        ] as const)),
    ...(memberships === null
      ? []
      : ([
          [
            'user-without-membership',
            'Every user has a membership that counts',
            `${users} where ${live} and not ${memberships.any}`,
          ],
        ] as const)),
    ['user-without-stamp', 'Every user has an org_id in app metadata', `${users} where ${live} and ${stamp} is null`],
    ...(memberships !== null
      ? ([
          [
            'stamp-disagrees',
            'Every stamp names an organization that its user is a member of',
            `${users} where ${live} and ${isOrganization} and ${memberships.any} and not ${memberships.in(names.idFrom === undefined ? stamp : names.idFrom(stamp))}`,
          ],
        ] as const)
      : org === null
        ? []
        : ([
            [
              'stamp-disagrees',
              'Every stamp agrees with the profile',
              `${users} join ${profiles} on ${own} where u.deleted_at is null and ${isOrganization} and ${stamp} is distinct from ${org}::text`,
            ],
          ] as const)),
    ...(org === null
      ? []
      : ([
          [
            'profile-of-nothing',
            'Every profile names an organization that exists',
            `${profiles} where ${org} is not null and not exists (select from ${organizations} where ${key}::text = ${org}::text)`,
          ],
        ] as const)),
  ];
  for (const [name, title, from] of checks) {
    const id = from.startsWith('auth.users') ? 'u.id' : `p.${identifier(table?.idColumn ?? 'id')}`;
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
      observed: `${plural(count, 'row')}${count === 0 ? '' : `: ${ids.join(', ')}${count > ids.length ? ', …' : ''}`}`,
      evidence: `${sql};\n`,
      ...(count === 0
        ? {}
        : { advice: 'Apply step 1.5 (existing users); users who belong to no organization need your decision there.' }),
      milliseconds: performance.now() - began,
    };
  }
}
