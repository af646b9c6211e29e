import type { Row } from './row.ts';

const express = {
  framework: 'Express',
  path: 'src/routes/%.ts',
  file: (body: string) => `import { Router } from 'express';
import { requireAuth } from '../middleware/auth';
import { supabase } from '../lib/supabase';
const router = Router();
router.post('/calls', requireAuth, async (req, res) => {
  ${body}
  res.json({ ok: true });
});
export default router;
`,
  user: 'req.user',
  own: 'req.user.orgId',
  refuse: `return res.status(403).json({ error: 'not yours' });`,
};

export const expressRows: readonly Row[] = [
  {
    ...express,
    source: 'query',
    read: 'req.query.orgId as string',
    lookAlike: `const { data } = await supabase.from('calls').select('id').eq('org_id', req.user.orgId).eq('status', req.query.status);`,
  },
  {
    ...express,
    source: 'body',
    read: 'req.body.org_id',
    lookAlike: `const answer = await fetch(url); const body = await answer.json(); await supabase.from('calls').update({ name: body.name }).eq('org_id', req.user.orgId).eq('id', req.body.id);`,
  },
  {
    ...express,
    source: 'params',
    read: 'req.params.orgId',
    lookAlike: `const params = { orgId: req.user.orgId }; await supabase.from('calls').select('id').eq('org_id', params.orgId).eq('id', req.params.id);`,
  },
  {
    ...express,
    source: 'headers',
    read: `req.headers['x-org-id']`,
    lookAlike: `const answer = await fetch(url); const zone = answer.headers.get('x-zone'); await supabase.from('calls').select('id').eq('org_id', req.user.orgId).eq('zone', zone);`,
  },
  {
    ...express,
    source: 'get()',
    read: `req.get('x-org-id')`,
    lookAlike: `const settings = new Map(); const orgId = settings.get('org_id'); await supabase.from('calls').select('id').eq('org_id', orgId);`,
  },
  {
    ...express,
    source: 'header()',
    read: `req.header('x-org-id')`,
    lookAlike: `res.header('x-org-id', req.user.orgId); await supabase.from('calls').select('id').eq('org_id', req.user.orgId);`,
  },
  {
    ...express,
    source: 'cookies',
    read: 'req.cookies.org_id',
    lookAlike: `res.cookie('org_id', req.user.orgId); await supabase.from('calls').select('id').eq('org_id', req.user.orgId);`,
  },
  {
    ...express,
    source: 'signed-in handler with other names',
    file: (body) => `import express from 'express';
const app = express();
app.get('/calls', requireAuth, async (incoming, answer) => {
  ${body}
  answer.json([]);
});
`,
    user: 'incoming.user',
    own: 'incoming.user.orgId',
    refuse: 'return answer.sendStatus(403);',
    read: 'incoming.query.orgId',
    lookAlike: `const orgId = incoming.user.orgId; await supabase.from('calls').select('id').eq('org_id', orgId).ilike('name', incoming.query.q);`,
  },
  {
    ...express,
    source: 'controller with types',
    path: 'src/controllers/%.ts',
    file: (body) => `import type { Request, Response, NextFunction } from 'express';
export const list = async (r: Request<{ orgId: string }>, answer: Response, next: NextFunction) => {
  ${body}
  answer.json([]);
};
`,
    user: '(r as any).user',
    own: '(r as any).user.orgId',
    refuse: 'return answer.sendStatus(403);',
    read: 'r.params.orgId',
    lookAlike: `const orgId = r.user.orgId; await supabase.from('calls').select('id').eq('org_id', orgId).eq('id', r.params.id);`,
  },
];

const fastify = {
  framework: 'Fastify',
  path: 'src/routes/%.ts',
  file: (body: string) => `import type { FastifyInstance } from 'fastify';
export default async function routes(fastify: FastifyInstance) {
  fastify.post<{ Body: { org_id: string }; Querystring: { orgId: string }; Params: { orgId: string } }>('/calls', { preHandler: [fastify.authenticate] }, async (request, reply) => {
    ${body}
    return { ok: true };
  });
}
`,
  user: 'request.user',
  own: 'request.user.orgId',
  refuse: `return reply.code(403).send({ error: 'not yours' });`,
};

