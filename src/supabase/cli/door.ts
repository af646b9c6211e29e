import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { createRedactor } from '../../config/secrets.ts';
import type { Connector } from '../connection/connector.ts';
import { parseDatabaseUrl } from '../connection/url.ts';

/** What the CLI has to know of a database; a `Connector` is one. */
export type CliConnection = Pick<Connector, 'source' | 'description' | 'authorities' | 'tls' | 'secrets'>;

/** How the CLI gets into the database, and a folder of its own that only this account may enter. */
export type Door = AsyncDisposable & {
  /** A connection string without a password. */
  readonly url: string;
  /** What the CLI needs beside its ordinary environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly redact: (text: string) => string;
};

export type PasswordWay = 'the environment variable PGPASSWORD of the CLI' | 'no password is used';

/**
 * How the CLI gets the password, for doctor and the report. The environment of a process is readable by its own account
 * only, unlike its command line, and unlike a password file nothing stays on the disk after a kill -9. Seen with CLI
 * 3.1.0 and a connection string: `PGPASSWORD` and `PGPASSFILE` are honoured, `SUPABASE_DB_PASSWORD` is not.
 */
export const passwordWay = (connection: CliConnection): PasswordWay =>
  passwordOf(connection) === undefined ? 'no password is used' : 'the environment variable PGPASSWORD of the CLI';

const passwordOf = ({ source }: CliConnection): string | undefined =>
  parseDatabaseUrl(source.url).password ?? source.password;

/**
 * Prepares the way into the database that the CLI is given: the same host, the same verified TLS, the same password as
 * our own connections. `lockTimeout` also limits what the CLI does before it comes to our file.
 */
export async function openDoor(connection: CliConnection, lockTimeout: number): Promise<Door> {
  const { source, description, authorities, tls, secrets } = connection;
  const parsed = parseDatabaseUrl(source.url);
  const folder = await mkdtemp(join(tmpdir(), 'voxanne-supabase-cli-'));
  const query = new URLSearchParams();
  if (tls) {
    const file = join(folder, 'authorities.pem');
    await writeFile(file, [...(authorities?.pem ?? rootCertificates)].join('\n'));
    query.set('sslmode', 'verify-full');
    query.set('sslrootcert', file);
  } else {
    query.set('sslmode', 'disable');
  }
  // A pooler drops startup options or refuses them; there the first lines of each file do this alone.
  const pooled = !['direct', 'loopback'].includes(description.kind);
  if (!pooled) {
    query.set('options', [parsed.parameters.options, `-c lock_timeout=${lockTimeout}`].filter(Boolean).join(' '));
  }
  const socket = parsed.host.startsWith('/');
  if (socket) query.set('host', parsed.host);
  const host = socket ? '' : parsed.host.includes(':') ? `[${parsed.host}]` : parsed.host;
  const password = passwordOf(connection);
  return {
    // Drivers read %20 everywhere and a plus only sometimes.
    url: `postgresql://${encodeURIComponent(parsed.user)}@${host}:${parsed.port}/${encodeURIComponent(parsed.database)}?${query.toString().replaceAll('+', '%20')}`,
    env: { SUPABASE_HOME: join(folder, 'home'), ...(password === undefined ? {} : { PGPASSWORD: password }) },
    folder,
    redact: createRedactor(secrets),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
