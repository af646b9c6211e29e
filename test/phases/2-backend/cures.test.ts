import { afterEach, describe, expect, it } from 'vitest';
import { orgValidation } from '../../../phases/2-backend/1-org-validation.ts';
import { auth } from '../../../phases/2-backend/2-auth.ts';
import { routes } from '../../../phases/2-backend/3-routes.ts';
import { useOrg } from '../../../phases/3-frontend/1-use-org.ts';
import { components } from '../../../phases/3-frontend/2-components.ts';
import { form } from '../../../phases/4-settings/1-form.ts';
import type { PartialConfig } from '../../../src/config/schema.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { folderOf } from '../../workspace/scan/files.ts';
import { targetOf } from '../sample.ts';

const signal = new AbortController().signal;
const clean: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const remove of clean.splice(0)) await remove();
});

const manifest = (...packages: string[]): string =>
  JSON.stringify({
    name: 'app',
    dependencies: Object.fromEntries(['@supabase/supabase-js', ...packages].map((one) => [one, '*'])),
    devDependencies: { typescript: '5' },
  });
const client = `import { createClient } from '@supabase/supabase-js';\nexport const supabase = createClient(process.env.SUPABASE_URL!, process.env.SUPABASE_SERVICE_ROLE_KEY!);\n`;

async function appOf(files: Readonly<Record<string, string>>, config: PartialConfig = {}) {
  const { root, remove } = await folderOf(files);
  clean.push(remove);
  const target = targetOf(root, { tenants: ['calls'], renames: [] }, config);
  const planned = async (step: typeof routes) => {
    const plan = await step.plan(target);
    return {
      notes: plan.notes.map(({ text }) => text).join('\n'),
      after: Object.fromEntries(plan.changes.map((one) => (one.kind === 'file' ? [one.path, one.after] : ['', null]))),
    };
  };
  const checked = async (step: typeof routes): Promise<readonly CheckResult[]> => {
    const results: CheckResult[] = [];
    for await (const result of step.checks(target, signal, null)) results.push(result);
    return results;
  };
  return { planned, checked };
}

