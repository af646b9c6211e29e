import pg from 'pg';
import type { Target } from '../../phases/target.ts';
import { type Config, configSchema } from '../../src/config/schema.ts';
import { createDatabaseExecutor } from '../../src/database/executor.ts';
import { openSession, type Session } from '../../src/database/session.ts';
import type { EmbeddedServer } from '../../src/demo/server.ts';
import type { Executor } from '../../src/rollout/executor.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { createRollout } from '../../src/rollout/runner.ts';
import type { Phase, Step } from '../../src/rollout/step.ts';

/** A target on an embedded database, with everything that a step's test needs. */
export type TestTarget = AsyncDisposable & {
  readonly target: Target;
  readonly session: Session;
  readonly executor: Executor;
  /** A rollout of these phases, or of one phase with these steps. */
  readonly rollout: (phases: readonly Phase<Target>[] | readonly Step<Target>[]) => Rollout;
  /** Runs SQL as `postgres` on a connection of its own. */
  readonly sql: <T extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<T[]>;
  /** Runs SQL as an API role with these claims, rolled back. */
  readonly as: <T extends pg.QueryResultRow>(
    role: 'anon' | 'authenticated' | 'service_role',
    claims: Readonly<Record<string, unknown>>,
    text: string,
  ) => Promise<T[]>;
  readonly close: () => Promise<void>;
};

export async function makeTarget(
  server: EmbeddedServer,
  database: string,
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<TestTarget> {
  const { $schema: _, ...settings } = configSchema.parse(overrides);
  const config: Config = { ...settings, workspace: server.directory, file: null };
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: server.url(database), application_name: 'voxanne-rollout test' });
    await client.connect();
    return client;
  };
  const session = openSession(connect, {
    lockTimeout: config.lockTimeout,
    statementTimeout: config.statementTimeout,
    patience: config.patience,
    batchSize: config.batchSize,
    exclude: config.exclude,
  });
  const executor = createDatabaseExecutor(session);
  const target: Target = { config, session, workspace: null };
  const side = await connect();
  const close = async (): Promise<void> => {
    await session.close();
    await side.end();
  };
  return {
    target,
    session,
    executor,
    rollout: (given) =>
      createRollout({
        phases: isPhases(given) ? given : [{ id: 1, title: 'Database', medium: 'database', steps: given }],
        target,
        executors: { database: executor, workspace: null },
        accepted: (check) => config.decisions.acceptNotChecked.includes(check),
      }),
    sql: async (text, values) => (await side.query(text, values)).rows,
    as: async (role, claims, text) => {
      await side.query('begin');
      try {
        await side.query(`select set_config('request.jwt.claims', $1, true)`, [JSON.stringify({ role, ...claims })]);
        await side.query(`set local role ${role}`);
        return (await side.query(text)).rows;
      } finally {
        await side.query('rollback');
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const isPhases = (given: readonly Phase<Target>[] | readonly Step<Target>[]): given is readonly Phase<Target>[] =>
  given.every((one) => 'steps' in one);
