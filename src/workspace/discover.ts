import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { parseTsconfig } from 'get-tsconfig';
import { RolloutError } from '../rollout/errors.ts';
import { type FileList, listFiles } from './files.ts';
import { backendRank, frameworksOf, frontendRank } from './frameworks.ts';
import { checkoutAt } from './git.ts';
import type { PathAlias, Project, Styling, Workspace } from './project.ts';
import { readTraits } from './traits.ts';
import { ownCheckout } from './walk.ts';

/** What the workspace is, without changing anything. Nothing of it is fatal but a folder that cannot be read. */
export async function discoverWorkspace(folder: string): Promise<Workspace> {
  const root = path.resolve(folder);
  const info = await stat(root).catch((error: unknown) => {
    throw new RolloutError(`The workspace ${root} cannot be read.`, 'Give the folder of the app with --workspace.', {
      cause: error,
    });
  });
  if (!info.isDirectory())
    throw new RolloutError(`${root} is not a folder.`, 'Give the folder of the app with --workspace.');
  const list = await listFiles(root);
  const directories = await packageDirectories(root, list);
  const projects = await Promise.all(directories.map((directory) => readProject(root, directory, list)));
  const found = projects.filter((project) => project !== null);
  const traits = await readTraits(
    root,
    list,
    found.map((project) => project.project),
  );
  const notes: string[] = [];
  const git = await checkoutAt(root);
  if (git === null)
    notes.push(
      'The workspace is not a git checkout: dirty files cannot be told, and --commit has nothing to commit to.',
    );
  const copies = copiesAmong(found);
  for (const { project, name } of copies)
    notes.push(`${project.directory} is another copy of the package ${name}: it is read, and nothing is put into it.`);
  for (const { path: folder, reason } of list.skipped)
    if (reason === ownCheckout)
      notes.push(`${folder} is a git checkout of its own and no part of this app: it is not read.`);
  const isCopy = ({ project }: Read): boolean =>
    copies.some((copy) => project === copy.project || project.directory.startsWith(`${copy.project.directory}/`));
  const originals = found.filter((one) => !isCopy(one));
  const backend = ranked(originals, backendRank)[0] ?? null;
  const frontends = ranked(originals, frontendRank);
  const frontend = frontends[0] ?? null;
  if (backend === null) notes.push('No backend was found: no package depends on a server framework that is known.');
  if (frontend === null)
    notes.push('No frontend was found: no package depends on next, react, vue, svelte or the like.');
  if (frontends.length > 1)
    notes.push(
      `${frontends.length} frontends were found and all are treated: ${frontends.map(({ directory, name }) => directory || name).join(', ')}. code.frontend in the configuration file names one of them alone.`,
    );
  const rootPackage = found.find((entry) => entry.project.directory === '');
  return {
    root,
    git,
    list,
    layout:
      found.length <= 1
        ? 'single'
        : rootPackage?.workspaces === true || list.files.length === 0
          ? 'workspaces'
          : 'separate',
    packageManager: await packageManagerOf(
      root,
      found.map((entry) => entry.project.directory),
    ),
    projects: found.map((entry) => entry.project),
    backend,
    frontend,
    frontends,
    auth: traits.auth,
    supabaseClients: traits.supabaseClients,
    generatedTypes: traits.generatedTypes,
    styling: await stylingOf(root, found, frontend, list),
    authenticatedFiles: traits.authenticatedFiles,
    notes,
  };
}

type Read = {
  readonly project: Project;
  /** As its manifest says; null where it says none. */
  readonly name: string | null;
  readonly dependencies: ReadonlySet<string>;
  readonly workspaces: boolean;
};

/** The packages that have a rank, the highest first. What only shows something counts where there is nothing else. */
function ranked(found: readonly Read[], rank: (project: Project) => number): readonly Project[] {
  const projects = found.map(({ project }) => project);
  const isApp = projects.some((project) => backendRank(project) > 1 || frontendRank(project) > 1);
  const all = projects.filter((project) => rank(project) > (isApp ? 1 : 0)).sort((a, b) => rank(b) - rank(a));
  return isApp ? all : all.slice(0, 1);
}

/** Packages that are another one once more, further down: somebody's copy of the app beside the app. */
const copiesAmong = (found: readonly Read[]): readonly Read[] =>
  found.filter(
    (one) =>
      one.name !== null &&
      found.some((other) => other.name === one.name && depthOf(other.project) < depthOf(one.project)),
  );

