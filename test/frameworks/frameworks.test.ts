import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import ws from 'ws';
import { filesOf } from '../phases/sample.ts';
import {
  acacia,
  birch,
  copyOf,
  listen,
  openStage,
  organizationsIn,
  type Running,
  type SampleApp,
  type Stage,
  serve,
} from './stage.ts';
import {
  edgeModules,
  kitModules,
  kitRouter,
  kitTypes,
  nextModules,
  nextRouter,
  nextTypes,
  remixRouter,
  servedBy,
} from './stand-ins.ts';

let stage: Stage;
const clean: (() => Promise<void>)[] = [];
beforeAll(async () => {
  stage = await openStage();
  // A client of Supabase wants one to be there, which Node has since version 22.
  vi.stubGlobal('WebSocket', ws);
  vi.stubEnv('SUPABASE_URL', stage.url);
  vi.stubEnv('SUPABASE_SERVICE_ROLE_KEY', stage.serviceKey);
  vi.stubEnv('SUPABASE_ANON_KEY', stage.anonKey);
  vi.stubEnv('NEXT_PUBLIC_SUPABASE_URL', stage.url);
  vi.stubEnv('NEXT_PUBLIC_SUPABASE_ANON_KEY', stage.anonKey);
  vi.stubEnv('PROVIDER_SECRET', 'shown');
});
afterEach(async () => {
  for (const one of clean.splice(0).reverse()) await one();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  await stage?.close();
});

const asOf = (value: unknown): ((...args: unknown[]) => unknown) => {
  if (typeof value !== 'function') throw new Error('no function is exported under that name');
  return (...args) => value(...args);
};

/** How a sample app is started, and how its two holes are asked for: a list, and a row that is written. */
type Sample = {
  readonly name: string;
  readonly start: (app: SampleApp) => Promise<Running>;
  readonly list: (running: Running, org: string | null, token?: string) => ReturnType<Running['ask']>;
  readonly create: (running: Running, org: string | null, token?: string) => ReturnType<Running['ask']>;
  /** A third way to write, by a server action, which answers refusals as errors. */
  readonly action?: (running: Running, org: string | null, token?: string) => ReturnType<Running['ask']>;
  readonly harness?: string;
  readonly modules?: Readonly<Record<string, string>>;
  readonly open: (running: Running) => Promise<readonly number[]>;
  /** Files that the cure makes or changes. */
  readonly touched: readonly string[];
};

const withToken = (token: string | undefined): { readonly token?: string } => (token === undefined ? {} : { token });
const input = (value: unknown): string => encodeURIComponent(JSON.stringify(value));

