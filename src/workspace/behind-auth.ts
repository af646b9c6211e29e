import type { Project } from './project.ts';
import { resolveModule } from './resolve.ts';

type File = { readonly file: string; readonly text: string };

/**
 * Files of routes that `app.use(path, requireAuth, router)` puts behind a middleware, or that follow an
 * `app.use(requireAuth)`; and single handlers of other files, as `controllers/calls.ts#list`, where every route that
 * they are registered for is behind it.
 */
export function behindAuth(
  routers: readonly File[],
  names: readonly string[],
  known: ReadonlySet<string>,
  projects: readonly Project[],
): ReadonlySet<string> {
  const files = new Set<string>();
  // Middleware that lets everybody through when there is no token protects nothing.
  const guards = names.filter(
    (name) =>
      /^(?:require|ensure|authenticate|verify|protect|auth)/i.test(name) &&
      !/optional|role|access(?!_?token)/i.test(name),
  );
  if (guards.length === 0) return files;
  const guard = new RegExp(`(?<![\\w$])(?:${guards.join('|')})(?![\\w$])`);
  // A function that is written there may call one of them and let others through.
  const isGuarded = (args: string): boolean => guard.test(withoutBodies(args).split('=>')[0] ?? '');
  const read = routers.map(({ file, text }) => ({
    file,
    text,
    imports: importsOf(file, text, known, projects),
    calls: registrationsIn(text),
  }));
  // A router that is mounted on one behind the middleware is behind it as well.
  for (let before = -1; before < files.size; ) {
    before = files.size;
    for (const { file, imports, calls } of read) {
      let all = files.has(file);
      for (const { args, name } of calls) {
        if (name !== 'use') continue;
        const router = /([A-Za-z_$][\w$]*)\s*,?\s*$/.exec(args)?.[1] ?? '';
        const inline = /require\(\s*['"]([^'"]+)['"]\s*\)\s*,?\s*$/.exec(args)?.[1];
        const target =
          inline === undefined ? imports.get(router)?.target : resolveModule(file, inline, known, projects);
        if ((all || isGuarded(args)) && target && !guard.test(router)) files.add(target);
        else if (isGuarded(args) && !/['"`]/.test(args)) all = true;
      }
    }
  }
  const handlers = new Map<string, boolean>();
  for (const { file, imports, calls } of read) {
    let all = files.has(file);
    for (const { args, name } of calls) {
      if (name === 'use' && isGuarded(args) && !/['"`]/.test(args)) {
        all = true;
        continue;
      }
      for (const [own, { target, exported }] of imports) {
        if (!args.includes(own) || guard.test(own)) continue;
        for (const match of args.matchAll(
          new RegExp(
            `(?<![\\w$.'"])(?<!\\bbind\\(\\s*)${own.replaceAll('$', '\\$')}(?:\\s*\\.\\s*([A-Za-z_$][\\w$]*))?(?![\\w$])`,
            'g',
          ),
        )) {
          const id = `${target}#${match[1] ?? exported}`;
          handlers.set(id, (handlers.get(id) ?? true) && (all || isGuarded(args)));
        }
      }
    }
  }
  const whole = new Set(files);
  for (const [id, guarded] of handlers) if (guarded && !whole.has(id.replace(/#.*$/, ''))) files.add(id);
  return files;
}

type Imported = { readonly target: string; readonly exported: string };

/** What a file imports, by the names that it uses; an instance of an imported class as well. */
function importsOf(
  file: string,
  text: string,
  known: ReadonlySet<string>,
  projects: readonly Project[],
): ReadonlyMap<string, Imported> {
  const imports = new Map<string, Imported>();
  for (const match of text.matchAll(
    /import\s+(?:([A-Za-z_$][\w$]*)\s*,?\s*)?(?:\*\s*as\s+([A-Za-z_$][\w$]*)\s*)?(?:\{([^}]*)\}\s*)?from\s*['"]([^'"]+)['"]|(?:const|let|var)\s+(?:([A-Za-z_$][\w$]*)|\{([^}]*)\})\s*=\s*require\(\s*['"]([^'"]+)['"]\s*\)/g,
  )) {
    const target = resolveModule(file, match[4] ?? match[7] ?? '', known, projects);
    if (target === null) continue;
    for (const name of [match[1], match[2], match[5]]) if (name) imports.set(name, { target, exported: name });
    for (const part of `${match[3] ?? ''},${match[6] ?? ''}`.split(',')) {
      const [exported, name = exported] = part.trim().split(/\s+as\s+|\s*:\s*/);
      if (exported && name) imports.set(name, { target, exported });
    }
  }
  for (const [, name = '', made = ''] of text.matchAll(
    /(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*(?::\s*[\w.]+\s*)?=\s*(?:await\s+)?(?:new\s+)?([A-Za-z_$][\w$]*)\s*[.(]/g,
  )) {
    const from = imports.get(made);
    if (from !== undefined) imports.set(name, { ...from, exported: name });
  }
  return imports;
}

type RouteCall = { readonly name: string; readonly args: string };

/** The calls that mount a router or register a handler, in order, with the text of their arguments. */
function registrationsIn(text: string): readonly RouteCall[] {
  const found: RouteCall[] = [];
  for (const match of text.matchAll(/\.\s*(use|get|post|put|patch|delete|all)\s*\(/g)) {
    const start = match.index + match[0].length;
    const end = closingOf(text, start);
    if (end !== null) found.push({ name: match[1] ?? '', args: text.slice(start, end) });
  }
  return found;
}

function withoutBodies(args: string): string {
  const outer = args.replace(/\{[^{}]*\}/g, '');
  return outer === args ? args : withoutBodies(outer);
}

/** Where the bracket closes that is open at an offset; null where nothing closes it. */
function closingOf(text: string, start: number): number | null {
  let depth = 1;
  for (const { 0: sign, index } of text
    .slice(start)
    .matchAll(/\/\/[^\n]*|(['"])(?:\\.|(?!\1)[^\\\n])*\1|`(?:\\.|[^\\`])*`|[()]/g)) {
    if (sign === '(') depth += 1;
    else if (sign === ')') depth -= 1;
    if (depth === 0) return start + index;
  }
  return null;
}
