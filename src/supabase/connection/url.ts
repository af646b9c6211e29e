import { exitCodes, RolloutError } from '../../rollout/errors.ts';

/** The parts of a connection string, decoded. */
export type DatabaseUrl = {
  /** Host name, address without brackets, or the folder of a unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | null;
  /** The query part, decoded: `sslmode`, `options`, … */
  readonly parameters: Readonly<Record<string, string>>;
};

const form = 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE';

/**
 * Reads a connection string. A password with raw `@`, `/`, `?` or `#`, as people paste it from the dashboard, is
 * accepted.
 *
 * @throws {RolloutError} exit code 2; the string itself is never part of the message.
 */
export function parseDatabaseUrl(text: string): DatabaseUrl {
  const url = text.trim();
  if (!/^postgres(?:ql)?:\/\//i.test(url)) {
    throw bad(/^\s*\w+\s*=/.test(url) ? 'is in the keyword form of libpq' : 'does not begin with postgresql://');
  }
  if (/\[YOUR-PASSWORD\]/i.test(url)) throw bad('still holds the placeholder [YOUR-PASSWORD]');
  const parts = standardParts(url) ?? lenientParts(url);
  if (parts === null) throw bad('cannot be read');
  if (parts.authority.includes(',')) throw bad('names several hosts, and a rollout has one target');

  const parameters = Object.fromEntries(new URLSearchParams(parts.query));
  const [, bracketed, plain = '', portText] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(parts.authority) ?? [];
  const host = parameters.host ?? decode(bracketed ?? plain);
  const port = Number(parameters.port ?? (portText || 5432));
  const user = parameters.user ?? decode(parts.user);
  const password = parameters.password ?? (parts.password === null ? null : decode(parts.password));
  if (host === '') throw bad('names no host');
  if (user === '') throw bad('names no user');
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw bad('has no usable port');
  return { host, port, database: decode(parts.database) || user, user, password: password || null, parameters };
}

type Parts = {
  readonly authority: string;
  readonly database: string;
  readonly query: string;
  readonly user: string;
  readonly password: string | null;
};

function standardParts(text: string): Parts | null {
  // Credentials end at the last @ before the path, as in the URL standard.
  const match = /^\w+:\/\/(?:([^:@/?#]*)(?::([^/?#]*))?@)?([^@/?#]*)(?:\/([^?#@]*))?(?:\?([^#]*))?$/.exec(text);
  if (match === null) return null;
  const [, user = '', password, authority = '', database = '', query = ''] = match;
  return { authority, database, query, user, password: password ?? null };
}

/** Everything up to the last @ belongs to the credentials. */
function lenientParts(text: string): Parts | null {
  const match = /^\w+:\/\/([^:@/?#]*):(.*)@([^@/?#]*)(?:\/([^?#@]*))?(?:\?([^#@]*))?$/s.exec(text);
  if (match === null) return null;
  const [, user = '', password = '', authority = '', database = '', query = ''] = match;
  return { authority, database, query, user, password };
}

/** A percent sign that begins no valid escape belongs to a raw password and stays. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

function bad(what: string): RolloutError {
  return new RolloutError(
    `The connection string ${what}.`,
    `Give it as ${form}; copy it from Connect in the project's dashboard and put the password in, with special characters percent-encoded.`,
    { exitCode: exitCodes.usage },
  );
}
