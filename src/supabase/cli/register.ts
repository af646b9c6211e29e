import { join } from 'node:path';
import * as z from 'zod';
import type { Entry, StepRecord } from '../../rollout/journal.ts';
import { answerOf, callCli } from './call.ts';
import { desiredOf, itemsOf, type Wanted } from './desired.ts';
import { fillWorkdir, type LocalMigration, localMigrations, removeMigration, writeMigration } from './folder.ts';
import { readHistory, rowMarks } from './history.ts';
import { doesExactly, type Migration, migrationOf, migrationsFolder, nextVersion } from './migration-file.ts';
import type { Tools } from './push.ts';

const repaired = z.object({ versions: z.array(z.string()), status: z.enum(['applied', 'reverted']) });

/** What was brought into step. */
export type Registered = {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Files that a person had edited; kept under these names, which the CLI passes over. */
  readonly kept: readonly string[];
};

/**
 * Brings the migration history and the folder of migrations in step with the journal: one file and one row of the
 * history for each step, with its SQL changes that are in force. It compares and corrects, so that it may be called at
 * any time and after any crash. `migration repair` edits the history only and runs no SQL.
 */
export async function registerApplied(
  tools: Tools,
  entries: readonly Entry[],
  records: readonly StepRecord[],
  signal: AbortSignal,
): Promise<Registered> {
  const { session, workspace } = tools;
  const items = itemsOf(entries, await rowMarks(session), records);
  const history = await readHistory(session);
  const local = await localMigrations(workspace);
  const versions = history.map((row) => row.version);
  const taken = new Set(local.map((file) => file.version));
  const fresh = new Set([...tools.pushed].filter((version) => !taken.has(version)));
  const desired = desiredOf(items, history, fresh);

  const gone = new Set(desired.gone);
  const record: Migration[] = [];
  const write: Migration[] = [];
  const wanted = new Set<string>();
  for (const file of desired.files) {
    const own = local.find((one) => one.version === file.version);
    if (file.version === null || fresh.has(file.version)) {
      const twin = twinOf(tools, file, local, versions);
      if (twin !== null) {
        if (file.version !== null) gone.add(file.version);
        record.push(twin);
        wanted.add(twin.version);
        versions.push(twin.version);
        continue;
      }
    }
    const version = file.version ?? nextVersion(versions, taken);
    wanted.add(version);
    versions.push(version);
    taken.add(version);
    if (own !== undefined && !file.stale) continue;
    const migration = migrationOf(
      version,
      { step: file.step, title: tools.titleOf(file.step), rows: file.items },
      session.settings,
    );
    write.push(migration);
    if (file.stale) record.push(migration);
  }

  const kept: string[] = [];
  const remove = async (file: LocalMigration, why: 'rolled-back' | 'replaced'): Promise<void> => {
    const name = await removeMigration(workspace, file, why);
    if (name !== null) kept.push(`${migrationsFolder}/${name}`);
  };
  // Files first: a history row without its file stops every later `supabase db push`, a file without its row is only
  // found again here.
  for (const migration of write) {
    const before = local.find((one) => one.version === migration.version);
    if (before !== undefined) await remove(before, 'replaced');
    await writeMigration(workspace, migration);
  }
  if (record.length > 0) await repair(tools, 'applied', record, signal);
  const reverted = history.filter((row) => gone.has(row.version));
  if (reverted.length > 0) await repair(tools, 'reverted', reverted, signal);

  const known = new Map(items.map((item) => [item.id, item]));
  const removed = local.filter(({ version, marks }) => {
    // Of another database, and not in force here.
    const foreign = marks.length === 0 || marks.some((mark) => !known.has(mark.id));
    return !wanted.has(version) && (gone.has(version) || !foreign);
  });
  for (const file of removed) {
    const live = file.marks.some((mark) => ['applied', 'reverting'].includes(known.get(mark.id)?.state ?? 'reverted'));
    await remove(file, live ? 'replaced' : 'rolled-back');
  }
  return {
    added: [...new Set([...record, ...write].map((one) => one.fileName))],
    removed: removed.map((one) => one.fileName),
    kept,
  };
}

/**
 * The file that the same changes of the step got on another database (staging before production), or in a run that ended
 * before it was recorded: with it both have one history. It is known by its bytes.
 */
function twinOf(
  { titleOf }: Tools,
  { step, items }: Wanted,
  local: readonly LocalMigration[],
  versions: readonly string[],
): LocalMigration | null {
  const changes = items.map((item) => item.change);
  const same = local.find(
    (file) =>
      file.step === step &&
      !versions.includes(file.version) &&
      doesExactly(file, { step, title: titleOf(step) }, changes),
  );
  return same ?? null;
}

async function repair(
  tools: Tools,
  status: 'applied' | 'reverted',
  migrations: readonly (Migration | { readonly version: string })[],
  signal: AbortSignal,
): Promise<void> {
  const workdir = join(tools.door.folder, 'repair');
  await fillWorkdir(
    workdir,
    [],
    migrations.filter((one): one is Migration => 'text' in one),
  );
  const versions = migrations.map((one) => one.version);
  const what = `record ${versions.length} migrations as ${status}`;
  const answer = await callCli(
    tools.cli,
    tools.door,
    ['migration', 'repair', ...versions, '--status', status, '--yes'],
    { workdir, signal, onStart: tools.onStart },
  );
  answerOf(what, answer, repaired);
}
