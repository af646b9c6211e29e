import pg, { type ClientBase, type QueryResult, type QueryResultRow } from 'pg';

/**
 * Connections that are in a transaction which is rolled back as a whole. What looks at the database in a transaction of
 * its own then uses a savepoint, so that it sees what that transaction has changed so far.
 */
const inside = new WeakMap<ClientBase, number>();

/** Marks the connection as being in a transaction for as long as `body` runs; the caller begins and ends it. */
export async function insideTransaction<R>(client: ClientBase, body: () => Promise<R>): Promise<R> {
  inside.set(client, 1);
  try {
    return await body();
  } finally {
    inside.delete(client);
  }
}

/** True while somebody up the stack holds a transaction open on this connection. */
export const isInside = (client: ClientBase): boolean => inside.has(client);

/**
 * The statements that open and take back a transaction on this connection, for texts that are sent as one message.
 * `mode` counts outside a transaction alone: `isolation level repeatable read read only`.
 */
export function bracket(client: ClientBase, mode = ''): { readonly open: string; readonly close: readonly string[] } {
  if (!isInside(client)) return { open: mode === '' ? 'begin' : `begin transaction ${mode}`, close: ['rollback'] };
  return {
    open: 'savepoint voxanne_look',
    close: ['rollback to savepoint voxanne_look', 'release savepoint voxanne_look'],
  };
}

/** Runs `body` in a transaction, or in a savepoint of the present one, and takes back whatever it did. */
export async function rolledBack<R>(client: ClientBase, body: () => Promise<R>, mode = ''): Promise<R> {
  const { open, close } = bracket(client, mode);
  const depth = inside.get(client);
  await client.query(open);
  inside.set(client, (depth ?? 0) + 1);
  try {
    return await body();
  } finally {
    if (depth === undefined) inside.delete(client);
    else inside.set(client, depth);
    await client.query(close.join('; '));
  }
}

/**
 * The same for statements that are known beforehand, as one message: one way over the network and back, however far the
 * server is. Gives the rows of the last one.
 */
export async function rolledBackAtOnce<T extends QueryResultRow>(
  client: ClientBase,
  statements: readonly string[],
  mode = '',
): Promise<readonly T[]> {
  const { open, close } = bracket(client, mode);
  try {
    // `pg` answers a message of several statements with a result for each, which its types do not know.
    const answers: unknown = await client.query([open, ...statements, ...close].join(';\n'));
    return (answers as readonly QueryResult<T>[]).at(-1 - close.length)?.rows ?? [];
  } catch (error) {
    await rollBack(client);
    throw error;
  }
}

/** After an error. On a connection that is gone there is nothing to roll back, and the first error says why. */
export async function rollBack(client: ClientBase): Promise<void> {
  try {
    await client.query(bracket(client).close.join('; '));
  } catch (error) {
    // What the server itself answers to ROLLBACK would be news; a broken connection is not.
    if (error instanceof pg.DatabaseError && !error.code?.startsWith('57P')) throw error;
  }
}
