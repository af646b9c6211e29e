import type { CheckResult } from '../rollout/check.ts';
import { type Answer, answer } from '../rollout/decision.ts';
import { plural } from '../rollout/text.ts';
import { blindPeople } from './blind.ts';
import { type Access, type Action, actions, bitsOf, type Door, type Person, type Right } from './rights.ts';
import { claimOf, isLeak, lossOf } from './rows.ts';
import { describe, type Finding, type Tally, tallyWords } from './words.ts';

export type CompareOptions = {
  /** Beginning of every check's id: `1.7/access`. */
  readonly prefix: string;
  /** Users have several organizations and open one at a time: rows of the others wait for them. */
  readonly switches: boolean;
  /** Policies that the operator keeps although they reach across organizations. */
  readonly kept: (door: string, policy: string) => boolean;
  /** Policies that tied rows to callers by something else than the organization that the rows belong to: shared rows. */
  readonly shares: (door: string, policy: string) => boolean;
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

/**
 * Compares who reaches what before and after, person by person and row by row: nobody may lose what is theirs, nobody
 * may reach what is another organization's. Without `before` only the second is judged.
 */
export function* compare(before: Access | null, after: Access, options: CompareOptions): Iterable<CheckResult> {
  yield peopleResult(before ?? after, after, options.prefix);
  const blind = options.whole && options.switches ? blindPeople(before, after) : new Set<number>();
  for (const door of after.doors) {
    const was = before?.doors.find((one) => one.name === door.name) ?? null;
    const base = `${options.prefix}/${door.name}`;
    const reason = door.unread ?? was?.unread ?? null;
    if (reason !== null) {
      // What was proven before the commit is not doubted because the server was busy after it.
      const proven = door.late === true && options.tested(door.name);
      const matters = door.kind !== 'view' && door.kind !== 'function' && !proven;
      const told = proven ? `It passed in the test before the commit. Now: ${reason}` : reason;
      yield { ...question(`${base}/kept`, kept(door), '0 rows lost'), ...notChecked(told, matters) };
      continue;
    }
    const found = compareDoor(was, door, after.people, before?.people ?? [], options, blind);
    yield* keptResults(base, door, was, found, options);
    yield othersResult(base, door, found, options);
  }
}

const kept = (door: Door): string => `${door.name}: every user keeps access to their own rows`;
const others = (door: Door): string => `${door.name}: no user reaches another organization's rows`;

type Found = {
  readonly lockouts: readonly Finding[];
  readonly leaks: readonly Finding[];
  readonly errors: readonly Finding[];
  /** What cannot be said, because it failed before as well or cannot be asked. */
  readonly unknown: readonly Finding[];
  readonly closed: Tally;
};

function compareDoor(
  was: Door | null,
  door: Door,
  people: readonly Person[],
  peopleBefore: readonly Person[],
  options: CompareOptions,
  blind: ReadonlySet<number>,
): Found {
  const lockouts: Finding[] = [];
  const leaks: Finding[] = [];
  const errors: Finding[] = [];
  const unknown: Finding[] = [];
  const closed: { -readonly [A in Action]?: number } = {};
  const placeBefore = new Map(was?.rows.map((hash, at) => [hash, at]));
  const places = door.rows.map((hash) => placeBefore.get(hash) ?? -1);
  const open = was === null ? new Set<string>() : openPolicies(was);
  const publicly = was === null ? new Set<string>() : publicPolicies(was, open);
  for (const [at, person] of people.entries()) {
    const right = door.rights[at];
    if (right === undefined) continue;
    const index = peopleBefore.findIndex((one) => one.id === person.id);
    const rightBefore = was?.rights[index] ?? null;
    for (const action of actions) {
      const now = right[action];
      const then = rightBefore?.[action] ?? null;
      if ('error' in now && now.error !== 'not granted') {
        const finding = { person, action, rows: 0, error: now, policies: [], example: null };
        if (then === null || 'bits' in then) {
          // Writes are judged by the conditions of the same policies: one error says it for all.
          if (now.error === 'not checked') unknown.push(finding);
          else errors.push(finding);
        } else unknown.push(finding);
        continue;
      }
      const lost: number[] = [];
      const leaked: number[] = [];
      const set = bitsOf(now);
      const setBefore = then === null ? '' : bitsOf(then);
      for (const [row, place] of places.entries()) {
        const owners = door.owners[row] ?? { organizations: [], users: [] };
        const claim = claimOf(door, owners, person);
        const reached = set[row] === '1';
        const reachedBefore = place >= 0 && setBefore[place] === '1';
        if (reached) {
          if (options.judgedElsewhere(door.name)) continue;
          if (isLeak(door, action, claim, person, owners, reachedBefore) && !isKept(door, right, action, row, options))
            leaked.push(row);
          continue;
        }
        if (!reachedBefore || !reachable(rightBefore, place, action)) continue;
        const through = policiesFor(rightBefore, action, place);
        // An operator who drops a policy knows what goes with it.
        const meant = through.filter((name) => !open.has(name));
        const given = meant.length > 0 && meant.every((name) => options.dropped(door.name, name));
        const how = {
          decided: was?.guarded === true && meant.length > 0,
          publicly: through.some((name) => publicly.has(name)),
          shared: through.some((name) => options.shares(door.name, name)),
          switches: options.switches && !blind.has(at),
        };
        const loss = claim === 'unknown' || given ? 'on purpose' : lossOf(door, how, action, claim, person, owners);
        if (loss === 'on purpose') closed[action] = (closed[action] ?? 0) + 1;
        // That it can no longer be read says it already.
        else if (action === 'read' || !readsNoMore(rightBefore, place, right, row)) lost.push(row);
      }
      if (lost.length > 0) lockouts.push(finding(door, person, action, lost, rightBefore, places));
      if (leaked.length > 0) leaks.push(finding(door, person, action, leaked, right, null));
    }
  }
  lockouts.push(...emptied(was, door, people, peopleBefore));
  return { lockouts, leaks, errors, unknown, closed };
}

/** What could not be read could not be found by its key to be written either: reading says it already. */
const reachable = (right: Right | null, place: number, action: Action): boolean =>
  action === 'read' || action === 'insert' || (right !== null && bitsOf(right.read)[place] === '1');

/**
 * A view or function that showed rows to members of organizations and shows none to any of them now: where rows have no
 * key and no organization, that is all that can be told. A function is revoked by decision alone.
 */
function* emptied(
  was: Door | null,
  door: Door,
  people: readonly Person[],
  peopleBefore: readonly Person[],
): Iterable<Finding> {
  if (was === null || (door.kind !== 'view' && door.kind !== 'function')) return;
  // Where rows say whose they are, they are compared one by one.
  if (door.owners.some((one) => one.organizations.length > 0)) return;
  const members = people.flatMap((person, at) => {
    const then = was.rights[peopleBefore.findIndex((one) => one.id === person.id)]?.read;
    const now = door.rights[at]?.read;
    if (then === undefined || now === undefined || person.organizations.length === 0) return [];
    return bitsOf(then).includes('1') ? [{ person, rows: count(bitsOf(then)), now }] : [];
  });
  // Rows of others alone may have been shown to the members of one organization.
  if (new Set(members.flatMap(({ person }) => person.organizations)).size < 2) return;
  const isRevoked = door.kind === 'function' && members.some(({ now }) => 'error' in now);
  if (isRevoked || members.some(({ now }) => bitsOf(now).includes('1'))) return;
  for (const { person, rows } of members) {
    yield { person, action: 'read', rows, error: null, policies: [], example: null };
  }
}

const readsNoMore = (before: Right | null, place: number, now: Right, row: number): boolean =>
  before !== null && bitsOf(before.read)[place] === '1' && bitsOf(now.read)[row] !== '1';

const count = (bits: string): number => bits.split('1').length - 1;

function finding(
  door: Door,
  person: Person,
  action: Action,
  rows: readonly number[],
  right: Right | null,
  places: readonly number[] | null,
): Finding {
  const policies = new Set(
    rows.flatMap((row) => policiesFor(right, action, places === null ? row : (places[row] ?? -1))),
  );
  const example = rows.map((row) => door.labels[row] ?? '').find((label) => label !== '') ?? null;
  return { person, action, rows: rows.length, error: null, policies: [...policies], example };
}

const policiesFor = (right: Right | null, action: Action, place: number): readonly string[] =>
  Object.entries(right?.policies ?? {})
    .filter(([name, bits]) => name.startsWith(`${action} `) && bits[place] === '1')
    .map(([name]) => policyOf(name));

const isKept = (door: Door, right: Right, action: Action, row: number, options: CompareOptions): boolean => {
  const through = policiesFor(right, action, row);
  return through.some((name) => options.kept(door.name, name));
};

/** Policies that let everything through for everybody: nobody decided who reaches what. */
function openPolicies(door: Door): ReadonlySet<string> {
  const narrow = new Set<string>();
  const all = new Set<string>();
  for (const right of door.rights) {
    for (const [key, set] of Object.entries(right.policies)) {
      const name = policyOf(key);
      all.add(name);
      if (set.includes('0')) narrow.add(name);
    }
  }
  return new Set([...all].filter((name) => !narrow.has(name)));
}

/** Policies that ask the row alone, whoever calls: a public page. */
function publicPolicies(door: Door, open: ReadonlySet<string>): ReadonlySet<string> {
  const bits = new Map<string, Set<string>>();
  for (const right of door.rights) {
    for (const [key, set] of Object.entries(right.policies)) {
      if (key.startsWith('read ')) bits.set(policyOf(key), (bits.get(policyOf(key)) ?? new Set()).add(set));
    }
  }
  return new Set([...bits].flatMap(([name, sets]) => (sets.size === 1 && !open.has(name) ? [name] : [])));
}

/** Of `read calls_by_profile`. */
const policyOf = (key: string): string => key.slice(key.indexOf(' ') + 1);

function* keptResults(
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
                ? 'A query that worked before the step now ends in an error. Correct the policy, function or view that it names.'
                : `${sharedAdvice(door, lockouts, options)}, or, if this loss is meant, accept it by name with decisions.acceptAccess: ["${ask.id}"] (--accept-access).`,
            ...(errors.length > 0
              ? {}
              : {
                  answers: [
                    ...sharedAnswers(door, lockouts, options),
                    accept(ask.id, 'These users lose these rows, as meant.'),
                  ],
                }),
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

/** Policies that shared what was lost. Who belongs where, and as what, is not shared with anybody. */
const sharing = (door: Door, lockouts: readonly Finding[], options: CompareOptions): readonly string[] =>
  door.kind !== 'table'
    ? []
    : [...new Set(lockouts.flatMap((one) => one.policies).filter((name) => options.shares(door.name, name)))];

function sharedAdvice(door: Door, lockouts: readonly Finding[], options: CompareOptions): string {
  const names = sharing(door, lockouts, options).map((name) => `--keep-policy '${door.name}: ${name}'`);
  return names.length === 0
    ? 'Restore what let them through'
    : `Keep what shares these rows with ${names.join(' ')} (decisions.keepPolicy)`;
}

const sharedAnswers = (door: Door, lockouts: readonly Finding[], options: CompareOptions): readonly Answer[] =>
  sharing(door, lockouts, options).map((name) =>
    answer(
      'decisions.keepPolicy',
      [`${door.name}: ${name}`],
      'The policy stays: these users go on reaching these rows.',
    ),
  );

function othersResult(
  base: string,
  door: Door,
  { leaks, errors, closed }: Found,
  options: CompareOptions,
): CheckResult {
  const ask = question(`${base}/others`, others(door), '0 rows of other organizations');
  if (leaks.length > 0) {
    const accepted = options.accepted(ask.id);
    return {
      ...ask,
      milliseconds: 0,
      verdict: accepted ? 'passed' : 'failed',
      observed: `${describe(leaks, 'can')}${accepted ? '; accepted by name' : ''}`,
      ...(accepted
        ? {}
        : {
            advice: `Narrow the policy that it names, since permissive policies are joined by OR; or, where others are meant to reach these rows, accept it by name with decisions.acceptAccess: ["${ask.id}"] (--accept-access).`,
            answers: [accept(ask.id, 'These users go on reaching these rows of other organizations.')],
          }),
    };
  }
  if (errors.length > 0 && errors.some((one) => one.action === 'read')) {
    return { ...ask, ...notChecked(`Every attempt ends in an error: ${describe(errors, 'cannot')}`, false) };
  }
  return { ...ask, milliseconds: 0, verdict: 'passed', observed: `0 rows${tallyWords(closed)}` };
}

function peopleResult(before: Access, after: Access, prefix: string): CheckResult {
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
