import { applyEdits } from '../../../src/workspace/edit.ts';
import type { TextEdit } from '../../../src/workspace/scan/types.ts';
import type { Cure, Ground } from './cure.ts';
import { functionsAround, isForUsers, isHandlerNamed, propertyOf } from './handlers.ts';

const hooksFile = /(?:^|\/)src\/hooks\.server\.[jt]s$/;
const serverFile = /(?:^|\/)\+(?:server|page\.server|layout\.server)\.[jt]s$/;
/** Where hooks put the client of the caller, and under which name. */
const clientKey = /\blocals\.(supabase\w*)\s*=[^=]/;

/** The app may have a property of that name already, set by something else. */
const fieldOf = ({ files }: Ground): string =>
  files.some(({ text }) => /\blocals\.orgId\s*=[^=]/.test(text) && !/\bhandleOrg\s*:\s*Handle\s*=/.test(text))
    ? 'validatedOrgId'
    : 'orgId';

/** SvelteKit: a handle of hooks.server that sets event.locals, and locals in load functions, actions and endpoints. */
export const sveltekit: Cure = {
  framework: 'sveltekit',
  title: 'SvelteKit',
  detect: ({ project }) => project?.frameworks.includes('sveltekit') === true,
  module: {
    template: 'org-sveltekit.ts',
    name: 'org',
    folder: ({ project }) =>
      `${project?.sourceDirectory === '' ? 'src' : (project?.sourceDirectory ?? 'src')}/lib/server`,
    exports: ['handleOrg', 'requireOrgId', 'assertSameOrg'],
    client: 'caller',
  },
  fill: (ground) => {
    const key = clientOfHooks(ground);
    if (key === null) return lacking;
    return { values: { FIELD: fieldOf(ground), SUPABASE_KEY: key, ASK: `event.locals.${key}` } };
  },
  way: (node, context) => {
    if (!serverFile.test(node.source.path)) return null;
    for (const fn of functionsAround(node)) {
      if (!isHandlerNamed(fn, /^(?:load|GET|POST|PUT|PATCH|DELETE|OPTIONS|HEAD|fallback)$/, /^actions$/)) continue;
      const locals = propertyOf(fn, 'locals');
      if (locals === null) return null;
      return {
        carrier: locals.text,
        awaited: false,
        authenticated: isForUsers(fn, context),
        edits: locals.edits,
        imports: [],
        words: 'the check of locals in it',
      };
    }
    return null;
  },
  mount: (ground, specifier) => {
    const hooks = ground.files.find(({ path }) => hooksFile.test(path));
    if (hooks === undefined || clientOfHooks(ground) === null) return lacking;
    const { path, text } = hooks;
    if (/\bhandleOrg\b/.test(text)) return null;
    const edits = handleEdits(text);
    if (edits === null)
      return `${path} exports no handle of a shape that is known: put handleOrg behind it with sequence(handle, handleOrg).`;
    const names: readonly (readonly [string, string])[] = [
      ...(/@sveltejs\/kit\/hooks/.test(text) ? [] : [['sequence', '@sveltejs/kit/hooks'] as const]),
      ['handleOrg', specifier(path)],
    ];
    const after = applyEdits(text, [...edits, importLines(text, names)]);
    return { file: path, after, title: `Know the organization of each request in ${path}` };
  },
  instruction:
    'Use locals.orgId, which handleOrg sets in hooks.server, or assertSameOrg(locals, value) where the request names one; a load function of +page.ts runs in the browser as well and decides nothing. For a webhook verify its signature and look the organization up by what the sender owns.',
};

const lacking =
  "hooks.server sets no event.locals.supabase: make the client of the caller there (createServerClient with event.cookies, as Supabase's guide for SvelteKit shows), then run again.";

const clientOfHooks = ({ files }: Ground): string | null =>
  clientKey.exec(files.find(({ path }) => hooksFile.test(path))?.text ?? '')?.[1] ?? null;

/** `sequence(a, b)` gets one more; a single handle becomes the first of two. */
function handleEdits(text: string): readonly TextEdit[] | null {
  const sequence = /export\s+const\s+handle\b[^=]*=\s*sequence\s*\(([^()]*)\)/.exec(text);
  if (sequence !== null) {
    const list = (sequence[1] ?? '').replace(/,?\s*$/, '');
    const at = sequence.index + sequence[0].length - 1 - ((sequence[1] ?? '').length - list.length);
    return [{ start: at, end: at, text: ', handleOrg' }];
  }
  const single = /export\s+((?:const|async\s+function|function)\s+)handle\b/.exec(text);
  if (single === null || /\bhandleApp\b/.test(text)) return null;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const end = /;\s*$/m.test(text) ? ';' : '';
  return [
    { start: single.index, end: single.index + single[0].length, text: `${single[1] ?? ''}handleApp` },
    {
      start: text.length,
      end: text.length,
      text: `${text.endsWith('\n') ? '' : newline}${newline}export const handle = sequence(handleApp, handleOrg)${end}${newline}`,
    },
  ];
}

function importLines(text: string, names: readonly (readonly [string, string])[]): TextEdit {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const quote = /from\s*"/.test(text) ? '"' : "'";
  const last = [...text.matchAll(/^import\b[^;'"]*(?:['"])[^'"\n]*['"];?/gm)].at(-1);
  const end = last === undefined || last[0].endsWith(';') ? ';' : '';
  const lines = names.map(([name, from]) => `import { ${name} } from ${quote}${from}${quote}${end}`).join(newline);
  if (last === undefined) return { start: 0, end: 0, text: `${lines}${newline}` };
  const at = last.index + last[0].length;
  return { start: at, end: at, text: `${newline}${lines}` };
}
