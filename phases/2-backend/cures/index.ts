import path from 'node:path';
import type { Project, Workspace } from '../../../src/workspace/project.ts';
import { importPath, specifierFor } from '../../../src/workspace/resolve.ts';
import { exportsOf } from '../../../src/workspace/traits.ts';
import { type Code, textOf } from '../../code/code.ts';
import type { Cure, Ground } from './cure.ts';
import { edge } from './edge.ts';
import { fastify } from './fastify.ts';
import { groundsOf } from './ground.ts';
import { hono } from './hono.ts';
import { koa } from './koa.ts';
import { nest } from './nest.ts';
import { next } from './next.ts';
import { remix } from './remix.ts';
import { sveltekit } from './sveltekit.ts';
import { trpc } from './trpc.ts';

/** Every cure. Where several answer for one package, the first whose shape a place has is taken. */
const cures: readonly Cure[] = [trpc, nest, fastify, hono, koa, next, sveltekit, remix, edge];

const frameworks: ReadonlySet<string> = new Set(cures.map(({ framework }) => framework));

/** A cure in its place: where its modules are or go. */
export type Door = {
  /** The framework; with its folder where another package has the same. */
  readonly id: string;
  readonly cure: Cure;
  readonly ground: Ground;
  /** The module that asks for memberships, one for all cures of a ground. */
  readonly core: ModuleFile;
  readonly adapter: ModuleFile;
};

export type ModuleFile = {
  readonly file: string;
  /** Null where it is not there yet. */
  readonly text: string | null;
  /** A file of that name that is something else and is left alone. */
  readonly occupied: string | null;
};

export const coreExports = [
  'OrgValidationError',
  'orgOfToken',
  'orgOfSession',
  'sameOrg',
  'validateMembership',
] as const;

/** The doors of a workspace: each framework in it that has a cure of its own. */
export async function doorsOf(code: Code): Promise<readonly Door[]> {
  const doors: Door[] = [];
  for (const ground of await groundsOf(code, frameworks)) {
    const own = cures.filter((cure) => cure.detect(ground));
    const [first] = own;
    if (first === undefined) continue;
    const ending = ground.project === null || ground.project.typescript ? 'ts' : 'js';
    const place = (cure: Cure): string => cure.module.folder?.(ground) ?? servicesOf(code, ground.project);
    const core = await moduleAt(code, place(first), 'org-membership', ending, coreExports);
    for (const cure of own) {
      const adapter = await moduleAt(code, place(cure), cure.module.name, ending, cure.module.exports);
      const taken = doors.some(({ id }) => id === cure.framework);
      const id = taken ? `${cure.framework}/${ground.project?.directory ?? ''}` : cure.framework;
      doors.push({ id, cure, ground, core, adapter });
    }
  }
  return doors;
}

function servicesOf({ target }: Code, project: Project | null): string {
  const named = target.config.code.services?.[0] ?? project?.servicesDirectory;
  return (
    named ?? (project === null || project.sourceDirectory === '' ? 'services' : `${project.sourceDirectory}/services`)
  );
}

async function moduleAt(
  code: Code,
  folder: string,
  name: string,
  ending: string,
  exports: readonly string[],
): Promise<ModuleFile> {
  const first = `${folder}/${name}.${ending}`;
  const text = await textOf(code.workspace, first);
  if (text === null || holds(text, exports)) return { file: first, text, occupied: null };
  const file = `${folder}/voxanne-${name}.${ending}`;
  const other = await textOf(code.workspace, file);
  return { file, text: other !== null && holds(other, exports) ? other : null, occupied: first };
}

const holds = (text: string, exports: readonly string[]): boolean => {
  const names = exportsOf(text);
  return exports.every((name) => names.includes(name));
};

/** How one file of a door imports another, as the app does. Edge functions name the file with its ending. */
export function importOf(workspace: Workspace, { project }: Ground, from: string, to: string): string {
  if (project === null) return `${specifierFor(from, to, []).replace(/\.[cm]?[jt]s$/, '')}.${to.split('.').at(-1)}`;
  const near = path.posix.dirname(from) === path.posix.dirname(to);
  if (near || project.importExtension !== '') return specifierFor(from, to, workspace.projects);
  const lib = project.frameworks.includes('sveltekit') ? /(?:^|\/)src\/lib\/(.+)\.[jt]s$/.exec(to)?.[1] : undefined;
  return lib === undefined ? importPath(workspace, project, from, to) : `$lib/${lib}`;
}
