import type { ClientBase } from 'pg';

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
