import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import { entriesByIds } from '../../database/journal.ts';
import { retrying } from '../../database/retry.ts';
import type { Session } from '../../database/session.ts';
import type { SqlChange } from '../../rollout/change.ts';
import { RolloutError } from '../../rollout/errors.ts';
import type { LockHolder } from '../../rollout/events.ts';
import type { Context } from '../../rollout/executor.ts';
import type { Entry } from '../../rollout/journal.ts';
import type { StepId } from '../../rollout/step.ts';
import { endBackend, holdersOf } from './backend.ts';
import { type Answer, answerOf, callCli, cliError } from './call.ts';
import type { Door } from './door.ts';
import type { CliInfo } from './find.ts';
import { fillWorkdir, localMigrations } from './folder.ts';
import { type HistoryRow, readHistory } from './history.ts';
import {
  applicationNameOf,
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
  /** The title of a step, which its file is named after; undefined where it is not known. */
  readonly titleOf: (step: StepId) => string | undefined;
  /** Versions of the files that this run pushed. */
  readonly pushed: Set<string>;
  /** Told the process id of each CLI call. */
  readonly onStart?: ((pid: number) => void) | undefined;
};

const pushAnswer = z.object({ migrations: z.array(z.string()), dryRun: z.literal(false) });

/** Milliseconds between two looks at how far a file has come. */
const lookEvery = 250;

/**
 * Applies changes as one migration file, pushed alone from a folder of our own. The journal alone says how far a file
 * came: each of its rows shares the transaction of its change. Where a file ends before its end, after a lock timeout or
 * a deadlock, the next one carries the rest, with the patience that each change has; a file that was not carried out
 * whole is not in the history, and `registerApplied` puts what was applied of it there.
 *
 * @param applied Told each change as soon as it is known to be durable, in their order.
 */
export async function pushChanges(
  tools: Tools,
  changes: readonly SqlChange[],
  context: Context,
  applied: (entry: Entry) => void,
): Promise<void> {
  const { session } = tools;
  let rest: readonly JournalRow[] = changes.map((change) => ({ id: randomUUID(), run: context.run, change }));

  /** Tells what the journal has of the rest; resolves to whether there was anything. */
  const advance = async (): Promise<boolean> => {
    const there = await entriesByIds(
      await session.work(),
      rest.map((row) => row.id),
    );
    rest = rest.slice(there.length);
    for (const entry of there) {
      if (entry.change.kind === 'sql') context.emit({ type: 'command', text: entry.change.up });
      applied(entry);
    }
    return there.length > 0;
  };

  // Why the last file ended before its end: it was a try of the change that it ended at.
  let ended = null as Ended | null;
  for (let first = rest[0]; first !== undefined; first = rest[0]) {
    const { change } = first;
    let seen: readonly LockHolder[] = ended?.seen ?? [];
    await retrying({
      what: change.title,
      patience: session.settings.patience,
      lockTimeout: session.settings.lockTimeout,
      signal: context.signal,
      holders: async () => seen,
      stillOpen: session.stillOpen,
      onWait: (waiting) => context.emit({ type: 'change-waiting', step: context.step, change: change.id, ...waiting }),
      attempt: async () => {
        if (ended === null) {
          // A file whose answer was lost is known by its journal rows.
          if (await advance()) return;
          try {
            ended = await pushFile(tools, rest, context, advance);
          } catch (error) {
            // Cancelled too late: all of it was done.
            if (rest.length === 0) return;
            throw error;
          }
          if (first !== rest[0]) return;
        }
        const { answer, seen: holders } = ended;
        ended = null;
        if (holders.length > 0) seen = holders;
        if (!answer.ok)
          throw cliError(`apply "${change.title}"`, { ...answer, message: inWords(answer.message, change) });
        const { migrations } = answerOf(`apply "${change.title}"`, answer, pushAnswer);
        throw notThere(change.title, `It reported: ${migrations.join(', ') || 'no migration'}.`);
      },
    });
  }
}

/** What became of a file, and whom its session was last seen to wait for. */
type Ended = { readonly answer: Answer; readonly seen: readonly LockHolder[] };

/** Pushes one file with all of these rows, and resolves when nothing of it runs any more. */
async function pushFile(
  tools: Tools,
  rows: readonly JournalRow[],
  context: Context,
  advance: () => Promise<boolean>,
): Promise<Ended> {
  const { session } = tools;
  const history = await readHistory(session);
  const migration = migrationOf(
    await freeVersion(tools, history),
    { step: context.step, title: tools.titleOf(context.step), rows },
    session.settings,
  );
  const applicationName = applicationNameOf(rows[0]?.id ?? '');
  const workdir = join(tools.door.folder, 'push');
  await fillWorkdir(workdir, history, [migration]);
  context.emit({ type: 'command', text: `supabase db push --yes # ${migrationsFolder}/${migration.fileName}` });
  let seen: readonly LockHolder[] = [];
  const over = new AbortController();
  const watches = [
    again(Math.max(10, session.settings.lockTimeout * 0.4), over.signal, async () => {
      const holders = await holdersOf(session, applicationName);
      if (holders.length > 0) seen = holders;
    }),
    again(lookEvery, over.signal, advance),
  ];
  let answer: Answer;
  try {
    answer = await callCli(tools.cli, tools.door, ['db', 'push', '--yes', '--include-all'], {
      workdir,
      signal: context.signal,
      onStart: tools.onStart,
    });
    // Only an error of the server proves that its session is done with the file.
    if (!answer.ok && !/\(SQLSTATE \w{5}\)/.test(answer.message)) await endBackend(session, applicationName);
  } catch (error) {
    // Aborted, or it could not be started: either way nothing may go on behind our back.
    await endBackend(session, applicationName);
    over.abort();
    await Promise.all(watches);
    await advance();
    throw error;
  } finally {
    over.abort();
    await Promise.all(watches);
  }
  await advance();
  if (answer.ok) {
    await requireRecorded(session, migration);
    tools.pushed.add(migration.version);
  }
  return { answer, seen };
}

/** The CLI writes the row of the history after the last statement, in a transaction of its own. */
async function requireRecorded(session: Session, { version, fileName }: Migration): Promise<void> {
  if ((await readHistory(session)).some((row) => row.version === version)) return;
  throw notThere(fileName, `Version ${version} is not in the history.`);
}

async function freeVersion({ workspace }: Tools, history: readonly HistoryRow[]): Promise<string> {
  return nextVersion(
    history.map((one) => one.version),
    new Set((await localMigrations(workspace)).map((one) => one.version)),
  );
}

/** Looks again and again until told to stop. */
async function again(every: number, signal: AbortSignal, look: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    try {
      await look();
      await pause(every, undefined, { signal });
    } catch (error) {
      if (signal.aborted) return;
      // A look is an aid: the push itself goes on, and what it came to is looked at once more when it has ended.
      if (!(error instanceof Error)) throw error;
      await pause(1000, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The CLI shows the whole statement that failed: of a change people want to read its SQL, not the row of the journal. */
const inWords = (message: string, change: SqlChange): string =>
  message.replace(/\bdo (\$change\d*\$)\n[\s\S]*?end \1/, () => change.up);

const notThere = (what: string, detail: string): RolloutError =>
  new RolloutError(
    `The Supabase CLI reported success for "${what}", but the database does not show it.`,
    'Look at supabase_migrations.schema_migrations and at voxanne_rollout.entries before anything else is done.',
    { kind: 'outside', detail },
  );
