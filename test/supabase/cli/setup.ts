import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import type { EmbeddedServer } from '../../../src/demo/server.ts';
import { packageRoot } from '../../../src/package-root.ts';
import type { Change, SqlChange } from '../../../src/rollout/change.ts';
import type { RolloutEvent } from '../../../src/rollout/events.ts';
import type { Context } from '../../../src/rollout/executor.ts';
import type { Entry, StepRecord } from '../../../src/rollout/journal.ts';
import {
  type CliExecutor,
  type CliInfo,
  createCliExecutor,
  createRegisteringExecutor,
  findCli,
} from '../../../src/supabase/cli/index.ts';
import { connector } from '../../../src/supabase/connection/index.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

/** The installed CLI, with an environment that holds nothing else of ours. */
export const environment = {
  ...process.env,
  PATH: [join(packageRoot(), 'node_modules/.bin'), process.env.PATH].join(delimiter),
};

let found: Promise<CliInfo> | undefined;
/** Asked once, because each start of the CLI takes a second. */
export const installed = (): Promise<CliInfo> => {
  found ??= findCli({ workspace: packageRoot(), env: environment });
  return found;
};

export type CliTarget = AsyncDisposable & {
  readonly at: TestTarget;
  readonly executor: CliExecutor;
  readonly workspace: string;
  readonly url: string;
  readonly events: RolloutEvent[];
  /** Process ids of the CLI calls, in order. */
  readonly pids: number[];
  readonly context: (signal?: AbortSignal) => Context;
  /** Applies as a run does, and ends with the record of the step; what was applied before a failure is pushed to `done`. */
  readonly applyStep: (changes: readonly Change[], done?: Entry[], signal?: AbortSignal) => Promise<readonly Entry[]>;
  readonly record: (state: StepRecord['state']) => Promise<void>;
  /** Files of `supabase/migrations`. */
  readonly files: () => Promise<readonly string[]>;
  /** The migration history without times and ids. */
  readonly history: () => Promise<readonly { version: string; name: string; statements: string }[]>;
};

/** A fresh database and an empty workspace, with the executor through the CLI or the one that registers. */
export async function makeCliTarget(
  server: EmbeddedServer,
  database: string,
  options: {
    readonly register?: boolean;
    /** Of an earlier run, whose database and folder are entered again. */
    readonly workspace?: string;
  } = {},
): Promise<CliTarget> {
  if (options.workspace === undefined) await loadDatabase(server, 'tiny', database);
  const workspace = options.workspace ?? (await mkdtemp(join(tmpdir(), 'cli-test-')));
  const at = await makeTarget(server, database);
  const url = server.url(database);
  const connection = await connector({ dbUrl: url, env: {}, workspace });
  const events: RolloutEvent[] = [];
  const pids: number[] = [];
  const given = {
    inner: at.executor,
    session: at.session,
    connection,
    workspace,
    titleOf: (step: string) => (step === '1.1' ? 'Make tables' : undefined),
    cli: installed,
    onStart: (pid: number) => pids.push(pid),
  };
  const executor = options.register === true ? createRegisteringExecutor(given) : createCliExecutor(given);
  const contextOf = (signal = new AbortController().signal): Context => ({
    run: '00000000-0000-4000-8000-000000000001',
    step: '1.1',
    emit: (event) => events.push(event),
    signal,
  });
  const record = (state: StepRecord['state']): Promise<void> =>
    executor.record({
      run: '00000000-0000-4000-8000-000000000001',
      step: '1.1',
      state,
      detail: '',
      passed: 0,
      failed: 0,
      skipped: 0,
      milliseconds: 1,
    });
  return {
    at,
    executor,
    workspace,
    url,
    events,
    pids,
    context: contextOf,
    applyStep: async (changes, done = [], signal) => {
      const context = contextOf(signal);
      if (executor.applyAll === undefined) {
        for (const change of changes) done.push(await executor.apply(change, context));
      } else await executor.applyAll(changes, context, (entry) => done.push(entry));
      await record('applied');
      return done;
    },
    record,
    files: async () => {
      const found = await readdir(join(workspace, 'supabase/migrations')).catch(() => []);
      return found.sort();
    },
    history: async () => {
      const rows = await at.sql<{ version: string; name: string; statements: string }>(
        `select version, name, array_to_string(statements, e';\\n') as statements
         from supabase_migrations.schema_migrations order by version`,
      );
      return rows.map((row) => ({
        ...row,
        statements: row.statements
          .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
          .replaceAll(/(supabase-cli |sha256 )[0-9a-f]+/g, '$1X'),
      }));
    },
    [Symbol.asyncDispose]: async () => {
      try {
        await executor.finish();
      } finally {
        await at.close();
      }
      if (options.workspace === undefined) await rm(workspace, { recursive: true });
    },
  };
}

/** A table that is made and dropped; by default one that nothing else knows. */
export const makeTable = (name: string, more: Partial<SqlChange> = {}): SqlChange => ({
  kind: 'sql',
  id: `create public.${name}`,
  title: `Create public.${name}`,
  mode: 'transaction',
  up: `create table public.${name} (id int primary key, note text default 'a;b'); -- with a comment`,
  down: `drop table public.${name};`,
  ...more,
});
