import type { Client } from 'pg';
import type { CheckResult } from '../rollout/check.ts';
import { RolloutError } from '../rollout/errors.ts';
import {
  type Authorities,
  type ConnectionSource,
  chooseConnection,
  connectionSources,
  describeUrl,
  findAuthorities,
  inspectConnection,
  type OpenOptions,
  openConnection,
  parseDatabaseUrl,
  type SourceOptions,
  usesTls,
} from './connection/index.ts';
import { connectionChecks, skippedConnectionChecks } from './doctor/connection-checks.ts';
import { failed, type Outcome, passed, runCheck, skipped } from './doctor/run-check.ts';
import { checkNode, checkSupabaseCli } from './doctor/tools.ts';

export type DoctorOptions = SourceOptions & {
  readonly ca?: string | null | undefined;
  readonly allowPlaintext?: boolean | undefined;
  readonly executor: 'pg' | 'supabase-cli';
  /** The checks of the workspace, run after those of the database. */
  readonly workspaceChecks?: ((signal: AbortSignal | undefined) => AsyncIterable<CheckResult>) | undefined;
  /** Milliseconds; 10,000 by default. */
  readonly connectTimeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Looks at everything a rollout needs and says what works and what to do about the rest: tools, connection, TLS, pooler,
 * server, privileges, platform locks, workspace. Changes nothing; the two probes leave no trace. Never throws for what
 * it finds: a check fails, and those that depend on it are skipped with the reason.
 */
export async function* doctor(options: DoctorOptions): AsyncIterable<CheckResult> {
  yield await checkNode(process.versions.node);
  yield await checkSupabaseCli({ ...options, needed: options.executor === 'supabase-cli' });
  yield* databaseChecks(options);
  if (options.workspaceChecks !== undefined) yield* options.workspaceChecks(options.signal);
}

async function* databaseChecks(options: DoctorOptions): AsyncIterable<CheckResult> {
  let source: ConnectionSource | undefined;
  let authorities: Authorities | null = null;
  let usable = false;
  yield await runCheck(
    {
      id: 'doctor/source',
      title: 'Connection string',
      kind: 'catalog',
      expected: 'one database, named by a flag, a variable or a file',
    },
    async () => {
      const chosen = await chooseConnection(options);
      const result = await sourceOutcome(chosen, options);
      source = chosen;
      return result;
    },
  );
  yield await runCheck(
    {
      id: 'doctor/tls',
      title: 'TLS',
      kind: 'catalog',
      expected: 'verified encryption, or a connection inside this machine',
    },
    async () => {
      if (source === undefined) return skipped('not checked', 'Name a database first.');
      const { parameters } = parseDatabaseUrl(source.url);
      authorities = await findAuthorities({ ...options, sslrootcert: parameters.sslrootcert });
      const result = tlsOutcome(source, authorities, options);
      usable = true;
      return result;
    },
  );
  if (source === undefined || !usable) {
    yield* skippedConnectionChecks(source === undefined ? 'Name a database first.' : 'Repair TLS first.');
    return;
  }
  yield* checksOf(source, authorities, options);
}

async function* checksOf(
  source: ConnectionSource,
  authorities: Authorities | null,
  options: DoctorOptions,
): AsyncIterable<CheckResult> {
  const description = describeUrl(source.url);
  const { open, closeAll } = opener(source, authorities, options);
  let connected: { client: Client; inspection: Awaited<ReturnType<typeof inspectConnection>> } | undefined;
  try {
    yield await runCheck(
      { id: 'doctor/connection', title: 'Connection', kind: 'probe', expected: 'connected and signed in' },
      async () => {
        const client = await open();
        const inspection = await inspectConnection(client, open);
        connected = { client, inspection };
        return passed(`${description.label} as ${inspection.role}`);
      },
    );
    if (connected === undefined) yield* skippedConnectionChecks('Repair the connection first.');
    else yield* connectionChecks({ ...connected, description, openAnother: open });
  } finally {
    await closeAll();
  }
}

/** Opens connections of one kind and remembers them, so that every one is closed however the checks end. */
function opener(source: ConnectionSource, authorities: Authorities | null, options: DoctorOptions) {
  const clients = new Set<Client>();
  const openOptions: OpenOptions = {
    url: source.url,
    password: source.password,
    ca: authorities?.pem,
    allowPlaintext: options.allowPlaintext,
    connectTimeout: options.connectTimeout,
    signal: options.signal,
  };
  return {
    open: async (): Promise<Client> => {
      const client = await openConnection(openOptions);
      clients.add(client);
      client.once('end', () => clients.delete(client));
      return client;
    },
    closeAll: async (): Promise<void> => {
      // A connection that is already broken has nothing to close.
      await Promise.allSettled([...clients].map((client) => client.end()));
    },
  };
}

async function sourceOutcome(source: ConnectionSource, options: DoctorOptions): Promise<Outcome> {
  const { label, kind } = describeUrl(source.url);
  const others = (await connectionSources(options)).slice(1).flatMap((other) => {
    const otherLabel = labelOrNull(other.url);
    return otherLabel === null || otherLabel === label ? [] : [`${other.origin} names ${otherLabel}`];
  });
  const observed = `${label} (${kind.replaceAll('-', ' ')}), from ${source.origin}`;
  if (kind === 'transaction-pooler' || kind === 'dedicated-pooler') {
    return passed(observed, 'Port 6543 is transaction mode, which a rollout refuses; see the check of the pooler.');
  }
  return others.length === 0
    ? passed(observed)
    : passed(observed, `Other places name other databases: ${others.join('; ')}. Give --db-url to be sure.`);
}

function labelOrNull(url: string): string | null {
  try {
    return describeUrl(url).label;
  } catch (error) {
    // A string that is not used and cannot be read is no finding here.
    if (error instanceof RolloutError) return null;
    throw error;
  }
}

function tlsOutcome(source: ConnectionSource, authorities: Authorities | null, options: DoctorOptions): Outcome {
  const encrypted = usesTls(source.url, { ca: authorities?.pem, allowPlaintext: options.allowPlaintext });
  const { kind } = describeUrl(source.url);
  if (!encrypted) {
    return kind === 'loopback'
      ? passed('plaintext inside this machine')
      : failed(
          'plaintext over a network (--allow-plaintext)',
          'Leave --allow-plaintext out where the server offers TLS.',
        );
  }
  return passed(
    authorities === null
      ? 'verified against the authorities of Node.js and NODE_EXTRA_CA_CERTS'
      : `verified against ${authorities.origin}`,
  );
}
