import type { Told, World } from './across-files.ts';
import { inFrontOf, isElsewhere } from './audience.ts';
import { isOrgGuard } from './guards.ts';
import { follower } from './passed-on.ts';
import { declarationIn } from './scope.ts';
import type { Source } from './syntax.ts';

/** A router that a file puts into its app, with what stands in front of it there. */
export type Mounted = {
  /** Null: it is made in this file. */
  readonly module: string | null;
  readonly name: string;
  /**
   * `some`: whom it lets in may be the operator's people alone. `path`: it is put where others than users may ask, which
   * proves nothing of them. `org`: it compares the organization.
   */
  readonly guard: 'some' | 'path' | 'org' | null;
};

/** Longer than any list of middlewares. */
const maxText = 400;

/** `app.use('/calls', requireMember, callRouter)`, `app.route('/admin', admin)`, `app.register(routes, { prefix: '/admin' })` */
export function mountedIn({ text, root }: Source): readonly Mounted[] {
  if (!/\.\s*(?:use|route|register)\s*\(/.test(text)) return [];
  const found: Mounted[] = [];
  const before: { readonly app: string; readonly path: string; readonly text: string }[] = [];
  for (const { 1: app = '', 2: verb, index, 0: head } of text.matchAll(/([\w$]+)\s*\.\s*(use|route|register)\s*\(/g)) {
    const given = argumentsAt(text, index + head.length);
    const path = /^['"`]/.test(given[0] ?? '') ? (given[0] ?? '').slice(1, -1) : prefixOf(given);
    const router = (verb === 'register' ? given[0] : given.at(-1)) ?? '';
    const name = /^[A-Za-z_$][\w$]*$/.test(router) ? router : null;
    const binding = name === null ? null : declarationIn(root, name);
    const inFront = given.filter((one) => one !== router && !/^['"`{]/.test(one));
    const covered = before.filter((one) => one.app === app && path.startsWith(one.path)).map((one) => one.text);
    if (binding !== null) {
      const guards = [...inFront, ...covered];
      const isSome = guards.some((one) => inFrontOf(one) === 'some');
      const guard = isSome ? 'some' : guards.some(isOrgGuard) ? 'org' : isElsewhere(path) ? 'path' : null;
      found.push({ module: binding.imported?.module ?? null, name: binding.imported?.name ?? binding.name, guard });
    }
    if (verb === 'use') before.push({ app, path: path.replace(/\/?\*$/, ''), text: given.join(' ') });
  }
  return found;
}

const prefixOf = (given: readonly string[]): string =>
  /\bprefix\s*:\s*['"`]([^'"`]+)/.exec(given.find((one) => one.startsWith('{')) ?? '')?.[1] ?? '';

/** The arguments of a call whose bracket has just been opened, as texts. */
function argumentsAt(text: string, start: number): readonly string[] {
  const found: string[] = [];
  let depth = 0;
  let from = start;
  for (let at = start; at < Math.min(text.length, start + maxText); at += 1) {
    const letter = text[at] ?? '';
    if (/[([{]/.test(letter)) depth += 1;
    else if (/[)\]}]/.test(letter)) depth -= 1;
    if (depth < 0 || (depth === 0 && letter === ',')) {
      const one = text.slice(from, at).trim();
      if (one !== '') found.push(one);
      from = at + 1;
    }
    if (depth < 0) return found;
  }
  return [];
}

/** More routers than one is put into. */
const maxDepth = 4;

/** What stands in front of all handlers of a file, wherever its router is put in. */
export function guardsAround(
  told: readonly Told<{ readonly mounted: readonly Mounted[] }>[],
  world: World,
): (file: string) => Mounted['guard'] {
  const follow = follower(world);
  const mounts = new Map<string, { readonly by: string; readonly guard: Mounted['guard'] }[]>();
  for (const { file, facts } of told)
    for (const { module, name, guard } of facts.mounted)
      for (const place of new Set(module === null ? [] : follow(file, module, name).map((one) => one.file)))
        mounts.set(place, [...(mounts.get(place) ?? []), { by: file, guard }]);
  const around = (file: string, depth: number): Mounted['guard'] => {
    const own = mounts.get(file) ?? [];
    if (own.length === 0 || depth > maxDepth) return null;
    const guards = own.map(({ by, guard }) => guard ?? (by === file ? null : around(by, depth + 1)));
    if (guards.includes(null) || (guards.includes('org') && guards.includes('path'))) return null;
    return guards.includes('org') ? 'org' : guards.includes('path') ? 'path' : 'some';
  };
  return (file) => around(file, 0);
}
