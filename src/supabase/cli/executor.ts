import { randomUUID } from 'node:crypto';
import { toRolloutError } from '../../database/errors.ts';
import { ensureJournal } from '../../database/journal.ts';
import type { Session } from '../../database/session.ts';
import type { SqlChange } from '../../rollout/change.ts';
import { RolloutError } from '../../rollout/errors.ts';
import type { Context, Executor, PreviewResult } from '../../rollout/executor.ts';
import { type CliConnection, type Door, openDoor } from './door.ts';
import type { CliInfo } from './find.ts';
import { localMigrations } from './folder.ts';
import { readHistory } from './history.ts';
import { migrationName, migrationsFolder, whyNotAFile } from './migration-file.ts';
import { pushChange, type Tools } from './push.ts';
import { registerApplied } from './register.ts';

export type CliExecutorOptions = {
  /** The executor through `pg`: it previews, takes back, and applies what no migration file can carry. */
  readonly inner: Executor;
  readonly session: Session;
  readonly connection: CliConnection;
  readonly workspace: string;
  readonly cli: CliInfo;
  /** Told the process id of each CLI call. */
  readonly onStart?: ((pid: number) => void) | undefined;
};

/** An executor whose work shows in the app's migrations. */
export type CliExecutor = Executor & {
  /** How the CLI gets the password, for doctor and the report. */
  readonly passwordWay: Door['passwordWay'];
  /** Brings history and files in step if a stopped run left them behind, and removes what is temporary. Call it last. */
  readonly finish: () => Promise<void>;
};

/**
 * The executor `inner`, but changes that run in a transaction are applied as migration files through the Supabase CLI,
 * behind our run lock and with our retries, which the CLI has not. Their journal row is the last statement of the file,
 * so that it shares the transaction with the change as it does through `pg`.
 *
 * What is taken back is taken back by the journalled inverse through `pg`; `migration repair` then removes it from the
 * history. `migration down` is never called: it drops every table.
 */
export async function createCliExecutor(options: CliExecutorOptions): Promise<CliExecutor> {
  const { inner, session } = options;
  const { executor, tools, step } = await registering(options);

  const apply = async (change: SqlChange, context: Context) => {
    await session.lock();
    await ensureJournal(await session.work());
    await step(context.signal);
    return pushChange(tools, { id: randomUUID(), run: context.run, step: context.step, change }, context);
  };

  return {
    ...executor,
    preview: async function* (changes, context) {
      const pending = await pendingOfApp(options);
      for await (const result of inner.preview(changes, context)) yield withWay(result, context.step, pending);
    },
    apply: async (change, context) => {
      if (change.kind === 'sql' && whyNotAFile(change) === null)
        return translate(() => apply(change, context), context.signal);
      const entry = await inner.apply(change, context);
      // At once and not at the end of the step: the next file may build upon this change and must come after it.
      if (change.kind === 'sql') await translate(() => step(context.signal, true), context.signal);
      return entry;
    },
  };
}

/**
 * The executor `inner`, with every SQL change also recorded in the migration history and written as a file
 * (`--register`), so that a later `supabase db push` stays in step. It is recorded when a step ends, in one call.
 */
export async function createRegisteringExecutor(options: CliExecutorOptions): Promise<CliExecutor> {
  return (await registering(options)).executor;
}

async function registering(options: CliExecutorOptions): Promise<{
  readonly executor: CliExecutor;
  readonly tools: Tools;
  /** Brings history and files in step with the journal, if something may have put them out of it. */
  readonly step: (signal: AbortSignal, always?: boolean) => Promise<readonly string[]>;
}> {
  const { inner, session, connection } = options;
  const door = await openDoor(connection, session.settings.lockTimeout);
  const tools: Tools = { ...options, door };
  // What an earlier run left behind is looked at before the first change.
  let behind = true;

  const step = async (signal: AbortSignal, always = false): Promise<readonly string[]> => {
    if (!behind && !always) return [];
    await session.lock();
    const { kept } = await registerApplied(tools, await inner.entries(), signal);
    behind = false;
    return kept;
  };
  const never = new AbortController().signal;

  const executor: CliExecutor = {
    ...inner,
    apply: async (change, context) => {
      behind = true;
      return inner.apply(change, context);
    },
    revert: async (entry, context) => {
      behind = true;
      return inner.revert(entry, context);
    },
    settle: async (entry, context) => {
      behind = true;
      return inner.settle(entry, context);
    },
    record: async (record) => {
      const kept = await translate(() => step(never), never).catch(async (error: unknown) => {
        // What happened to the step is true whether or not the history could be brought in step.
        await inner.record(record);
        throw error;
      });
      const note = kept.map((name) => `edited, kept as ${name}`).join('; ');
      await inner.record({ ...record, detail: [record.detail, note].filter(Boolean).join('; ') });
    },
    passwordWay: door.passwordWay,
    finish: async () => {
      try {
        if (behind && session.locked()) await translate(() => step(never), never);
      } finally {
        await door[Symbol.asyncDispose]();
      }
    },
  };
  return { executor, tools, step };
}

/** Says in the preview which way a change takes. */
function withWay(result: PreviewResult, step: string, pending: readonly string[]): PreviewResult {
  if (result.outcome === 'failed') return result;
  const { change } = result;
  const why = whyNotAFile(change);
  const others = pending.length === 0 ? '' : `; pending migrations of the app stay pending: ${pending.join(', ')}`;
  const way =
    why === null && change.kind === 'sql'
      ? `by supabase db push, as ${migrationsFolder}/<time>_${migrationName(step, change)}.sql${others}`
      : `through pg, because ${why}`;
  return { ...result, reason: [result.reason, way].filter(Boolean).join('; ') };
}

/** Files of the app that were not pushed yet. They are never pushed along; the next push needs `--include-all`. */
async function pendingOfApp({ session, workspace }: CliExecutorOptions): Promise<readonly string[]> {
  const applied = new Set((await readHistory(session)).map((one) => one.version));
  return (await localMigrations(workspace))
    .filter((one) => one.entry === null && !applied.has(one.version))
    .map((one) => one.fileName);
}

async function translate<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof RolloutError ? error : toRolloutError(error);
  }
}
