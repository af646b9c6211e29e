import type { ClientBase } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import { identifier, literal, qualified } from '../quote.ts';
import { quietly } from './script.ts';
import type { SignUpOptions } from './sign-up.ts';
import type { Kind } from './sign-up-kinds.ts';
import { isPlainMember, joining, judged, play, sceneOf, unlessRefused } from './sign-up-scene.ts';
import { skipped } from './verdict.ts';

type Came = {
  readonly org: string | null;
  readonly invited: string | null;
  readonly role: string | null;
  readonly member: boolean;
  readonly came: string | null;
  readonly left: string | null;
  readonly gone: string | null;
};

/**
 * Where a sign-up makes no organization, the stamp comes with the first membership, whoever makes it, and goes with the
 * last: one user is put into an organization by an admin, hands the membership over to another one, who loses it. In a
 * transaction that is rolled back.
 */
export async function* probeComing(client: ClientBase, options: SignUpOptions, kind: Kind): AsyncIterable<CheckResult> {
  const { memberships, organizations, organizationKey = 'id', idPrefix = '1.4/sign-up' } = options;
  if (memberships === null) return;
  const orgs = qualified(organizations.schema, organizations.table);
  const key = `o.${identifier(organizationKey)}`;
  const { one, other, stamp, stampWith, member, table, user, role, remember, said } = sceneOf(memberships);
  const mine = `from ${table} m where m.${user}::text = ${member(one.id)}::text`;
  const both = (column: string, value: (id: string) => string): string =>
    `${column} in (${value(one.id)}::text, ${value(other.id)}::text)`;
  const own = `delete from ${table} m where ${both(`m.${user}::text`, member)}`;
  const unstamped = `update auth.users u set raw_app_meta_data = u.raw_app_meta_data - 'org_id' where ${both('u.id::text', literal)}`;
  const statements = [
    remember('org', `select ${key} from ${orgs} o where ${options.living?.('o') ?? 'true'} order by 1 limit 1`),
    `set local search_path = auth`,
    ...kind.statements(one),
    ...kind.statements(other),
    `set local search_path = pg_catalog`,
    // What the app's own trigger gave them would count as well; a rule that keeps it has nothing to say here.
    unlessRefused(own, quietly([own, unstamped])),
    `set local search_path = auth`,
    stampWith(one.id, said('org')),
    `set local search_path = pg_catalog`,
    remember('invited', stamp(one.id)),
    remember('role', `select ${role} ${mine} limit 1`),
    remember(
      'member',
      `select count(*) filter (where m.${identifier(memberships.orgColumn)}::text = ${said('org')}) = 1 and count(*) = 1 ${mine}`,
    ),
    `update ${table} m set ${user} = ${member(other.id)} where m.${user}::text = ${member(one.id)}::text`,
    remember('came', stamp(other.id)),
    remember('left', stamp(one.id)),
    `delete from ${table} m where m.${user}::text = ${member(other.id)}::text`,
    `select jsonb_build_object('org', ${said('org')}, 'invited', ${said('invited')}, 'role', ${said('role')}, 'member', ${said('member')}::boolean,
  'came', ${said('came')}, 'left', ${said('left')}, 'gone', ${stamp(other.id)}) as found`,
  ];
  const follows = {
    id: `${idPrefix}/membership-comes`,
    title: 'The stamp comes and goes with the membership, in the same transaction',
    kind: 'probe',
    expected: 'a stamp with the first membership, none after the last',
  } as const;
  yield* play<Came>(
    client,
    statements,
    [joining(memberships, idPrefix), follows],
    function* (found, asked, spent) {
      const [joins, stamps] = asked;
      if (joins === undefined || stamps === undefined) return;
      if (found === undefined || found.org === null) {
        for (const each of asked) yield skipped(each, 'There is no organization that somebody could join.');
        return;
      }
      const joined = found.invited === found.org && found.member && isPlainMember(memberships, found.role);
      yield judged(
        joins,
        joined,
        found.member ? `a membership there${found.role === null ? '' : ` as ${found.role}`}` : 'no membership',
        spent,
      );
      const [came, gone] = [found.came === found.org, found.left === null && found.gone === null];
      yield judged(
        stamps,
        came && gone,
        `${came ? 'stamped with it' : 'not stamped with it'}, ${gone ? 'no stamp afterwards' : 'the stamp is still there afterwards'}`,
      );
    },
    options.advise,
  );
}
