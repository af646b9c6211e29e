import path from 'node:path';
import { usesReactHooks } from '../../src/workspace/frameworks.ts';
import type { Project } from '../../src/workspace/project.ts';
import { projectOf } from '../../src/workspace/resolve.ts';
import { type Code, textOf } from '../code/code.ts';
import { eachFrontend } from '../code/frontends.ts';

/** Where the settings are, or where they would go. */
export type SettingsPlace = {
  /** The page; null where the app has none. */
  readonly page: string | null;
  /** Where a page would be created. */
  readonly newPage: string;
  /** The form, there or not. */
  readonly form: string;
};

const pages =
  /(?:^|\/)settings\/(?:page|index)\.[jt]sx$|(?:^|\/)(?:pages|views|screens)\/(?:\w+\/)*[sS]ettings(?:Page)?\.[jt]sx$|(?:^|\/)SettingsPage\.[jt]sx$/;

export async function locateSettings(code: Code, frontend: Project): Promise<SettingsPlace> {
  const { files } = code.workspace.list;
  const own = files
    .filter(
      ({ path: file, fileClass }) => fileClass === 'source' && projectOf(file, code.workspace.projects) === frontend,
    )
    .map(({ path: file }) => file);
  // The settings of the app, not those of one thing in it: the shortest path.
  const page =
    own.filter((file) => pages.test(file)).sort((a, b) => a.length - b.length || (a < b ? -1 : 1))[0] ?? null;
  const extension = frontend.typescript ? 'tsx' : 'jsx';
  const base = frontend.sourceDirectory === '' ? '' : `${frontend.sourceDirectory}/`;
  const newPage = newPageOf(frontend, own, base, extension);
  const known = own.find((file) => /(?:^|\/)Organi[sz]ation(?:Settings)?(?:Form|Panel)\.[jt]sx$/.test(file));
  const beside = path.posix.dirname(page ?? newPage);
  const folder = /(?:^|\/)settings$/.test(beside) ? `${beside}/components` : `${base}components/settings`;
  return { page, newPage, form: known ?? `${folder}/OrganizationForm.${extension}` };
}

/** Of several frontends the one that has settings; it is one place where an organization is edited. */
export async function withSettings(code: Code): Promise<Code> {
  for (const one of eachFrontend(code)) {
    const { frontend } = one.workspace;
    if (frontend === null || !usesReactHooks(frontend) || (await locateSettings(one, frontend)).page === null) continue;
    return { ...code, workspace: { ...code.workspace, frontend } };
  }
  return code;
}

function newPageOf(frontend: Project, own: readonly string[], base: string, extension: string): string {
  const has = (prefix: string): boolean => own.some((file) => file.startsWith(`${base}${prefix}/`));
  if (frontend.frameworks.includes('next-app') || has('app')) {
    return `${base}app/${has('app/dashboard') ? 'dashboard/' : ''}settings/page.${extension}`;
  }
  if (frontend.frameworks.includes('next-pages'))
    return `${base}pages/${has('pages/dashboard') ? 'dashboard/' : ''}settings.${extension}`;
  return `${base}pages/SettingsPage.${extension}`;
}

/** The name by which a form's file exports it; null where it exports none. */
export async function formName(
  code: Code,
  file: string,
): Promise<{ readonly name: string; readonly isDefault: boolean } | null> {
  const text = await textOf(code.workspace, file);
  if (text === null) return { name: 'OrganizationForm', isDefault: false };
  const [, byDefault, name] =
    /export\s+(default\s+)?(?:async\s+)?(?:function|const|class)\s+([A-Z]\w*)/.exec(text) ?? [];
  const late = /export\s+default\s+([A-Z]\w*)/.exec(text)?.[1];
  if (late !== undefined && byDefault === undefined && name === undefined) return { name: late, isDefault: true };
  return name === undefined ? null : { name, isDefault: byDefault !== undefined };
}
