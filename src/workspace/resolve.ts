import path from 'node:path';
import type { Project } from './project.ts';

const extensions = [
  '',
  '.ts',
  '.tsx',
  '.js',
  '.jsx',
  '.mjs',
  '.cjs',
  '.mts',
  '.cts',
  '/index.ts',
  '/index.tsx',
  '/index.js',
  '/index.jsx',
];

/** The file of the workspace that a module specifier means in a file; null for packages and for what is not there. */
export function resolveModule(
  from: string,
  specifier: string,
  known: ReadonlySet<string>,
  projects: readonly Project[],
): string | null {
  for (const base of candidates(from, specifier, projects)) {
    const bare = base.replace(/\.[cm]?jsx?$/, '');
    for (const stem of bare === base ? [base] : [base, bare]) {
      for (const extension of extensions) if (known.has(stem + extension)) return stem + extension;
    }
  }
  return null;
}

function candidates(from: string, specifier: string, projects: readonly Project[]): readonly string[] {
  if (specifier.startsWith('.')) return [path.posix.join(path.posix.dirname(from), specifier)];
  const project = projectOf(from, projects);
  if (project === null) return [];
  const inside = (target: string): string => path.posix.join(project.directory, target);
  const aliased = project.aliases
    .filter(({ prefix }) => prefix !== '' && specifier.startsWith(prefix))
    .map(({ prefix, target }) => inside(path.posix.join(target, specifier.slice(prefix.length))));
  if (aliased.length > 0) return aliased;
  return [
    ...usual
      .filter(([prefix]) => specifier.startsWith(prefix))
      .map(([prefix, target]) => inside(target + specifier.slice(prefix.length))),
    // A package of the workspace, and a path from the folder of the project.
    ...projects
      .filter(({ name }) => name !== '' && (specifier === name || specifier.startsWith(`${name}/`)))
      .flatMap(({ directory, name }) => {
        const rest = specifier.slice(name.length + 1);
        return ['src', ''].map((folder) => path.posix.join(directory, folder, rest));
      }),
    ...(specifier.startsWith('@') || !specifier.includes('/') ? [] : [inside(specifier)]),
  ];
}

/** Aliases that frameworks bring along without a word in tsconfig.json. */
const usual: readonly (readonly [string, string])[] = [
  ['$lib/', 'src/lib/'],
  ['~/', 'app/'],
  ['~/', 'src/'],
  ['~/', ''],
  ['@/', 'src/'],
  ['@/', ''],
];

/** The innermost project that holds a file. */
export function projectOf(file: string, projects: readonly Project[]): Project | null {
  let best: Project | null = null;
  for (const project of projects) {
    const inside = project.directory === '' || file.startsWith(`${project.directory}/`);
    if (inside && (best === null || project.directory.length > best.directory.length)) best = project;
  }
  return best;
}

/** The specifier by which `from` imports `to` (both relative to the workspace): relative, with what the project needs. */
export function specifierFor(from: string, to: string, projects: readonly Project[]): string {
  const project = projectOf(from, projects);
  const relative = path.posix.relative(path.posix.dirname(from), to.replace(/\.[cm]?[jt]sx?$/, ''));
  const extension = project?.importExtension ?? '';
  return (
    (relative.startsWith('.') ? relative : `./${relative}`) + (extension === '.ts' ? path.posix.extname(to) : extension)
  );
}

/** The specifier by which a file of a project imports another one: by the alias where the project has one. */
export function importPath(
  { projects }: { readonly projects: readonly Project[] },
  project: Project,
  from: string,
  to: string,
): string {
  const inside = (target: string): string =>
    project.directory === '' ? target : `${project.directory}/${target}`.replace(/\/\.\//g, '/');
  const bare = to.replace(/\.[jt]sx?$/, '').replace(/\/index$/, '');
  for (const { prefix, target } of project.aliases) {
    const folder =
      target === '.' || target === './' ? (project.directory === '' ? '' : `${project.directory}/`) : inside(target);
    if (prefix.endsWith('/') && bare.startsWith(folder)) return prefix + bare.slice(folder.length);
  }
  return specifierFor(from, to, projects).replace(/\/index$/, '');
}