/** One file of an app and what step 2.3 makes of it, with the files that stand around it. */
type Around = Readonly<Record<string, string>>;
type Edit = readonly [
  title: string,
  file: string,
  before: string,
  after: string,
  around: Around,
  config?: PartialConfig,
];
const edits: readonly Edit[] = [
  [
    'Fastify: options that are there, and a helper that only passes the request',
    'src/routes.ts',
    `import type { FastifyInstance } from 'fastify';
import { supabase } from './supabase';
export async function routes(app: FastifyInstance) {
  app.addHook('onRequest', (request) => request.jwtVerify());
  app.get('/a', { schema }, async (request) => supabase.from('calls').select().eq('org_id', request.headers['x-org-id']));
  app.delete<{ Params: { orgId: string } }>('/b/:orgId', async (req) => {
    await supabase.from('calls').delete().eq('org_id', req.params.orgId);
  });
}
`,
    `import type { FastifyInstance } from 'fastify';
import { supabase } from './supabase';
import { assertSameOrg, requireOrg } from './services/org-fastify';
export async function routes(app: FastifyInstance) {
  app.addHook('onRequest', (request) => request.jwtVerify());
  app.get('/a', { preHandler: requireOrg, schema }, async (request) => supabase.from('calls').select().eq('org_id', assertSameOrg(request, request.headers['x-org-id'])));
  app.delete<{ Params: { orgId: string } }>('/b/:orgId', { preHandler: requireOrg }, async (req) => {
    await supabase.from('calls').delete().eq('org_id', assertSameOrg(req, req.params.orgId));
  });
}
`,
    { 'package.json': manifest('fastify'), 'src/supabase.ts': client },
  ],
  [
    'Koa, in CommonJS',
    'src/app.js',
    `const Router = require('@koa/router');
const { supabase } = require('./supabase');
const { requireAuth } = require('./auth');
const router = new Router();
router.post('/calls', requireAuth, async (ctx) => {
  const { orgId, note } = ctx.request.body;
  await supabase.from('calls').insert({ org_id: orgId, note });
});
`,
    `const Router = require('@koa/router');
const { supabase } = require('./supabase');
const { requireAuth } = require('./auth');
const { assertSameOrg, requireOrg } = require('./services/org-koa');
const router = new Router();
router.post('/calls', requireAuth, requireOrg, async (ctx) => {
  const { orgId: requestedOrgId, note } = ctx.request.body;
  const orgId = assertSameOrg(ctx, requestedOrgId);
  await supabase.from('calls').insert({ org_id: orgId, note });
});
`,
    {
      'package.json': '{"name":"app","dependencies":{"koa":"2","@koa/router":"13","@supabase/supabase-js":"2"}}',
      'src/supabase.js': `const { createClient } = require('@supabase/supabase-js');\nconst supabase = createClient(process.env.SUPABASE_URL, process.env.SUPABASE_SERVICE_ROLE_KEY);\nmodule.exports = { supabase };\n`,
      'src/auth.js': `async function requireAuth(ctx, next) {\n  ctx.state.user = (await supabase.auth.getUser(token)).data.user;\n  await next();\n}\nmodule.exports = { requireAuth };\n`,
    },
  ],
  [
    'Nest: a parameter, a body, and an optional parameter that stays last',
    'src/calls.controller.ts',
    `import { Body, Controller, Get, Post, Query, UseGuards } from '@nestjs/common';
import { supabase } from './supabase';
@Controller('calls')
@UseGuards(AuthGuard)
export class CallsController {
  @Get()
  async list(@Query('orgId') orgId: string, @Query('limit') limit?: string) {
    return supabase.from('calls').select('*').eq('org_id', orgId);
  }

  @Post()
  async create(@Body() dto: CreateCall) {
    return supabase.from('calls').insert({ org_id: dto.orgId, note: dto.note });
  }
}
`,
    `import { Body, Controller, Get, Post, Query, UseGuards } from '@nestjs/common';
import { supabase } from './supabase';
import { OrgId, RequireOrg, assertSameOrg } from './services/org.guard';
@Controller('calls')
@UseGuards(AuthGuard)
export class CallsController {
  @RequireOrg()
  @Get()
  async list(@OrgId() ownOrgId: string, @Query('orgId') orgId: string, @Query('limit') limit?: string) {
    orgId = assertSameOrg(ownOrgId, orgId);
    return supabase.from('calls').select('*').eq('org_id', orgId);
  }

  @RequireOrg()
  @Post()
  async create(@Body() dto: CreateCall, @OrgId() ownOrgId: string) {
    return supabase.from('calls').insert({ org_id: assertSameOrg(ownOrgId, dto.orgId), note: dto.note });
  }
}
`,
    { 'package.json': manifest('@nestjs/core', '@nestjs/common', 'express'), 'src/supabase.ts': client },
  ],
  [
    'Remix: the client that the loader made',
    'app/routes/calls.tsx',
    `import { admin } from '../lib/admin.server';
import { createClient } from '../lib/supabase.server';
export async function loader({ request, params }: LoaderFunctionArgs) {
  const { supabase, headers } = createClient(request);
  const { data } = await supabase.auth.getUser();
  if (!data.user) throw redirect('/login');
  return json(await admin.from('calls').select('*').eq('org_id', params.orgId!), { headers });
}
`,
    `import { admin } from '../lib/admin.server';
import { createClient } from '../lib/supabase.server';
import { assertSameOrg } from '../lib/org.server';
export async function loader({ request, params }: LoaderFunctionArgs) {
  const { supabase, headers } = createClient(request);
  const { data } = await supabase.auth.getUser();
  if (!data.user) throw redirect('/login');
  return json(await admin.from('calls').select('*').eq('org_id', await assertSameOrg(supabase, params.orgId)), { headers });
}
`,
    { 'package.json': manifest('@remix-run/node', '@remix-run/react', 'react') },
  ],
  [
    'edge functions: a wrapper, and imports by the file',
    'supabase/functions/report/index.ts',
    `import { createClient } from 'jsr:@supabase/supabase-js@2';
Deno.serve(async (req) => {
  const admin = createClient(Deno.env.get('SUPABASE_URL')!, Deno.env.get('SUPABASE_SERVICE_ROLE_KEY')!);
  const { data: { user } } = await admin.auth.getUser(req.headers.get('Authorization')!.slice(7));
  if (!user) return new Response('no', { status: 401 });
  const { org_id, day } = await req.json();
  return Response.json(await admin.from('calls').select('*').eq('org_id', org_id).eq('day', day));
});
`,
    `import { createClient } from 'jsr:@supabase/supabase-js@2';
import { assertSameOrg, withOrg } from '../_shared/org.ts';
Deno.serve(withOrg(async (req) => {
  const admin = createClient(Deno.env.get('SUPABASE_URL')!, Deno.env.get('SUPABASE_SERVICE_ROLE_KEY')!);
  const { data: { user } } = await admin.auth.getUser(req.headers.get('Authorization')!.slice(7));
  if (!user) return new Response('no', { status: 401 });
  const { org_id: requested_org_id, day } = await req.json();
  const org_id = await assertSameOrg(req, requested_org_id);
  return Response.json(await admin.from('calls').select('*').eq('org_id', org_id).eq('day', day));
}));
`,
    {},
  ],
  [
    'Next: a page that runs on the server, and a safe action',
    'src/app/show/page.tsx',
    `import { admin } from '@/lib/supabase/admin';
import { createClient } from '@/lib/supabase/server';
export default async function Page({ searchParams }: Props) {
  const { data } = await (await createClient()).auth.getUser();
  if (!data.user) return <p>no</p>;
  const { org } = await searchParams;
  return <Calls calls={await admin.from('calls').select('note').eq('org_id', org!)} />;
}
`,
    `import { admin } from '@/lib/supabase/admin';
import { createClient } from '@/lib/supabase/server';
import { assertSameOrg } from '../../lib/org-server';
export default async function Page({ searchParams }: Props) {
  const { data } = await (await createClient()).auth.getUser();
  if (!data.user) return <p>no</p>;
  const { org: requestedOrg } = await searchParams;
  const org = await assertSameOrg(requestedOrg);
  return <Calls calls={await admin.from('calls').select('note').eq('org_id', org!)} />;
}
`,
    { 'package.json': manifest('next', 'react', '@supabase/ssr'), 'src/lib/a.ts': '' },
  ],
  [
    'next-safe-action',
    'src/app/actions.ts',
    `'use server';
import { authActionClient } from '@/lib/safe-action';
export const add = authActionClient.schema(schema).action(async ({ parsedInput }) => {
  await admin.from('calls').insert({ org_id: parsedInput.orgId, note: parsedInput.note });
});
`,
    `'use server';
import { authActionClient } from '@/lib/safe-action';
import { assertSameOrg } from '../lib/org-server';
export const add = authActionClient.schema(schema).action(async ({ parsedInput }) => {
  await admin.from('calls').insert({ org_id: await assertSameOrg(parsedInput.orgId), note: parsedInput.note });
});
`,
    { 'package.json': manifest('next', 'react', '@supabase/ssr'), 'src/lib/a.ts': '' },
  ],
  [
    'Hono without authentication, with the word of the operator',
    'src/app.ts',
    `import { Hono } from 'hono';
import { supabase } from './supabase';
export const app = new Hono();
app.get('/calls', async (c) => c.json(await supabase.from('calls').select().eq('org_id', c.req.query('orgId'))));
`,
    `import { Hono } from 'hono';
import { supabase } from './supabase';
import { assertSameOrg, requireOrg } from './services/org-hono';
export const app = new Hono();
app.get('/calls', requireOrg, async (c) => c.json(await supabase.from('calls').select().eq('org_id', assertSameOrg(c, c.req.query('orgId')))));
`,
    { 'package.json': manifest('hono'), 'src/supabase.ts': client },
    { decisions: { protectRouters: ['src/app.ts'] } },
  ],
  [
    'tRPC: a context that the handler did not take, and the options as a whole',
    'src/calls.ts',
    `import { protectedProcedure, router } from './trpc';
export const calls = router({
  a: protectedProcedure.input(schema).query(({ input }) => supabase.from('calls').select().eq('org_id', input.orgId)),
  b: protectedProcedure.input(schema).query((opts) => supabase.from('calls').select().eq('org_id', opts.input.orgId)),
});
`,
    `import { protectedProcedure, router } from './trpc';
import { assertSameOrg, orgProcedure } from './services/org-procedure';
export const calls = router({
  a: orgProcedure.input(schema).query(({ ctx, input }) => supabase.from('calls').select().eq('org_id', assertSameOrg(ctx, input.orgId))),
  b: orgProcedure.input(schema).query((opts) => supabase.from('calls').select().eq('org_id', assertSameOrg(opts.ctx, opts.input.orgId))),
});
`,
    {
      'package.json': manifest('@trpc/server'),
      'src/supabase.ts': client,
      'src/trpc.ts': `import { initTRPC } from '@trpc/server';\nexport const createTRPCContext = async (opts: { headers: Headers }) => {\n  return { headers: opts.headers, db };\n};\nconst t = initTRPC.context<typeof createTRPCContext>().create();\nexport const router = t.router;\nexport const protectedProcedure = t.procedure.use(isAuthed);\n`,
    },
  ],
];

