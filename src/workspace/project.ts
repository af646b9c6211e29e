import type { FileList } from './files.ts';
import type { Git } from './git.ts';

export type Framework =
  | 'express'
  | 'fastify'
  | 'koa'
  | 'hono'
  | 'nest'
  | 'trpc'
  | 'next-app'
  | 'next-pages'
  | 'sveltekit'
  | 'remix'
  | 'nuxt'
  | 'tanstack-start'
  | 'astro'
  | 'qwik'
  | 'solid-start'
  | 'vue'
  | 'svelte'
  | 'angular'
  | 'solid'
  | 'preact'
  | 'vite-react'
  | 'react'
  | 'node';

/** `@/*` -> `src/*`, both relative to the project, without the `*`. */
export type PathAlias = { readonly prefix: string; readonly target: string };

/** One package of the workspace; the same package is both backend and frontend in a single-package app. */
export type Project = {
  /** Relative to the workspace root; '' for the root itself. */
  readonly directory: string;
  readonly name: string;
  readonly frameworks: readonly Framework[];
  /** `src` where there is one. Relative to the workspace root. */
  readonly sourceDirectory: string;
  readonly typescript: boolean;
  readonly tsconfig: string | null;
  readonly aliases: readonly PathAlias[];
  /** What `import` needs behind a relative module: `.js` under Node's own resolution of ES modules, else nothing. */
  readonly importExtension: '' | '.js' | '.ts';
  readonly moduleType: 'module' | 'commonjs';
  /** Where services live (`src/services`, `src/lib`); relative to the workspace root; null when nothing like it exists. */
  readonly servicesDirectory: string | null;
  readonly scripts: Readonly<Record<string, string>>;
  readonly hasNodeModules: boolean;
};

export type Styling = {
  readonly tailwind: boolean;
  /** The package that shows toasts (`sonner`, `react-hot-toast`); or the app's own file. */
  readonly toast: { readonly package: string | null; readonly file: string | null } | null;
};

export type Workspace = {
  /** Absolute. */
  readonly root: string;
  /** Null when the folder is no git checkout: `--commit` and the list of dirty files are then not to be had. */
  readonly git: Pick<Git, 'dirty'> | null;
  /** Its files at the moment of the look: what a plan is computed from, and a check judges, is one state. */
  readonly list: FileList;
  readonly layout: 'single' | 'separate' | 'workspaces';
  readonly packageManager: 'npm' | 'pnpm' | 'yarn' | 'bun' | null;
  readonly projects: readonly Project[];
  readonly backend: Project | null;
  /** The first of `frontends`. */
  readonly frontend: Project | null;
  /** Every package that is built for the browser, in order of standing: an app may have a dashboard and an admin. */
  readonly frontends: readonly Project[];
  /** Files that authenticate requests, best first, with their exported functions. */
  readonly auth: readonly AuthFile[];
  readonly supabaseClients: readonly SupabaseClientFile[];
  /** Files that `supabase gen types` wrote. */
  readonly generatedTypes: readonly string[];
  readonly styling: Styling;
  /** Route files that are mounted behind an authenticating middleware, and single handlers: `file#name`. */
  readonly authenticatedFiles: ReadonlySet<string>;
  readonly notes: readonly string[];
};

/** A file that authenticates requests. */
export type AuthFile = {
  readonly file: string;
  readonly exports: readonly string[];
  readonly side: 'server' | 'browser';
  /** It takes a token apart and nothing in the file checks its signature: whoever writes a token is believed. */
  readonly decodesOnly?: true;
};

/** `service`: its key goes past row security. `user`: it carries the caller's token or cookies. */
export type ClientRole = 'service' | 'anon' | 'user' | 'unknown';

export type SupabaseClientFile = {
  readonly file: string;
  readonly role: ClientRole;
  readonly exports: readonly string[];
  /** Exports whose own text says another role than the file as a whole: one for the server, one for a page. */
  readonly roles?: Readonly<Record<string, ClientRole>>;
};
