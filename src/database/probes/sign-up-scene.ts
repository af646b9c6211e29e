import { randomBytes, randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import { identifier, literal, qualified } from '../quote.ts';
import { bracket, rollBack } from '../rolled-back.ts';
import type { SignUpOptions } from './sign-up.ts';
import type { NewUser } from './sign-up-kinds.ts';
import { isOurs, ours, refusedOf } from './sign-up-refused.ts';
import { inconclusive, skipped } from './verdict.ts';

type Memberships = NonNullable<SignUpOptions['memberships']>;
type Question = Omit<CheckResult, 'verdict' | 'observed' | 'milliseconds'>;

/** The words of a script in which two users sign up and their memberships change. */
export function sceneOf(memberships: Memberships) {
  const person = (): NewUser => ({ id: randomUUID(), nonce: randomBytes(4).toString('hex') });
  return {
    one: person(),
    other: person(),
    /** The organization that this user is stamped with. */
    stamp: (id: string): string =>
      `(select u.raw_app_meta_data ->> 'org_id' from auth.users u where u.id = ${literal(id)})`,
    /** What a membership holds of this user. */
    member: (id: string): string => memberships.member?.(`${literal(id)}::uuid`) ?? literal(id),
    table: qualified(memberships.schema, memberships.table),
    user: identifier(memberships.userColumn),
    role: memberships.roleColumn === null ? 'null' : `m.${identifier(memberships.roleColumn)}::text`,
    remember: (name: string, value: string): string =>
      `select set_config('voxanne_probe.${name}', coalesce((${value})::text, ''), true)`,
    said: (name: string): string => `nullif(current_setting('voxanne_probe.${name}'), '')`,
    stampWith: (id: string, org: string): string =>
      `update auth.users set raw_app_meta_data = jsonb_build_object('provider', 'email', 'org_id', ${org}) where id = ${literal(id)} and ${org} is not null`,
  };
}

/** Runs a statement, and another one in its place where a rule of the app, no function of ours, refuses it. */
export const unlessRefused = (statement: string, instead: readonly string[]): string =>
  `do $voxanne$ declare v_where text; begin
  ${statement};
exception when raise_exception or integrity_constraint_violation then
  get stacked diagnostics v_where = pg_exception_context;
  if v_where ~ ${literal(ours.source)} then raise; end if;
  ${instead.map((line) => `${line};`).join('\n  ')}
end $voxanne$`;

/** Where only their roles tell members and owners apart: whoever an admin puts into an organization does not own it. */
export const isPlainMember = (
  { roleColumn, ownerRole = 'owner', memberRole = 'member' }: Memberships,
  role: string | null,
): boolean => roleColumn === null || ownerRole === memberRole || role !== ownerRole;

export const joining = (memberships: Memberships, idPrefix: string) =>
  ({
    id: `${idPrefix}/created-in-organization`,
    title: 'A user whom an admin creates in an organization belongs to it',
    kind: 'probe',
    expected: `1 membership there${memberships.roleColumn === null ? '' : `, not as ${memberships.ownerRole ?? 'owner'}`}`,
  }) as const;

/** A verdict with what to do about a failure. */
export const judged = (question: Question, holds: boolean, observed: string, milliseconds = 0): CheckResult => ({
  ...question,
  verdict: holds ? 'passed' : 'failed',
  observed,
  ...(holds ? {} : { advice: 'Apply the sign-up step again: follow_org_id and follow_membership do this.' }),
  milliseconds,
});

/**
 * Plays the statements in a transaction that is rolled back, and judges the row that the last of them finds.
 */
export async function* play<Found>(
  client: ClientBase,
  statements: readonly string[],
  questions: readonly Question[],
  judge: (found: Found | undefined, questions: readonly Question[], milliseconds: number) => Iterable<CheckResult>,
  advise?: SignUpOptions['advise'],
): AsyncIterable<CheckResult> {
  const { open, close } = bracket(client, 'isolation level repeatable read');
  const limits = [`set local lock_timeout = '50ms'`, `set local statement_timeout = '5s'`];
  const script = [open, ...limits, ...statements, ...close].map((line) => `${line};\n`).join('');
  const asked = questions.map((one) => ({ ...one, evidence: script }));
  const began = performance.now();
  try {
    const results = (await client.query(script)) as unknown as readonly { rows: { found?: Found }[] }[];
    const found = results.flatMap((each) => each.rows ?? []).find((row) => row.found !== undefined)?.found;
    yield* judge(found, asked, performance.now() - began);
  } catch (error) {
    await rollBack(client);
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
    const observed = `it ends in an error: ${error.message} (${error.code})`;
    const where: unknown = Reflect.get(error, 'where');
    const ours = typeof where === 'string' && isOurs(where) && !inconclusive(error.code);
    // What the app itself refuses shows nothing of ours; what it refuses to a trigger of ours, somebody has to judge.
    for (const one of asked) {
      if (ours && error.code !== 'P0001')
        yield { ...judged(one, false, observed), ...advise?.(refusedOf(error, error.code)) };
      else yield { ...skipped(one, `It was not seen, since ${observed}.`), evidence: script, matters: ours };
    }
  }
}
