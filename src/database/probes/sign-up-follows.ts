import { randomBytes, randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import { identifier, literal, qualified } from '../quote.ts';
import { bracket } from '../rolled-back.ts';
import { rollBack } from './script.ts';
import type { SignUpOptions } from './sign-up.ts';
import { probeComing } from './sign-up-comes.ts';
import { kinds } from './sign-up-kinds.ts';
import { skipped } from './verdict.ts';

type Followed = {
  readonly first: string | null;
  readonly second: string | null;
  readonly members: readonly { readonly org: string | null; readonly role: string | null }[];
  readonly made: number;
  readonly firstAfter: string | null;
  readonly secondAfter: string | null;
};

/**
 * A user signs up, an admin creates a second one in the organization of the first, and then both memberships end in one
 * statement: the second is a member there and nothing else was made; both stamps are gone with the memberships. In a
 * transaction that is rolled back.
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
  const table = qualified(memberships.schema, memberships.table);
  const first = { id: randomUUID(), nonce: randomBytes(4).toString('hex') };
  const second = { id: randomUUID(), nonce: randomBytes(4).toString('hex') };
  const stamp = (id: string): string =>
    `(select u.raw_app_meta_data ->> 'org_id' from auth.users u where u.id = ${literal(id)})`;
  const member = (id: string): string =>
    memberships.member === undefined ? literal(id) : `${memberships.member(`${literal(id)}::uuid`)}`;
  const user = `m.${identifier(memberships.userColumn)}`;
  const role = memberships.roleColumn === null ? 'null' : `m.${identifier(memberships.roleColumn)}::text`;
  const look = (key: string, value: string): string =>
    `select set_config('voxanne_probe.${key}', coalesce((${value})::text, ''), true)`;
  const said = (key: string): string => `nullif(current_setting('voxanne_probe.${key}'), '')`;
  const { open, close } = bracket(client, 'isolation level repeatable read');
  const statements = [
    open,
    `set local lock_timeout = '50ms'`,
    `set local statement_timeout = '5s'`,
    look('orgs', `select count(*) from ${orgs}`),
    `set local search_path = auth`,
    ...email.statements(first),
    ...email.statements(second),
    `update auth.users set raw_app_meta_data = jsonb_build_object('provider', 'email', 'org_id', ${stamp(first.id)}) where id = ${literal(second.id)}`,
    `set local search_path = pg_catalog`,
    look('first', stamp(first.id)),
    look('second', stamp(second.id)),
    look('made', `select count(*) - current_setting('voxanne_probe.orgs')::int8 from ${orgs}`),
    look(
      'members',
      `select coalesce(jsonb_agg(jsonb_build_object('org', m.${identifier(memberships.orgColumn)}::text, 'role', ${role})), '[]') from ${table} m where ${user}::text = ${member(second.id)}::text`,
    ),
    `delete from ${table} m where ${user}::text in (${member(first.id)}::text, ${member(second.id)}::text)`,
    `select jsonb_build_object('first', ${said('first')}, 'second', ${said('second')}, 'members', ${said('members')}::jsonb, 'made', ${said('made')}::int8,
  'firstAfter', ${stamp(first.id)}, 'secondAfter', ${stamp(second.id)}) as found`,
    ...close,
  ];
  const script = statements.map((line) => `${line};\n`).join('');
  const joins = {
    id: `${idPrefix}/created-in-organization`,
    title: 'A user whom an admin creates in an organization belongs to it',
    kind: 'probe',
    expected: `1 membership there${memberships.roleColumn === null ? '' : `, not as ${memberships.ownerRole ?? 'owner'}`}`,
    evidence: script,
  } as const;
  const ends = {
    id: `${idPrefix}/membership-ends`,
    title: 'The stamp goes with the membership, in the same transaction',
    kind: 'probe',
    expected: 'no stamp after the memberships were deleted',
    evidence: script,
  } as const;
  const began = performance.now();
  try {
    const results = (await client.query(script)) as unknown as readonly { rows: { found?: Followed }[] }[];
    const found = results.flatMap((one) => one.rows ?? []).find((row) => row.found !== undefined)?.found;
    const milliseconds = performance.now() - began;
    if (found === undefined) return;
    const owner = memberships.ownerRole ?? 'owner';
    const there = found.members.find((one) => one.org === found.first);
    // Where the app's own trigger makes an organization for everybody, that one is theirs as before.
    const joined =
      found.first !== null &&
      found.second === found.first &&
      there !== undefined &&
      (memberships.roleColumn === null || owner === (memberships.memberRole ?? 'member') || there.role !== owner);
    const advice = 'Apply the sign-up step again: follow_org_id and follow_membership do this.';
    yield {
      ...joins,
      verdict: joined ? 'passed' : 'failed',
      observed:
        there === undefined
          ? 'no membership there'
          : `a membership there${there.role === null ? '' : ` as ${there.role}`}, ${found.members.length - 1} elsewhere`,
      ...(joined ? {} : { advice }),
      milliseconds,
    };
    const gone = found.firstAfter === null && found.secondAfter === null;
    yield {
      ...ends,
      verdict: gone ? 'passed' : 'failed',
      observed: gone ? 'no stamp' : 'the stamp is still there',
      ...(gone ? {} : { advice }),
      milliseconds: 0,
    };
  } catch (error) {
    await rollBack(client);
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
    // The app itself may refuse such a sign-up or such an end of a membership: then it shows nothing of ours.
    for (const one of [joins, ends])
      yield { ...skipped(one, `It ended in an error: ${error.message} (${error.code}).`), evidence: script };
  }
}
