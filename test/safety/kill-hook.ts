import { appendFileSync } from 'node:fs';
import { Socket } from 'node:net';

/**
 * Loaded in front of the built command line with `--import`. It reads what the program sends to the server, counts the
 * journal's boundaries, and at the n-th of one name the process kills itself with SIGKILL. The program knows nothing of it.
 *
 * A boundary is the moment before a statement leaves, the moment it has left without an answer, and the moment its
 * answer arrives. The statements are the COMMIT of each change with its journal row, every write to the journal outside
 * such a transaction, and every change that PostgreSQL runs outside a transaction. What lies between two of them leaves
 * the server in the same state: a transaction that never committed.
 *
 * KILL_AT: the name of the boundary; KILL_NTH: which one of that name, from 1. Not the number in the whole run: a test that
 * gives way to a waiter begins again and meets its boundaries again. KILL_POINTS: a file that gets one line per boundary.
 */
const killAt = process.env.KILL_AT;
const nth = Number(process.env.KILL_NTH ?? 1);
const file = process.env.KILL_POINTS;
let met = 0;

function boundary(text: string): void {
  // Statements may have several lines, and the file has one for each boundary.
  const name = text.replace(/\s+/g, ' ');
  if (file !== undefined) appendFileSync(file, `${name}\n`);
  if (name === killAt && ++met === nth) process.kill(process.pid, 'SIGKILL');
}

type Connection = {
  open: boolean;
  /** The statement whose answer is awaited. */
  waiting: string | null;
  /** A statement with values: its text has been seen, its values not yet. */
  parsed: string | null;
  /** The last change that the journal was told of inside the open transaction. */
  change: string;
  listens: boolean;
};
const connections = new WeakMap<Socket, Connection>();

function connectionOf(socket: Socket): Connection {
  const known = connections.get(socket);
  if (known !== undefined) return known;
  const fresh: Connection = { open: false, waiting: null, parsed: null, change: '', listens: false };
  connections.set(socket, fresh);
  return fresh;
}

/** A change and its journal row in one message, from BEGIN to COMMIT. */
const isWhole = (sql: string): boolean => /^begin; set local lock_timeout/.test(sql) && /commit;\s*$/.test(sql);

/** What a statement is called, or null when it is no boundary. `values` are those of a prepared one, as sent. */
function nameOf(sql: string, values: string, connection: Connection): string | null {
  if (isWhole(sql)) {
    const own = /"kind":"\w+","id":"([^"]+)"/.exec(sql)?.[1];
    return own === undefined ? `commit reverted ${/where seq = (\d+)/.exec(sql)?.[1] ?? ''}`.trim() : `commit ${own}`;
  }
  const change = /"kind":"\w+","id":"([^"]+)"/.exec(values)?.[1];
  const journal = /(?:insert into|update) voxanne_rollout\.(\w+)/.exec(sql)?.[1];
  if (connection.open) {
    if (change !== undefined || journal !== undefined) connection.change = change ?? journal ?? '';
    return /^commit/.test(sql) ? `commit ${connection.change}`.trim() : null;
  }
  if (/^begin; [\s\S]*create schema/.test(sql)) return 'create the journal';
  if (journal !== undefined) {
    const state = /(started|applied|reverting|reverted|verified|failed|rolled back)/.exec(values)?.[1];
    return ['journal', journal, state, change].filter(Boolean).join(' ');
  }
  return /^(create|drop|alter|reindex) /i.test(sql) ? `outside ${sql.slice(0, 90).split('(')[0]?.trim()}` : null;
}

function leaving(socket: Socket, sql: string, values: string): string | null {
  const connection = connectionOf(socket);
  const name = nameOf(sql, values, connection);
  if (/^begin; set local lock_timeout/.test(sql) && !isWhole(sql)) {
    connection.open = true;
    connection.change = '';
  } else if (/^(commit|rollback)/i.test(sql)) connection.open = false;
  if (name === null) return null;
  boundary(`before ${name}`);
  connection.waiting = name;
  if (!connection.listens) {
    connection.listens = true;
    socket.prependListener('data', (data: Buffer) => {
      // ReadyForQuery, the last message of every answer.
      if (connection.waiting === null || data.at(-6) !== 0x5a || data.readInt32BE(data.length - 5) !== 5) return;
      const answered = connection.waiting;
      connection.waiting = null;
      boundary(`after ${answered}`);
    });
  }
  return name;
}

const text = (data: Buffer, from: number): string => data.toString('utf8', from, data.indexOf(0, from));

const write = Socket.prototype.write as (this: Socket, ...given: unknown[]) => boolean;
Socket.prototype.write = function (this: Socket, ...given: unknown[]): boolean {
  const [data] = given;
  if (!Buffer.isBuffer(data) || data.length < 6) return write.apply(this, given);
  let sent: string | null = null;
  const connection = connectionOf(this);
  if (data[0] === 0x51) sent = leaving(this, text(data, 5), '');
  else if (data[0] === 0x50) connection.parsed = text(data, data.indexOf(0, 5) + 1);
  else if (data[0] === 0x42 && connection.parsed !== null) {
    // The socket is corked until the last message of the statement: nothing of it has left yet.
    leaving(this, connection.parsed, data.toString('utf8'));
    connection.parsed = null;
  }
  const result = write.apply(this, given);
  if (sent !== null) boundary(`unanswered ${sent}`);
  return result;
};
