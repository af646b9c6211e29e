import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import { entryById } from '../../database/journal.ts';
import { retrying } from '../../database/retry.ts';
import type { Session } from '../../database/session.ts';
import type { SqlChange } from '../../rollout/change.ts';
import { RolloutError } from '../../rollout/errors.ts';
import type { LockHolder } from '../../rollout/events.ts';
import type { Context } from '../../rollout/executor.ts';
import type { Entry } from '../../rollout/journal.ts';
import type { StepId } from '../../rollout/step.ts';
import { endBackend, holdersOf } from './backend.ts';
import { type Answer, answerOf, callCli } from './call.ts';
import type { Door } from './door.ts';
import type { CliInfo } from './find.ts';
import { fillWorkdir, localMigrations, writeMigration } from './folder.ts';
import { type HistoryRow, readHistory } from './history.ts';
import {
  applicationNameOf,
  isSameChange,
  type JournalRow,
  type Migration,
  migrationOf,
  migrationsFolder,
  nextVersion,
} from './migration-file.ts';

/** What every command of this room works with. */
export type Tools = {
  readonly cli: CliInfo;
  readonly door: Door;
  readonly session: Session;
  readonly workspace: string;
  /** Told the process id of each CLI call. */
  readonly onStart?: ((pid: number) => void) | undefined;
};

const pushed = z.object({ migrations: z.array(z.string()), dryRun: z.literal(false) });

/**
 * Applies one change as a migration file: pushed alone from a folder of our own, tried again after a lock timeout or a
 * deadlock, then looked for in the journal and in the history. Only then is the file put into the workspace, so that
 * none is ever left there that was not applied.
 */
export async function pushChange(tools: Tools, change: SqlChange, context: Context): Promise<Entry> {
  const { session } = tools;
  const twin = await twinOf(tools, context.step, change);
  const row: JournalRow = { id: twin?.entry ?? randomUUID(), run: context.run, step: context.step, change };
  const applicationName = applicationNameOf(row.id);
  let seen: readonly LockHolder[] = [];
  let migration: Migration | null = twin;

  const attempt = async (): Promise<Entry> => {
    // A file whose answer was lost is known by its journal row.
    const there = await entryById(await session.work(), row.id);
    if (there !== null) return there;
    const history = await readHistory(session);
    migration = twin ?? migrationOf(await freeVersion(tools, history), row, session.settings);
    const workdir = join(tools.door.folder, 'push');
    await fillWorkdir(workdir, history, [migration]);
    context.emit({ type: 'command', text: `supabase db push --yes # ${migrationsFolder}/${migration.fileName}` });
    const watching = new AbortController();
    const watch = watchHolders(session, applicationName, watching.signal, (holders) => {
      seen = holders;
    });
    let answer: Answer;
    try {
      answer = await callCli(tools.cli, tools.door, ['db', 'push', '--yes', '--include-all'], {
        workdir,
        signal: context.signal,
        onStart: tools.onStart,
      });
    } catch (error) {
      // Aborted, or it could not be started: either way nothing may go on behind our back.
      await endBackend(session, applicationName);
      const done = await entryById(await session.work(), row.id);
      if (done !== null) return done;
      throw error;
    } finally {
      watching.abort();
      await watch;
    }
    // Only an error of the server proves that its session is done with the file.
    if (!answer.ok && !/\(SQLSTATE \w{5}\)/.test(answer.message)) await endBackend(session, applicationName);
    const done = await entryById(await session.work(), row.id);
    if (done === null) {
      const { migrations } = answerOf(`apply "${change.title}"`, answer, pushed);
      throw notThere(change.title, `It reported: ${migrations.join(', ') || 'no migration'}.`);
    }
    return done;
  };

  context.emit({ type: 'command', text: change.up });
  const entry = await retrying({
    what: change.title,
    patience: session.settings.patience,
    lockTimeout: session.settings.lockTimeout,
    signal: context.signal,
    holders: async () => seen,
    stillOpen: session.stillOpen,
    onWait: (waiting) => context.emit({ type: 'change-waiting', step: context.step, change: change.id, ...waiting }),
    attempt,
  });
  const recorded = (await readHistory(session)).find((one) => one.entry === row.id);
  if (recorded === undefined) throw notThere(change.title, 'Its journal row is there, its row in the history is not.');
  if (twin !== null) return adopt(session, row);
  if (migration !== null) await writeMigration(tools.workspace, migration);
  return entry;
}

type Twin = Migration & { readonly entry: string };

/**
 * The file that the same change got on another database (staging before production), if the workspace has it and this
 * database does not: pushed as it is, it keeps one history for both, as `supabase db push` would.
 */
async function twinOf({ session, workspace }: Tools, step: StepId, change: SqlChange): Promise<Twin | null> {
  const history = new Set((await readHistory(session)).map((one) => one.version));
  for (const { entry, version, fileName, text } of await localMigrations(workspace)) {
    const file = { version, fileName, text };
    if (entry === null || history.has(version) || !isSameChange(file, step, change)) continue;
    // One that this journal knows was applied here once and taken back.
    if ((await entryById(await session.work(), entry)) === null) return { ...file, entry };
  }
  return null;
}

/** The journal row of a file that was written on another database has the run of that time. */
async function adopt(session: Session, { id, run }: JournalRow): Promise<Entry> {
  const client = await session.work();
  await client.query('update voxanne_rollout.entries set run = $2 where id = $1', [id, run]);
  const entry = await entryById(client, id);
  if (entry === null) throw notThere(id, 'Its journal row went away.');
  return entry;
}

async function freeVersion({ workspace }: Tools, history: readonly HistoryRow[]): Promise<string> {
  return nextVersion(
    history.map((one) => one.version),
    new Set((await localMigrations(workspace)).map((one) => one.version)),
  );
}

/** Looks again and again whom the CLI's session waits for; only while it waits can the server say so. */
async function watchHolders(
  session: Session,
  applicationName: string,
  signal: AbortSignal,
  found: (holders: readonly LockHolder[]) => void,
): Promise<void> {
  const every = Math.max(10, session.settings.lockTimeout * 0.4);
  while (!signal.aborted) {
    try {
      const holders = await holdersOf(session, applicationName);
      if (holders.length > 0) found(holders);
      await pause(every, undefined, { signal });
    } catch (error) {
      if (signal.aborted) return;
      // The readout is an aid: the push itself goes on, and the wait says that nobody could be named.
      if (!(error instanceof Error)) throw error;
      await pause(1000, undefined, { signal }).catch(() => undefined);
    }
  }
}

const notThere = (title: string, detail: string): RolloutError =>
  new RolloutError(
    `The Supabase CLI reported success for "${title}", but the database does not show it.`,
    'Look at supabase_migrations.schema_migrations and at voxanne_rollout.entries before anything else is done.',
    { kind: 'outside', detail },
  );