export const fastifyRows: readonly Row[] = [
  {
    ...fastify,
    source: 'query',
    read: 'request.query.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', request.user.orgId).eq('status', request.query.status);`,
  },
  {
    ...fastify,
    source: 'body',
    read: 'request.body.org_id',
    lookAlike: `await supabase.from('calls').insert({ org_id: request.user.orgId, name: request.body.name });`,
  },
  {
    ...fastify,
    source: 'params',
    read: 'request.params.orgId',
    lookAlike: `await pool.query('select id from calls where org_id = $1 and id = $2', [request.user.orgId, request.params.id]);`,
  },
  {
    ...fastify,
    source: 'headers',
    read: `request.headers['x-org-id'] as string`,
    lookAlike: `await prisma.call.findMany({ where: { orgId: request.user.orgId, agent: request.headers['user-agent'] } });`,
  },
  {
    ...fastify,
    source: 'route()',
    file: (body) => `export default async function routes(fastify) {
  fastify.route({
    method: 'POST',
    url: '/calls',
    preHandler: fastify.authenticate,
    handler: async (asked, reply) => {
      ${body}
      return { ok: true };
    },
  });
}
`,
    user: 'asked.user',
    own: 'asked.user.orgId',
    refuse: `return reply.code(403).send();`,
    read: 'asked.body.org_id',
    lookAlike: `await supabase.from('calls').insert({ org_id: asked.user.orgId, name: asked.body.name });`,
  },
];

const hono = {
  framework: 'Hono',
  path: 'src/routes/%.ts',
  file: (body: string) => `import { Hono } from 'hono';
import { getCookie } from 'hono/cookie';
const app = new Hono();
app.post('/calls', auth, async (c) => {
  ${body}
  return c.json({ ok: true });
});
export default app;
`,
  user: `c.get('user')`,
  own: `c.get('user').orgId`,
  refuse: `return c.json({ error: 'not yours' }, 403);`,
};

export const honoRows: readonly Row[] = [
  {
    ...hono,
    source: 'req.query()',
    read: `c.req.query('orgId')`,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', c.get('orgId')).eq('status', c.req.query('status'));`,
  },
  {
    ...hono,
    source: 'req.param()',
    read: `c.req.param('orgId')`,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', c.get('user').orgId).eq('id', c.req.param('id'));`,
  },
  {
    ...hono,
    source: 'req.header()',
    read: `c.req.header('x-org-id')`,
    lookAlike: `c.header('x-org-id', c.get('orgId')); await supabase.from('calls').select('id').eq('org_id', c.var.orgId);`,
  },
  {
    ...hono,
    source: 'req.json()',
    read: `(await c.req.json()).org_id`,
    lookAlike: `const body = await c.req.json(); await supabase.from('calls').insert({ org_id: c.get('orgId'), name: body.name });`,
  },
  {
    ...hono,
    source: 'req.valid()',
    read: `c.req.valid('json').orgId`,
    lookAlike: `const body = c.req.valid('json'); await supabase.from('calls').insert({ org_id: c.get('orgId'), name: body.name });`,
  },
  {
    ...hono,
    source: 'req.parseBody()',
    read: `(await c.req.parseBody())['org_id']`,
    lookAlike: `const form = await c.req.parseBody(); await supabase.from('calls').insert({ org_id: c.get('orgId'), file: form['file'] });`,
  },
  {
    ...hono,
    source: 'getCookie()',
    read: `getCookie(c, 'org_id')`,
    lookAlike: `setCookie(c, 'org_id', c.get('orgId')); await supabase.from('calls').select('id').eq('org_id', c.get('orgId'));`,
  },
  {
    ...hono,
    path: 'src/middleware/%.ts',
    file: (body: string) => `import { createMiddleware } from 'hono/factory';
export const loads = createMiddleware<Env>(async (c, next) => {
  ${body}
  await next();
});
`,
    source: 'req.header() of a middleware',
    read: `c.req.header('x-org-id')`,
    lookAlike: `c.set('orgId', c.get('user').orgId); await supabase.from('calls').select('id').eq('org_id', c.get('orgId'));`,
  },
];