const samples: readonly Sample[] = [
  {
    name: 'fastify',
    start: async (app) => {
      const made = asOf((await app.load('src/app.ts')).build)() as { ready: () => Promise<void>; server: Server };
      await made.ready();
      return listen(made.server);
    },
    list: (running, org, token) => running.ask(`/calls${org === null ? '' : `?orgId=${org}`}`, withToken(token)),
    create: (running, org, token) =>
      running.ask('/calls', {
        ...withToken(token),
        body: { ...(org === null ? {} : { organizationId: org }), note: 'x' },
      }),
    open: async (running) => [
      (await running.ask('/health')).status,
      (await running.ask('/calls/webhook', { headers: { 'x-provider-secret': 'shown' }, body: {} })).status,
    ],
    touched: ['src/app.ts', 'src/routes/calls.ts', 'src/services/org-fastify.ts', 'src/services/org-membership.ts'],
  },
  {
    name: 'hono',
    start: async (app) => {
      const made = (await app.load('src/app.ts')).app as { fetch: (request: Request) => Promise<Response> };
      return serve((request) => made.fetch(request));
    },
    list: (running, org, token) =>
      running.ask('/calls', { ...withToken(token), headers: org === null ? {} : { 'x-org-id': org } }),
    create: (running, org, token) =>
      running.ask('/calls', { ...withToken(token), body: { ...(org === null ? {} : { orgId: org }), note: 'x' } }),
    open: async (running) => [
      (await running.ask('/health')).status,
      (await running.ask('/webhook', { headers: { 'x-provider-secret': 'shown' }, body: {} })).status,
    ],
    touched: ['src/app.ts', 'src/services/org-hono.ts', 'src/services/org-membership.ts'],
  },
  {
    name: 'trpc',
    start: async (app) => listen(asOf((await app.load('src/server.ts')).build)() as Server),
    list: (running, org, token) => running.ask(`/list?input=${input({ orgId: org ?? '' })}`, withToken(token)),
    create: (running, org, token) =>
      running.ask('/create', {
        ...withToken(token),
        body: { ...(org === null ? {} : { organization_id: org }), note: 'x' },
      }),
    open: async (running) => [(await running.ask('/health')).status],
    touched: ['src/calls.ts', 'src/services/org-membership.ts', 'src/services/org-procedure.ts'],
  },
  {
    name: 'next',
    // Next is not installed: its own modules run on a thin router, behind a server of Node.
    harness: ' on a stand-in of Next',
    modules: nextModules,
    start: async (app) => {
      const routes = {
        '/api/calls': await app.load('src/app/api/calls/route.ts'),
        '/api/health': await app.load('src/app/api/health/route.ts'),
      };
      return serve(nextRouter(routes, await app.load('src/app/calls/actions.ts')));
    },
    list: (running, org, token) =>
      running.ask(`/api/calls${org === null ? '' : `?orgId=${org}`}`, { headers: { cookie: stage.cookies(token) } }),
    create: (running, org, token) =>
      running.ask('/api/calls', {
        headers: { cookie: stage.cookies(token) },
        body: { ...(org === null ? {} : { orgId: org }), note: 'x' },
      }),
    action: (running, org, token) =>
      running.ask('/action/addCall', { headers: { cookie: stage.cookies(token) }, body: [org, 'x'] }),
    open: async (running) => [(await running.ask('/api/health')).status],
    touched: [
      'src/app/api/calls/route.ts',
      'src/app/calls/actions.ts',
      'src/lib/org-membership.ts',
      'src/lib/org-server.ts',
    ],
  },
  {
    name: 'sveltekit',
    harness: ' on a stand-in of SvelteKit',
    modules: kitModules,
    start: async (app) => {
      // One bundle, as the server of an app is: hooks and routes share their modules.
      const all = await app.load('src/hooks.server.ts', {
        calls: './src/routes/api/calls/+server.ts',
        page: './src/routes/calls/+page.server.ts',
        health: './src/routes/health/+server.ts',
      });
      const { calls, page, health } = all as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
      return serve(kitRouter(all, { '/api/calls': calls ?? {}, '/calls': page ?? {}, '/health': health ?? {} }));
    },
    list: (running, org, token) =>
      running.ask(`/api/calls${org === null ? '' : `?orgId=${org}`}`, { headers: { cookie: stage.cookies(token) } }),
    create: (running, org, token) =>
      running.ask('/calls?/create', {
        headers: { cookie: stage.cookies(token), 'content-type': 'application/x-www-form-urlencoded' },
        form: { ...(org === null ? {} : { org_id: org }), note: 'x' },
      }),
    open: async (running) => [(await running.ask('/health')).status],
    touched: [
      'src/hooks.server.ts',
      'src/lib/server/org-membership.ts',
      'src/lib/server/org.ts',
      'src/routes/api/calls/+server.ts',
      'src/routes/calls/+page.server.ts',
    ],
  },
  {
    name: 'edge',
    harness: ' functions on a stand-in of Deno',
    modules: edgeModules,
    start: async (app) => {
      const load = (name: string) => servedBy(() => app.load(`supabase/functions/${name}/index.ts`));
      const [calls, health] = [await load('calls'), await load('health')];
      return serve((request) => (request.url.includes('/health') ? health(request) : calls(request)));
    },
    list: (running, org, token) => running.ask(`/calls${org === null ? '' : `?org_id=${org}`}`, withToken(token)),
    create: (running, org, token) =>
      running.ask('/calls', {
        ...withToken(token),
        body: { ...(org === null ? {} : { organization_id: org }), note: 'x' },
      }),
    open: async (running) => [(await running.ask('/health')).status],
    touched: [
      'supabase/functions/_shared/org-membership.ts',
      'supabase/functions/_shared/org.ts',
      'supabase/functions/calls/index.ts',
    ],
  },
  {
    name: 'remix',
    harness: ' on a stand-in of its router',
    start: async (app) => {
      const calls = await app.load('app/routes/calls.tsx');
      const health = await app.load('app/routes/health.ts');
      return serve(
        remixRouter([
          [/^\/health$/, health],
          [/^\/calls(?:\/(?<orgId>[\w-]+))?$/, calls],
        ]),
      );
    },
    list: (running, org, token) =>
      running.ask(`/calls${org === null ? '' : `/${org}`}`, { headers: { cookie: stage.cookies(token) } }),
    create: (running, org, token) =>
      running.ask('/calls', {
        headers: { cookie: stage.cookies(token), 'content-type': 'application/x-www-form-urlencoded' },
        form: { ...(org === null ? {} : { orgId: org }), note: 'x' },
      }),
    open: async (running) => [(await running.ask('/health')).status],
    touched: ['app/lib/org-membership.ts', 'app/lib/org.server.ts', 'app/routes/calls.tsx'],
  },
];

