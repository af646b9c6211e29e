import type { CheckResult } from '../rollout/check.ts';
import { type Answer, answer } from '../rollout/decision.ts';
import { plural } from '../rollout/text.ts';
import { type Access, type Door, policyOf } from './rights.ts';
import { describe, type Finding, type Tally, tallyWords } from './words.ts';

export type CompareOptions = {
  /** Beginning of every check's id: `1.7/access`. */
  readonly prefix: string;
  /** Users have several organizations and open one at a time: rows of the others wait for them. */
  readonly switches: boolean;
  /** Policies that the operator keeps although they reach across organizations. */
  readonly kept: (door: string, policy: string) => boolean;
  /** Those of them that are kept by a decision. */
  readonly named: (door: string, policy: string) => boolean;
  /** Tables that a policy asks as its caller, as `schema.table`. */
  readonly asks: (door: string, policy: string) => readonly string[];
  /** Policies that tied rows to callers by something else than the organization that the rows belong to: shared rows. */
  readonly shares: (door: string, policy: string) => boolean;
  /** Policies that let callers in everywhere because of who they are: a platform's own people. */
  readonly anywhere: (door: string, policy: string) => boolean;
  /** Policies that let the caller's organization through beside what else they let through. */
  readonly binding: (door: string, policy: string) => boolean;
  /** Views that this step lets read as their caller, and that may stay as they were. */
  readonly asOwner: (door: string) => boolean;
  /** Doors each of whose rows comes through another one, where it is judged whose it is. */
  readonly judgedElsewhere: (door: string) => boolean;
  /** All doors were looked at, not those of one part of a step. */
  readonly whole: boolean;
  /** Policies that the operator gave up, with what they let through. */
  readonly dropped: (door: string, policy: string) => boolean;
  /** Doors that were judged in the test before these changes were live. */
  readonly tested: (door: string) => boolean;
  /** Losses and reaches that the operator accepted, by the id of the check. */
  readonly accepted: (check: string) => boolean;
};

/** What the comparison of one door found. */
export type Found = {
  readonly lockouts: readonly Finding[];
  readonly leaks: readonly Finding[];
  readonly errors: readonly Finding[];
  /** What cannot be said, because it failed before as well or cannot be asked. */
  readonly unknown: readonly Finding[];
  readonly closed: Tally;
};

const kept = (door: Door): string => `${door.name}: every user keeps access to their own rows`;
const others = (door: Door): string => `${door.name}: no user reaches another organization's rows`;

/** What is said of a door that could not be looked at. */
export const unreadResult = (base: string, door: Door, reason: string, matters: boolean): CheckResult => ({
  ...question(`${base}/kept`, kept(door), '0 rows lost'),
  ...notChecked(reason, matters),
});

