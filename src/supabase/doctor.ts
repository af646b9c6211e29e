import type { Client } from 'pg';
import type { CheckResult } from '../rollout/check.ts';
import { RolloutError } from '../rollout/errors.ts';
import {
  type Connector,
  type ConnectorOptions,
  chooseConnection,
  connectionSources,
  connector,
  describeUrl,
  type Inspection,
  inspectConnection,
} from './connection/index.ts';
import { connectionChecks, skippedConnectionChecks } from './doctor/connection-checks.ts';
import { failed, type Outcome, passed, type Question, runCheck, skipped } from './doctor/run-check.ts';
import { checkNode, checkSupabaseCli } from './doctor/tools.ts';

export type DoctorOptions = ConnectorOptions & {
  readonly executor: 'pg' | 'supabase-cli';
  /** The checks of the workspace, run after those of the database. */
  readonly workspaceChecks?: ((signal: AbortSignal | undefined) => AsyncIterable<CheckResult>) | undefined;
};

const questions = {
  source: {
    id: 'doctor/source',
    title: 'Connection string',
    kind: 'catalog',
    expected: 'one database, named by a flag, a variable or a file',
  },
  tls: {
    id: 'doctor/tls',
    title: 'TLS',
    kind: 'catalog',
    expected: 'verified encryption, or a connection inside this machine',
  },
  connection: { id: 'doctor/connection', title: 'Connection', kind: 'probe', expected: 'connected and signed in' },
} as const satisfies Record<string, Question>;

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
  const source = await runCheck(questions.source, () => sourceOutcome(options));
  yield source;
  if (source.verdict === 'failed') {
    const reason = 'Name a database first.';
    yield await runCheck(questions.tls, () => skipped('not checked', reason));
    yield await runCheck(questions.connection, () => skipped('not checked', reason));
    return yield* skippedConnectionChecks(reason);
  }
  const ways: Connector[] = [];
  yield await runCheck(questions.tls, async () => {
    const way = await connector(options);
    ways.push(way);
    return tlsOutcome(way);
  });
  const [way] = ways;
  if (way !== undefined) return yield* enteringChecks(way);
  yield await runCheck(questions.connection, () => skipped('not checked', 'Fix TLS first.'));
  yield* skippedConnectionChecks('Fix TLS first.');
}

async function* enteringChecks(way: Connector): AsyncIterable<CheckResult> {
  const clients: Client[] = [];
  const connect = async (): Promise<Client> => {
    const client = await way.connect();
    clients.push(client);
    return client;
  };
  const entered: { readonly client: Client; readonly inspection: Inspection }[] = [];
  try {
    yield await runCheck(questions.connection, async () => {
      const client = await connect();
      const inspection = await inspectConnection(client, connect);
      entered.push({ client, inspection });
      return passed(`${way.description.label} as ${inspection.role}`);
    });
    const [state] = entered;
    if (state === undefined) yield* skippedConnectionChecks('Fix the connection first.');
    else yield* connectionChecks({ ...state, description: way.description, openAnother: connect });
  } finally {
    // However the checks end. A connection that is broken or closed already has nothing to close.
    await Promise.allSettled(clients.map((client) => client.end()));
  }
}

async function sourceOutcome(options: DoctorOptions): Promise<Outcome> {
  const source = await chooseConnection(options);
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

function tlsOutcome({ tls, authorities, description }: Connector): Outcome {
  if (!tls) {
    return description.kind === 'loopback'
      ? passed('plaintext inside this machine')
      : failed('plaintext over a network (--allow-plaintext)', 'Leave that out where the server offers TLS.');
  }
  return passed(
    authorities === null
      ? 'verified against the authorities of Node.js and NODE_EXTRA_CA_CERTS'
      : `verified against ${authorities.origin}`,
  );
}
