import { callOf } from '../../../src/workspace/scan/syntax.ts';
import type { Cure } from './cure.ts';
import { functionsAround, isAsync, isForUsers, parameterName } from './handlers.ts';
import { wrapped } from './next.ts';

/** Edge functions of Supabase: a module of _shared, and a wrapper around the handler. */
export const edge: Cure = {
  framework: 'edge-functions',
  title: 'Edge functions',
  detect: ({ project, files }) =>
    project === null && files.some(({ text }) => /\bDeno\.serve\b|\bserve\s*\(/.test(text)),
  module: {
    template: 'org-edge.ts',
    name: 'org',
    folder: ({ files }) =>
      `${/^(?:.*\/)?supabase\/functions/.exec(files[0]?.path ?? '')?.[0] ?? 'supabase/functions'}/_shared`,
    exports: ['requireOrgId', 'assertSameOrg', 'withOrg'],
    client: 'edge',
  },
  fill: () => ({ values: {} }),
  way: (node, context) => {
    for (const fn of functionsAround(node)) {
      const call = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
      const outer = call && callOf(call)?.callee.text === 'withOrg' ? call.parent?.parent : call;
      if (!outer || !/^(?:Deno\.)?serve$/.test(callOf(outer)?.callee.text ?? '')) continue;
      const [inner] = functionsAround(node);
      const carrier = parameterName(fn);
      if (inner === undefined || !isAsync(inner) || !isAsync(fn) || carrier === null) return null;
      return {
        carrier,
        awaited: true,
        authenticated: isForUsers(fn, context),
        edits: wrapped(fn),
        imports: ['withOrg'],
        words: `withOrg around the handler of ${node.source.path}`,
      };
    }
    return null;
  },
  instruction:
    "Take the caller's JWT from the Authorization header, verify it (getClaims, or getUser with the token), and use app_metadata.org_id of that user together with a look at the membership: requireOrgId(req) and assertSameOrg(req, value) of _shared/org.ts do both, withOrg around the handler answers refusals. What calls without a user (a schedule, another service) must show a secret of its own.",
};