const depthOf = ({ directory }: Project): number => (directory === '' ? 0 : directory.split('/').length);

/** Folders with a package.json: those of the root, of its workspaces, and of the first three levels below. */
async function packageDirectories(root: string, list: FileList): Promise<readonly string[]> {
  const candidates = new Set<string>(['']);
  for (const file of list.files) {
    const folders = file.path.split('/').slice(0, -1);
    for (let depth = 1; depth <= Math.min(3, folders.length); depth += 1)
      candidates.add(folders.slice(0, depth).join('/'));
  }
  const kept: string[] = [];
  for (const directory of [...candidates].sort()) {
    if (await exists(path.join(root, directory, 'package.json'))) kept.push(directory);
  }
  return kept;
}

async function readProject(root: string, directory: string, list: FileList): Promise<Read | null> {
  const file = path.join(root, directory, 'package.json');
  const manifest = asRecord(parseJsonc(await readFile(file, 'utf8'), file));
  const dependencies = new Set([
    ...Object.keys(asRecord(manifest.dependencies)),
    ...Object.keys(asRecord(manifest.devDependencies)),
    ...Object.keys(asRecord(manifest.peerDependencies)),
  ]);
  const inside = (name: string): string => (directory === '' ? name : `${directory}/${name}`);
  const has = (prefix: string): boolean => list.files.some((entry) => entry.path.startsWith(`${inside(prefix)}/`));
  const frameworks = frameworksOf(dependencies, has);
  // Tests in TypeScript bring the package along; the app may be JavaScript all the same.
  const isWritten = (one: string, fileClass: string): boolean =>
    fileClass === 'source' && one.startsWith(inside('')) && /(?<!\.config|\.d)\.[cm]?tsx?$/.test(one);
  const tsconfigName = await firstExisting(root, directory, ['tsconfig.json', 'tsconfig.app.json', 'jsconfig.json']);
  const compiler = tsconfigName === null ? {} : await compilerOptions(root, tsconfigName);
  const moduleType = manifest.type === 'module' ? 'module' : 'commonjs';
  const resolution = String(compiler.moduleResolution ?? compiler.module ?? '').toLowerCase();
  const services = [
    'src/services',
    'services',
    'src/server/services',
    'server/services',
    'src/lib',
    'lib',
    'src/server',
    'server',
  ].find(has);
  const project: Project = {
    directory,
    name: typeof manifest.name === 'string' ? manifest.name : directory || path.basename(root),
    frameworks,
    sourceDirectory: has('src') ? inside('src') : directory,
    typescript:
      /(?:^|\/)tsconfig(?:\.app)?\.json$/.test(tsconfigName ?? '') ||
      (dependencies.has('typescript') && list.files.some(({ path: one, fileClass }) => isWritten(one, fileClass))),
    tsconfig: tsconfigName,
    aliases: aliasesOf(compiler),
    importExtension:
      moduleType === 'commonjs'
        ? ''
        : /^node(?:16|18|20|next)$/.test(resolution)
          ? compiler.allowImportingTsExtensions === true
            ? '.ts'
            : '.js'
          : await spelledExtension(root, directory, list),
    moduleType,
    servicesDirectory: services === undefined ? null : inside(services),
    scripts: Object.fromEntries(
      Object.entries(asRecord(manifest.scripts)).flatMap(([key, value]) =>
        typeof value === 'string' ? [[key, value]] : [],
      ),
    ),
    hasNodeModules: await exists(path.join(root, directory, 'node_modules')),
  };
  return {
    project,
    name: typeof manifest.name === 'string' && manifest.name !== '' ? manifest.name : null,
    dependencies,
    workspaces: manifest.workspaces !== undefined || (await exists(path.join(root, directory, 'pnpm-workspace.yaml'))),
  };
}

/**
 * How most relative imports of a project end. Node finds no module of a package of type "module" without its extension,
 * and a project in JavaScript, or one with a tsconfig for a bundler, says so nowhere but in its imports.
 */
