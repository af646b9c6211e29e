import { type DatabaseUrl, parseDatabaseUrl } from './url.ts';

/**
 * Which door of a database a connection string names, by its text alone. Only a probe proves the pooler mode
 * (`inspect.ts`). Forms: `supabase.md` section 6, from the vendor's connection page.
 *
 * - `loopback`: this machine or a unix socket; may be a tunnel.
 * - `direct`: `db.REF.supabase.co:5432`, IPv6 only unless the project bought an IPv4 address.
 * - `session-pooler`: `*.pooler.supabase.com:5432`.
 * - `transaction-pooler`: the same on 6543.
 * - `dedicated-pooler`: `db.REF.supabase.co:6543`, transaction mode too.
 */
export type ConnectionKind =
  | 'loopback'
  | 'direct'
  | 'session-pooler'
  | 'transaction-pooler'
  | 'dedicated-pooler'
  | 'other';

export type ConnectionDescription = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** The ref of a hosted Supabase project; null elsewhere. */
  readonly project: string | null;
  readonly kind: ConnectionKind;
  /** `postgres@db.abc.supabase.co:5432/postgres`: for screens and logs, without any secret. */
  readonly label: string;
};

/**
 * What a connection string points at, without its secrets.
 *
 * @throws {RolloutError} exit code 2 when the string cannot be read.
 */
export function describeUrl(url: string | DatabaseUrl): ConnectionDescription {
  const { host, port, database, user } = typeof url === 'string' ? parseDatabaseUrl(url) : url;
  const name = host.toLowerCase().replace(/\.$/, '');
  const direct = /^db\.([a-z0-9]+)\.supabase\.(?:co|red|in)$/.exec(name)?.[1] ?? null;
  const pooled = isPooler(name);
  const project = direct ?? (pooled ? (/\.([a-z0-9]+)$/.exec(user)?.[1] ?? null) : null);
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    host,
    port,
    database,
    user,
    project,
    kind: kindOf({ name, port, direct, pooled }),
    label: host.startsWith('/') ? `${user}@${host}:${port}/${database}` : `${user}@${shownHost}:${port}/${database}`,
  };
}

function kindOf(door: { name: string; port: number; direct: string | null; pooled: boolean }): ConnectionKind {
  if (isLoopback(door.name)) return 'loopback';
  if (door.direct !== null) return door.port === 6543 ? 'dedicated-pooler' : 'direct';
  if (door.pooled) return door.port === 6543 ? 'transaction-pooler' : 'session-pooler';
  return 'other';
}

/** Whether a host name is one of Supabase's shared poolers. */
export const isPooler = (name: string): boolean => /\.pooler\.supabase\.(?:com|co|red|green)$/.test(name);

/** This machine: what is sent there does not pass over a network. */
export function isLoopback(host: string): boolean {
  return (
    host.startsWith('/') ||
    /^(?:localhost|.+\.localhost)$/i.test(host) ||
    /^127(?:\.\d{1,3}){3}$/.test(host) ||
    /^(?:::1|0:0:0:0:0:0:0:1|::ffff:127(?:\.\d{1,3}){3})$/i.test(host)
  );
}

/**
 * The string to use instead of a transaction-mode one, without its password. The shared pooler serves both modes on
 * one host, so there only the port changes; the dedicated pooler has the direct connection beside it.
 */
export function insteadOfTransaction(description: ConnectionDescription): string {
  const { user, host, database, kind } = description;
  if (kind === 'transaction-pooler') {
    return `Use the session pooler: postgresql://${user}:PASSWORD@${host}:5432/${database}`;
  }
  if (kind === 'dedicated-pooler') {
    return `Use the direct connection postgresql://${user}:PASSWORD@${host}:5432/${database} (IPv6), or the Session pooler under Connect in the dashboard`;
  }
  return 'Use the direct connection of the server, or a pooler in session mode';
}
