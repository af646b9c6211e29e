import { randomBytes, randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import { identifier, literal, qualified } from '../quote.ts';
import { bracket } from '../rolled-back.ts';
import { rollBack } from './script.ts';
import type { SignUpOptions } from './sign-up.ts';
import type { Kind } from './sign-up-kinds.ts';
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
  const table = qualified(memberships.schema, memberships.table);
  const one = { id: randomUUID(), nonce: randomBytes(4).toString('hex') };
  const other = { id: randomUUID(), nonce: randomBytes(4).toString('hex') };
  const stamp = (id: string): string =>
    `(select u.raw_app_meta_data ->> 'org_id' from auth.users u where u.id = ${literal(id)})`;
  const member = (id: string): string =>
    memberships.member === undefined ? `${literal(id)}` : memberships.member(`${literal(id)}::uuid`);
  const user = identifier(memberships.userColumn);
  const role = memberships.roleColumn === null ? 'null' : `m.${identifier(memberships.roleColumn)}::text`;
  const mine = `from ${table} m where m.${user}::text = ${member(one.id)}::text`;
  const remember = (name: string, value: string): string =>
    `select set_config('voxanne_probe.${name}', coalesce((${value})::text, ''), true)`;
  const said = (name: string): string => `nullif(current_setting('voxanne_probe.${name}'), '')`;
  const { open, close } = bracket(client, 'isolation level repeatable read');
  const statements = [
    open,
    `set local lock_timeout = '50ms'`,
    `set local statement_timeout = '5s'`,
    remember('org', `select ${key} from ${orgs} o where ${options.living?.('o') ?? 'true'} order by 1 limit 1`),
    `set local search_path = auth`,
    ...kind.statements(one),
    ...kind.statements(other),
    `set local search_path = pg_catalog`,
    // What the app's own trigger gave them would count as well.
    `delete from ${table} m where m.${user}::text in (${member(one.id)}::text, ${member(other.id)}::text)`,
    `set local search_path = auth`,
    `update auth.users set raw_app_meta_data = jsonb_build_object('provider', 'email', 'org_id', ${said('org')}) where id = ${literal(one.id)} and ${said('org')} is not null`,
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
  const follows = {
    id: `${idPrefix}/membership-comes`,
    title: 'The stamp comes and goes with the membership, in the same transaction',
    kind: 'probe',
    expected: 'a stamp with the first membership, none after the last',
    evidence: script,
  } as const;
  const began = performance.now();
  try {
    const results = (await client.query(script)) as unknown as readonly { rows: { found?: Came }[] }[];
    const found = results.flatMap((each) => each.rows ?? []).find((row) => row.found !== undefined)?.found;
    const milliseconds = performance.now() - began;
    if (found === undefined || found.org === null) {
      for (const each of [joins, follows]) yield skipped(each, 'There is no organization that somebody could join.');
      return;
    }
    const owner = memberships.ownerRole ?? 'owner';
    const plain =
      memberships.roleColumn === null || owner === (memberships.memberRole ?? 'member') || found.role !== owner;
    const joined = found.invited === found.org && found.member && plain;
    const advice = 'Apply the sign-up step again: follow_org_id and follow_membership do this.';
    yield {
      ...joins,
      verdict: joined ? 'passed' : 'failed',
      observed: found.member ? `a membership there${found.role === null ? '' : ` as ${found.role}`}` : 'no membership',
      ...(joined ? {} : { advice }),
      milliseconds,
    };
    const right = found.came === found.org && found.left === null && found.gone === null;
    yield {
      ...follows,
      verdict: right ? 'passed' : 'failed',
      observed: `${found.came === found.org ? 'stamped with it' : 'not stamped with it'}, ${found.left === null && found.gone === null ? 'no stamp afterwards' : 'the stamp is still there afterwards'}`,
      ...(right ? {} : { advice }),
      milliseconds: 0,
    };
  } catch (error) {
    await rollBack(client);
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
    // The app itself may refuse such a sign-up or such a change of a membership: then it shows nothing of ours.
    for (const each of [joins, follows])
      yield { ...skipped(each, `It ended in an error: ${error.message} (${error.code}).`), evidence: script };
  }
}
