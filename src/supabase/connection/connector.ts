import type { Client } from 'pg';
import { urlPasswords } from '../../config/secrets.ts';
import type { RolloutError } from '../../rollout/errors.ts';
import { type Authorities, findAuthorities } from './certificates.ts';
import { usesTls } from './client-config.ts';
import { type ConnectionDescription, describeUrl } from './describe.ts';
import { type Inspection, inspectConnection, refusal } from './inspect.ts';
import { openConnection } from './open.ts';
import { type ConnectionSource, chooseConnection, type SourceOptions } from './sources.ts';
import { parseDatabaseUrl } from './url.ts';

export type ConnectorOptions = SourceOptions & {
  /** `--ca` or `ca` of the configuration file. */
  readonly ca?: string | null | undefined;
  readonly allowPlaintext?: boolean | undefined;
  /** Milliseconds; 10,000 by default. */
  readonly connectTimeout?: number | undefined;
  readonly applicationName?: string | undefined;
  readonly onLost?: ((error: RolloutError) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** The database of a run, found and not yet entered; opens any number of equal connections to it. */
export type Connector = {
  readonly source: ConnectionSource;
  readonly description: ConnectionDescription;
  readonly authorities: Authorities | null;
  /** Whether connections are encrypted; then they are verified too. */
  readonly tls: boolean;
  /** What a redactor has to hide on account of this database. */
  readonly secrets: readonly string[];
  readonly connect: () => Promise<Client>;
};

/**
 * Finds the database of a run and how to reach it: string, password, certificate authorities. Connects to nothing.
 *
 * @throws {RolloutError} exit code 2 when nothing names a database, or what names it is not usable.
 */
export async function connector(options: ConnectorOptions): Promise<Connector> {
  const source = await chooseConnection(options);
  const { parameters } = parseDatabaseUrl(source.url);
  const authorities = await findAuthorities({ ...options, sslrootcert: parameters.sslrootcert });
  const open = {
    url: source.url,
    password: source.password,
    authorities,
    allowPlaintext: options.allowPlaintext,
    connectTimeout: options.connectTimeout,
    applicationName: options.applicationName,
    onLost: options.onLost,
    signal: options.signal,
  };
  return {
    source,
    description: describeUrl(source.url),
    authorities,
    tls: usesTls(source.url, open),
    secrets: [...urlPasswords(source.url), ...(source.password === undefined ? [] : [source.password])],
    connect: () => openConnection(open),
  };
}

/**
 * Enters the database once, looks whether a rollout may use it, and leaves it again.
 *
 * @throws {RolloutError} exit code 4 when it cannot be entered or may not be used: a pooler in transaction mode, a
 * replica, no Supabase database, a role without the privileges.
 */
export async function requireUsable({ connect, description }: Connector): Promise<Inspection> {
  const client = await connect();
  try {
    const inspection = await inspectConnection(client, connect);
    const refused = refusal(inspection, description);
    if (refused !== null) throw refused;
    return inspection;
  } finally {
    await client.end();
  }
}
