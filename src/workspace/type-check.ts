import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import * as z from 'zod';
import { childEnvironment } from '../child-environment.ts';
import { type MayRun, notAllowed, type Program, withNode, workspaceProgram } from '../workspace-program.ts';
import { type Diagnostic, diagnosticSchema, keepDiagnostics, keptDiagnostics } from './kept-types.ts';
import { orAbsent, resolveState } from './paths.ts';
import type { Project, Workspace } from './project.ts';
import { createFolders, writeAtomically } from './write.ts';

export type TypeCheck =
  | { readonly kind: 'checked'; readonly diagnostics: readonly Diagnostic[]; readonly command: string }
  /** Not run, with the reason; counts as not verified. */
  | { readonly kind: 'skipped'; readonly reason: string };

export type TypeDelta =
  | {
      readonly kind: 'compared';
      readonly fresh: readonly Diagnostic[];
      readonly before: number;
      readonly now: number;
      readonly command: string;
    }
  | { readonly kind: 'skipped'; readonly reason: string };

const baselineSchema = z.object({
  at: z.string(),
  diagnostics: z.array(diagnosticSchema),
});

/** The app's own compiler as it would be started over one project; null where there is none. */
export function compilerOf(workspace: Workspace, project: Project): Program | null {
  if (!project.typescript || project.tsconfig === null) return null;
  const compiler = workspaceProgram('tsc', workspace.root, path.join(workspace.root, project.directory));
  return compiler === null ? null : { command: `${compiler} --noEmit`, why: `type check of ${project.name}` };
}

