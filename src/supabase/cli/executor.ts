import { toRolloutError } from '../../database/errors.ts';
import { ensureJournal } from '../../database/journal.ts';
import type { Session } from '../../database/session.ts';
import type { Change, SqlChange } from '../../rollout/change.ts';
import { RolloutError } from '../../rollout/errors.ts';
import type { Context, Executor, PreviewResult } from '../../rollout/executor.ts';
import type { Entry } from '../../rollout/journal.ts';
import type { StepId } from '../../rollout/step.ts';
import { type CliConnection, type Door, openDoor, type PasswordWay, passwordWay } from './door.ts';
import type { CliInfo } from './find.ts';
import { localMigrations } from './folder.ts';
import { readHistory } from './history.ts';
import { migrationName, migrationsFolder, whyNotAFile } from './migration-file.ts';
import { pushChanges, type Tools } from './push.ts';
import { registerApplied } from './register.ts';

export type CliExecutorOptions = {
  /** The executor through `pg`: it previews, takes back, and applies what no migration file can carry. */
  readonly inner: Executor;
  readonly session: Session;
  readonly connection: CliConnection;
  readonly workspace: string;
  /** The title of a step, which its file is named after; absent or undefined where it is not known. */
  readonly titleOf?: ((step: StepId) => string | undefined) | undefined;
  /** `findCli`; asked once, and only when there is something to do, because it takes most of a second. */
  readonly cli: () => Promise<CliInfo>;
  /** Told the process id of each CLI call. */
  readonly onStart?: ((pid: number) => void) | undefined;
  /** True for a command that only looks: a preview then starts no CLI, not even to ask whether it is there. */
  readonly looking?: boolean;
};

/** An executor whose work shows in the migrations of the app. */
export type CliExecutor = Executor & {
  /** How the CLI gets the password, for doctor and the report. */
  readonly passwordWay: PasswordWay;
  /**
   * Brings history and files in step with the journal, whoever applied it. Resolves to the files that a person had
   * edited and that were kept under another name.
   */
  readonly register: (signal: AbortSignal) => Promise<readonly string[]>;
  /** Registers what a stopped run left unregistered, and removes what is temporary. Call it before the session closes. */
  readonly finish: () => Promise<void>;
};

/**
 * The executor `inner`, but changes that run in a transaction are applied as a migration file through the Supabase CLI,
 * as many at once as follow each other, behind our run lock and with our retries, which the CLI has not. The journal row
 * of each shares the transaction with its change as it does through `pg`. What cannot be in a file goes through `pg`
 * between two files; when the step is done, one file stands for it.
 *
 * What is taken back is taken back by the journalled inverse through `pg`; `migration repair` then removes it from the
 * history. `migration down` is never called: it drops every table.
 */
export function createCliExecutor(options: CliExecutorOptions): CliExecutor {
  const { inner, session } = options;
  const tools = lazyTools(options);
  const registering = registeringExecutor(options, tools);
  // What an earlier run left behind must be in the history before the first file that builds upon it.
  let looked = false;

  const applyAll = (changes: readonly Change[], context: Context, applied: (entry: Entry) => void): Promise<void> =>
    translate(async () => {
      const given = await tools.get();
      await session.lock();
      await ensureJournal(await session.work());
      if (!looked) {
        await registering.register(context.signal);
        looked = true;
      }
      for (const group of groupsOf(changes)) {
        context.signal.throwIfAborted();
        if (group.way === 'pg') applied(await registering.apply(group.change, context));
        else {
          registering.changed();
          await pushChanges(given, group.changes, context, applied);
        }
      }
    }, context.signal);

  return {
    ...registering,
    preview: async function* (changes, context) {
      if (options.looking !== true) await tools.get();
      const pending = await pendingOfApp(options);
      const name = migrationName(context.step, options.titleOf?.(context.step));
      for await (const result of inner.preview(changes, context)) yield withWay(result, name, pending);
    },
    applyAll,
    apply: async (change, context) => {
      const entries: Entry[] = [];
      await applyAll([change], context, (entry) => entries.push(entry));
      const [entry] = entries;
      if (entry === undefined) throw new Error(`${change.title} was applied without a journal row.`);
      return entry;
    },
  };
}

type Group =
  | { readonly way: 'pg'; readonly change: Change }
  | { readonly way: 'file'; readonly changes: readonly SqlChange[] };

