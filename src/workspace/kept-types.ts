import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { parseTsconfig } from 'get-tsconfig';
import * as z from 'zod';
import { listFiles } from './files.ts';
import { orAbsent } from './paths.ts';
import type { Project, Workspace } from './project.ts';
import { writeAtomically } from './write.ts';

export const diagnosticSchema = z
  .object({ file: z.string(), line: z.number(), code: z.string(), message: z.string() })
  .readonly();
/** One diagnostic without its column: places move with every edit. */
export type Diagnostic = z.infer<typeof diagnosticSchema>;

const keptSchema = z.object({ key: z.string(), diagnostics: z.array(diagnosticSchema) });

/** What the compiler notes of a program: TypeScript 5.6 and later, and before. */
const names = z.array(z.string());
const notesSchema = z.union([
  z.object({ fileNames: names }).transform(({ fileNames }) => fileNames),
  z.object({ program: z.object({ fileNames: names }) }).transform(({ program }) => program.fileNames),
]);

/** The diagnostics of an earlier check of the very same content; null where anything may be another. */
export async function keptDiagnostics(
  workspace: Workspace,
  project: Project,
  notes: string,
): Promise<readonly Diagnostic[] | null> {
  const text = await readFile(keptFile(notes), 'utf8').catch(orAbsent);
  if (text === null) return null;
  const kept = keptSchema.safeParse(parsed(text));
  if (!kept.success || kept.data.key !== (await contentKey(workspace, project, notes))) return null;
  return kept.data.diagnostics;
}

/** Keeps what a check has said, for as long as everything that it read stays as it is. */
export async function keepDiagnostics(
  workspace: Workspace,
  project: Project,
  notes: string,
  diagnostics: readonly Diagnostic[],
): Promise<void> {
  const key = await contentKey(workspace, project, notes);
  if (key === null) return;
  await writeAtomically(keptFile(notes), Buffer.from(`${JSON.stringify({ key, diagnostics }, null, 1)}\n`), 0o600);
}

const keptFile = (notes: string): string => notes.replace(/\.tsbuildinfo$/, '.json');

/**
 * One hash of all that a check depends on: the files of its program as the compiler noted them, the names of the sources
 * that are there by now (a new one may be part of the program), the configuration with its bases, and the compiler. Of
 * packages the size and the time count, of everything else the content. Null where that is not to be told.
 */
async function contentKey(workspace: Workspace, project: Project, notes: string): Promise<string | null> {
  const told = await readFile(notes, 'utf8').catch(orAbsent);
  const program = told === null ? null : notesSchema.safeParse(parsed(told));
  if (program?.success !== true || project.tsconfig === null) return null;
  const hash = createHash('sha256');
  const add = (...parts: readonly string[]): void => {
    for (const part of parts) hash.update(part).update('\0');
  };
  try {
    add(JSON.stringify(parseTsconfig(path.join(workspace.root, project.tsconfig))));
  } catch {
    // A base that is not there: the compiler says so itself, each time.
    return null;
  }
  const inside = project.directory === '' ? '' : `${project.directory}/`;
  const { files } = await listFiles(workspace.root);
  for (const file of files) if (file.path.startsWith(inside)) add(file.path);
  for (const name of program.data) {
    // The compiler's own library, by its name alone.
    if (/^lib\.[\w.]+$/.test(name)) continue;
    const file = path.resolve(path.dirname(notes), name);
    add(name, file.includes('/node_modules/') ? await stampOf(file) : await contentOf(file));
  }
  for (const folder of new Set(['', project.directory])) {
    const at = path.join(workspace.root, folder);
    add(await contentOf(path.join(at, 'package.json')));
    // Rewritten by every install.
    for (const mark of ['.package-lock.json', '.modules.yaml', '.yarn-state.yml', 'typescript/package.json'])
      add(await stampOf(path.join(at, 'node_modules', mark)));
  }
  return hash.digest('hex');
}

const contentOf = async (file: string): Promise<string> => (await readFile(file, 'utf8').catch(orAbsent)) ?? 'absent';

async function stampOf(file: string): Promise<string> {
  const info = await stat(file).catch(orAbsent);
  return info === null ? 'absent' : `${info.size}:${info.mtimeMs}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A file that was cut off, or the notes of another compiler: the check runs again.
    return null;
  }
}
