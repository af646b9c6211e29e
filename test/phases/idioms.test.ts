import { afterEach, describe, expect, it } from 'vitest';
import type { DatabaseFacts } from '../../phases/code/database-facts.ts';
import type { StepId } from '../../src/rollout/step.ts';
import { type SmallApp, smallApp } from './small-app.ts';

const backend: readonly StepId[] = ['2.1', '2.2', '2.3'];
const all: readonly StepId[] = [...backend, '3.1', '3.2', '3.3', '4.1', '4.2'];

let app: SmallApp;
afterEach(() => app.remove());

/** What an app calls its organizations. */
function named(table: string, column: string, tenant: string, idType = 'uuid'): Partial<DatabaseFacts> {
  return {
    column,
    organizations: { schema: 'public', table, key: 'id', nameColumn: 'name', editable: [], idType },
    memberships: { schema: 'public', table: 'members', userColumn: 'user_id', orgColumn: column, roleColumn: 'role' },
    profiles: null,
    tenants: [tenant, 'members'],
    renames: [],
  };
}

const packages = (dependencies: Readonly<Record<string, string>>, more: object = {}): string =>
  JSON.stringify({ name: 'app', dependencies: { '@supabase/supabase-js': '2', ...dependencies }, ...more });
const admin = (name: string): string =>
  `import { createClient } from '@supabase/supabase-js';\nexport const ${name} = createClient(process.env.SUPABASE_URL!, process.env.SUPABASE_SERVICE_ROLE_KEY!);\n`;

/** Applies the steps, holds that nothing is open, that nothing is left to do, and that all of it can be taken back. */
async function rolledOut(
  files: Readonly<Record<string, string>>,
  facts: Partial<DatabaseFacts>,
  steps: readonly StepId[],
  open: readonly RegExp[] = [],
): Promise<void> {
  app = await smallApp(files, facts);
  const left = (await app.run(...steps)).map(({ title }) => title);
  expect(left.filter((one) => !open.some((known) => known.test(one)))).toEqual([]);
  expect(await app.again(...steps)).toBe(0);
}
const undone = async (): Promise<void> => expect(await app.undo()).toEqual([]);

describe('Express in plain CommonJS without semicolons, for teams with whole-number ids', () => {
  const files = {
    'package.json': packages({ express: '4', 'express-async-errors': '3' }),
    'src/index.js': `require('express-async-errors')
const express = require('express')
const { authenticate } = require('./middleware/authenticate')
const projects = require('./routes/projects')

const app = express()
app.use(express.json())
app.get('/healthz', (req, res) => res.send('ok'))
app.use('/projects', authenticate, projects)
module.exports = app
`,
    'src/db.js': `const { createClient } = require('@supabase/supabase-js')

const db = createClient(process.env.SUPABASE_URL, process.env.SUPABASE_SERVICE_ROLE_KEY)

module.exports = { db }
`,
    'src/middleware/authenticate.js': `const { db } = require('../db')

async function authenticate (req, res, next) {
  const { data, error } = await db.auth.getUser((req.headers.authorization || '').replace('Bearer ', ''))
  if (error || !data.user) return res.status(401).json({ error: 'Unauthorized' })
  req.user = { id: data.user.id, teamId: data.user.user_metadata.team_id }
  next()
}

module.exports = { authenticate }
`,
    'src/routes/projects.js': `const { Router } = require('express')
const { db } = require('../db')

const router = Router()

router.get('/', async (req, res) => {
  const teamId = Number(req.query.teamId)
  const { data } = await db.from('projects').select('*').eq('team_id', teamId)
  res.json(data)
})

router.patch('/:id', async (req, res) => {
  const { data } = await db.from('projects').update(req.body).eq('id', req.params.id).select()
  res.json(data)
})

module.exports = router
`,
  };

  it('resolves the organization where the user is put on the request, in the style of the app', async () => {
    await rolledOut(files, named('teams', 'team_id', 'projects', 'bigint'), backend);
    expect(
      await app.read('src/middleware/authenticate.js'),
    ).toContain(`const { resolveOrgId } = require('../services/org-validation')
`);
    expect(
      await app.read('src/middleware/authenticate.js'),
    ).toContain(`  const orgId = await resolveOrgId(data.user, req, res)
  if (orgId === null) return
  req.user = { id: data.user.id, teamId: orgId }
  req.org_id = orgId
  next()
`);
    const routes = await app.read('src/routes/projects.js');
    expect(routes.match(/require\('\.\.\/services\/org-validation'\)/g)).toHaveLength(1);
    expect(routes).toContain('  const teamId = Number(assertSameOrg(req, req.query.teamId))\n');
    expect(routes).toContain(
      `update({ ...req.body, team_id: requireOrgId(req) }).eq('team_id', requireOrgId(req)).eq('id'`,
    );
    expect(await app.read('src/services/org-validation.js')).not.toMatch(/;$|[^\S\n]+$/m);
    await undone();
  });
});

