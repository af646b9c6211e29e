/** A small app in layers, and whether an organization that the sender chose reaches a query in one of them. */
export type LayeredApp = {
  readonly name: string;
  readonly found: boolean;
  /** Where it is not an organization of the request: a table that is asked for every organization. */
  readonly unscoped?: true | 'advice';
  readonly files: Readonly<Record<string, string>>;
};

const schema = `create table organizations (id uuid primary key, name text);
create table memberships (org_id uuid references organizations, user_id uuid references auth.users, role text);
create table calls (id uuid primary key, org_id uuid references organizations, name text);
`;
const unscoped = (name: string, found: boolean | 'advice', files: Readonly<Record<string, string>>): LayeredApp => ({
  name: `unscoped-${name}`,
  found: found !== false,
  unscoped: found === 'advice' ? 'advice' : true,
  files: { 'supabase/migrations/20240101000000_init.sql': schema, ...files },
});
const inService = (name: string, found: boolean | 'advice', asks: string, more: Record<string, string> = {}) =>
  unscoped(`service-${name}`, found, {
    'src/calls.controller.ts':
      "import { CallsService } from './calls.service';\n@Controller('calls')\n@UseGuards(AuthGuard)\nexport class CallsController {\n  constructor(private readonly calls: CallsService) {}\n  @Get() list(@Query('q') q: string) { return this.calls.list(q); }\n}\n",
    'src/calls.service.ts': `export class CallsService {\n  constructor(private readonly prisma: PrismaService, private readonly pool: Pool) {}\n  async list(q: string) { return ${asks}; }\n}\n`,
    ...more,
  });
const mounted = (name: string, found: boolean, mount: string, more: Record<string, string> = {}) =>
  unscoped(`mounted-${name}`, found, {
    'src/routes/calls.ts':
      "import { Router } from 'express';\nimport { pool } from '../db';\nexport const callRouter = Router();\ncallRouter.get('/', async (req, res) => { const { rows } = await pool.query('select * from calls'); res.json(rows); });\n",
    'src/app.ts': `import express from 'express';\nimport { callRouter } from './routes/calls';\nconst app = express();\n${mount}\n`,
    ...more,
  });

const unscopedApps: readonly LayeredApp[] = [
  inService('prisma', true, 'this.prisma.call.findMany({ where: { name: { contains: q } } })'),
  inService('sql', true, "this.pool.query('select * from calls where name ilike $1', [q])"),
  inService('own', false, 'this.prisma.call.findMany({ where: { orgId: this.ctx.orgId } })'),
  inService('one', false, 'this.prisma.call.findMany({ where: { id: q } })'),
  inService('told', false, "this.pool.query('select * from calls where name ilike $1', [q])", {
    'src/db.ts':
      'export const open = (orgId: string) => pool.query("select set_config(\'app.org\', $1, true)", [orgId]);\n',
  }),
  inService('of-a-role', 'advice', 'this.prisma.call.findMany()', {
    'src/calls.controller.ts':
      "import { CallsService } from './calls.service';\n@Controller('calls')\nexport class CallsController {\n  constructor(private readonly calls: CallsService) {}\n  @Roles('ADMIN') @Get() list() { return this.calls.list(''); }\n}\n",
  }),
  inService('of-the-operator', false, 'this.prisma.call.findMany()', {
    'src/calls.controller.ts':
      "import { CallsService } from './calls.service';\n@Controller('calls')\nexport class CallsController {\n  constructor(private readonly calls: CallsService) {}\n  @Roles('SUPER_ADMIN') @Get() list() { return this.calls.list(''); }\n}\n",
  }),
  inService('of-a-job', false, 'this.prisma.call.findMany()', {
    'src/calls.controller.ts':
      "import { CallsService } from './calls.service';\nexport class Reminder {\n  constructor(private readonly calls: CallsService) {}\n  @Cron('0 * * * *') async run() { for (const one of await this.calls.list('')) await send(one); }\n}\n",
  }),
  inService('sifted', false, 'this.prisma.call.findMany()', {
    'src/calls.controller.ts':
      "import { CallsService } from './calls.service';\n@Controller('calls')\nexport class CallsController {\n  constructor(private readonly calls: CallsService) {}\n  @Get() async list(@CurrentUser() user: User) { const all = await this.calls.list(''); return all.filter((one) => one.orgId === user.orgId); }\n}\n",
  }),
  unscoped('in-a-repository', true, {
    'src/routes/calls.ts':
      "import { Router } from 'express';\nimport { listCalls } from '../services/calls';\nconst router = Router();\nrouter.get('/', requireAuth, async (req, res) => { res.json(await listCalls()); });\n",
    'src/services/calls.ts':
      "import { all } from '../data/calls';\nexport async function listCalls() { const rows = await all(); return rows.map(show); }\n",
    'src/data/calls.ts':
      "import { db } from './db';\nimport { calls } from './schema';\nexport async function all() { return await db.select().from(calls); }\n",
  }),
  mounted('open', true, "app.use('/calls', requireAuth, callRouter);"),
  mounted('for-staff', false, "app.use('/calls', requireSuperAdmin, callRouter);"),
  mounted('behind-the-path', false, "app.use('/platform/calls', requireAuth, callRouter);"),
  mounted('behind-another-use', false, "app.use('/all', requireStaff);\napp.use('/all/calls', callRouter);"),
  mounted(
    'twice',
    true,
    "app.use('/calls', requireSuperAdmin, callRouter);\napp.use('/v2/calls', requireAuth, callRouter);",
  ),
  mounted('in-a-router', false, '', {
    'src/app.ts':
      "import express from 'express';\nimport { api } from './routes';\nconst app = express();\napp.use('/all', requireSuperAdmin, api);\n",
    'src/routes/index.ts':
      "import { Router } from 'express';\nimport { callRouter } from './calls';\nexport const api = Router();\napi.use('/calls', callRouter);\n",
  }),
];

