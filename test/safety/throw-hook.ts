import { Socket } from 'node:net';

/**
 * Loaded in front of the built command line: after some answers of the server an exception is thrown where nobody waits
 * for one, with everything in it that a careless library puts there.
 */
let answers = 0;
const on = Socket.prototype.on as (this: Socket, ...given: unknown[]) => Socket;
Socket.prototype.on = function (this: Socket, ...given: unknown[]): Socket {
  const [name, listener] = given;
  if (name !== 'data' || typeof listener !== 'function') return on.apply(this, given);
  return on.call(this, name, (...data: unknown[]) => {
    answers += 1;
    if (answers === 150) {
      const { env } = process;
      const words = `thrown by the test, beside ${env.SUPABASE_DB_URL} and ${env.SUPABASE_SERVICE_ROLE_KEY}`;
      throw Object.assign(new Error(words), { connection: { ...env } });
    }
    listener(...data);
  });
} as typeof Socket.prototype.on;
