import path from 'node:path';
import { rendersOnServer, speaksExpress } from '../../src/workspace/frameworks.ts';
import type { Project, Workspace } from '../../src/workspace/project.ts';
import { importPath, projectOf, specifierFor } from '../../src/workspace/resolve.ts';
import type { Helpers } from '../../src/workspace/scan/types.ts';
import { exportsOf } from '../../src/workspace/traits.ts';
import { type Code, textOf } from './code.ts';

/** What the org-validation service offers; a file without one of these is another file of the same name. */
export const serviceExports = [
  'requireOrgId',
  'assertSameOrg',
  'validateOrg',
  'resolveOrgId',
  'devOrgId',
  'reportRefusal',
  'answerRefusal',
  'answeringRefusals',
  'OrgValidationError',
] as const;

export type Service = {
  /** Where the service is or goes, relative to the workspace. */
  readonly file: string;
  /** Its text as it stands; null where it is not there yet. */
  readonly text: string | null;
  /** A file of the same name with another content, which is left alone. */
  readonly occupied: string | null;
};

/** Where the service is, or where it would go: beside the app's other services. */
export async function locateService(code: Code, backend: Project): Promise<Service> {
  const { workspace, target } = code;
  const folder = target.config.code.services?.[0] ?? backend.servicesDirectory ?? servicesOf(backend);
  const extension = backend.typescript ? 'ts' : 'js';
  let occupied: string | null = null;
  for (const name of ['org-validation', 'org-guard', 'org-identity']) {
    const file = `${folder}/${name}.${extension}`;
    const text = await textOf(workspace, file);
    if (text === null || isService(text, backend)) return { file, text, occupied };
    occupied ??= file;
  }
  return { file: `${folder}/voxanne-org-validation.${extension}`, text: null, occupied };
}

function isService(text: string, backend: Project): boolean {
  const names = exportsOf(text);
  return serviceExports.every(
    (name) => names.includes(name) || (name === 'validateOrg' && !backend.frameworks.includes('express')),
  );
}

const servicesOf = (backend: Project): string =>
  backend.sourceDirectory === '' ? 'services' : `${backend.sourceDirectory}/services`;

/** How the scan's fixes call the service. Only files of the backend may import it. */
export function helpersOf(workspace: Workspace, service: Service): Helpers {
  const { backend } = workspace;
  return {
    requireOrgId: 'requireOrgId',
    assertSameOrg: 'assertSameOrg',
    importPath: (file) =>
      backend !== null &&
      speaksExpress(backend) &&
      file !== service.file &&
      projectOf(file, workspace.projects) === backend
        ? importOfService(workspace, backend, file, service.file)
        : null,
  };
}

/** By the alias of the project where a bundler resolves it; a server that runs what the compiler wrote may not know it. */
const importOfService = (workspace: Workspace, backend: Project, from: string, to: string): string =>
  rendersOnServer(backend) && path.posix.dirname(from) !== path.posix.dirname(to)
    ? importPath(workspace, backend, from, to)
    : specifierFor(from, to, workspace.projects);