export const layeredApps: readonly LayeredApp[] = [
  ...unscopedApps,
  ...['requireOrgMember', 'requireAuth', 'webhooks'].map((guard) => ({
    name: `e-mounted-${guard}`,
    found: guard !== 'requireOrgMember',
    files: {
      'src/app.ts': `import express from 'express';\nimport { callRouter } from './routes/calls';\nconst app = express();\napp.use('/${guard === 'webhooks' ? 'webhooks' : 'orgs'}', ${guard === 'webhooks' ? 'cors()' : guard}, callRouter);\n`,
      'src/routes/calls.ts':
        "import { Router } from 'express';\nexport const callRouter = Router();\ncallRouter.get('/:orgId/calls', async (req, res) => { res.json(await pool.query('select * from calls where org_id = $1', [req.params.orgId])); });\n",
    },
  })),
  // The function is told the own organization as well, and uses it, or not.
  ...(
    [
      ['writes-asked', true, 'create({ data: { orgId: dto.orgId, name: dto.name } })'],
      ['writes-own', false, 'create({ data: { orgId, name: dto.name } })'],
      ['writes-own-beside', false, 'create({ data: { orgId, workspaceId: dto.workspaceId } })'],
      ['narrows', false, 'findMany({ where: { orgId, workspaceId: dto.workspaceId } })'],
      ['widens', true, 'findMany({ where: { OR: [{ orgId }, { orgId: dto.orgId }] } })'],
      ['moves', true, 'updateMany({ where: { orgId }, data: { orgId: dto.orgId } })'],
    ] as const
  ).map(([name, found, asks]) => ({
    name: `n-own-beside-${name}`,
    found,
    files: {
      'src/calls.controller.ts': `import { CallsService } from './calls.service';\n@Controller('calls')\n@UseGuards(AuthGuard)\nexport class CallsController {\n  constructor(private readonly calls: CallsService) {}\n  @Post() save(@CurrentUser() user: User, @Body() dto: CallDto) { return this.calls.save(user.orgId, dto); }\n}\n`,
      'src/calls.service.ts': `export class CallsService { save(orgId: string, dto: CallDto) { return this.prisma.call.${asks}; } }\n`,
    },
  })),
  ...['params', 'query', 'open', 'unchecked', 'elsewhere'].map((kind) => ({
    name: `n-global-guard-${kind}`,
    found: kind !== 'params',
    files: {
      'src/auth/auth.module.ts': `import { APP_GUARD } from '@nestjs/core';\nimport { TenantGuard } from './tenant.guard';\n@Module({ providers: [{ provide: ${kind === 'elsewhere' ? 'OTHER' : 'APP_GUARD'}, useClass: TenantGuard }] })\nexport class AuthModule {}\n`,
      'src/auth/tenant.guard.ts': `@Injectable()\nexport class TenantGuard implements CanActivate {\n  canActivate(context: ExecutionContext): boolean {\n    const request = context.switchToHttp().getRequest();\n    const user = request.user;\n    const asked = request.params?.tenantId;\n    if (${kind === 'unchecked' ? '!asked' : 'asked && asked !== user.tenantId'}) throw new ForbiddenException('no');\n    return true;\n  }\n}\n`,
      'src/calls/calls.controller.ts': `import { CallsService } from './calls.service';\n@Controller('tenants/:tenantId/calls')\nexport class CallsController {\n  constructor(private readonly calls: CallsService) {}\n  ${kind === 'open' ? '@Public()\n  ' : ''}@Get()\n  list(@${kind === 'query' ? 'Query' : 'Param'}('tenantId') tenantId: string) { return this.calls.list(tenantId); }\n}\n`,
      'src/calls/calls.service.ts':
        'export class CallsService { list(tenantId: string) { return this.prisma.call.findMany({ where: { tenantId } }); } }\n',
    },
  })),
  {
    name: 'e-import',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { load } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await load(req.query.t)); });\n",
      'src/services/calls.ts':
        "export async function load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); }\n",
    },
  },
  {
    name: 'e-default',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport load from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await load(req.query.t)); });\n",
      'src/services/calls.ts':
        "export default async function load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); }\n",
    },
  },
  {
    name: 'e-default-other-name',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport loadCalls from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await loadCalls(req.query.t)); });\n",
      'src/services/calls.ts':
        "async function load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); }\nexport default load;\n",
    },
  },
  {
    name: 'e-cjs',
    found: true,
    files: {
      'src/routes/a.js':
        "const { Router } = require('express');\nconst { load } = require('../services/calls');\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await load(req.query.t)); });\nmodule.exports = router;\n",
      'src/services/calls.js':
        "async function load(place) { return supabase.from('calls').select('id').eq('org_id', place); }\nmodule.exports = { load };\n",
    },
  },
  {
    name: 'e-cjs-object',
    found: true,
    files: {
      'src/routes/a.js':
        "const { Router } = require('express');\nconst calls = require('../services/calls');\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await calls.load(req.query.t)); });\nmodule.exports = router;\n",
      'src/services/calls.js':
        "exports.load = async (place) => { return supabase.from('calls').select('id').eq('org_id', place); };\n",
    },
  },
  {
    name: 'e-object',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { callService } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await callService.load(req.query.t)); });\n",
      'src/services/calls.ts':
        "export const callService = { async load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); } };\n",
    },
  },
  {
    name: 'e-class-instance',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { callService } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await callService.load(req.query.t)); });\n",
      'src/services/calls.ts':
        "class CallService { async load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); } }\nexport const callService = new CallService();\n",
    },
  },
  {
    name: 'e-class-new',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { CallService } from '../services/calls';\nconst router = Router();\nconst service = new CallService();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await service.load(req.query.t)); });\n",
      'src/services/calls.ts':
        "export class CallService { async load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); } }\n",
    },
  },
  {
    name: 'e-class-static',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { CallService } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await CallService.load(req.query.t)); });\n",
      'src/services/calls.ts':
        "export class CallService { static async load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); } }\n",
    },
  },
  {
    name: 'e-controller',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { list } from '../controllers/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, list);\n",
      'src/controllers/calls.ts':
        "import { load } from '../services/calls';\nexport const list = async (req: Request, res: Response) => { res.json(await load(req.query.t as string)); };\n",
      'src/services/calls.ts':
        "export async function load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); }\n",
    },
  },
  {
    name: 'e-controller-class',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { CallController } from '../controllers/calls';\nconst router = Router();\nconst controller = new CallController();\nrouter.get('/a', requireAuth, controller.list);\n",
      'src/controllers/calls.ts':
        "import { CallService } from '../services/calls';\nexport class CallController {\n  private service = new CallService();\n  list = async (req: Request, res: Response) => { res.json(await this.service.load(req.query.t as string)); };\n}\n",
      'src/services/calls.ts':
        "export class CallService { async load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); } }\n",
    },
  },
  {
    name: 'e-controller-inject',
    found: true,
    files: {
      'src/controllers/calls.ts':
        "import { CallService } from '../services/calls';\nexport class CallController {\n  constructor(private readonly service: CallService) {}\n  async list(req: Request, res: Response) { res.json(await this.service.load(req.query.t as string)); }\n}\n",
      'src/services/calls.ts':
        "export class CallService { async load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); } }\n",
    },
  },
  {
    name: 'nest',
    found: true,
    files: {
      'src/calls/calls.controller.ts':
        "import { Controller, Get, Query } from '@nestjs/common';\nimport { CallsService } from './calls.service';\n@Controller('calls')\nexport class CallsController {\n  constructor(private readonly callsService: CallsService) {}\n  @Get()\n  async list(@Query('t') t: string) { return this.callsService.load(t); }\n}\n",
      'src/calls/calls.service.ts':
        "import { Injectable } from '@nestjs/common';\n@Injectable()\nexport class CallsService { async load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); } }\n",
    },
  },
  {
    name: 'nest-dto',
    found: true,
    files: {
      'src/calls/calls.controller.ts':
        "import { Controller, Post, Body } from '@nestjs/common';\nimport { CallsService } from './calls.service';\nimport { CreateCallDto } from './dto';\n@Controller('calls')\nexport class CallsController {\n  constructor(private readonly callsService: CallsService) {}\n  @Post()\n  async create(@Body() dto: CreateCallDto) { return this.callsService.create(dto); }\n}\n",
      'src/calls/calls.service.ts':
        "import { Injectable } from '@nestjs/common';\n@Injectable()\nexport class CallsService { async create(dto: CreateCallDto) { return this.prisma.call.create({ data: { name: dto.name, orgId: dto.orgId } }); } }\n",
      'src/calls/dto.ts': 'export class CreateCallDto { name: string; orgId: string; }',
    },
  },
  {
    name: 'two-hops',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { list } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await list(req.query.t)); });\n",
      'src/services/calls.ts':
        "import { load } from '../repositories/calls';\nexport async function list(orgId: string) { return load(orgId); }\n",
      'src/repositories/calls.ts':
        "export async function load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); }\n",
    },
  },
  {
    name: 'three-hops',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { list } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await list({ where: req.query.t })); });\n",
      'src/services/calls.ts':
        "import { callRepository } from '../repositories/calls';\nexport async function list({ where }: { where: Where }) { const found = await inner(where); return found; }\nasync function inner(orgId: string) { return callRepository.load(orgId); }\n",
      'src/repositories/calls.ts':
        "class CallRepository { async load(org: string) { return this.run(org); } async run(p: string) { return supabase.from('calls').select('id').eq('org_id', p); } }\nexport const callRepository = new CallRepository();\n",
    },
  },
  {
    name: 'body-whole',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { create } from '../services/calls';\nconst router = Router();\nrouter.post('/a', requireAuth, async (req, res) => { res.json(await create(req.body)); });\n",
      'src/services/calls.ts':
        "export async function create(input: Input) { return supabase.from('calls').insert({ name: input.name, org_id: input.orgId }); }\n",
    },
  },
  {
    name: 'body-whole-destructured',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { create } from '../services/calls';\nconst router = Router();\nrouter.post('/a', requireAuth, async (req, res) => { const input = z.object({ name: z.string(), orgId: z.string() }).parse(req.body); res.json(await create(input)); });\n",
      'src/services/calls.ts':
        "export async function create({ name, orgId }: Input) { return supabase.from('calls').insert({ name, org_id: orgId }); }\n",
    },
  },
  {
    name: 'body-spread',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { create } from '../services/calls';\nconst router = Router();\nrouter.post('/a', requireAuth, async (req, res) => { res.json(await create({ ...req.body, by: req.user.id })); });\n",
      'src/services/calls.ts':
        "export async function create(input: Input) { return supabase.from('calls').insert({ name: input.name, org_id: input.orgId }); }\n",
    },
  },
  {
    name: 'alias',
    found: true,
    files: {
      'tsconfig.json': '{"compilerOptions":{"baseUrl":".","paths":{"#svc/*":["src/services/*"]}}}',
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { load } from '#svc/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await load(req.query.t)); });\n",
      'src/services/calls.ts':
        "export async function load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); }\n",
    },
  },
  {
    name: 'prisma',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { load } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await load(req.query.t)); });\n",
      'src/services/calls.ts':
        'export async function load(place: string) { return prisma.call.findMany({ where: { orgId: place } }); }\n',
    },
  },
  {
    name: 'drizzle',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { load } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await load(req.query.t)); });\n",
      'src/services/calls.ts':
        'export async function load(place: string) { return db.select().from(calls).where(eq(calls.orgId, place)); }\n',
    },
  },
  {
    name: 'pg',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { load } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await load(req.query.t)); });\n",
      'src/services/calls.ts':
        "export async function load(place: string) { return pool.query('select * from calls where org_id = $1', [place]); }\n",
    },
  },
  {
    name: 'orgname-nest',
    found: true,
    files: {
      'src/calls/calls.controller.ts':
        "import { Controller, Get, Query } from '@nestjs/common';\nimport { CallsService } from './calls.service';\n@Controller('calls')\nexport class CallsController {\n  constructor(private readonly callsService: CallsService) {}\n  @Get()\n  async list(@Query('orgId') orgId: string) { return this.callsService.load(orgId); }\n}\n",
      'src/calls/calls.service.ts':
        "@Injectable()\nexport class CallsService { async load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); } }\n",
    },
  },
  {
    name: 'factory',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { makeCalls } from '../services/calls';\nconst router = Router();\nconst calls = makeCalls(supabase);\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await calls.load(req.query.t)); });\n",
      'src/services/calls.ts':
        "export const makeCalls = (supabase) => ({ async load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); } });\n",
    },
  },
  {
    name: 'options',
    found: true,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { load } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { const { t } = req.query; res.json(await load({ filter: { place: t } })); });\n",
      'src/services/calls.ts':
        "export async function load(opts: { filter: { place: string } }) { return supabase.from('calls').select('id').eq('org_id', opts.filter.place); }\n",
    },
  },
  {
    name: 'trpc-service',
    found: true,
    files: {
      'src/server/routers/calls.ts':
        "import { load } from '../services/calls';\nexport const calls = router({ list: protectedProcedure.input(z.object({ t: z.string() })).query(({ input }) => load(input)) });\n",
      'src/server/services/calls.ts':
        'export async function load(input: { t: string }) { return db.query.calls.findMany({ where: eq(calls.orgId, input.t) }); }\n',
    },
  },
  {
    name: 'e-checked-in-service',
    found: false,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { load } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await load(req.query.t)); });\n",
      'src/services/calls.ts':
        "export async function load(place: string) { const user = await currentUser(); if (place !== user.orgId) throw new Error('no'); return supabase.from('calls').select('id').eq('org_id', place); }\n",
    },
  },
  {
    name: 'e-checked-in-repo',
    found: false,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { list } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await list(req.query.orgId)); });\n",
      'src/services/calls.ts':
        "import { load } from '../repositories/calls';\nexport async function list(orgId: string) { return load(orgId); }\n",
      'src/repositories/calls.ts':
        "export async function load(orgId: string) { const user = await currentUser(); if (orgId !== user.orgId) throw new Error('no'); return supabase.from('calls').select('id').eq('org_id', orgId); }\n",
    },
  },
  {
    name: 'service-asserts',
    found: false,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { list } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await list(req.user.id, req.query.orgId)); });\n",
      'src/services/calls.ts':
        "import { assertMember } from './members';\nexport async function list(userId: string, orgId: string) { await assertMember(userId, orgId); return supabase.from('calls').select('id').eq('org_id', orgId); }\n",
      'src/services/members.ts':
        "export async function assertMember(userId, orgId) { const { data } = await supabase.from('memberships').select('role').eq('user_id', userId).eq('org_id', orgId).single(); if (!data) throw new Error('no'); }\n",
    },
  },
  {
    name: 'nest-checked',
    found: false,
    files: {
      'src/calls/calls.controller.ts':
        "import { Controller, Get, Query } from '@nestjs/common';\nimport { CallsService } from './calls.service';\n@Controller('calls')\nexport class CallsController {\n  constructor(private readonly callsService: CallsService) {}\n  @Get()\n  async list(@Query('orgId') orgId: string, @CurrentUser() user: User) { return this.callsService.load(user, orgId); }\n}\n",
      'src/calls/calls.service.ts':
        "@Injectable()\nexport class CallsService { async load(user: User, orgId: string) { if (!user.orgIds.includes(orgId)) throw new ForbiddenException(); return supabase.from('calls').select('id').eq('org_id', orgId); } }\n",
    },
  },
  {
    name: 'nest-checked-private',
    found: false,
    files: {
      'src/calls/calls.controller.ts':
        "import { Controller, Get, Query } from '@nestjs/common';\nimport { CallsService } from './calls.service';\n@Controller('calls')\nexport class CallsController {\n  constructor(private readonly callsService: CallsService) {}\n  @Get()\n  async list(@Query('orgId') orgId: string, @CurrentUser() user: User) { return this.callsService.load(user, orgId); }\n}\n",
      'src/calls/calls.service.ts':
        "@Injectable()\nexport class CallsService {\n  constructor(private readonly members: MembersService) {}\n  async load(user: User, orgId: string) { await this.ensure(user, orgId); return supabase.from('calls').select('id').eq('org_id', orgId); }\n  private async ensure(user: User, orgId: string) { const row = await this.prisma.membership.findFirst({ where: { userId: user.id, orgId } }); if (!row) throw new ForbiddenException(); }\n}\n",
    },
  },
  {
    name: 'nest-checked-service',
    found: false,
    files: {
      'src/calls/calls.controller.ts':
        "import { Controller, Get, Query } from '@nestjs/common';\nimport { CallsService } from './calls.service';\nimport { AccessService } from '../access.service';\n@Controller('calls')\nexport class CallsController {\n  constructor(private readonly callsService: CallsService, private readonly access: AccessService) {}\n  @Get()\n  async list(@Query('orgId') orgId: string, @CurrentUser() user: User) { await this.access.enter(user, orgId); return this.callsService.load(orgId); }\n}\n",
      'src/calls/calls.service.ts':
        "import { Injectable } from '@nestjs/common';\n@Injectable()\nexport class CallsService { async load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); } }\n",
      'src/access.service.ts':
        'export class AccessService { async enter(user: User, orgId: string) { const row = await this.prisma.membership.findFirst({ where: { userId: user.id, orgId } }); if (!row) throw new ForbiddenException(); } }\n',
    },
  },
  {
    name: 'name-only',
    found: false,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { load } from '../services/calls';\nconst router = Router();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await load(req.user.orgId, req.query.t)); });\n",
      'src/services/calls.ts':
        "export async function load(place: string, name: string) { return supabase.from('calls').select('id').eq('org_id', place).eq('name', name); }\n",
    },
  },
  {
    name: 'own-org',
    found: false,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { create } from '../services/calls';\nconst router = Router();\nrouter.post('/a', requireAuth, async (req, res) => { res.json(await create({ ...req.body, orgId: req.user.orgId })); });\n",
      'src/services/calls.ts':
        "export async function create(input: Input) { return supabase.from('calls').insert({ name: input.name, org_id: input.orgId }); }\n",
    },
  },
  {
    name: 'schema-without',
    found: false,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { z } from 'zod';\nimport { create } from '../services/calls';\nconst schema = z.object({ name: z.string() });\nconst router = Router();\nrouter.post('/a', requireAuth, async (req, res) => { const input = schema.parse(req.body); res.json(await create({ ...input, orgId: req.user.orgId })); });\n",
      'src/services/calls.ts':
        "export async function create(input: Input) { return supabase.from('calls').insert({ name: input.name, org_id: input.orgId }); }\n",
    },
  },
  {
    name: 'schema-without-2',
    found: false,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { z } from 'zod';\nimport { create } from '../services/calls';\nconst schema = z.object({ name: z.string() });\nconst router = Router();\nrouter.post('/a', requireAuth, async (req, res) => { const input = schema.parse(req.body); res.json(await create(input)); });\n",
      'src/services/calls.ts':
        "export async function create(input: Input) { return supabase.from('calls').insert({ name: input.name, org_id: input.orgId ?? 'x' }); }\n",
    },
  },
  {
    name: 'other-class-same-method',
    found: false,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { NoteService } from '../services/notes';\nconst router = Router();\nconst service = new NoteService();\nrouter.get('/a', requireAuth, async (req, res) => { res.json(await service.load(req.query.t)); });\n",
      'src/services/notes.ts':
        "import { CallService } from './calls';\nexport class NoteService { async load(q: string) { return supabase.from('notes').select('id').eq('name', q); } }\n",
      'src/services/calls.ts':
        "export class CallService { async load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); } }\n",
    },
  },
  {
    name: 'webhook',
    found: false,
    files: {
      'src/routes/a.ts':
        "import { Router } from 'express';\nimport { load } from '../services/calls';\nconst router = Router();\nrouter.post('/hook', async (req, res) => { if (req.headers['x-secret'] !== process.env.HOOK_SECRET) return res.sendStatus(401); res.json(await load(req.body.t)); });\n",
      'src/services/calls.ts':
        "export async function load(place: string) { return supabase.from('calls').select('id').eq('org_id', place); }\n",
    },
  },
];