describe('what step 2.3 makes of a handler', () => {
  it.each(edits.map(([title, ...rest]) => ({ title, rest })))('$title', async ({ rest }) => {
    const [file, before, after, around, config] = rest;
    const app = await appOf({ ...around, [file]: before }, config);
    const { after: texts } = await app.planned(routes);
    expect(texts[file]).toBe(after);
    // Done is done.
    const done = await appOf({ ...around, ...modulesOf(await app.planned(orgValidation)), [file]: after }, config);
    expect((await done.planned(routes)).after).toEqual({});
    expect((await done.checked(routes)).filter((one) => one.verdict === 'failed')).toEqual([]);
  });
});

const modulesOf = ({ after }: { readonly after: Readonly<Record<string, string | null>> }): Record<string, string> =>
  Object.fromEntries(Object.entries(after).flatMap(([file, text]) => (text === null ? [] : [[file, text]])));

const kit = `export const load = async ({ params, locals }) => {\n  if (!locals.user) error(401);\n  return supabase.from('calls').select().eq('org_id', params.org);\n};\n`;

it.each([true, false])('imports server-only into the module for Next where the app has it: %s', async (there) => {
  const packages = ['next', 'react', '@supabase/ssr', ...(there ? ['server-only'] : [])];
  const app = await appOf({
    'package.json': manifest(...packages),
    'src/lib/a.ts': '',
    'src/app/actions.ts': `'use server';\nexport async function add(orgId: string) {\n  const { data } = await (await createClient()).auth.getUser();\n  if (!data.user) throw new Error('no');\n  await admin.from('calls').insert({ org_id: orgId });\n}\n`,
  });
  const written = modulesOf(await app.planned(orgValidation));
  expect(/import 'server-only'/.test(Object.values(written).join())).toBe(there);
});