async function spelledExtension(root: string, directory: string, list: FileList): Promise<'' | '.js' | '.ts'> {
  const own = list.files.filter(
    ({ path: file, fileClass }) =>
      fileClass === 'source' &&
      /\.[cm]?[jt]sx?$/.test(file) &&
      (directory === '' ? true : file.startsWith(`${directory}/`)),
  );
  const counts = { '': 0, '.js': 0, '.ts': 0 };
  // Imports of a project look alike: some of its files say it.
  for (const { path: file } of own.slice(0, 80)) {
    const text = await readFile(path.join(root, file), 'utf8');
    for (const [, specifier = ''] of text.matchAll(/\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)['"]/g)) {
      const ending = /\.[cm]?([jt])sx?$/.exec(specifier)?.[1];
      if (ending !== undefined) counts[ending === 'j' ? '.js' : '.ts'] += 1;
      else if (!/\.\w+$/.test(specifier)) counts[''] += 1;
    }
  }
  if (counts['.js'] > counts[''] && counts['.js'] >= counts['.ts']) return '.js';
  return counts['.ts'] > counts[''] ? '.ts' : '';
}

/** The compiler options of a tsconfig, over those that it extends; its own alone where a base is not installed. */
async function compilerOptions(root: string, file: string): Promise<Record<string, unknown>> {
  const own = asRecord(parseJsonc(await readFile(path.join(root, file), 'utf8'), file));
  try {
    return asRecord(parseTsconfig(path.join(root, file)).compilerOptions);
  } catch (error) {
    if (error instanceof Error && /not found/.test(error.message)) return asRecord(own.compilerOptions);
    throw error;
  }
}

function aliasesOf(compiler: Record<string, unknown>): readonly PathAlias[] {
  const base = typeof compiler.baseUrl === 'string' ? compiler.baseUrl : '.';
  return Object.entries(asRecord(compiler.paths)).flatMap(([pattern, targets]) => {
    const target = Array.isArray(targets) ? targets[0] : null;
    if (typeof target !== 'string') return [];
    return [
      {
        prefix: pattern.replace(/\*$/, ''),
        target: path.posix.normalize(path.posix.join(base, target.replace(/\*$/, ''))),
      },
    ];
  });
}

async function packageManagerOf(root: string, directories: readonly string[]): Promise<Workspace['packageManager']> {
  const locks = [
    ['pnpm-lock.yaml', 'pnpm'],
    ['yarn.lock', 'yarn'],
    ['bun.lockb', 'bun'],
    ['bun.lock', 'bun'],
    ['package-lock.json', 'npm'],
  ] as const;
  for (const directory of ['', ...directories]) {
    for (const [lock, manager] of locks) if (await exists(path.join(root, directory, lock))) return manager;
  }
  return directories.length > 0 ? 'npm' : null;
}

async function stylingOf(
  root: string,
  found: readonly Read[],
  frontend: Project | null,
  list: FileList,
): Promise<Styling> {
  const entry = found.find(({ project }) => project === frontend);
  if (!entry || frontend === null) return { tailwind: false, toast: null };
  const inside = frontend.directory === '' ? '' : `${frontend.directory}/`;
  const packages = ['sonner', 'react-hot-toast', 'react-toastify', 'notistack', '@radix-ui/react-toast'];
  const library = packages.find((name) => entry.dependencies.has(name)) ?? null;
  const own =
    list.files.find(
      ({ path: file }) =>
        file.startsWith(inside) && /(?:^|\/)(?:use-?toast|Toast(?:Context|Provider)?)\.[jt]sx?$/i.test(file),
    )?.path ?? null;
  return {
    tailwind:
      entry.dependencies.has('tailwindcss') ||
      (await firstExisting(root, frontend.directory, [
        'tailwind.config.js',
        'tailwind.config.ts',
        'tailwind.config.cjs',
        'tailwind.config.mjs',
      ])) !== null,
    toast: library === null && own === null ? null : { package: library, file: own },
  };
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

async function firstExisting(root: string, directory: string, names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    const file = directory === '' ? name : `${directory}/${name}`;
    if (await exists(path.join(root, file))) return file;
  }
  return null;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** JSON with comments and trailing commas, as tsconfig files have them. */
function parseJsonc(text: string, file: string): unknown {
  const plain = text
    .replace(/^\uFEFF/, '')
    .replace(/("(?:[^"\\]|\\.)*")|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (_, literal: string | undefined) => literal ?? '')
    .replace(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, (_, literal: string | undefined) => literal ?? '');
  try {
    return JSON.parse(plain);
  } catch (error) {
    throw new RolloutError(`${file} is not valid JSON.`, 'Fix it, then rerun; nothing was changed.', {
      cause: error,
    });
  }
}