/** Runs the app's own compiler over one project, where it may be run; what it said of the same content stands. */
export async function typeCheck(
  workspace: Workspace,
  project: Project,
  signal?: AbortSignal,
  mayRun?: MayRun,
): Promise<TypeCheck> {
  const where = project.directory === '' ? 'the root' : project.directory;
  if (!project.typescript || project.tsconfig === null) {
    return { kind: 'skipped', reason: `${where} is not a TypeScript project` };
  }
  if (!(await hasCompiler(workspace.root, project.directory))) {
    return { kind: 'skipped', reason: `${where} has no node_modules with TypeScript; install its packages first` };
  }
  const folder = path.join(workspace.root, project.directory);
  const compiler = workspaceProgram('tsc', workspace.root, folder);
  if (compiler === null) {
    return { kind: 'skipped', reason: `${where} has TypeScript but no program tsc; install its packages again` };
  }
  const program = compilerOf(workspace, project);
  if (program !== null && mayRun !== undefined && !(await mayRun(program))) {
    return { kind: 'skipped', reason: notAllowed(program) };
  }
  const config = path.posix.relative(project.directory === '' ? '.' : project.directory, project.tsconfig);
  const args = ['--noEmit', '--pretty', 'false', '-p', config];
  const notes = await resolveState(workspace.root, `types-${nameOf(project)}.tsbuildinfo`);
  const command = `cd ${project.directory || '.'} && npx tsc ${args.join(' ')}`;
  const kept = await keptDiagnostics(workspace, project, notes);
  if (kept !== null) return { kind: 'checked', diagnostics: kept, command };
  await createFolders(path.dirname(notes));
  // An app that builds incrementally may keep the compiler's notes in git: they are not this tool's to write, and with
  // notes of its own the next check takes a fraction of the time.
  const result = await execa(compiler, [...args, '--incremental', '--tsBuildInfoFile', notes], {
    cwd: folder,
    reject: false,
    stdin: 'ignore',
    all: true,
    extendEnv: false,
    env: withNode(childEnvironment()),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  const diagnostics = parseDiagnostics(result.all ?? '', project.directory);
  // Exit codes 1 and 2 are errors in the code; anything without a diagnostic is the compiler that failed.
  if (result.exitCode !== 0 && diagnostics.length === 0) {
    const last = (result.all ?? result.message ?? '').trim().split('\n').slice(-3).join(' ');
    return { kind: 'skipped', reason: `tsc failed in ${where}: ${last}` };
  }
  await keepDiagnostics(workspace, project, notes, diagnostics);
  return { kind: 'checked', diagnostics, command };
}

/** `src/a.ts(3,5): error TS2322: …` lines; paths relative to the workspace. */
export function parseDiagnostics(output: string, directory: string): readonly Diagnostic[] {
  return output.split(/\r?\n/).flatMap((text) => {
    const [, file, line, code, message] = /^(.+?)\((\d+),\d+\): error (TS\d+): (.*)$/.exec(text) ?? [];
    if (file !== undefined && line !== undefined && code !== undefined && message !== undefined) {
      return [{ file: path.posix.join(directory, file.replaceAll('\\', '/')), line: Number(line), code, message }];
    }
    const [, general, what] = /^error (TS\d+): (.*)$/.exec(text) ?? [];
    return general === undefined || what === undefined ? [] : [{ file: '', line: 0, code: general, message: what }];
  });
}

/** Errors of `now` that `before` does not have, each as often as it is new. */
export function freshDiagnostics(before: readonly Diagnostic[], now: readonly Diagnostic[]): readonly Diagnostic[] {
  const known = new Map<string, number>();
  for (const one of before) known.set(keyOf(one), (known.get(keyOf(one)) ?? 0) + 1);
  return now.filter((one) => {
    const left = known.get(keyOf(one)) ?? 0;
    if (left > 0) known.set(keyOf(one), left - 1);
    return left === 0;
  });
}

const keyOf = (one: Diagnostic): string => `${one.file}\0${one.code}\0${one.message}`;

/**
 * Keeps the type errors that are there now, one file per project. Taken before the first change, so that a later check
 * blames the rollout for nothing that was wrong before.
 */
export async function takeBaselines(workspace: Workspace, signal?: AbortSignal, mayRun?: MayRun): Promise<void> {
  for (const project of checkedProjects(workspace)) {
    const checked = await typeCheck(workspace, project, signal, mayRun);
    if (checked.kind === 'skipped') continue;
    const file = await baselineFile(workspace, project);
    await createFolders(path.dirname(file));
    const content = { at: new Date().toISOString(), diagnostics: checked.diagnostics };
    await writeAtomically(file, Buffer.from(`${JSON.stringify(content, null, 1)}\n`), 0o600);
  }
}

/** Compares the type errors of a project with those of before the first change. */
export async function typeDelta(
  workspace: Workspace,
  project: Project,
  signal?: AbortSignal,
  mayRun?: MayRun,
): Promise<TypeDelta> {
  const text = await readFile(await baselineFile(workspace, project), 'utf8').catch(orAbsent);
  const baseline = text === null ? null : baselineSchema.safeParse(JSON.parse(text));
  const checked = await typeCheck(workspace, project, signal, mayRun);
  if (checked.kind === 'skipped') return checked;
  if (baseline === null || !baseline.success) {
    // Without a baseline the only thing that proves anything is a clean result.
    if (checked.diagnostics.length === 0) {
      return { kind: 'compared', fresh: [], before: 0, now: 0, command: checked.command };
    }
    return {
      kind: 'skipped',
      reason: `${checked.diagnostics.length} type errors, but none were counted before the first change`,
    };
  }
  return {
    kind: 'compared',
    fresh: freshDiagnostics(baseline.data.diagnostics, checked.diagnostics),
    before: baseline.data.diagnostics.length,
    now: checked.diagnostics.length,
    command: checked.command,
  };
}

/** The backend and the frontend; once where they are one package. */
export const checkedProjects = (workspace: Workspace): readonly Project[] =>
  [...new Set([workspace.backend, ...workspace.frontends])].filter((project) => project !== null);

const baselineFile = (workspace: Workspace, project: Project): Promise<string> =>
  resolveState(workspace.root, `baseline-${nameOf(project)}.json`);

const nameOf = (project: Project): string => project.directory.replaceAll('/', '-') || 'root';

/** Whether the project, or a folder above it inside the workspace, has TypeScript installed. */
async function hasCompiler(root: string, directory: string): Promise<boolean> {
  for (let folder = directory; ; folder = path.posix.dirname(folder)) {
    const at = folder === '.' ? '' : folder;
    const manifest = path.join(root, at, 'node_modules/typescript/package.json');
    if ((await readFile(manifest, 'utf8').catch(orAbsent)) !== null) return true;
    if (at === '') return false;
  }
}
