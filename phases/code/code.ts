import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { RolloutError } from '../../src/rollout/errors.ts';
import type { Note } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import { type CodeStyle, styleOf } from '../../src/workspace/code-style.ts';
import { discoverWorkspace } from '../../src/workspace/discover.ts';
import { rendersOnServer } from '../../src/workspace/frameworks.ts';
import { orAbsent } from '../../src/workspace/paths.ts';
import type { Project, Workspace } from '../../src/workspace/project.ts';
import { projectOf } from '../../src/workspace/resolve.ts';
import type { FindingKind } from '../../src/workspace/scan/types.ts';
import { speak, type Vocabulary } from '../../src/workspace/scan/vocabulary.ts';
import type { Target, WorkspaceTarget } from '../target.ts';
import type { DatabaseFacts } from './database-facts.ts';

/** The app's code as a plan sees it: what the workspace is now, and what the database expects. */
export type Code = {
  readonly workspace: Workspace;
  readonly facts: DatabaseFacts;
  readonly target: Target;
};

/** Looks at the workspace anew: a plan is computed from the live files. */
export async function readCode(target: Target): Promise<Code> {
  const facts = await workspaceOf(target).database();
  speak(vocabularyOf(facts));
  return { workspace: await readWorkspace(target), facts, target };
}

/** What this app calls its organizations, as its database says. */
export const vocabularyOf = (facts: DatabaseFacts): Vocabulary => ({
  columns: [...new Set([facts.column, ...facts.renames.map(({ from }) => from)])].sort(),
  tables: [facts.organizations.table],
  memberships: facts.memberships === null ? [] : [facts.memberships.table],
  elsewhere: facts.elsewhere ?? [],
  tenants: facts.tenants,
});

/** The workspace as it is now, with what the configuration names. */
export async function readWorkspace(target: Target): Promise<Workspace> {
  const { root, git } = workspaceOf(target);
  const found = await discoverWorkspace(root);
  return configured(git === undefined ? found : { ...found, git }, target);
}

function workspaceOf(target: Target): WorkspaceTarget {
  if (target.workspace !== null) return target.workspace;
  throw new RolloutError("This step needs the app's code.", 'Name its folder with --workspace.');
}

/** What the configuration names stands above what was found. */
function configured(found: Workspace, { config }: Target): Workspace {
  const named = (directory: string | null, otherwise: Project | null): Project | null => {
    if (directory === null) return otherwise;
    const project = found.projects.find((one) => one.directory === directory.replace(/\/$/, ''));
    if (project !== undefined) return project;
    throw new RolloutError(
      `There is no package.json in ${directory}.`,
      'Correct code.backend or code.frontend in the configuration file.',
    );
  };
  const { authMiddleware } = config.code;
  const frontend = named(config.code.frontend, found.frontend);
  const known = found.auth.find((one) => one.file === authMiddleware);
  return {
    ...found,
    backend: named(config.code.backend, found.backend),
    frontend,
    // Who names one wants that one.
    frontends: config.code.frontend === null || frontend === null ? found.frontends : [frontend],
    auth:
      authMiddleware === null || known !== undefined
        ? found.auth
        : [{ file: authMiddleware, exports: [], side: 'server' }, ...found.auth],
  };
}

/** The text of a file of the workspace, byte order mark included; null where it is not there. */
export const textOf = async (workspace: Workspace, file: string): Promise<string | null> =>
  readFile(path.join(workspace.root, file), 'utf8').catch(orAbsent);

/** The style of a project's own code, read from up to forty of its files. */
export async function projectStyle(workspace: Workspace, project: Project): Promise<CodeStyle> {
  const { files } = workspace.list;
  const own = files.filter(
    ({ path: file, fileClass }) =>
      fileClass === 'source' && /\.[jt]sx?$/.test(file) && projectOf(file, workspace.projects) === project,
  );
  const texts = await Promise.all(own.slice(0, 40).map(({ path: file }) => textOf(workspace, file)));
  return styleOf(texts.filter((text) => text !== null));
}

/** Which phase a file belongs to: what runs in the browser, or is built with it, is the frontend's. */
export function sideOfFile(workspace: Workspace, file: string): 'backend' | 'frontend' {
  if (/(?:^|\/)supabase\/.*\.sql$|(?:^|\/)supabase\/functions\//.test(file)) return 'backend';
  if (/\.(?:vue|svelte|astro)$/.test(file)) return 'frontend';
  const project = projectOf(file, workspace.projects);
  const { backend, frontend, frontends } = workspace;
  const isFrontend = project !== null && frontends.includes(project);
  // Where websites are their own backend, each of them is.
  const both =
    isFrontend && (project === backend || (frontends.some((one) => one === backend) && rendersOnServer(project)));
  if (!both && isFrontend) return 'frontend';
  if (!both && backend !== frontend) return 'backend';
  return isBrowserPath(file) ? 'frontend' : 'backend';
}

/** The same for a finding: what reads a request runs on the server, also where it stands among components. */
export function sideOfPlace(
  workspace: Workspace,
  { file, kind }: { readonly file: string; readonly kind: FindingKind },
): 'backend' | 'frontend' {
  const side = sideOfFile(workspace, file);
  const owner = projectOf(file, workspace.projects);
  // What reads the browser's storage runs there, wherever it lies.
  if (kind === 'stored-org' && owner !== null && workspace.frontends.includes(owner)) return 'frontend';
  if (side === 'backend' || (kind !== 'request-org' && kind !== 'body-spread')) return side;
  const project = projectOf(file, workspace.projects);
  return project !== null && project === workspace.backend && rendersOnServer(project) ? 'backend' : side;
}

/** In a package that is both: what its folders say. */
function isBrowserPath(file: string): boolean {
  const server = /(?:^|\/)(?:api|server|services|jobs|routes|middleware|workers?|prisma|drizzle)\//.test(file);
  return !server && /\.[jt]sx$|(?:^|\/)(?:hooks|contexts|components|stores?)\//.test(file);
}

/** Names of the files of a plan that hold changes which are not committed yet, for the operator to know. */
export async function dirtyNote(workspace: Workspace, files: readonly string[]): Promise<readonly Note[]> {
  if (workspace.git === null) return [];
  let dirty: readonly string[];
  try {
    dirty = await workspace.git.dirty(files);
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    const detail = [error.problem, error.detail ?? ''].join(' ').trim();
    return [{ text: 'git cannot tell whether these files hold work that is not committed.', detail }];
  }
  if (dirty.length === 0) return [];
  return [
    {
      text: `${plural(dirty.length, 'file that this step changes holds', 'files that this step changes hold')} work that is not committed.`,
      detail: dirty.join(', '),
    },
  ];
}