/** The cured apps, type-checked together at the end against the real packages. */
let kept: string;
beforeAll(async () => {
  kept = await mkdtemp(path.join(tmpdir(), 'voxanne-cured-'));
  await symlink(path.resolve('node_modules'), path.join(kept, 'node_modules'));
});
afterAll(() => rm(kept, { recursive: true, force: true }));

const titled = samples.map((sample) => ({ ...sample, title: `${sample.name}${sample.harness ?? ''}` }));

describe.each(titled)('$title: two organizations over HTTP', (sample) => {
  const { name, start, list, create, action, open, touched } = sample;
  test('the attack succeeds before, is refused after, and everything else goes on; the rollback leaves no byte', async () => {
    const app = await copyOf(name, {}, sample.modules);
    clean.push(app.remove);
    const before = await filesOf(app.root);
    const { acacia: member, birch: other, former, nobody } = stage.tokens;

    const vulnerable = await start(app);
    expect(organizationsIn(await list(vulnerable, birch, member))).toEqual([birch]);
    expect(organizationsIn(await create(vulnerable, birch, member))).toEqual([birch]);
    if (action) expect(organizationsIn(await action(vulnerable, birch, member))).toEqual([birch]);
    expect(organizationsIn(await list(vulnerable, acacia, member))).toEqual([acacia]);
    const free = await open(vulnerable);
    expect(free.every((status) => status === 200)).toBe(true);
    await vulnerable.stop();

    await app.cure();
    const after = await filesOf(app.root);
    expect(
      Object.keys(after)
        .filter((file) => after[file] !== before[file])
        .sort(),
    ).toEqual(touched);
    await app.keep(kept);
    const cured = await start(app);
    for (const ask of [list, create]) {
      expect([(await ask(cured, birch, member)).status, (await ask(cured, acacia, other)).status]).toEqual([403, 403]);
      expect([(await ask(cured, acacia)).status, (await ask(cured, acacia, nobody)).status]).toEqual([401, 401]);
      // The token still says Acacia; the membership is gone.
      expect((await ask(cured, acacia, former)).status).toBe(403);
      const own = await ask(cured, acacia, member);
      expect([own.status < 300, organizationsIn(own)]).toEqual([true, [acacia]]);
      expect(organizationsIn(await ask(cured, birch, other))).toEqual([birch]);
    }
    if (action) {
      expect(organizationsIn(await action(cured, birch, member))).toEqual([]);
      expect(organizationsIn(await action(cured, acacia, former))).toEqual([]);
      expect(organizationsIn(await action(cured, acacia, member))).toEqual([acacia]);
    }
    // Who names no organization acts for the own one.
    expect(organizationsIn(await create(cured, null, other))).toEqual([birch]);
    expect(await open(cured)).toEqual(free);
    await cured.stop();

    await app.undo();
    expect(await filesOf(app.root)).toEqual(before);
  });
});

test('the cured apps have no type error, against the real packages but for Next and SvelteKit', async () => {
  await writeFile(path.join(kept, 'stand-ins.d.ts'), nextTypes + kitTypes);
  await writeFile(
    path.join(kept, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2022',
        jsx: 'preserve',
        module: 'esnext',
        moduleResolution: 'bundler',
        strict: true,
        skipLibCheck: true,
        noEmit: true,
        types: ['node'],
        paths: { '@/*': ['./next/src/*'], '$lib/*': ['./sveltekit/src/lib/*'] },
      },
      include: ['*/src', 'remix/app', 'stand-ins.d.ts'],
    }),
  );
  const { stdout } = await execa('tsc', ['-p', kept], { preferLocal: true, reject: false });
  expect(stdout).toBe('');
});