describe('what is left to a person', () => {
  it('asks before it closes a handler that lets everybody in, and says so in the terms of the framework', async () => {
    const app = await appOf({
      'package.json': manifest('hono'),
      'src/supabase.ts': client,
      'src/app.ts': `import { Hono } from 'hono';\nexport const app = new Hono();\napp.post('/calls', async (c) => {\n  const { orgId } = await c.req.json();\n  return c.json(await supabase.from('calls').select().eq('org_id', orgId));\n});\n`,
    });
    const { after, notes } = await app.planned(routes);
    expect(after).toEqual({});
    expect(notes).toContain('With --protect-routers src/app.ts this step puts the check there');
    expect(notes).toContain("app.get('/x', requireOrg, handler)");
    expect((await app.checked(routes)).find((one) => one.id.startsWith('2.3/scan/'))?.verdict).toBe('failed');
  });

  it('puts nothing in the place of an organization that has to be another one', async () => {
    const app = await appOf({
      'package.json': manifest('@trpc/server'),
      'src/supabase.ts': client,
      'src/trpc.ts': `import { initTRPC } from '@trpc/server';\nexport const createTRPCContext = async (opts: { headers: Headers }) => ({ headers: opts.headers });\nconst t = initTRPC.create();\nexport const protectedProcedure = t.procedure.use(isAuthed);\n`,
      'src/shares.ts': `import { protectedProcedure } from './trpc';\nexport const a = protectedProcedure.input(s).mutation(async ({ ctx, input }) => {\n  const call = await load(input.id);\n  if (call.org_id === input.orgId) throw new Error('the call is yours already');\n  await supabase.from('shares').insert({ call_id: call.id, org_id: input.orgId });\n});\n`,
    });
    const { after, notes } = await app.planned(routes);
    expect(after).toEqual({});
    expect(notes).toContain('whether the caller may name any organization here');
  });

  it('carries over no procedure that asks for more than a user', async () => {
    const app = await appOf({
      'package.json': manifest('@trpc/server'),
      'src/supabase.ts': client,
      'src/trpc.ts': `import { initTRPC } from '@trpc/server';\nexport const createContext = ({ req }: CreateHTTPContextOptions) => ({ req });\nconst t = initTRPC.create();\nexport const protectedProcedure = t.procedure.use(isAuthed);\nexport const adminProcedure = protectedProcedure.use(isAdmin);\n`,
      'src/calls.ts': `import { adminProcedure } from './trpc';\nexport const a = adminProcedure.input(s).query(({ input }) => supabase.from('calls').select().eq('org_id', input.orgId));\n`,
    });
    const { after, notes } = await app.planned(routes);
    expect(after).toEqual({});
    expect(notes).toContain('takes the same .use as orgProcedure');
  });

  it('says that a framework without a cure was not checked, and that it matters', async () => {
    const app = await appOf({
      'package.json': manifest('nuxt'),
      'server/api/calls.get.ts': 'export default defineEventHandler(() => 1);',
    });
    const open = {
      verdict: 'skipped',
      matters: true,
      observed: expect.stringMatching(/^not checked: No cure is known for .*Nuxt: make/),
    };
    expect(await app.checked(orgValidation)).toContainEqual(expect.objectContaining(open));
    for (const step of [useOrg, form]) expect(await app.checked(step)).toEqual([expect.objectContaining(open)]);
    expect((await app.planned(orgValidation)).after).toEqual({});
  });

  it('waits for the client of the caller where handlers need it, and for nothing where none does', async () => {
    const files = {
      'package.json': manifest('@sveltejs/kit', 'svelte', '@supabase/ssr'),
      'src/hooks.server.ts': 'export const handle = ({ event, resolve }) => resolve(event);',
    };
    const needed = await appOf({ ...files, 'src/routes/[org]/+page.server.ts': kit });
    expect(await needed.checked(orgValidation)).toContainEqual(
      expect.objectContaining({
        id: '2.1/cure/sveltekit',
        verdict: 'skipped',
        matters: true,
        observed: expect.stringContaining('hooks.server sets no event.locals.supabase'),
      }),
    );
    const free = await appOf({ ...files, 'src/routes/+page.server.ts': 'export const load = () => ({ a: 1 });' });
    const [check] = await free.checked(orgValidation);
    expect(check).toMatchObject({ verdict: 'skipped', observed: expect.stringMatching(/^not applicable/) });
    expect(check?.matters).toBeUndefined();
  });

  it('puts one more handle behind those of a sequence', async () => {
    const app = await appOf({
      'package.json': manifest('@sveltejs/kit', 'svelte', '@supabase/ssr'),
      'src/hooks.server.ts': `import { sequence } from '@sveltejs/kit/hooks';\nconst supabase = async ({ event, resolve }) => {\n  event.locals.supabase = createServerClient(url, key, { cookies });\n  return resolve(event);\n};\nexport const handle: Handle = sequence(supabase, authGuard,);\n`,
    });
    expect((await app.planned(auth)).after['src/hooks.server.ts']).toContain(
      'sequence(supabase, authGuard, handleOrg,)',
    );
  });

  it('believes no token that is only decoded, and says that nobody checked it', async () => {
    const app = await appOf({
      'package.json': manifest('express'),
      'src/middleware/auth.ts': `import jwt from 'jsonwebtoken';\nexport function requireAuth(req, res, next) {\n  req.user = jwt.decode(req.headers.authorization.slice(7));\n  next();\n}\n`,
    });
    expect(await app.checked(auth)).toContainEqual(
      expect.objectContaining({
        id: '2.2/token/src/middleware/auth.ts',
        verdict: 'skipped',
        matters: true,
        observed: expect.stringContaining('unverified'),
      }),
    );
    expect((await app.planned(auth)).notes).toContain('without checking its signature');
  });
});