/** Changes that follow each other and can be in a file go together. */
function groupsOf(changes: readonly Change[]): readonly Group[] {
  const groups: Group[] = [];
  for (const change of changes) {
    const last = groups.at(-1);
    if (change.kind !== 'sql' || whyNotAFile(change) !== null) groups.push({ way: 'pg', change });
    else if (last?.way === 'file') groups.splice(-1, 1, { way: 'file', changes: [...last.changes, change] });
    else groups.push({ way: 'file', changes: [change] });
  }
  return groups;
}

/**
 * The executor `inner`, with every SQL change also recorded in the migration history and written as a file
 * (`--register`), so that a later `supabase db push` stays in step. It is recorded when a step ends, in one call.
 */
export function createRegisteringExecutor(options: CliExecutorOptions): CliExecutor {
  return registeringExecutor(options, lazyTools(options));
}

/** `changed`: tells that something is changed which is not in the history yet. */
type RegisteringExecutor = CliExecutor & { readonly changed: () => void };

function registeringExecutor(
  { inner, session, connection }: CliExecutorOptions,
  tools: LazyTools,
): RegisteringExecutor {
  let behind = false;
  let looked = false;

  const register = (signal: AbortSignal): Promise<readonly string[]> =>
    translate(async () => {
      await session.lock();
      const { kept } = await registerApplied(await tools.get(), await inner.entries(), await inner.records(), signal);
      behind = false;
      looked = true;
      return kept;
    }, signal);

  /** Marks the history as out of step before the database changes, so that no failure in between hides it. */
  const changing = <A extends unknown[], T>(work: (...given: A) => Promise<T>) => {
    return async (...given: A): Promise<T> => {
      await tools.get();
      behind = true;
      return work(...given);
    };
  };

  return {
    ...inner,
    apply: changing(inner.apply),
    revert: changing(inner.revert),
    settle: changing(inner.settle),
    record: async (record) => {
      // A step whose run died between its last change and its record is registered by the run that finds it done.
      const due = behind || (!looked && (record.state === 'applied' || record.state === 'rolled back'));
      const kept = due
        ? await register(never).catch(async (error: unknown) => {
            // What happened to the step is true whether or not the history could be brought in step.
            await inner.record(record);
            throw error;
          })
        : [];
      const note = kept.map((name) => `edited, kept as ${name}`).join('; ');
      await inner.record({ ...record, detail: [record.detail, note].filter(Boolean).join('; ') });
    },
    passwordWay: passwordWay(connection),
    register,
    changed: () => {
      behind = true;
    },
    finish: async () => {
      try {
        if (behind && session.locked()) await register(never);
      } finally {
        await tools.close();
      }
    },
  };
}

/** Bookkeeping after a cancel: it takes a second or two, and leaving it out would put the history out of step. */
const never = new AbortController().signal;

type LazyTools = { readonly get: () => Promise<Tools>; readonly close: () => Promise<void> };

function lazyTools(options: CliExecutorOptions): LazyTools {
  const { session, workspace, connection, onStart } = options;
  let door: Door | undefined;
  let opening: Promise<Tools> | undefined;
  const open = async (): Promise<Tools> => {
    const cli = await options.cli();
    door = await openDoor(connection, session.settings.lockTimeout);
    return { cli, door, session, workspace, titleOf: options.titleOf ?? (() => undefined), pushed: new Set(), onStart };
  };
  return {
    get: () => {
      opening ??= open();
      return opening;
    },
    close: async () => door?.[Symbol.asyncDispose](),
  };
}

/** Says in the preview which way a change takes. */
function withWay(result: PreviewResult, name: string, pending: readonly string[]): PreviewResult {
  if (result.outcome === 'failed') return result;
  const why = whyNotAFile(result.change);
  const others = pending.length === 0 ? '' : `; pending migrations of the app stay pending: ${pending.join(', ')}`;
  const way =
    why === null
      ? `by supabase db push, in ${migrationsFolder}/<time>_${name}.sql${others}`
      : `through pg, because ${why}`;
  return { ...result, reason: [result.reason, way].filter(Boolean).join('; ') };
}

/** Files of the app that were not pushed yet. They are never pushed along; the next push needs `--include-all`. */
async function pendingOfApp({ session, workspace }: CliExecutorOptions): Promise<readonly string[]> {
  const applied = new Set((await readHistory(session)).map((one) => one.version));
  return (await localMigrations(workspace))
    .filter((one) => one.step === null && !applied.has(one.version))
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
