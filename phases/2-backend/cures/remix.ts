import { functionName } from '../../../src/workspace/scan/scope.ts';
import type { SyntaxNode } from '../../../src/workspace/scan/syntax.ts';
import type { Cure } from './cure.ts';
import { functionsAround, isAsync, isForUsers } from './handlers.ts';

/** Remix and React Router: a helper for loaders and actions over the client that they make of the request. */
export const remix: Cure = {
  framework: 'remix',
  title: 'Remix / React Router',
  detect: ({ project }) => project?.frameworks.includes('remix') === true,
  module: {
    template: 'org-remix.ts',
    name: 'org.server',
    folder: ({ project, files }) => {
      const base = project?.directory === '' || project === null ? '' : `${project.directory}/`;
      return files.some(({ path }) => path.startsWith(`${base}app/`)) ? `${base}app/lib` : `${base}src/lib`;
    },
    exports: ['requireOrgId', 'assertSameOrg'],
    client: 'caller',
  },
  fill: () => ({ values: {} }),
  way: (node, context) => {
    for (const fn of functionsAround(node)) {
      if (!/^(?:loader|action)$/.test(functionName(fn) ?? '')) continue;
      const [inner] = functionsAround(node);
      if (inner === undefined || !isAsync(inner)) return null;
      const client = clientBefore(fn, node);
      if (client === null) return null;
      return {
        carrier: client,
        awaited: true,
        authenticated: isForUsers(fn, context),
        edits: [],
        imports: [],
        words: `the check in ${functionName(fn)}`,
      };
    }
    return null;
  },
  instruction:
    "Make the client of the caller first (createServerClient over the cookies of the request), then await requireOrgId(supabase), or await assertSameOrg(supabase, value) where the request names one, in each loader and action; a loader's parent does not protect it. For a webhook verify its signature and look the organization up by what the sender owns.",
};

/** The client that a handler has made of its request before a place. */
function clientBefore(fn: SyntaxNode, node: SyntaxNode): string | null {
  const text = fn.source.text.slice(fn.start, node.start);
  const made =
    /\bconst\s+(?:\{\s*(?:[^}]*?,\s*)?(supabase\w*)(?:\s*:\s*(\w+))?[^}]*\}|(supabase\w*|client))\s*=\s*(?:await\s+)?(?:create|get)\w*\(\s*(?:request|args|context)\b[^;\n]*[;\n]/.exec(
      text,
    );
  return made === null || /admin|service/i.test(made[0]) ? null : (made[2] ?? made[1] ?? made[3] ?? null);
}