describe('several frontends', () => {
  const web = (name: string): Readonly<Record<string, string>> => ({
    [`apps/${name}/package.json`]: JSON.stringify({
      name,
      dependencies: { react: '19', vite: '6', '@supabase/supabase-js': '2' },
    }),
    [`apps/${name}/src/supabase.js`]: `import { createClient } from '@supabase/supabase-js';\nexport const supabase = createClient(url, import.meta.env.VITE_SUPABASE_ANON_KEY);\n`,
    [`apps/${name}/src/api.js`]: `export const load = (orgId) => fetch('/api/calls', { headers: { 'x-org-id': orgId } });\n`,
  });
  const files = { 'package.json': '{"name":"root","workspaces":["apps/*"]}', ...web('dashboard'), ...web('admin') };

  it('are all given the hook, and all looked through', async () => {
    const app = await appOf(files);
    expect(Object.keys((await app.planned(useOrg)).after)).toEqual([
      'apps/dashboard/src/hooks/useOrg.js',
      'apps/admin/src/hooks/useOrg.js',
    ]);
    const scans = (await app.checked(components)).filter(
      (one) => one.id.startsWith('3.2/scan') && one.verdict === 'failed',
    );
    expect(scans.map(({ title }) => title.replace(/: .*/, ''))).toEqual(
      expect.arrayContaining(['apps/dashboard/src/api.js:1', 'apps/admin/src/api.js:1']),
    );
  });

  it('or the one that the operator names', async () => {
    const app = await appOf(files, { code: { frontend: 'apps/admin' } });
    expect(Object.keys((await app.planned(useOrg)).after)).toEqual(['apps/admin/src/hooks/useOrg.js']);
  });

  it('have a client of the kind that keeps the session where the app does', async () => {
    const app = await appOf({
      'package.json': manifest('next', 'react', '@supabase/ssr'),
      'src/app/page.tsx': 'export default () => null;',
    });
    expect((await app.planned(useOrg)).after['src/hooks/useOrg.ts']).toContain(
      "import { createBrowserClient } from '@supabase/ssr';",
    );
  });
});
