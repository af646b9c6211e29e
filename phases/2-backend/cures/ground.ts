import { rendersOnServer } from '../../../src/workspace/frameworks.ts';
import type { Project } from '../../../src/workspace/project.ts';
import { projectOf } from '../../../src/workspace/resolve.ts';
import { type Code, textOf } from '../../code/code.ts';
import type { AppFile, Ground } from './cure.ts';

const edge = /(?:^|\/)supabase\/functions\//;

/** The grounds of a workspace: its backend, further websites that are their own backend, and the edge functions. */
export async function groundsOf(code: Code, frameworks: ReadonlySet<string>): Promise<readonly Ground[]> {
  const { workspace } = code;
  const { files } = workspace.list;
  // Websites of a backend of their own are the frontend's as a whole.
  const alone = workspace.frontends.some((one) => one === workspace.backend);
  const further = alone ? workspace.frontends.filter(rendersOnServer) : [];
  const projects = [...new Set([workspace.backend, ...further])].filter((one) =>
    one?.frameworks.some((framework) => frameworks.has(framework)),
  );
  if (projects.length === 0 && !files.some(({ path }) => edge.test(path))) return [];
  const texts: AppFile[] = [];
  for (const { path, fileClass } of files) {
    if (fileClass !== 'source' || !/\.(?:[cm]?[jt]sx?|svelte)$/.test(path)) continue;
    texts.push({ path, text: (await textOf(workspace, path)) ?? '' });
  }
  const grounds: Ground[] = [];
  for (const project of projects) {
    if (project === null) continue;
    grounds.push({
      project,
      files: texts.filter(({ path }) => !edge.test(path) && projectOf(path, workspace.projects) === project),
      dependencies: await dependenciesOf(code, project),
    });
  }
  const functions = texts.filter(({ path }) => edge.test(path));
  if (functions.length > 0) grounds.push({ project: null, files: functions, dependencies: new Set() });
  return grounds;
}

async function dependenciesOf({ workspace }: Code, { directory }: Project): Promise<ReadonlySet<string>> {
  const text = (await textOf(workspace, directory === '' ? 'package.json' : `${directory}/package.json`)) ?? '{}';
  return new Set([...text.matchAll(/"(@?[\w./-]+)"\s*:\s*"/g)].map(([, name]) => name ?? ''));
}

/** Whether a file of a ground takes something from a package. */
export const uses = ({ files }: Ground, name: RegExp): boolean => {
  const from = new RegExp(
    `(?:from\\s*|require\\s*\\(\\s*|import\\s*\\(\\s*)['"](?:npm:|jsr:)?(?:${name.source})['"/@]`,
  );
  return files.some(({ text }) => from.test(text));
};