const koa = {
  framework: 'Koa',
  path: 'src/routes/%.js',
  file: (body: string) => `const Router = require('@koa/router');
const router = new Router();
router.post('/calls', requireAuth, async (ctx) => {
  ${body}
  ctx.body = { ok: true };
});
module.exports = router;
`,
  user: 'ctx.state.user',
  own: 'ctx.state.user.orgId',
  refuse: 'ctx.throw(403);',
};

export const koaRows: readonly Row[] = [
  {
    ...koa,
    source: 'query',
    read: 'ctx.query.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', ctx.state.user.orgId).eq('status', ctx.query.status);`,
  },
  {
    ...koa,
    source: 'params',
    read: 'ctx.params.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', ctx.state.orgId).eq('id', ctx.params.id);`,
  },
  {
    ...koa,
    source: 'request.body',
    read: 'ctx.request.body.org_id',
    lookAlike: `await supabase.from('calls').insert({ org_id: ctx.state.user.orgId, name: ctx.request.body.name });`,
  },
  {
    ...koa,
    source: 'get()',
    read: `ctx.get('x-org-id')`,
    lookAlike: `ctx.set('x-org-id', ctx.state.user.orgId); await supabase.from('calls').select('id').eq('org_id', ctx.state.user.orgId);`,
  },
  {
    ...koa,
    source: 'cookies.get()',
    read: `ctx.cookies.get('org_id')`,
    lookAlike: `ctx.cookies.set('org_id', ctx.state.user.orgId); await supabase.from('calls').select('id').eq('org_id', ctx.state.user.orgId);`,
  },
];

/** A method of a controller whose parameter is decorated; the read is what Nest hands over. */
const nest = (decorator: string) => (body: string) =>
  `import { Body, Controller, Get, Headers, Param, Post, Query, Req, UseGuards } from '@nestjs/common';
@Controller('calls')
@UseGuards(AuthGuard)
export class CallsController {
  constructor(private readonly calls: CallsService) {}

  @Post()
  async list(${decorator}, @CurrentUser() user: User) {
    ${body}
    return { ok: true };
  }
}
`;

const nestBase = {
  framework: 'Nest',
  path: 'src/calls/%.controller.ts',
  user: 'user',
  own: 'user.orgId',
  refuse: 'throw new ForbiddenException();',
};

export const nestRows: readonly Row[] = [
  {
    ...nestBase,
    source: '@Query(name)',
    file: nest(`@Query('orgId') orgId: string`),
    read: null,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('name', 'x');`,
  },
  {
    ...nestBase,
    source: '@Query()',
    file: nest('@Query() query: ListDto'),
    read: 'query.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('status', query.status);`,
  },
  {
    ...nestBase,
    source: '@Body()',
    file: nest('@Body() dto: CreateDto'),
    read: 'dto.orgId',
    lookAlike: `await supabase.from('calls').insert({ org_id: user.orgId, name: dto.name });`,
  },
  {
    ...nestBase,
    source: '@Param(name)',
    file: nest(`@Param('orgId', ParseUUIDPipe) orgId: string`),
    read: null,
    lookAlike: `const mine = await supabase.from('calls').select('id').eq('org_id', user.orgId);`,
  },
  {
    ...nestBase,
    source: '@Headers(name)',
    file: nest(`@Headers('x-org-id') orgId: string`),
    read: null,
    lookAlike: `const mine = await supabase.from('calls').select('id').eq('org_id', user.orgId);`,
  },
  {
    ...nestBase,
    source: '@Req()',
    file: nest('@Req() r: Request'),
    read: `r.headers['x-org-id']`,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', r.user.orgId).eq('id', r.params.id);`,
  },
  {
    ...nestBase,
    source: '@Args(name)',
    path: 'src/calls/%.resolver.ts',
    file: nest(`@Args('orgId') orgId: string`),
    read: null,
    lookAlike: `const mine = await supabase.from('calls').select('id').eq('org_id', user.orgId);`,
  },
];
