import { expect, it } from 'vitest';
import { foundIn } from './found-in.ts';

const query = (value: string): string => `await supabase.from('calls').select('id').eq('org_id', ${value});`;

type Way = readonly [name: string, body: string, before?: string];

/** A value of the request \`R\` on its way to a query. */
const unsafe: readonly Way[] = [
  ['destructured', `const { body: { org_id } } = R; ${query('org_id')}`],
  ['destructured-again', `const { body } = R; const { org_id: place = 'x' } = body; ${query('place')}`],
  ['rest', `const { name, ...rest } = R.body; ${query('rest.org_id')}`],
  ['template', query('`${R.body.org_id}`')],
  ['template-in-a-name', `const place = \`\${R.body.org_id}\`; ${query('place')}`],
  ['text', `const place = '' + R.body.org_id; ${query('place')}`],
  ['text-of-sql', `const { org_id } = R.body; await pool.query(\`select id from calls where org_id = '\${org_id}'\`);`],
  ['helper', query('orgOf(R)'), 'const orgOf = (asked) => asked.body.org_id;'],
  [
    'helper-in-a-name',
    `const place = orgOf(R); ${query('place')}`,
    'function orgOf(asked) { const { org_id } = asked.body; return org_id; }',
  ],
  ['helper-that-destructures', query('orgOf(R)'), 'const orgOf = ({ body }) => body.org_id;'],
  [
    'helper-that-waits',
    query('await orgOf(R)'),
    `async function orgOf(asked) { return asked.headers['x-org-id'] || asked.query.org_id; }`,
  ],
  [
    'helper-with-more',
    `const { org } = read(R); ${query('org')}`,
    'const read = (asked) => ({ org: asked.body.org_id, name: asked.body.name });',
  ],
  ['helper-with-a-key', query(`text(R.body, 'org_id')`), `const text = (bag, key) => String(bag[key] ?? '');`],
  ['helper-elsewhere', query('orgOf(R)'), `import { sentOrg as orgOf } from './lib';`],
  ['asks-by-itself', 'await list(R);', `async function list(asked) { ${query('asked.body.org_id')} }`],
  ['asks-elsewhere', 'await list(R);', `import { sentList as list } from './lib';`],
  ['object', `const filter = { org_id: R.body.org_id }; await supabase.from('calls').select('id').match(filter);`],
  [
    'object-elsewhere',
    'const where = { orgId: R.body.org_id }; await check(where);',
    `import { sentWhere as check } from './lib';`,
  ],
  [
    'object-that-is-written',
    `const row = { org_id: R.body.org_id }; await supabase.from('calls').update(row).eq('user_id', R.user.id);`,
  ],
];

const safe: readonly Way[] = [
  [
    'compared-behind-the-helper',
    `const place = orgOf(R); if (place !== R.user.orgId) throw new Error('no'); ${query('place')}`,
    'const orgOf = (asked) => asked.body.org_id;',
  ],
  [
    'compared-in-the-helper',
    query('orgOf(R)'),
    `const orgOf = (asked) => { const { org_id } = asked.body; if (org_id !== asked.user.orgId) throw new Error('no'); return org_id; };`,
  ],
  ['own', query('orgOf(R)'), 'const orgOf = (asked) => asked.user.org_id;'],
  ['own-elsewhere', query('orgOf(R)'), `import { orgOf } from './lib';`],
  [
    'compared-behind-a-helper-elsewhere',
    `const place = orgOf(R); if (place !== R.user.orgId) throw new Error('no'); ${query('place')}`,
    `import { sentOrg as orgOf } from './lib';`,
  ],
  [
    'object-compared',
    `const filter = { org_id: R.body.org_id }; if (filter.org_id !== R.user.orgId) throw new Error('no'); await supabase.from('calls').select('id').match(filter);`,
  ],
  [
    'object-for-another-table',
    `const row = { org_id: R.body.org_id }; await supabase.from('partner_links').insert(row);`,
  ],
  [
    'object-of-a-membership',
    `const key = { org_id: R.body.org_id, user_id: R.user.id }; const { data: member } = await supabase.from('memberships').select('role').match(key).maybeSingle(); if (!member) throw new Error('no'); await supabase.from('calls').select('id').eq('org_id', key.org_id);`,
  ],
  ['object-for-a-log', 'const said = { org_id: R.body.org_id }; console.log(said);'],
  [
    'object-checked',
    `const key = { orgId: R.body.org_id, userId: R.user.id }; await assertOrgMember(key); ${query('key.orgId')}`,
  ],
  [
    'object-checked-elsewhere',
    'const where = { orgId: R.body.org_id }; await check(where);',
    `import { check } from './lib';`,
  ],
  ['key-of-a-cache', 'const tag = `org:${R.body.org_id}`; cache.get(tag);'],
  ['log-elsewhere', `await log(R); ${query('R.user.orgId')}`, `import { log } from './lib';`],
  ['own-list-elsewhere', 'await list(R);', `import { list } from './lib';`],
  ['checked-list-elsewhere', 'await list(R);', `import { checkedList as list } from './lib';`],
  ['guarded-list-elsewhere', 'await requireOrgMember(R); await list(R);', `import { sentList as list } from './lib';`],
  [
    'checked-list',
    'await list(R);',
    `async function list(asked) { if (asked.body.org_id !== asked.user.orgId) throw new Error('no'); ${query('asked.body.org_id')} }`,
  ],
];

