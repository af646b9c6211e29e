import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { listFiles } from '../files.ts';
import { orAbsent } from '../paths.ts';
import type { Project, Workspace } from '../project.ts';
import { projectOf, resolveModule } from '../resolve.ts';
import { Source } from '../scan/syntax.ts';
import type { Program } from './values.ts';

/**
 * The modules of one package, as they stand or as `overlay` has them.
 *
 * @param overlay Texts by path; null: the file is not there.
 */
export async function programOf(
  { root, projects }: Pick<Workspace, 'root' | 'projects'>,
  project: Project,
  overlay: ReadonlyMap<string, string | null> = new Map(),
): Promise<Program> {
  const sources = new Map<string, Source>();
  for (const { path: file, fileClass } of (await listFiles(root)).files) {
    if (fileClass !== 'source' || !/\.[cm]?[jt]sx?$/.test(file) || projectOf(file, projects) !== project) continue;
    const text = overlay.has(file) ? overlay.get(file) : await readFile(path.join(root, file), 'utf8').catch(orAbsent);
    if (typeof text === 'string') sources.set(file, new Source(file, text));
  }
  const known = new Set(sources.keys());
  return { sources, resolve: (from, specifier) => resolveModule(from, specifier, known, projects) };
}