export function* keptResults(
  base: string,
  door: Door,
  was: Door | null,
  { lockouts, errors, unknown }: Found,
  options: CompareOptions,
): Iterable<CheckResult> {
  const ask = question(`${base}/kept`, kept(door), '0 rows lost, no new error');
  const began = { milliseconds: 0 };
  if (was === null) {
    yield { ...ask, ...notChecked('Nobody looked before this step, so there is nothing to compare with.', false) };
  } else if (lockouts.length > 0 || errors.length > 0) {
    const accepted = errors.length === 0 && options.accepted(ask.id);
    const view = options.asOwner(door.name) ? [viewStays(door.name)] : [];
    yield {
      ...ask,
      ...began,
      verdict: accepted ? 'passed' : 'failed',
      observed: `${describe([...errors, ...lockouts], 'no longer')}${accepted ? '; accepted by name' : ''}`,
      ...(accepted
        ? {}
        : {
            advice:
              errors.length > 0
                ? `A query that worked before the step now ends in an error. Correct the policy, function or view that it names${view.map((one) => `; or leave the view as it was with ${one.flag} (decisions.acceptView), where its own condition keeps organizations apart; or revoke SELECT on it from anon and authenticated`).join('')}.`
                : `${keepingAdvice(was, lockouts, options)}${sharing(door, lockouts)
                    .map(
                      (one) =>
                        `, or say with ${one.flag} that rows which belong to no organization are everybody's to read`,
                    )
                    .join(
                      '',
                    )}, or, if this loss is meant, accept it by name with decisions.acceptAccess: ["${ask.id}"] (--accept-access).`,
            answers: [
              ...view,
              ...(errors.length > 0
                ? []
                : [
                    ...keepingAnswers(was, lockouts, options),
                    ...sharing(door, lockouts),
                    accept(ask.id, 'These users lose these rows, as meant.'),
                  ]),
            ],
          }),
    };
  } else {
    yield { ...ask, ...began, verdict: 'passed', observed: `0 rows lost${door.exact ? '' : ' of a sample'}` };
  }
  if (unknown.length > 0) {
    const [first] = unknown;
    const isSame = first?.error?.error !== 'not checked';
    yield {
      ...question(`${base}/failing`, `${door.name}: can be used`, 'no error'),
      ...notChecked(`${isSame ? 'It fails as it did before the step: ' : ''}${describe(unknown, 'cannot')}`, false),
    };
  }
}

/**
 * Policies that let through what was lost. Who belongs where, and as what, nobody else may write: there one that only
 * reads can stay.
 */
const keepable = (door: Door, lockouts: readonly Finding[], options: CompareOptions): readonly string[] => [
  ...new Set(
    lockouts
      .flatMap((one) => one.policies)
      .filter(
        (name) =>
          !options.named(door.name, name) &&
          (options.anywhere(door.name, name) ||
            (options.shares(door.name, name) && (door.kind === 'table' || onlyReads(door, name)))),
      ),
  ),
];

const onlyReads = (door: Door, policy: string): boolean =>
  door.rights.every((right) =>
    Object.keys(right.policies).every((key) => policyOf(key) !== policy || key.startsWith('read ')),
  );

function keepingAdvice(door: Door, lockouts: readonly Finding[], options: CompareOptions): string {
  const flags = keepingAnswers(door, lockouts, options).flatMap((one) =>
    one.setting === 'decisions.keepPolicy' ? [one.flag] : [],
  );
  const dead = lockouts.flatMap((one) => one.policies).find((name) => options.named(door.name, name));
  const tables = dead === undefined ? [] : options.asks(door.name, dead);
  if (tables.length > 0)
    return `Policy "${dead}" is kept, and asks ${tables.join(', ')}, of which these callers now read less than before: let it ask through a function that runs with its owner's rights (security definer), or turn row security on there, add a policy that shows them what this one asks, and keep that one by name as well`;
  if (options.asOwner(door.name))
    return `Leave the view as it was, where its own condition keeps organizations apart, with ${viewStays(door.name).flag} (decisions.acceptView)`;
  return flags.length === 0
    ? 'Restore what let them through'
    : `Keep what let these rows through with ${flags.join(' ')} (decisions.keepPolicy)`;
}

/** Rows of no organization and no user may be everybody's: that, a person knows. */
const sharing = (door: Door, lockouts: readonly Finding[]): readonly Answer[] =>
  door.kind === 'table' && !door.name.startsWith('storage.') && lockouts.some((one) => one.nobodys === true)
    ? [
        answer(
          'decisions.sharedTable',
          [door.name],
          door.owners.some((one) => one.organizations.length > 0)
            ? 'Every signed-in user reads the rows of this table that belong to no organization.'
            : 'Every signed-in user reads all of its rows; only the service role writes them.',
        ),
      ]
    : [];

const viewStays = (door: string): Answer =>
  answer(
    'decisions.acceptView',
    [door],
    'The view stays as it was: only its own condition keeps organizations apart in it.',
  );

const keepingAnswers = (door: Door, lockouts: readonly Finding[], options: CompareOptions): readonly Answer[] =>
  keepable(door, lockouts, options).flatMap((name) => {
    if (!options.anywhere(door.name, name)) return keeping(door.name, [name]);
    const drop = 'These users reach rows of their own organizations alone.';
    return [...keeping(door.name, [name]), answer('decisions.dropPolicy', [`${door.name}: ${name}`], drop)];
  });

const keeping = (door: string, policies: readonly string[]): readonly Answer[] =>
  [...new Set(policies)].map((name) =>
    answer('decisions.keepPolicy', [`${door}: ${name}`], 'The policy stays: these users go on reaching these rows.'),
  );

export function othersResult(
  base: string,
  door: Door,
  { leaks, errors, closed }: Found,
  options: CompareOptions,
): CheckResult {
  const ask = question(`${base}/others`, others(door), '0 rows of other organizations');
  if (leaks.length > 0) {
    const accepted = options.accepted(ask.id);
    const staff = leaks.flatMap((one) => one.policies).filter((name) => options.anywhere(door.name, name));
    const keep = keeping(door.name, staff);
    const flags = keep.map((one) => one.flag).join(' ');
    return {
      ...ask,
      milliseconds: 0,
      verdict: accepted ? 'passed' : 'failed',
      observed: `${describe(leaks, 'can')}${accepted ? '; accepted by name' : ''}`,
      ...(accepted
        ? {}
        : {
            advice: `Narrow the policy that it names, since permissive policies are joined by OR; or${keep.length === 0 ? '' : `, where it is meant for the platform's own people, keep it with ${flags} (decisions.keepPolicy); or`}, where others are meant to reach these rows, accept it by name with decisions.acceptAccess: ["${ask.id}"] (--accept-access).`,
            answers: [...keep, accept(ask.id, 'These users go on reaching these rows of other organizations.')],
          }),
    };
  }
  if (errors.length > 0 && errors.some((one) => one.action === 'read')) {
    return { ...ask, ...notChecked(`Every attempt ends in an error: ${describe(errors, 'cannot')}`, false) };
  }
  return { ...ask, milliseconds: 0, verdict: 'passed', observed: `0 rows${tallyWords(closed)}` };
}

export function peopleResult(before: Access, after: Access, prefix: string): CheckResult {
  const ask = question(`${prefix}/users`, 'Access is compared for every kind of user', 'a sample of each kind');
  const users = after.people.filter((one) => one.id !== null).length;
  if (users === 0) return { ...ask, ...notChecked('The app has no users yet, so nobody can be acted as.', false) };
  const kinds = before.kinds.filter((one) => one.sampled > 0 && one.users > 0);
  const left = before.kinds.filter((one) => one.sampled === 0 && one.users > 0);
  const total = before.kinds.reduce((sum, one) => sum + one.users, 0);
  const list = kinds.map((one) => `${one.kind} (${one.sampled} of ${one.users})`).join('; ');
  return {
    ...ask,
    milliseconds: 0,
    verdict: 'passed',
    observed: `${users} of ${plural(total, 'user')}, and a request without a login: ${list}${left.length > 0 ? `; not checked: ${plural(left.length, 'smaller kind')}` : ''}`,
  };
}

const accept = (id: string, consequence: string): Answer => answer('decisions.acceptAccess', [id], consequence);

const question = (
  id: string,
  title: string,
  expected: string,
): Pick<CheckResult, 'id' | 'title' | 'kind' | 'expected'> => ({ id, title, kind: 'probe', expected });

const notChecked = (
  reason: string,
  matters: boolean,
): Pick<CheckResult, 'verdict' | 'observed' | 'advice' | 'milliseconds' | 'matters'> => ({
  verdict: 'skipped',
  observed: 'not checked',
  advice: reason,
  milliseconds: 0,
  ...(matters ? { matters } : {}),
});
