import type { Framework, Project } from './project.ts';

type Row = {
  readonly framework: Framework;
  readonly title: string;
  /** Any of these among the dependencies. */
  readonly packages: readonly string[];
  /** `both`: renders on a server, and in the browser. */
  readonly side: 'server' | 'browser' | 'both';
  /** What it brings along, which is then no framework of its own. */
  readonly brings?: readonly Framework[];
};

/** Frameworks by the packages that bring them. Next and React depend on the folders as well; see `frameworksOf`. */
const rows: readonly Row[] = [
  { framework: 'nest', title: 'Nest', packages: ['@nestjs/core'], side: 'server', brings: ['express', 'fastify'] },
  { framework: 'express', title: 'Express', packages: ['express'], side: 'server' },
  { framework: 'fastify', title: 'Fastify', packages: ['fastify'], side: 'server' },
  { framework: 'koa', title: 'Koa', packages: ['koa'], side: 'server' },
  { framework: 'hono', title: 'Hono', packages: ['hono'], side: 'server' },
  { framework: 'trpc', title: 'tRPC', packages: ['@trpc/server'], side: 'server' },
  { framework: 'sveltekit', title: 'SvelteKit', packages: ['@sveltejs/kit'], side: 'both', brings: ['svelte'] },
  {
    framework: 'remix',
    title: 'Remix / React Router',
    packages: [
      '@remix-run/node',
      '@remix-run/react',
      '@remix-run/server-runtime',
      '@remix-run/cloudflare',
      '@react-router/node',
      '@react-router/serve',
      '@react-router/dev',
      '@react-router/cloudflare',
    ],
    side: 'both',
    brings: ['react', 'vite-react'],
  },
  { framework: 'nuxt', title: 'Nuxt', packages: ['nuxt', 'nuxt3'], side: 'both', brings: ['vue'] },
  {
    framework: 'tanstack-start',
    title: 'TanStack Start',
    packages: ['@tanstack/react-start', '@tanstack/start'],
    side: 'both',
    brings: ['react', 'vite-react'],
  },
  {
    framework: 'astro',
    title: 'Astro',
    packages: ['astro'],
    side: 'both',
    brings: ['react', 'vite-react', 'vue', 'svelte', 'solid', 'preact'],
  },
  { framework: 'qwik', title: 'Qwik', packages: ['@builder.io/qwik', '@qwik.dev/core'], side: 'both' },
  {
    framework: 'solid-start',
    title: 'SolidStart',
    packages: ['@solidjs/start', 'solid-start'],
    side: 'both',
    brings: ['solid'],
  },
  { framework: 'vue', title: 'Vue', packages: ['vue'], side: 'browser' },
  { framework: 'svelte', title: 'Svelte', packages: ['svelte'], side: 'browser' },
  { framework: 'angular', title: 'Angular', packages: ['@angular/core'], side: 'browser' },
  { framework: 'solid', title: 'Solid', packages: ['solid-js'], side: 'browser' },
  { framework: 'preact', title: 'Preact', packages: ['preact'], side: 'browser' },
];

const react: readonly Framework[] = ['next-app', 'next-pages', 'vite-react', 'react'];
const byName = new Map<Framework, Row>(rows.map((row) => [row.framework, row]));

/** What a project is built with. `has`: whether it holds a folder. */
export function frameworksOf(
  dependencies: ReadonlySet<string>,
  has: (folder: string) => boolean,
): readonly Framework[] {
  const found = rows.filter(({ packages }) => packages.some((name) => dependencies.has(name)));
  const brought = new Set(found.flatMap(({ brings }) => brings ?? []));
  const frameworks = found.map(({ framework }) => framework).filter((one) => !brought.has(one));
  if (dependencies.has('next')) {
    const app = has('app') || has('src/app');
    const pages = has('pages') || has('src/pages');
    if (app || !pages) frameworks.push('next-app');
    if (pages) frameworks.push('next-pages');
  } else if (dependencies.has('react')) {
    const framework = dependencies.has('vite') ? 'vite-react' : 'react';
    if (!brought.has(framework)) frameworks.push(framework);
  }
  return frameworks.length === 0 ? ['node'] : frameworks;
}

export const titleOf = (framework: Framework): string =>
  byName.get(framework)?.title ?? (framework.startsWith('next') ? 'Next' : framework === 'node' ? 'Node' : 'React');

/** Whether components of it can use a React hook that reads the session in the browser. */
export const usesReactHooks = ({ frameworks }: Project): boolean => frameworks.some((one) => react.includes(one));

/** A package that is an HTTP server of its own, and no website that renders on one. */
const servesAlone = ({ frameworks }: Project): boolean =>
  frameworks.some((one) => byName.get(one)?.side === 'server' && one !== 'trpc');

export const rendersOnServer = ({ frameworks }: Project): boolean =>
  frameworks.some((one) => one.startsWith('next') || byName.get(one)?.side === 'both');

/** Whether handlers get `req` and `res` as Express gives them, and the service of step 2.1 is theirs. */
export const speaksExpress = ({ frameworks }: Project): boolean =>
  frameworks.some((one) => one === 'express' || one === 'node' || one === 'next-pages') ||
  !frameworks.some((one) => one === 'next-app' || (byName.get(one)?.side ?? 'browser') !== 'browser');

/** Packages that show something rather than being the app: they are taken only where there is nothing else. */
const aside =
  /(?:^|\/)(?:demos?|examples?|samples?|playgrounds?|sandbox|fixtures?|templates?|starters?|docs?|e2e|tests?|storybook|clones?|backups?|copy|old|archived?)(?:\/|$)/i;

/** How much a package looks like the backend; 0: not at all. */
export function backendRank(project: Project): number {
  const named = /(?:^|\/)(?:backend|server|api)$/.test(project.directory) ? 2 : 0;
  const rank = servesAlone(project)
    ? 20
    : rendersOnServer(project) || project.frameworks.includes('trpc')
      ? 10
      : named > 0
        ? 4
        : 0;
  return rank === 0 ? 0 : aside.test(project.directory) ? 1 : rank + named;
}

/** How much a package looks like the frontend; 0: not at all. */
export function frontendRank(project: Project): number {
  const { directory, frameworks } = project;
  const named = /(?:^|\/)(?:frontend|web|client|app|dashboard)$/.test(directory) ? 2 : 0;
  const browser = frameworks.some((one) => byName.get(one)?.side === 'browser');
  const bare = frameworks.includes('react') && /(?:^|\/)packages\//.test(directory);
  const rank = rendersOnServer(project) ? 20 : usesReactHooks(project) || browser ? (bare ? 2 : 16) : 0;
  return rank === 0 ? 0 : aside.test(directory) ? 1 : rank + named;
}