describe("routes of the platform's own people", () => {
  const route = (before: string): string => `const { Router } = require('express')
const { db } = require('./db')
const { authenticate, requireSuperAdmin } = require('./auth')
const router = Router()
${before}
router.get('/teams/:teamId', authenticate, async (req, res) => {
  const { data } = await db.from('projects').select('*').eq('team_id', req.params.teamId)
  res.json(data)
})
module.exports = router
`;

  it('are not kept to one team: a person says whether they are meant', async () => {
    const text = route('router.use(requireSuperAdmin)');
    app = await smallApp(
      {
        'package.json': packages({ express: '4' }),
        'src/index.js': `const express = require('express')\nexpress().use('/a', require('./a')).use('/b', require('./b'))\n`,
        'src/db.js': `const { createClient } = require('@supabase/supabase-js')\nmodule.exports = { db: createClient(process.env.SUPABASE_URL, process.env.SUPABASE_SERVICE_ROLE_KEY) }\n`,
        'src/auth.js': `const { db } = require('./db')\nasync function authenticate (req, res, next) {\n  const { data: { user } } = await db.auth.getUser(req.headers.authorization)\n  req.user = user\n  next()\n}\nconst requireSuperAdmin = (req, res, next) => (req.user.isSuperAdmin ? next() : res.status(403).end())\nmodule.exports = { authenticate, requireSuperAdmin }\n`,
        'src/a.js': text,
        'src/b.js': route(''),
      },
      named('teams', 'team_id', 'projects'),
    );
    const left = (await app.run(...backend)).map(({ title }) => title);
    expect(left).toEqual([expect.stringMatching(/^src\/a\.js:7: .*the platform's own people come through here\.$/)]);
    expect(await app.read('src/a.js')).toBe(text);
    expect(await app.read('src/b.js')).toContain('assertSameOrg(req, req.params.teamId)');
    await undone();
  });
});

describe('Express with controllers, claims, and companies', () => {
  const files = {
    'package.json': packages({ express: '5' }, { type: 'module', devDependencies: { typescript: '5' } }),
    'tsconfig.json': '{"compilerOptions":{"strict":true,"module":"nodenext"},"include":["src"]}',
    'src/server.ts': `import express from 'express';
import { apiRouter } from './routes/index.js';
import { requireUser } from './middleware/require-user.js';
const app = express();
app.get('/health', (_req, res) => { res.json({ ok: true }); });
app.use('/api', requireUser, apiRouter);
app.listen(3000);
`,
    'src/routes/index.ts': `import { Router } from 'express';
import { invoiceRouter } from './invoices.js';

export const apiRouter = Router();
apiRouter.use('/invoices', invoiceRouter);
`,
    'src/routes/invoices.ts': `import { Router } from 'express';
import { InvoiceController } from '../controllers/invoices.js';
import * as functions from '../controllers/functions.js';

const controller = new InvoiceController();
export const invoiceRouter = Router();
invoiceRouter.route('/').get(controller.list).post(functions.create);
`,
    'src/controllers/invoices.ts': `import type { NextFunction, Request, Response } from 'express';
import { db } from '../db.js';

export class InvoiceController {
  constructor() {
    this.list = this.list.bind(this);
  }

  async list(req: Request, res: Response, next: NextFunction): Promise<void> {
    try {
      const { data } = await db.from('invoices').select('*').eq('company_id', req.query.companyId as string);
      res.json(data);
    } catch (error) {
      next(error);
    }
  }
}
`,
    'src/controllers/functions.ts': `import type { Request, Response } from 'express';
import { db } from '../db.js';

export async function create(req: Request, res: Response) {
  const { data } = await db.from('invoices').insert({ total: req.body.total, company_id: req.body.company_id ?? req.user!.companyId });
  return res.json(data);
}
`,
    'src/middleware/require-user.ts': `import type { NextFunction, Request, Response } from 'express';
import { db } from '../db.js';

export async function requireUser(req: Request, res: Response, next: NextFunction) {
  const { data } = await db.auth.getClaims(req.headers.authorization?.slice(7));
  if (!data) {
    res.status(401).json({ error: 'Not signed in' });
    return;
  }
  const { claims } = data;
  req.user = { id: claims.sub, companyId: claims.app_metadata?.company_id ?? claims.user_metadata?.company_id };
  next();
}
`,
    'src/db.ts': admin('db'),
  };

  it('follows the routes to the controllers, and compares what stands in front of a mark', async () => {
    await rolledOut(files, named('companies', 'company_id', 'invoices'), backend);
    expect(await app.read('src/controllers/functions.ts')).toContain(
      'export const create = answeringRefusals(async function create(req: Request, res: Response) {\n',
    );
    expect(await app.read('src/controllers/functions.ts')).toContain(
      'company_id: assertSameOrg(req, req.body.company_id) });',
    );
    expect(await app.read('src/controllers/invoices.ts')).toContain(
      '    } catch (error) {\n      if (answerRefusal(error, res)) return;\n      next(error);\n',
    );
    expect(await app.read('src/middleware/require-user.ts')).toContain(
      `const orgId = await resolveOrgId(claims, req, res);\n  if (orgId === null) return;\n  req.user = { id: claims.sub, companyId: orgId };\n  req.org_id = orgId;\n`,
    );
    // Claims name the user by `sub`.
    expect(await app.read('src/services/org-validation.ts')).toContain('const userId = user.id ?? user.sub;');
    await undone();
  });
});

describe('Next pages with a wrapper around API routes, and a store', () => {
  const files = {
    'package.json': packages(
      { next: '14', react: '18', '@supabase/auth-helpers-nextjs': '0.8', zustand: '4' },
      { devDependencies: { typescript: '5' } },
    ),
    'tsconfig.json': '{"compilerOptions":{"strict":true,"jsx":"preserve","paths":{"@/*":["./src/*"]}}}',
    'src/lib/admin.ts': admin('supabaseAdmin'),
    'src/lib/supabase.ts': `import { createPagesBrowserClient } from '@supabase/auth-helpers-nextjs';\nexport const supabase = createPagesBrowserClient();\n`,
    'src/lib/with-auth.ts': `import { createPagesServerClient } from '@supabase/auth-helpers-nextjs';
import type { NextApiHandler, NextApiRequest, NextApiResponse } from 'next';

export type AuthedRequest = NextApiRequest & { user: { id: string; workspaceId: string } };

export function withAuth(handler: (req: AuthedRequest, res: NextApiResponse) => unknown): NextApiHandler {
  return async (req, res) => {
    const supabase = createPagesServerClient({ req, res });
    const { data: { user } } = await supabase.auth.getUser();
    if (!user) return res.status(401).json({ error: 'not signed in' });
    (req as AuthedRequest).user = { id: user.id, workspaceId: user.user_metadata.workspace_id };
    return handler(req as AuthedRequest, res);
  };
}
`,
    'src/pages/api/documents.ts': `import type { NextApiRequest, NextApiResponse } from 'next';
import { supabaseAdmin } from '@/lib/admin';
import { withAuth } from '@/lib/with-auth';

async function handler(req: NextApiRequest, res: NextApiResponse) {
  const { data } = await supabaseAdmin.from('documents').insert({ ...req.body, ws_id: req.body.workspaceId });
  res.json(data);
}

export default withAuth(handler);
`,
    'src/pages/api/health.ts': `import type { NextApiRequest, NextApiResponse } from 'next';\nexport default function handler(_req: NextApiRequest, res: NextApiResponse) {\n  res.json({ ok: true });\n}\n`,
    'src/store.ts': `import { create } from 'zustand';
export const useWorkspaceStore = create<{ workspaceId: string | null; setWorkspaceId: (id: string | null) => void }>()((set) => ({
  workspaceId: localStorage.getItem('workspace_id'),
  setWorkspaceId: (workspaceId) => set({ workspaceId }),
}));
`,
    'src/pages/_app.tsx': `import type { AppProps } from 'next/app';
import { useEffect } from 'react';
import { supabase } from '@/lib/supabase';
import { useWorkspaceStore } from '@/store';

export default function App({ Component, pageProps }: AppProps) {
  const setWorkspaceId = useWorkspaceStore((s) => s.setWorkspaceId);
  useEffect(() => {
    const stored = localStorage.getItem('workspace_id');
    if (stored) setWorkspaceId(stored);
    else supabase.auth.getUser().then(({ data }) => setWorkspaceId(data.user?.user_metadata?.workspace_id ?? null));
  }, [setWorkspaceId]);
  return <Component {...pageProps} />;
}
`,
    'src/pages/settings.tsx': `export default function Settings() {\n  return (\n    <main>\n      <h1>Settings</h1>\n    </main>\n  );\n}\n`,
  };
  const facts = {
    ...named('workspaces', 'workspace_id', 'documents'),
    renames: [{ table: 'documents', from: 'ws_id', to: 'workspace_id' }],
  };

  it('is cured in its wrapper, keeps one key of a name, and leaves no dead test behind', async () => {
    await rolledOut(files, facts, all);
    expect(await app.read('src/lib/with-auth.ts')).toContain(
      '(req as AuthedRequest).user = { id: user.id, workspaceId: orgId };\n    req.org_id = orgId;\n',
    );
    const route = await app.read('src/pages/api/documents.ts');
    expect(route).toContain(`import { assertSameOrg, answeringRefusals } from '@/lib/org-validation';`);
    expect(route).toContain('insert({ ...req.body, workspace_id: assertSameOrg(req, req.body.workspaceId) });');
    expect(await app.read('src/pages/_app.tsx')).toContain(
      '    if (!orgId) return;\n    supabase.auth.getUser().then(({ data }) => setWorkspaceId(orgId));\n  }, [setWorkspaceId, orgId]);',
    );
    expect(await app.read('src/store.ts')).toContain('  workspaceId: null as string | null,\n');
    expect(await app.read('src/components/settings/OrganizationForm.tsx')).toContain('You belong to no workspace yet.');
    expect(await app.read('src/pages/settings.tsx')).toMatch(/OrganizationForm';\n\nexport default/);
    await undone();
  });
});

describe('Next with the App Router, without semicolons', () => {
  const files = {
    'package.json': packages(
      { next: '15', react: '19', '@supabase/ssr': '0.5' },
      { devDependencies: { typescript: '5' } },
    ),
    'tsconfig.json': '{"compilerOptions":{"strict":true,"jsx":"preserve","paths":{"@/*":["./*"]}}}',
    'utils/server.ts': `import { createServerClient } from '@supabase/ssr'
import { cookies } from 'next/headers'

export async function createClient() {
  const store = await cookies()
  return createServerClient(process.env.NEXT_PUBLIC_SUPABASE_URL!, process.env.NEXT_PUBLIC_SUPABASE_ANON_KEY!, {
    cookies: { getAll: () => store.getAll() },
  })
}
`,
    'utils/admin.ts': admin('admin').replaceAll(';\n', '\n'),
    'app/api/tasks/route.ts': `import { createClient } from '@/utils/server'
import { admin } from '@/utils/admin'

export async function GET(request: Request) {
  const supabase = await createClient()
  const { data: { user } } = await supabase.auth.getUser()
  if (!user) return Response.json({ error: 'unauthorized' }, { status: 401 })
  const orgId = new URL(request.url).searchParams.get('orgId')
  const { data } = await admin.from('tasks').select('*').eq('org_id', orgId)
  return Response.json(data)
}
`,
    'app/tasks/page.tsx': `import { cookies, headers } from 'next/headers'
import { createClient } from '@/utils/server'
import { admin } from '@/utils/admin'

export default async function TasksPage({ searchParams }: { searchParams: Promise<{ org?: string }> }) {
  const supabase = await createClient()
  const { data: { user } } = await supabase.auth.getUser()
  const { org } = await searchParams
  const orgId = org ?? (await cookies()).get('org_id')?.value ?? (await headers()).get('x-org-id')
  const { data } = await admin.from('tasks').select('*').eq('org_id', orgId)
  return <input type="hidden" name="orgId" value={orgId ?? ''} title={String(data?.length)} />
}
`,
  };

  it('compares all that a page is told as one value, and wraps in the style of the file', async () => {
    await rolledOut(files, named('organizations', 'org_id', 'tasks'), all);
    expect(await app.read('app/tasks/page.tsx')).toContain(
      `  const { org } = await searchParams
  const orgId = await assertSameOrg(org ?? (await cookies()).get('org_id')?.value ?? (await headers()).get('x-org-id'))
`,
    );
    expect(await app.read('app/tasks/page.tsx')).toContain('value={orgId} title=');
    expect(await app.read('app/api/tasks/route.ts')).toMatch(/withOrg\(async function GET[\s\S]*\n\}\)\n$/);
    await undone();
  });
});

describe('Fastify with a plugin of its own', () => {
  const files = {
    'package.json': packages({ fastify: '5' }, { type: 'module', devDependencies: { typescript: '5' } }),
    'tsconfig.json': '{"compilerOptions":{"strict":true,"module":"nodenext"}}',
    'src/app.ts': `import Fastify from 'fastify';
import devices from './devices.js';
export const app = Fastify();
await app.register(devices, { prefix: '/devices' });
`,
    'src/supabase.ts': admin('supabase'),
    'src/devices.ts': `import type { FastifyPluginAsync } from 'fastify';
import { supabase } from './supabase.js';

const devices: FastifyPluginAsync = async (fastify) => {
  fastify.addHook('preHandler', (request) => request.jwtVerify());
  fastify.get('/', async (request) => {
    const { accountId } = request.query as { accountId?: string };
    return supabase.from('devices').select('*').eq('account_id', accountId ?? request.user?.accountId ?? '');
  });
};
export default devices;
`,
  };

  it('drops every fallback behind the validated account', async () => {
    await rolledOut(files, named('accounts', 'account_id', 'devices'), backend);
    expect(await app.read('src/devices.ts')).toContain(
      `const accountId = assertSameOrg(request, requestedAccountId);\n    return supabase.from('devices').select('*').eq('account_id', accountId);`,
    );
    await undone();
  });
});

describe('Hono on workers, with a middleware of its own file', () => {
  const files = {
    'package.json': packages({ hono: '4' }, { type: 'module', devDependencies: { typescript: '5' } }),
    'tsconfig.json': '{"compilerOptions":{"strict":true,"module":"esnext","moduleResolution":"bundler"}}',
    'src/index.ts': `import { Hono } from 'hono';
import { auth } from './auth';
const app = new Hono<{ Bindings: { SUPABASE_URL: string; SUPABASE_SERVICE_ROLE_KEY: string } }>();
app.get('/', (c) => c.text('ok'));
app.get('/notes', auth, async (c) => c.json(await c.get('db').from('notes').select('*').eq('org_id', c.get('user').id)));
export default app;
`,
    'src/auth.ts': `import { createClient } from '@supabase/supabase-js';
import { createMiddleware } from 'hono/factory';

export const auth = createMiddleware(async (c, next) => {
  const db = createClient(c.env.SUPABASE_URL, c.env.SUPABASE_SERVICE_ROLE_KEY);
  const { data } = await db.auth.getUser(c.req.header('Authorization')?.slice(7));
  if (!data.user) return c.json({ error: 'unauthorized' }, 401);
  c.set('db', db);
  c.set('user', data.user);
  c.set('orgId', c.req.header('x-org-id') ?? data.user.app_metadata.org_id);
  await next();
});
`,
  };

  it('asks with the client of its bindings, and sees that the middleware believes a header', async () => {
    await rolledOut(
      files,
      named('organizations', 'org_id', 'notes'),
      ['2.1', '2.2'],
      [/^src\/auth\.ts:10: The organization comes from a request header/],
    );
    expect(await app.read('src/services/org-hono.ts')).toContain(
      'await orgOfToken(createClient(c.env.SUPABASE_URL, c.env.SUPABASE_SERVICE_ROLE_KEY), c.req.header',
    );
    await undone();
  });
});

describe('several packages, with a store that keeps the company in the browser', () => {
  const files = {
    'package.json': '{"name":"root","private":true,"workspaces":["apps/*","packages/*"]}',
    'packages/db/package.json': packages({}).replace('"app"', '"@acme/db"'),
    'packages/db/src/index.ts': `${admin('admin')}export const leadsOf = (companyId: number) => admin.from('leads').select('*').eq('company_id', companyId);\n`,
    'apps/api/package.json': packages({ express: '4', '@acme/db': '*' }, { devDependencies: { typescript: '5' } }),
    'apps/api/src/index.ts': `import express from 'express';
import { authenticateToken } from './auth';
import { leads } from './leads';
const app = express();
app.get('/health', (_req, res) => { res.send('ok'); });
app.use('/leads', authenticateToken, leads);
`,
    'apps/api/src/auth.ts': `import type { RequestHandler } from 'express';
import { admin } from '@acme/db';

export const authenticateToken: RequestHandler = async (req, res, next) => {
  const { data } = await admin.auth.getUser(req.headers.authorization?.split(' ')[1]);
  if (!data.user) {
    res.status(401).end();
    return;
  }
  req.userId = data.user.id;
  req.companyId = Number(data.user.user_metadata.company_id);
  next();
};
`,
    'apps/api/src/leads.ts': `import { Router } from 'express';
import { leadsOf } from '@acme/db';

export const leads = Router();

leads.get('/', async (req, res) => {
  const companyId = Number(req.query.companyId);
  const { data } = await leadsOf(companyId);
  res.json(data);
});
`,
    'apps/web/package.json': packages({ react: '18', vite: '5', axios: '1' }, { devDependencies: { typescript: '5' } }),
    'apps/web/src/supabaseClient.ts': `import { createClient } from '@supabase/supabase-js';\nexport const supabase = createClient(import.meta.env.VITE_SUPABASE_URL, import.meta.env.VITE_SUPABASE_ANON_KEY);\n`,
    'apps/web/src/store.ts': `export const store = { companyId: localStorage.getItem('companyId') };\n`,
    'apps/web/src/api.ts': `import axios from 'axios';
import { store } from './store';

export const api = axios.create({ baseURL: import.meta.env.VITE_API_URL });
api.interceptors.request.use((config) => {
  config.headers['X-Company-Id'] = store.companyId;
  return config;
});
`,
    'apps/web/src/hooks/useCompany.ts': `import { useState } from 'react';
export function useCompany() {
  const [companyId] = useState(localStorage.getItem('companyId'));
  return { companyId };
}
`,
    'apps/web/src/pages/Settings.tsx': `import { useState } from 'react';

const tabs = [
  { id: 'profile', label: 'Profile' },
  { id: 'billing', label: 'Billing' },
];

export function Settings() {
  const [tab] = useState('profile');
  return (
    <div>
      {tabs.map((one) => <b key={one.id}>{one.label}</b>)}
      {tab === 'profile' && <p>Profile</p>}
      {tab === 'billing' && <p>Billing</p>}
    </div>
  );
}
`,
  };

  it('says what a person has to do in the words of the app', async () => {
    const route = `import { supabase } from './supabaseClient';\nexport const leads = () => supabase.from('leads').select('*').eq('company_id', String(sessionStorage.getItem('companyId')));\n`;
    app = await smallApp(
      { ...files, 'apps/web/src/leads.ts': route },
      named('companies', 'company_id', 'leads', 'bigint'),
    );
    await app.run(...backend, '3.1', '3.2');
    expect(app.notes.join('\n')).toContain('Read app_metadata.company_id of the current session (useOrg)');
  });

  it('follows the id into another package, writes the hook of the app, and names the tab in its words', async () => {
    await rolledOut(files, named('companies', 'company_id', 'leads', 'bigint'), all);
    expect(await app.read('apps/api/src/leads.ts')).toContain(
      'const companyId = Number(assertSameOrg(req, req.query.companyId));',
    );
    expect(await app.read('apps/api/src/auth.ts')).toContain(
      '  req.companyId = Number(orgId);\n  req.org_id = orgId;\n',
    );
    expect(await app.read('apps/web/src/api.ts')).not.toContain('store');
    expect(await app.read('apps/web/src/store.ts')).toContain('companyId: null as string | null }');
    const hook = await app.read('apps/web/src/hooks/useCompany.ts');
    expect(hook).toContain('companyId: current.orgId');
    expect(hook).toContain(`for (const key of ['companyId']) storage.removeItem(key);`);
    // Whole-number ids, also as numbers in the token.
    expect(hook).not.toContain('uuid');
    expect(hook).toContain("typeof claim === 'number' ? String(claim) : claim");
    expect(await app.read('apps/web/src/pages/Settings.tsx')).toContain("{ id: 'organization', label: 'Company' },");
    await undone();
  });
});
