import type { CheckResult } from '../../src/rollout/check.ts';
import type { Plan } from '../../src/rollout/step.ts';
import { titleOf, usesReactHooks } from '../../src/workspace/frameworks.ts';
import type { Framework, Project } from '../../src/workspace/project.ts';
import type { Code } from './code.ts';

/** What a person does in a frontend for which nothing is written here, in the terms of its framework. */
const terms: Partial<Record<Framework, string>> = {
  sveltekit:
    'return the organization from the root layout (+layout.server.ts: return { orgId: locals.orgId }) and read it with page.data.orgId; keep it in no store or storage',
  remix:
    'return it from the root loader (await requireOrgId(request)) and read it with useRouteLoaderData("root"); send it in no header, field or address',
  nuxt: 'make a composable (composables/useOrg.ts) that reads app_metadata of useSupabaseUser(), never user_metadata, a cookie or useState that something else fills',
  'tanstack-start': 'return it from beforeLoad of the root route, where a server function reads the verified claims',
  astro:
    'put it into Astro.locals in src/middleware.ts, from the verified claims, and hand it to the islands as a prop',
  vue: 'make a composable (useOrg) that reads app_metadata of the verified user (auth.getUser), and clear the query cache on SIGNED_OUT',
  svelte: 'make a readable store over onAuthStateChange that reads app_metadata of the verified user',
  angular:
    'make an injectable service with a signal that reads app_metadata of the verified user, and no HTTP interceptor that sends it',
  solid: 'make a createResource over the verified user that reads app_metadata',
  preact: 'make a hook that reads app_metadata of the verified user',
  qwik: 'return it from a routeLoader$ in the layout that reads the verified claims',
  'solid-start': 'return it from a query ("use server") that reads the verified claims',
};

/**
 * Why the steps that write a hook, a form or a page have nothing to do in a frontend; null where they have. It names the
 * framework where there is one without a cure, with what a person does in its terms.
 */
export function withoutHook({ workspace: { frontend } }: Code, column: string): string | null {
  if (frontend === null) return 'the workspace has no frontend';
  if (usesReactHooks(frontend)) return null;
  const [framework = 'node' as const] = frontend.frameworks.filter((one) => terms[one] !== undefined);
  const how = terms[framework] ?? 'read app_metadata of the verified user in one place';
  return `No cure is known for ${titleOf(framework)}${frontend.directory === '' ? '' : ` (${frontend.directory})`}: ${how.replaceAll('app_metadata', `app_metadata.${column}`)}`;
}

/** The same workspace once for each of its frontends, which are treated one by one. */
export function eachFrontend(code: Code): readonly Code[] {
  const { frontends } = code.workspace;
  if (frontends.length < 2) return [code];
  return frontends.map((frontend) => ({
    ...code,
    workspace: { ...code.workspace, frontend, frontends: [frontend] },
  }));
}

/** The plans of the single frontends as one. A file or a note that several of them name is there once. */
export async function planEach(code: Code, plan: (one: Code) => Promise<Plan>): Promise<Plan> {
  const plans: Plan[] = [];
  for (const one of eachFrontend(code)) plans.push(await plan(one));
  const unique = <T>(all: readonly T[], key: (one: T) => string): readonly T[] => [
    ...new Map(all.map((one) => [key(one), one])).values(),
  ];
  return {
    changes: unique(
      plans.flatMap(({ changes }) => changes),
      ({ id }) => id,
    ),
    blockers: unique(
      plans.flatMap(({ blockers }) => blockers),
      ({ problem }) => problem,
    ),
    notes: unique(
      plans.flatMap(({ notes }) => notes),
      ({ text }) => text,
    ),
  };
}

/** The checks of the single frontends. The ids of the first are as with one frontend; the others carry their folder. */
export async function* checkEach(
  code: Code,
  checks: (one: Code) => AsyncIterable<CheckResult>,
): AsyncIterable<CheckResult> {
  const seen = new Set<string>();
  for (const one of eachFrontend(code)) {
    const { frontend } = one.workspace;
    for await (const result of checks(one)) {
      const id = seen.has(result.id) ? `${result.id}/${placeOf(frontend)}` : result.id;
      if (seen.has(id)) continue;
      seen.add(id);
      yield id === result.id ? result : { ...result, id, title: `${result.title} (${placeOf(frontend)})` };
    }
  }
}

const placeOf = (frontend: Project | null): string => frontend?.directory || frontend?.name || 'root';
