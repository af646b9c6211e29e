import { createHash } from 'node:crypto';
import type { FileClass } from '../files.ts';
import type { Workspace } from '../project.ts';
import type { FileResult, FindingKind, ScanOptions } from './types.ts';

/** A result is about 1 kB; a large app in two versions of each file is kept, and memory stays within some 40 MB. */
const defaultLimit = 32_768;

/**
 * Results of files by their content and all else that decides about them, so that a scan after an edit parses the edited
 * files alone. Files are read each time: a time stamp can be the same for two contents, and a check that passes on an
 * old content would be worse than a slow one.
 */
export class ScanCache {
  readonly #results = new Map<string, FileResult>();
  readonly #limit: number;

  constructor(limit = defaultLimit) {
    this.#limit = limit;
  }

  get(key: string): FileResult | undefined {
    return this.#results.get(key);
  }

  /** Keeps a result, or marks a known one as used: the first key of the map is the one not used for the longest. */
  set(key: string, result: FileResult): void {
    this.#results.delete(key);
    this.#results.set(key, result);
    if (this.#results.size <= this.#limit) return;
    const oldest = this.#results.keys().next();
    if (oldest.done !== true) this.#results.delete(oldest.value);
  }

  get size(): number {
    return this.#results.size;
  }
}

/** What the results of all files depend on beside their texts: the rules that run, and what they know of the app. */
export function settingKey(workspace: Workspace, kinds: readonly FindingKind[], options: ScanOptions): string {
  const { helpers } = options;
  return digest(
    JSON.stringify([
      kinds,
      workspace.projects,
      workspace.backend?.directory ?? null,
      workspace.frontend?.directory ?? null,
      workspace.auth,
      workspace.supabaseClients,
      options.renames ?? [],
      options.vocabulary ?? null,
      options.rpcArguments ?? [],
      options.claim ?? null,
      helpers ? [helpers.requireOrgId, helpers.assertSameOrg] : null,
    ]),
  );
}

/** The key of one file's result. */
export function fileKey(
  setting: string,
  workspace: Workspace,
  options: ScanOptions,
  file: { readonly path: string; readonly fileClass: FileClass },
  text: string,
): string {
  return digest(
    JSON.stringify([
      setting,
      file.path,
      file.fileClass,
      [...workspace.authenticatedFiles].filter((one) => one === file.path || one.startsWith(`${file.path}#`)),
      options.helpers?.importPath(file.path) ?? null,
    ]),
    text,
  );
}

/** The key of what a rule saw in a file when it looked there for something once more. */
export const lookKey = (file: string, kind: FindingKind, sought: unknown): string =>
  digest(file, kind, JSON.stringify(sought));

function digest(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('base64');
}
