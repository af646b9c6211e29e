import type { Project, Workspace } from '../../../src/workspace/project.ts';

const project: Project = {
  directory: '',
  name: 'app',
  frameworks: ['express', 'vite-react'],
  sourceDirectory: 'src',
  typescript: true,
  tsconfig: 'tsconfig.json',
  aliases: [{ prefix: '@/', target: 'src/' }],
  importExtension: '',
  moduleType: 'commonjs',
  servicesDirectory: 'src/services',
  scripts: {},
  hasNodeModules: false,
};

/** A single-package workspace that is not on the disk, for rules that are run on text. */
export function workspaceOf(over: Partial<Workspace> = {}): Workspace {
  return {
    root: '/nowhere',
    git: null,
    list: { files: [], unread: [], skipped: [] },
    layout: 'single',
    packageManager: 'npm',
    projects: [project],
    backend: project,
    frontend: project,
    frontends: [project],
    auth: [{ file: 'src/middleware/auth.ts', exports: ['requireAuth', 'optionalAuth'], side: 'server' }],
    supabaseClients: [{ file: 'src/services/supabase.ts', role: 'service', exports: ['supabase'] }],
    generatedTypes: [],
    styling: { tailwind: true, toast: null },
    authenticatedFiles: new Set(),
    notes: [],
    ...over,
  };
}
