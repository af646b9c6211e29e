import type { ClientBase } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import { identifier, qualified } from '../quote.ts';
import type { SignUpOptions } from './sign-up.ts';
import { probeComing } from './sign-up-comes.ts';
import { kinds } from './sign-up-kinds.ts';
import { isPlainMember, joining, judged, play, sceneOf, unlessRefused } from './sign-up-scene.ts';
import { skipped } from './verdict.ts';

type Followed = {
  readonly first: string | null;
  readonly second: string | null;
  readonly members: readonly { readonly org: string | null; readonly role: string | null }[];
  readonly made: number;
  readonly firstAfter: string | null;
  readonly secondAfter: string | null;
  /** The app kept the first, who owns the organization: the second alone left it, and belongs to so many others. */
  readonly kept: boolean;
  readonly elsewhere: number;
};

/**
 * A user signs up, an admin creates a second one in the organization of the first, and then both memberships end in one
 * statement: the second is a member there and nothing else was made; both stamps are gone with the memberships. Where
 * the app keeps the last owner of an organization, the second one's ends alone. In a transaction that is rolled back.
 */
export async function* probeFollowing(client: ClientBase, options: SignUpOptions): AsyncIterable<CheckResult> {
  const { memberships, organizations, idPrefix = '1.4/sign-up' } = options;
  const [email] = kinds;
  if (memberships === null || email === undefined) return;
  if (options.newUsers === 'as-today') {
    yield* probeComing(client, options, email);
    return;
  }
  const orgs = qualified(organizations.schema, organizations.table);
  const {
    one: first,
    other: second,
    stamp,
    stampWith,
    member,
    table,
    user,
    role,
    remember,
    said,
  } = sceneOf(memberships);
  const statements = [
    remember('orgs', `select count(*) from ${orgs}`),
    `set local search_path = auth`,
    ...email.statements(first),
    ...email.statements(second),
    stampWith(second.id, stamp(first.id)),
    `set local search_path = pg_catalog`,
    remember('first', stamp(first.id)),
    remember('second', stamp(second.id)),
    remember('made', `select count(*) - current_setting('voxanne_probe.orgs')::int8 from ${orgs}`),
    remember(
      'members',
      `select coalesce(jsonb_agg(jsonb_build_object('org', m.${identifier(memberships.orgColumn)}::text, 'role', ${role})), '[]') from ${table} m where m.${user}::text = ${member(second.id)}::text`,
    ),
    remember('kept', `''`),
    unlessRefused(
      `delete from ${table} m where m.${user}::text in (${member(first.id)}::text, ${member(second.id)}::text)`,
      [
        remember('kept', `'true'`).replace('select', 'perform'),
        `delete from ${table} m where m.${user}::text = ${member(second.id)}::text and m.${identifier(memberships.orgColumn)}::text = ${said('first')}`,
      ],
    ),
    `select jsonb_build_object('first', ${said('first')}, 'second', ${said('second')}, 'members', ${said('members')}::jsonb, 'made', ${said('made')}::int8,
  'firstAfter', ${stamp(first.id)}, 'secondAfter', ${stamp(second.id)}, 'kept', ${said('kept')} is not null,
  'elsewhere', (select count(*) from ${table} m where m.${user}::text = ${member(second.id)}::text)) as found`,
  ];
  const ends = {
    id: `${idPrefix}/membership-ends`,
    title: 'The stamp goes with the membership, in the same transaction',
    kind: 'probe',
    expected: 'no stamp after the memberships were deleted',
  } as const;
  yield* play<Followed>(
    client,
    statements,
    [joining(memberships, idPrefix), ends],
    function* (found, asked, spent) {
      const [joins, stamps] = asked;
      if (joins === undefined || stamps === undefined) return;
      if (found === undefined) {
        for (const each of asked) yield skipped(each, 'The server gave no answer.');
        return;
      }
      const there = found.members.find((one) => one.org === found.first);
      // Where the app's own trigger makes an organization for everybody, that one is theirs as before.
      const joined =
        found.first !== null &&
        found.second === found.first &&
        there !== undefined &&
        isPlainMember(memberships, there.role);
      yield judged(
        joins,
        joined,
        there === undefined
          ? 'no membership there'
          : `a membership there${there.role === null ? '' : ` as ${there.role}`}, ${found.members.length - 1} elsewhere`,
        spent,
      );
      const ended = found.elsewhere > 0 ? found.secondAfter !== found.first : found.secondAfter === null;
      const gone = ended && (found.kept || found.firstAfter === null);
      const one = found.kept ? ', of a member who is not the last owner: the app keeps that one' : '';
      yield judged(stamps, gone, gone ? `no stamp${one}` : `the stamp is still there${one}`);
    },
    options.advise,
  );
}