const lib = `export const orgOf = (asked) => asked.user.org_id;
export const sentOrg = (asked) => asked.body.org_id;
export const log = (asked) => { console.log(asked.body.org_id); };
export async function list(asked) { ${query('asked.user.org_id')} }
export async function sentList(asked) { ${query('asked.body.org_id')} }
export async function checkedList(asked) { if (asked.body.org_id !== asked.user.orgId) throw new Error('no'); ${query('asked.body.org_id')} }
export async function check({ orgId }) { const user = await getUser(); if (orgId !== user.orgId) throw new Error('no'); ${query('orgId')} }
export async function sentWhere({ orgId }) { ${query('orgId')} }
`;

const frameworks: Readonly<
  Record<string, { readonly request: string; file: (body: string, before: string) => string }>
> = {
  fastify: {
    request: 'request',
    file: (body, before) =>
      `${before}\nexport default async function routes(app) {\n  app.post('/calls', { preHandler: [app.authenticate] }, async (request, reply) => {\n    ${body}\n    return { ok: true };\n  });\n}\n`,
  },
  express: {
    request: 'req',
    file: (body, before) =>
      `import { Router } from 'express';\n${before}\nconst router = Router();\nrouter.post('/calls', requireAuth, async (req, res) => {\n  ${body}\n  res.json({});\n});\nexport default router;\n`,
  },
  koa: {
    request: 'ctx.request',
    file: (body, before) =>
      `import Router from '@koa/router';\n${before}\nconst router = new Router();\nrouter.post('/calls', requireAuth, async (ctx) => {\n  ${body}\n  ctx.body = {};\n});\nexport default router;\n`,
  },
};

it.each(Object.entries(frameworks))(
  'follows a value of the request in %s, whatever way it takes',
  async (framework, { request, file }) => {
    const files = (ways: readonly Way[]): readonly (readonly [string, string])[] =>
      ways.map(([name, body, before = '']) => [`src/${name}.ts`, file(body.replaceAll(/\bR\b/g, request), before)]);
    const bad = files(unsafe);
    expect(await foundIn(framework, Object.fromEntries([...bad, ...files(safe), ['src/lib.ts', lib]]))).toEqual(
      bad.map(([name]) => name).sort(),
    );
  },
);

it('follows a value of the context of Hono, whatever way it takes', async () => {
  const file = (body: string, before = ''): string =>
    `import { Hono } from 'hono';\n${before}\nconst app = new Hono();\napp.post('/calls', auth, async (c) => {\n  ${body}\n  return c.json({});\n});\nexport default app;\n`;
  const bad = {
    'src/destructured.ts': file(`const { req } = c; const { org_id } = await req.json(); ${query('org_id')}`),
    'src/template.ts': file(`const place = \`\${c.req.header('x-org-id')}\`; ${query('place')}`),
    'src/helper.ts': file(query('orgOf(c)'), `const orgOf = (ctx) => ctx.req.query('orgId');`),
    'src/helper-of-the-request.ts': file(query('orgOf(c.req)'), `const orgOf = (asked) => asked.header('x-org-id');`),
    'src/helper-with-more.ts': file(
      `const { org } = await read(c); ${query('org')}`,
      'async function read(ctx) { const body = await ctx.req.json(); return { org: body.org_id }; }',
    ),
  };
  const good = {
    'src/own.ts': file(query('orgOf(c)'), `const orgOf = (ctx) => ctx.get('orgId');`),
    'src/compared.ts': file(
      `const place = orgOf(c); if (place !== c.get('user').orgId) return c.json({}, 403); ${query('place')}`,
      `const orgOf = (ctx) => ctx.req.query('orgId');`,
    ),
  };
  expect(await foundIn('hono', { ...bad, ...good })).toEqual(Object.keys(bad).sort());
});
