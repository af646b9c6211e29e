import type { Client } from 'pg';
import type { CheckResult } from '../../rollout/check.ts';
import { insteadOfTransaction } from '../connection/describe.ts';
import { type ConnectionDescription, type Inspection, oldestServer, probePolicyLock } from '../connection/index.ts';
import { failed, type Outcome, passed, type Question, runCheck, skipped } from './run-check.ts';

/** Work, run lock and observer, and one for looking around. */
export const neededConnections = 4;

const questions = {
  pooler: {
    id: 'doctor/pooler',
    title: 'Pooler',
    kind: 'probe',
    expected: 'a direct connection or a pooler in session mode',
  },
  server: { id: 'doctor/server', title: 'Server version', kind: 'catalog', expected: 'PostgreSQL 15 or newer' },
  writable: { id: 'doctor/writable', title: 'Writable', kind: 'catalog', expected: 'the primary, not read-only' },
  supabase: {
    id: 'doctor/supabase',
    title: 'Supabase database',
    kind: 'catalog',
    expected: 'schema auth with its table of users, and the API roles',
  },
  privileges: {
    id: 'doctor/privileges',
    title: 'Privileges',
    kind: 'catalog',
    expected: 'everything that the database phase needs',
  },
  sessions: {
    id: 'doctor/sessions',
    title: 'Test connections',
    kind: 'probe',
    expected: `${neededConnections} at the same time`,
  },
  policyLock: {
    id: 'doctor/policy-lock',
    title: 'Locks of policy statements',
    kind: 'probe',
    expected: 'known',
  },
} as const satisfies Record<string, Question>;

/** The checks that need a connection, as skipped ones. */
export async function* skippedConnectionChecks(reason: string): AsyncIterable<CheckResult> {
  for (const question of Object.values(questions)) {
    yield await runCheck(question, () => skipped('not checked', reason));
  }
}

export async function* connectionChecks(options: {
  readonly client: Client;
  readonly inspection: Inspection;
  readonly description: ConnectionDescription;
  readonly openAnother: () => Promise<Client>;
}): AsyncIterable<CheckResult> {
  const { client, inspection, description } = options;
  yield await runCheck(questions.pooler, () => pooler(inspection, description));
  yield await runCheck(questions.server, () => ({ evidence: 'show server_version', ...server(inspection) }));
  yield await runCheck(questions.writable, () => ({
    evidence: "select pg_is_in_recovery(), current_setting('transaction_read_only')",
    ...writable(inspection),
  }));
  yield await runCheck(questions.supabase, () =>
    inspection.missing.length === 0
      ? passed('Supabase schema found')
      : failed(
          `not there: ${inspection.missing.join(', ')}`,
          'Check the connection string; on Supabase the database is postgres.',
        ),
  );
  yield await runCheck(questions.privileges, () => privileges(inspection));
  yield await runCheck(questions.sessions, () => sessions(options.openAnother));
  yield await runCheck(questions.policyLock, () =>
    inspection.readOnly === null ? policyLock(client) : skipped('not tried', 'The probe needs a writable server.'),
  );
}

function server({ serverVersion, serverVersionText }: Inspection): Outcome {
  return serverVersion >= oldestServer
    ? passed(serverVersionText)
    : failed(serverVersionText, 'Upgrade the project in its dashboard (Settings, Infrastructure).');
}

function writable({ readOnly }: Inspection): Outcome {
  return readOnly === null
    ? passed('writable')
    : failed(readOnly, 'Use the connection string of the primary database.');
}

function pooler({ mode }: Inspection, description: ConnectionDescription): Outcome {
  if (mode === 'transaction') {
    return failed('a pooler in transaction mode', `${insteadOfTransaction(description)}.`);
  }
  return passed(mode === 'direct' ? 'a direct connection' : 'a pooler in session mode');
}

function privileges({ role, privileges: all }: Inspection): Outcome {
  const required = all.filter((one) => one.required && !one.held);
  const optional = all.filter((one) => !one.required && !one.held);
  const list = (some: typeof all) => some.map((one) => `${one.what} (for ${one.why})`).join('; ');
  if (required.length > 0) {
    return failed(`${role} may not ${list(required)}`, 'Connect as the role postgres of the project.');
  }
  return optional.length === 0
    ? passed(`sufficient (role ${role})`)
    : passed(
        `sufficient (role ${role}), but it may not ${list(optional)}`,
        'A rollout works without that, and says less.',
      );
}

async function sessions(openAnother: () => Promise<Client>): Promise<Outcome> {
  const opened = await Promise.allSettled(Array.from({ length: neededConnections - 1 }, openAnother));
  const clients = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  await Promise.all(clients.map((one) => one.end()));
  const refused = opened.find((one) => one.status === 'rejected');
  if (refused !== undefined) throw refused.reason;
  return passed(`${neededConnections} opened`);
}

async function policyLock(client: Client): Promise<Outcome> {
  const lock = await probePolicyLock(client);
  if (lock.state === 'unknown') return skipped(`could not be tried: ${lock.reason}`, 'Connect as the role postgres.');
  if (lock.state === 'absent') return passed('a policy statement locks its own table only');
  const tables = lock.tables.length === 0 ? 'a platform table that is busy right now' : lock.tables.join(', ');
  return passed(
    `every policy statement also locks ${tables} until it commits`,
    'The rollout sends such statements one by one in short transactions, so sign-ins wait for some milliseconds at most; an upgrade of the project’s Postgres image removes the cause (supautils pull request 228).',
  );
}
