import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { keptByGit } from './git-files.ts';
import { orAbsent, stateFolder } from './paths.ts';

const never = new Set([
  'node_modules',
  '.git',
  '.hg',
  '.svn',
  stateFolder,
  '.yarn',
  '.pnpm-store',
  '.turbo',
  '.cache',
  '.vercel',
  '.idea',
  '.vscode',
]);
/** The reason why a repository within the repository is not read. */
export const ownCheckout = 'a git checkout of its own';
/** Names that a build gives its output, and people their sources too. */
const maybeBuilt = new Set(['dist', 'build', 'out', 'coverage']);
export const built = new Set([
  '.next',
  '.nuxt',
  '.output',
  '.svelte-kit',
  'storybook-static',
  '.open-next',
  '.wrangler',
]);

/** What lies in a workspace: files and links by their path, folders of packages, and folders that are not entered. */
export type Entry = {
  readonly path: string;
  readonly kind: 'file' | 'link' | 'packages' | 'skipped';
  /** Of a folder that is not entered. */
  readonly reason: string;
};

/** Everything of the app below a folder, sorted; without what a build, a package manager or another checkout put there. */
export async function* walk(root: string): AsyncIterable<Entry> {
  let kept: Promise<ReadonlySet<string> | null> | null = null;
  let submodules: Promise<ReadonlySet<string>> | null = null;
  async function* enter(directory: string, only: ReadonlySet<string> | null): AsyncIterable<Entry> {
    const entries = await readdir(path.join(root, directory), { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    // A clone that lies in the folder is another app; a submodule belongs to this one.
    if (directory !== '' && entries.some(({ name }) => name === '.git')) {
      submodules ??= submodulesOf(root);
      if (!(await submodules).has(directory)) {
        yield { path: directory, kind: 'skipped', reason: ownCheckout };
        return;
      }
    }
    for (const entry of entries) {
      const relative = directory === '' ? entry.name : `${directory}/${entry.name}`;
      if (entry.isDirectory()) {
        if (entry.name === 'node_modules') yield { path: relative, kind: 'packages', reason: '' };
        if (never.has(entry.name)) continue;
        if (built.has(entry.name)) yield { path: relative, kind: 'skipped', reason: 'build output' };
        else if (!maybeBuilt.has(entry.name) || only !== null) yield* enter(relative, only);
        else {
          kept ??= keptByGit(root);
          const tracked = await kept;
          const below = [...(tracked ?? [])].some((file) => file.startsWith(`${relative}/`));
          if (tracked !== null && below) yield* enter(relative, tracked);
          else yield { path: relative, kind: 'skipped', reason: 'build output' };
        }
      } else if (only === null || only.has(relative)) {
        if (entry.isFile()) yield { path: relative, kind: 'file', reason: '' };
        else if (entry.isSymbolicLink()) yield { path: relative, kind: 'link', reason: '' };
      }
    }
  }
  yield* enter('', null);
}

async function submodulesOf(root: string): Promise<ReadonlySet<string>> {
  const text = (await readFile(path.join(root, '.gitmodules'), 'utf8').catch(orAbsent)) ?? '';
  return new Set([...text.matchAll(/^\s*path\s*=\s*(\S.*?)\s*$/gm)].map(([, folder]) => folder ?? ''));
}
