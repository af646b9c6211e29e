import type { ClientBase } from 'pg';
import type { Access, Door, Kind } from '../../isolation/rights.ts';
import { identifier } from '../quote.ts';
import { rolledBack } from '../rolled-back.ts';
import { type DoorScope, type RelationFacts, relationFacts } from './doors.ts';
import { type Actor, findPeople, type PeopleScope } from './people.ts';
import { type Answer, actSql } from './script.ts';
import { toDoor, unreadDoor } from './to-door.ts';

export type AccessScope = {
  readonly people: PeopleScope;
  readonly doors: readonly DoorScope[];
  /** What PostgREST searches, `extensions` apart. */
  readonly searchPath: readonly string[];
};

/** Milliseconds for one door. */
const patience = 5_000;

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
        `set local search_path = ''; set local lock_timeout = '1s'; set local statement_timeout = ${patience};
        set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres'; set local extra_float_digits = 1; set local bytea_output = 'hex'`,
      );
      const names = scope.doors.map((one) => `${one.schema}.${one.name}`);
      const facts = await relationFacts(client, names);
      const { actors, kinds } = await findPeople(client, scope.people, before?.people ?? null);
      await client.query(
        `set local search_path = ${[...new Set([...scope.searchPath, 'extensions'])].map(identifier).join(', ')}`,
      );
      const doors: Door[] = [];
      for (const one of scope.doors) {
        signal.throwIfAborted();
        const name = `${one.schema}.${one.name}`;
        // Storage may not be there, and a table may have gone since it was found.
        if (one.kind !== 'function' && !facts.has(name)) continue;
        const known = before?.doors.find((door) => door.name === name) ?? null;
        doors.push(await lookAtDoor(client, one, facts.get(name) ?? null, actors, known));
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
): Promise<Door> {
  try {
    return await rolledBack(client, async () => {
      const statements = actSql(scope, facts, actors, before?.exact === false ? before.places : null);
      const answers = (await client.query(statements)) as unknown as readonly {
        readonly rows: readonly { readonly answer: string }[];
      }[];
      const answer = JSON.parse(answers.at(-1)?.rows[0]?.answer ?? 'null') as Answer | null;
      if (answer === null) return unreadDoor(scope, facts, 'the server reported nothing');
      return toDoor(scope, facts, actors, answer);
    });
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
    // A lost connection or a shutdown ends the look; everything else is about this door alone.
    if (/^(08|57P|E)/.test(error.code)) throw error;
    return unreadDoor(scope, facts, `${error.message} (${error.code})`);
  }
}
