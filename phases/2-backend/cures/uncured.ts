import { titleOf } from '../../../src/workspace/frameworks.ts';
import type { Framework } from '../../../src/workspace/project.ts';
import type { Code } from '../../code/code.ts';

/** Server frameworks without a cure, with what a person does in their terms. */
const terms: Partial<Record<Framework, string>> = {
  nuxt: 'make server/utils/org.ts with requireOrg(event), which reads app_metadata of serverSupabaseUser(event) and looks the membership up, and call it in every handler of server/api before getQuery, readBody or getHeader is used',
  'tanstack-start':
    'make a middleware (createMiddleware().server) that verifies the claims, looks the membership up and calls next({ context: { orgId } }), and put it on every createServerFn',
  astro:
    'set Astro.locals.orgId in src/middleware.ts from the verified claims and a membership, and use it in every endpoint and action',
  qwik: 'set it with sharedMap in the onRequest of plugin@auth.ts from the verified claims and a membership, and use it in every routeLoader$, routeAction$ and server$',
  'solid-start':
    'make a function for "use server" code that verifies the claims and looks the membership up, and call it in every query and action',
};

/** What is there and has no cure here, each as one sentence without its stop. */
export function uncured({ workspace }: Code): readonly string[] {
  const projects = [...new Set([workspace.backend, ...workspace.frontends])].filter((one) => one !== null);
  return projects.flatMap(({ directory, frameworks }) =>
    frameworks.flatMap((framework) => {
      const how = terms[framework];
      const place = directory === '' ? '' : ` (${directory})`;
      return how === undefined ? [] : [`No cure is known for the server side of ${titleOf(framework)}${place}: ${how}`];
    }),
  );
}
