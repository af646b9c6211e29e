import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUnedited, type Mark, type Migration, marksIn, migrationsFolder, stepOfName } from './migration-file.ts';

/** A migration file of the workspace. */
export type LocalMigration = {
  readonly version: string;
  readonly fileName: string;
  /** The step whose changes it holds, or null for one of the app's own. */
  readonly step: string | null;
  /** The journal entries that it was written for, in their order. */
  readonly marks: readonly Mark[];
  /** Of our own. */
  readonly text: string;
  /** For our own: whether it is still what we wrote. */
  readonly unedited: boolean;
};

/** The CLI takes only such names for migrations and passes over every other without a word. */
const namePattern = /^(\d+)_.*\.sql$/;

/** The migration files of a workspace in their order; none where the folder is not there. */
export async function localMigrations(workspace: string): Promise<readonly LocalMigration[]> {
  const folder = join(workspace, migrationsFolder);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const found = names.sort().flatMap((fileName) => {
    const version = namePattern.exec(fileName)?.[1];
    return version === undefined ? [] : [{ fileName, version }];
  });
  return Promise.all(
    found.map(async ({ fileName, version }) => {
      if (!/^\d+_voxanne_/.test(fileName)) {
        return { fileName, version, step: null, marks: [], text: '', unedited: true };
      }
      const text = await readFile(join(folder, fileName), 'utf8');
      return {
        fileName,
        version,
        step: stepOfName(fileName.slice(version.length + 1, -'.sql'.length)),
        marks: marksIn(text),
        text,
        unedited: isUnedited(text),
      };
    }),
  );
}

/** Writes a file whole or not at all: a half one would be pushed by the next `supabase db push` of anybody. */
export async function writeMigration(workspace: string, { fileName, text }: Migration): Promise<void> {
  const folder = join(workspace, migrationsFolder);
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.${fileName}.tmp`);
  await writeFile(temporary, text, { flush: true });
  await rename(temporary, join(folder, fileName));
}

/**
 * Takes a file of ours away. One that a person edited is kept under a name that the CLI passes over; its name is
 * returned then.
 */
export async function removeMigration(
  workspace: string,
  file: LocalMigration,
  why: 'rolled-back' | 'replaced',
): Promise<string | null> {
  const path = join(workspace, migrationsFolder, file.fileName);
  if (file.unedited) {
    await rm(path, { force: true });
    return null;
  }
  const kept = `${file.fileName}.${why}`;
  await rename(path, join(workspace, migrationsFolder, kept));
  return kept;
}

/**
 * Fills a folder of our own for one call of the CLI: these files, and an empty one for every version of the history,
 * which the CLI asks for by name only. The app's own files, its configuration (seeds, roles, vault secrets) and its `.env` are
 * not there, so that nothing of them can be pushed along.
 */
export async function fillWorkdir(
  workdir: string,
  history: readonly { readonly version: string }[],
  files: readonly Migration[],
): Promise<void> {
  const folder = join(workdir, migrationsFolder);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const { version } of history) await writeFile(join(folder, `${version}_applied.sql`), '');
  for (const file of files) await writeFile(join(folder, file.fileName), file.text);
}
