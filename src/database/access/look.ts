import type { ClientBase } from 'pg';
import type { Access, Door, Kind } from '../../isolation/rights.ts';
import { type Circles, isCircle, rememberCircles } from '../circles.ts';
import { identifier } from '../quote.ts';
import { rolledBack, rolledBackAtOnce } from '../rolled-back.ts';
import { type DoorScope, exactRows, type RelationFacts, relationFacts } from './doors.ts';
import { type Actor, findPeople, type PeopleScope } from './people.ts';
import { type Answer, actSql, type Extent } from './script.ts';
import { toDoor, unreadDoor } from './to-door.ts';

export type AccessScope = {
  readonly people: PeopleScope;
  readonly doors: readonly DoorScope[];
  /** What PostgREST searches, `extensions` apart. */
  readonly searchPath: readonly string[];
};

/**
 * How much is asked of one door, and for how many milliseconds; where that does not suffice, the next. Each asks a small
 * part of the one before, so that a door which once was looked at is not out of reach on a busier day. The last asks so
 * little that what uses up its time is a circle of policies, which takes seconds to end whatever it is asked.
 */
const rungs = [
  { exact: exactRows, any: 200, perOrganization: 60, patience: 5_000 },
  { exact: 60, any: 20, perOrganization: 3, patience: 5_000 },
  { exact: 3, any: 1, perOrganization: 1, patience: 30_000 },
] as const;
/** After so many doors had to be asked less, the others are asked less from the start. */
const slowDoors = 3;

/** How a look goes on: what it has learned from the doors so far. */
type Progress = { readonly circles: Circles; slow: number; hopeless: number };

/**
 * Looks who reaches what: a sample of every kind of user, and a request without a login, on every door. Reading is
 * done as PostgREST does it; what may be written is what the policies answer about each row, so that nothing is
 * written and no trigger fires. All of it sees one moment, unless the connection is in a transaction already.
 *
 * With `before` the same users and the same sampled rows are looked at again.
 */
export async function lookAt(
  client: ClientBase,
  scope: AccessScope,
  signal: AbortSignal,
  before: Access | null = null,
): Promise<Access> {
  return rolledBack(
    client,
    async () => {
      await client.query(
        `set local search_path = ''; set local lock_timeout = '1s'; set local statement_timeout = '10s';
        set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres'; set local extra_float_digits = 1; set local bytea_output = 'hex'`,
      );
      const names = scope.doors.map((one) => `${one.schema}.${one.name}`);
      const facts = await relationFacts(client, names);
      const { actors, kinds } = await findPeople(client, scope.people, before?.people ?? null, signal);
      await client.query(
        `set local search_path = ${[...new Set([...scope.searchPath, 'extensions'])].map(identifier).join(', ')}`,
      );
      const doors: Door[] = [];
      const progress: Progress = { circles: rememberCircles(), slow: 0, hopeless: 0 };
      for (const one of scope.doors) {
        signal.throwIfAborted();
        const name = `${one.schema}.${one.name}`;
        // Storage may not be there, and a table may have gone since it was found.
        if (one.kind !== 'function' && !facts.has(name)) continue;
        const known = before?.doors.find((door) => door.name === name) ?? null;
        doors.push(await lookAtDoor(client, one, facts.get(name) ?? null, actors, known, progress, signal));
      }
      const people = actors.map(({ role: _, claims: __, ...person }) => person);
      return { people, kinds: [...kinds, without], doors };
    },
    'isolation level repeatable read read only',
  );
}

const without: Kind = { kind: 'without a login', users: 0, sampled: 1 };

async function lookAtDoor(
  client: ClientBase,
  scope: DoorScope,
  facts: RelationFacts | null,
  actors: readonly Actor[],
  before: Door | null,
  progress: Progress,
  signal: AbortSignal,
): Promise<Door> {
  const first = progress.slow < slowDoors ? 0 : 1;
  const last = progress.hopeless < slowDoors ? rungs.length : rungs.length - 1;
  let reason = '';
  for (const rung of rungs.slice(first, last)) {
    // A statement also ends because somebody waits for these tables: then nothing more is asked.
    signal.throwIfAborted();
    const whole = rung === rungs[0];
    // A sample that was taken is taken again; of an exact look, whatever part there is time for.
    const places = before?.exact === false ? (whole ? before.places : spread(before.places, rung.exact)) : null;
    // Of the last rung only what one user meets is wanted: whether it ends in a circle.
    const asked = rung === rungs[2] ? oneOfEach(actors) : actors;
    const answer = await ask(client, scope, facts, asked, { ...rung, places, eachRow: false }, progress.circles);
    if (typeof answer !== 'string') {
      learn(progress.circles, facts, asked, answer);
      if (asked === actors) return toDoor(scope, facts, actors, answer);
      signal.throwIfAborted();
      // The circle is known now: everybody meets it, and nobody is asked again.
      const again = await ask(client, scope, facts, actors, { ...rung, places, eachRow: false }, progress.circles);
      if (typeof again !== 'string') return toDoor(scope, facts, actors, again);
      reason = again;
    } else reason = answer;
    if (!isTimeout(reason)) return unreadDoor(scope, facts, reason);
    if (whole) progress.slow++;
  }
  progress.hopeless++;
  return { ...unreadDoor(scope, facts, `its policies take longer than the probe waits: ${reason}`), late: true };
}

/** So many of them, from everywhere. */
const spread = (places: readonly string[], most: number): readonly string[] =>
  places.filter((_, at) => Math.floor((at * most) / places.length) !== Math.floor(((at - 1) * most) / places.length));

const isTimeout = (reason: string): boolean => reason.endsWith('(57014)');

const oneOfEach = (actors: readonly Actor[]): readonly Actor[] =>
  actors.filter((one, at) => actors.findIndex((other) => other.role === one.role) === at);

function learn(circles: Circles, facts: RelationFacts | null, actors: readonly Actor[], answer: Answer): void {
  if (facts === null) return;
  for (const [at, { role }] of actors.entries()) {
    const one = answer.people[at];
    if (one !== undefined && one.code !== null && isCircle(one.code))
      circles.learn(role, facts, { code: one.code, message: one.said ?? '' });
  }
}

/** What the door answers, or why it could not be asked. */
async function ask(
  client: ClientBase,
  scope: DoorScope,
  facts: RelationFacts | null,
  actors: readonly Actor[],
  extent: Omit<Extent, 'circles'> & { readonly patience: number },
  known: Circles,
): Promise<Answer | string> {
  const roles = [...new Set(actors.map((one) => one.role))];
  const circles = Object.fromEntries(
    roles.flatMap((role) => {
      const circle = facts?.rowSecurity === true ? known.known(role, facts) : null;
      return circle === null ? [] : [[role, circle]];
    }),
  );
  try {
    // Each statement has the limit to itself, also in a message of several.
    const [row] = await rolledBackAtOnce<{ answer: string }>(client, [
      `set local statement_timeout = ${extent.patience}`,
      actSql(scope, facts, actors, { ...extent, circles }),
    ]);
    const answer = JSON.parse(row?.answer ?? 'null') as Answer | null;
    if (answer === null) return 'the server reported nothing';
    const unlike = answer.byClass && answer.people.some((one) => one.bits?.includes('?') === true);
    return unlike ? await ask(client, scope, facts, actors, { ...extent, eachRow: true }, known) : answer;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
    // A lost connection or a shutdown ends the look; everything else is about this door alone.
    if (/^(08|57P|E)/.test(error.code)) throw error;
    return `${error.message} (${error.code})`;
  }
}
