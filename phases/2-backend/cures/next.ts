import { styleOfText } from '../../../src/workspace/code-style.ts';
import { functionName } from '../../../src/workspace/scan/scope.ts';
import { isServerAction } from '../../../src/workspace/scan/source-of-parameter.ts';
import { callOf, type SyntaxNode } from '../../../src/workspace/scan/syntax.ts';
import type { TextEdit } from '../../../src/workspace/scan/types.ts';
import { exportsOf } from '../../../src/workspace/traits.ts';
import type { Cure, Ground } from './cure.ts';
import { functionsAround, isAsync, isForUsers } from './handlers.ts';

/** Next builds without the package, and a compiler from TypeScript 6 on does not. */
const hasServerOnly = ({ dependencies, files }: Ground): boolean =>
  dependencies.has('server-only') || files.some(({ text }) => /\bimport\s*['"]server-only['"]/.test(text));

/** Next's App Router: a module of the server that finds the caller by the cookies, for route handlers, actions and pages. */
export const next: Cure = {
  framework: 'next-app',
  title: 'Next',
  detect: ({ project }) => project?.frameworks.includes('next-app') === true,
  module: {
    template: 'org-next.ts',
    name: 'org-server',
    exports: ['requireOrgId', 'assertSameOrg', 'withOrg'],
    client: 'caller',
  },
  fill: (ground, specifier) => {
    const app = callerOf(ground);
    const own = app === null;
    if (own && !ground.dependencies.has('@supabase/ssr'))
      return "The app has no client of @supabase/ssr that knows the caller on the server: add one (createServerClient with await cookies(), as Supabase's guide for Next shows), then run again.";
    return {
      values: {
        CALLER_IMPORT: app === null ? '' : `import { ${app.name} } from '${specifier(app.file)}';`,
        ASK: `await ${app?.name ?? 'callerClient'}()`,
        URL: variable(ground, /SUPABASE.*URL$/, 'NEXT_PUBLIC_SUPABASE_URL'),
        KEY: variable(ground, /^NEXT_PUBLIC_SUPABASE.*KEY$/, 'NEXT_PUBLIC_SUPABASE_ANON_KEY'),
      },
      flags: { own, serverOnly: hasServerOnly(ground) },
    };
  },
  way: (node, context) => {
    const around = functionsAround(node);
    const [inner] = around;
    if (inner === undefined || !isAsync(inner)) return null;
    const { path, text } = node.source;
    if (/^\s*['"]use client['"]/.test(text)) return null;
    for (const fn of around) {
      const handler = /(?:^|\/)route\.[cm]?[jt]sx?$/.test(path) ? functionName(exported(fn)) : null;
      const page =
        /(?:^|\/)(?:page|layout|default|template)\.[jt]sx?$/.test(path) &&
        /^export\s+default\b/.test(fn.parent?.text ?? '');
      const isHandler = /^(?:GET|POST|PUT|PATCH|DELETE|OPTIONS|HEAD)$/.test(handler ?? '');
      if (!isHandler && !page && !isServerAction(fn) && !isSafeAction(fn)) continue;
      return {
        carrier: null,
        awaited: true,
        authenticated:
          isForUsers(fn, context) || (isSafeAction(fn) && /auth|protected|user|private/i.test(calleeOf(fn))),
        edits: isHandler ? wrapped(fn) : [],
        imports: isHandler ? ['withOrg'] : [],
        words: isHandler ? `withOrg around ${handler}` : `the check in ${functionName(fn) ?? 'the page'}`,
      };
    }
    return null;
  },
  instruction:
    'Ask requireOrgId() for the organization in the route handler, server action or page, or await assertSameOrg(value) where the request names one; wrap a route handler in withOrg, so that refusals are answered with their status. For a webhook verify its signature and look the organization up by what the sender owns.',
};

const calleeOf = (fn: SyntaxNode): string => {
  const call = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
  return (call && callOf(call)?.callee.text) ?? '';
};

/** `authActionClient.schema(…).action(async ({ parsedInput }) => …)`. */
const isSafeAction = (fn: SyntaxNode): boolean =>
  /\.\s*action$/.test(calleeOf(fn)) && /['"]use server['"]/.test(fn.source.text);

/** A function, or the one that it is handed to: `export const POST = withAuth(async (request) => …)`. */
function exported(fn: SyntaxNode): SyntaxNode {
  const call = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
  return call?.parent?.kind === 'variable_declarator' ? call : fn;
}

/** `export async function POST() {}` as `export const POST = withOrg(async function POST() {});` */
export function wrapped(fn: SyntaxNode): readonly TextEdit[] {
  if (fn.kind === 'function_declaration') {
    const name = functionName(fn) ?? '';
    return [
      { start: fn.start, end: fn.start, text: `const ${name} = withOrg(` },
      { start: fn.end, end: fn.end, text: styleOfText(fn.source.text).semicolons ? ');' : ')' },
    ];
  }
  const call = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
  if (call && callOf(call)?.callee.text === 'withOrg') return [];
  return [
    { start: fn.start, end: fn.start, text: 'withOrg(' },
    { start: fn.end, end: fn.end, text: ')' },
  ];
}

/** The client of the caller that the app makes on the server, where it takes no arguments. */
function callerOf({ files }: Ground): { readonly file: string; readonly name: string } | null {
  for (const { path, text } of files) {
    if (!/\bcreateServerClient\b/.test(text) || !/next\/headers/.test(text)) continue;
    const name = exportsOf(text).find(
      (one) =>
        /supabase|client/i.test(one) &&
        new RegExp(
          `function ${one}\\s*\\(\\s*\\)|\\b${one}\\s*=\\s*(?:cache\\(\\s*)?(?:async\\s*)?\\(\\s*\\)\\s*(?::[^=]+)?=>`,
        ).test(text) &&
        !/service_?role|admin/i.test(one),
    );
    // A client of that file with the service key would ask for nobody.
    if (name !== undefined && !/SERVICE_ROLE|SECRET_KEY/.test(text)) return { file: path, name };
  }
  return null;
}

function variable({ files }: Ground, pattern: RegExp, usual: string): string {
  const names = new Set(
    files.flatMap(({ text }) => [...text.matchAll(/process\.env\.(\w+)/g)].map(([, name]) => name ?? '')),
  );
  return names.has(usual)
    ? usual
    : ([...names].find((name) => pattern.test(name) && !/SERVICE|SECRET/.test(name)) ?? usual);
}
