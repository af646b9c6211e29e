import type { CheckResult } from '../rollout/check.ts';
import { blindPeople } from './blind.ts';
import { type CompareOptions, type Found, keptResults, othersResult, peopleResult, unreadResult } from './results.ts';
import { type Access, type Action, actions, bitsOf, type Door, type Person, policyOf, type Right } from './rights.ts';
import { claimOf, isEverybodys, isLeak, lossOf } from './rows.ts';
import type { Finding } from './words.ts';

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
      yield unreadResult(base, door, told, matters);
      continue;
    }
    const found = compareDoor(was, door, after.people, before?.people ?? [], options, blind);
    yield* keptResults(base, door, was, found, options);
    yield othersResult(base, door, found, options);
  }
}

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
  const common = was === null ? new Set<string>() : commonPolicies(was, peopleBefore);
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
      let nobodys = false;
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
        // Where everything came through, nobody decided that, unless somebody kept the policy by name.
        const meant = through.filter((name) => !open.has(name) || options.named(door.name, name));
        const theirs = claim === 'own' || claim === 'second';
        const given =
          meant.length > 0 &&
          meant.every((name) => options.dropped(door.name, name) && !(theirs && options.binding(door.name, name)));
        const how = {
          guarded: was?.guarded === true,
          decided: was?.guarded === true && meant.length > 0,
          publicly: through.some((name) => publicly.has(name) || options.named(door.name, name)),
          shared: through.some((name) => options.shares(door.name, name)),
          anywhere: through.some((name) => options.anywhere(door.name, name) && !common.has(name)),
          switches: options.switches && !blind.has(at),
        };
        const loss = claim === 'unknown' || given ? 'on purpose' : lossOf(door, how, action, claim, person, owners);
        if (loss === 'on purpose') closed[action] = (closed[action] ?? 0) + 1;
        // That it can no longer be read says it already.
        else if (action === 'read' || !readsNoMore(rightBefore, place, right, row)) {
          lost.push(row);
          nobodys ||= claim === 'shared' || isEverybodys(door, claim, owners, how);
        }
      }
      if (lost.length > 0) lockouts.push({ ...finding(door, person, action, lost, rightBefore, places), nobodys });
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

/** Policies that let every row through for everybody who belongs somewhere: they tell nobody apart. */
function commonPolicies(door: Door, people: readonly Person[]): ReadonlySet<string> {
  const members = door.rights.filter((_, at) => (people[at]?.organizations.length ?? 0) > 0);
  const names = new Set(members.flatMap((right) => Object.keys(right.policies)));
  const whole = [...names].filter((key) => members.every((right) => right.policies[key]?.includes('0') === false));
  return new Set(members.length > 1 ? whole.map(policyOf) : []);
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
