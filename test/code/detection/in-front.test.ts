import { expect, it } from 'vitest';
import { foundIn } from './found-in.ts';

const same = 'if (request.body.org_id !== request.user.orgId) return reply.code(403).send();';
const query = `return supabase.from('calls').select('id').eq('org_id', request.body.org_id);`;
const everything = `const { data } = await admin.from('calls').select('*'); return data;`;
const service = `import { createClient } from '@supabase/supabase-js';\nconst admin = createClient(process.env.SUPABASE_URL!, process.env.SUPABASE_SERVICE_ROLE_KEY!);\n`;

const plugin = (body: string, before = ''): string =>
  `import { supabase } from '../db';\n${before}\nexport default async function routes(app) {\n  ${body}\n}\n`;
const route = (options: string, body = query, before = ''): string =>
  plugin(
    `app.route({ method: 'POST', url: '/calls', ${options} handler: async (request, reply) => { ${body} } });`,
    before,
  );

it('counts what runs in front of a handler of Fastify, in whatever form it is put there', async () => {
  const open = {
    'src/nothing.ts': route(''),
    'src/authenticated.ts': route('preHandler: [app.authenticate],'),
    'src/all-rows.ts': route('preHandler: [app.authenticate],', everything, service),
    'src/another-route.ts': plugin(
      `app.route({ method: 'GET', url: '/y', preHandler: requireOrgMember, handler: async () => 1 });\n  app.post('/x', async (request, reply) => { ${query} });`,
    ),
    'src/only-logs.ts': route('preHandler: async (request, reply) => { console.log(request.body.org_id); },'),
    'src/another-part.ts': route(`preHandler: async (request, reply) => { ${same.replace('body', 'query')} },`),
  };
  const found = await foundIn('fastify', {
    'src/list.ts': route('preHandler: [app.authenticate, requireOrgMember],'),
    'src/one.ts': route('preHandler: requireOrgMember,'),
    'src/on-request.ts': route('onRequest: app.verifyTenant,'),
    'src/validation.ts': route('preValidation: [requireOrgMember],'),
    'src/inline.ts': route(`preHandler: async (request, reply) => { ${same} },`),
    'src/method.ts': route(`async preHandler(request, reply) { ${same} },`),
    'src/by-name.ts': route('preHandler: onlyOwn,', query, `async function onlyOwn(request, reply) { ${same} }`),
    'src/composed.ts': route('config: { x: 1 }, preHandler: app.auth([app.verifyOrgMember]),'),
    'src/staff-all-rows.ts': route('preHandler: [app.authenticate, requireSuperAdmin],', everything, service),
    'src/hapi.ts': plugin(
      `app.route({ method: 'POST', path: '/calls', options: { pre: [{ method: requireOrgMember }, requireOrgMember], handler: async (request, reply) => { ${query} } } });`,
    ),
    'src/shorthand.ts': plugin(
      `app.post('/x', { preHandler: onlyOwn }, async (request, reply) => { ${query} });`,
      `const onlyOwn = async (request, reply) => { ${same} };`,
    ),
    'src/hook.ts': plugin(
      `app.addHook('preHandler', async (request, reply) => { ${same} });\n  app.post('/x', async (request, reply) => { ${query} });`,
    ),
    ...open,
  });
  expect(found).toEqual(Object.keys(open).sort());
});

it('reads what a middleware of Express refuses', async () => {
  const refuse = 'if (req.body.org_id !== req.user.orgId) return res.status(403).end(); next();';
  const handler = (part = 'body'): string =>
    `async (req, res) => { res.json(await supabase.from('calls').select('id').eq('org_id', req.${part}.org_id)); }`;
  const file = (body: string): string => `import { Router } from 'express';\nconst router = Router();\n${body}\n`;
  const own = `function onlyOwn(req, res, next) { ${refuse} }`;
  const open = {
    'src/another-part.ts': file(`router.post('/x', onlyOwn, ${handler('query')});\n${own}`),
    'src/behind.ts': file(
      `router.post('/x', requireAuth, ${handler()});\nrouter.use((req, res, next) => { ${refuse} });`,
    ),
    'src/lets-pass.ts': file(
      `router.post('/x', (req, res, next) => { if (req.body.org_id !== req.user.orgId) console.warn('x'); next(); }, ${handler()});`,
    ),
  };
  const found = await foundIn('express', {
    'src/declared.ts': file(`router.post('/x', onlyOwn, ${handler()});\n${own}`),
    'src/constant.ts': file(
      `const onlyOwn = (req, res, next) => { ${refuse} };\nrouter.post('/x', requireAuth, [onlyOwn], ${handler()});`,
    ),
    'src/inline.ts': file(`router.post('/x', requireAuth, (req, res, next) => { ${refuse} }, ${handler()});`),
    'src/used.ts': file(
      `router.use((req, res, next) => { ${refuse} });\nrouter.post('/x', requireAuth, ${handler()});`,
    ),
    ...open,
  });
  expect(found).toEqual(Object.keys(open).sort());
});
