import { join } from 'node:path';
import * as z from 'zod';
import type { SqlChange } from '../../rollout/change.ts';
import type { Entry } from '../../rollout/journal.ts';
import { answerOf, callCli } from './call.ts';
import { fillWorkdir, localMigrations, removeMigration, writeMigration } from './folder.ts';
import { entryIds, readHistory } from './history.ts';
import { type Migration, migrationOf, migrationsFolder, nextVersion } from './migration-file.ts';
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
 * Brings the migration history and the folder of migrations in step with the journal: a file and a history row for
 * every SQL change that is in force, neither for one that was taken back. It compares and corrects, so that it may be
 * called at any time and after any crash. `migration repair` edits the history only and runs no SQL.
 *
 * Rows written in batches have no file: a database that is built from the files has no such rows.
 */
export async function registerApplied(
  tools: Tools,
  entries: readonly Entry[],
  signal: AbortSignal,
): Promise<Registered> {
  const { session, workspace } = tools;
  const ids = await entryIds(session);
  const history = await readHistory(session);
  const local = await localMigrations(workspace);
  const versionOf = new Map(history.flatMap((one) => (one.entry === null ? [] : [[one.entry, one.version] as const])));
  const hasFile = new Set(local.flatMap((one) => (one.entry === null ? [] : [one.entry])));

  const versions = history.map((one) => one.version);
  const taken = new Set(local.map((one) => one.version));
  const missing: Migration[] = [];
  const lost: Migration[] = [];
  const reverted = new Set<string>();
  for (const entry of [...entries].sort((a, b) => a.seq - b.seq)) {
    const id = ids.get(entry.seq);
    if (id === undefined || entry.change.kind !== 'sql') continue;
    if (entry.state === 'reverted') reverted.add(id);
    if (entry.state !== 'applied') continue;
    const known = versionOf.get(id);
    if (known !== undefined && hasFile.has(id)) continue;
    const old = local.find((one) => one.entry === id)?.version;
    const version = known ?? old ?? nextVersion(versions, taken);
    const migration = migrationOf(version, rowOf(id, entry, entry.change), session.settings);
    if (known === undefined) missing.push(migration);
    if (!hasFile.has(id)) lost.push(migration);
    versions.push(version);
    taken.add(version);
  }

  // Files first: a history row without its file stops every later `supabase db push`, a file without its row is only
  // found again here.
  for (const migration of lost) await writeMigration(workspace, migration);
  if (missing.length > 0) await repair(tools, 'applied', missing, signal);
  const gone = history.filter((one) => one.entry !== null && reverted.has(one.entry));
  if (gone.length > 0) await repair(tools, 'reverted', gone, signal);
  const kept: string[] = [];
  const removed = local.filter((one) => one.entry !== null && reverted.has(one.entry));
  for (const file of removed) {
    const name = await removeMigration(workspace, file);
    if (name !== null) kept.push(`${migrationsFolder}/${name}`);
  }
  return {
    added: [...new Set([...missing, ...lost].map((one) => one.fileName))],
    removed: removed.map((one) => one.fileName),
    kept,
  };
}

const rowOf = (id: string, entry: Entry, change: SqlChange) => ({ id, run: entry.run, step: entry.step, change });

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
