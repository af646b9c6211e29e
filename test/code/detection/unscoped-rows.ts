/** A small file with a query, and whether it reaches the rows of every organization. */
export type UnscopedCase = {
  readonly name: string;
  readonly path?: string;
  readonly text: string;
  readonly found: boolean;
};

const client = `import { createClient } from '@supabase/supabase-js';
const admin = createClient(process.env.SUPABASE_URL!, process.env.SUPABASE_SERVICE_ROLE_KEY!);
`;
const express = `import { Router } from 'express';
${client}export const router = Router();
`;
const route = (body: string, at = `'/'`, before = 'requireAuth'): string =>
  `${express}router.post(${at}, ${before}, async (req, res) => {
  ${body}
});
`;
const next = (body: string, parameter = 'request: Request'): string =>
  `${client}export async function POST(${parameter}) {
  const supabase = await createServerClient();
  const { data: { user } } = await supabase.auth.getUser();
  if (!user) return new Response(null, { status: 401 });
  ${body}
  return Response.json({ ok: true });
}
`;

const unsafe = (name: string, text: string, path?: string): UnscopedCase => ({
  name,
  text,
  found: true,
  ...(path === undefined ? {} : { path }),
});
const quiet = (name: string, text: string, path?: string): UnscopedCase => ({
  ...unsafe(name, text, path),
  found: false,
});

const list = `const { data } = await admin.from('calls').select('*');\n  res.json(data);`;

const told = (before: string, body: string, more = ''): string =>
  `import { Router } from 'express';
${before}
export const router = Router();
${more}router.get('/', requireAuth, async (req, res) => {
  ${body}
  res.json(rows);
});
`;
const sql = (body: string, more = ''): string => told(`import { pool } from '../db';`, body, more);
const prisma = (body: string, more = ''): string => told(`import { prisma } from '../db';`, body, more);
const drizzle = (body: string): string => told(`import { db } from '../db';\nimport { calls } from '../schema';`, body);

const nest = (decorators: string): string =>
  `import { Controller, Get, Query, UseGuards } from '@nestjs/common';
@UseGuards(JwtAuthGuard)
@Controller('reports')
export class ReportsController {
  ${decorators}
  @Get()
  async list(@Query('limit') limit: string) {
    return await this.prisma.call.findMany({ where: { status: { in: ['failed'] } }, take: Number(limit) });
  }
}
`;

const statementCases: readonly UnscopedCase[] = [
  unsafe('Prisma in a controller', nest('')),
  quiet('Prisma in a controller for some', nest(`@Roles('ADMIN')`)),
  quiet('Prisma in a controller behind a guard of tenants', nest('@UseGuards(TenantGuard)')),
  unsafe('SQL', sql(`const { rows } = await pool.query('select * from calls order by name');`)),
  unsafe(
    'SQL of a time',
    sql(
      `const { rows } = await pool.query("select * from calls where created_at between '2024-01-01' and '2025-01-01'");`,
    ),
  ),
  unsafe(
    'SQL of several words',
    sql(`const { rows } = await pool.query("select * from calls where name = 'a and b union c'");`),
  ),
  unsafe(
    'SQL of a list',
    sql(`const { rows } = await pool.query("select * from calls where status in ('open', 'done')");`),
  ),
  unsafe(
    'SQL with a comment',
    sql(`const { rows } = await pool.query("select * from calls /* org_id */ where status = 'open'");`),
  ),
  quiet(
    'SQL of some ids',
    sql(`const { rows } = await pool.query('select * from calls where id in ($1, $2)', req.body.ids);`),
  ),
  quiet(
    'SQL of a list of own',
    sql(
      `const { rows } = await pool.query("select * from calls where status = 'open' and org_id in ($1)", [req.user.orgId]);`,
    ),
  ),
  quiet(
    'SQL between two own',
    sql(
      `const { rows } = await pool.query("select * from calls where created_at between $1 and $2 and org_id = $3", [1, 2, req.user.orgId]);`,
    ),
  ),
  unsafe(
    'SQL of some columns',
    sql(
      'const { rows } = await pool.query(`\n  SELECT id, name\n  FROM public.calls c\n  WHERE c.status = $1 AND deleted_at IS NULL\n  LIMIT 50`, [req.query.status]);',
    ),
  ),
  unsafe(
    'SQL that deletes',
    sql(`const { rows } = await pool.query("delete from calls where status = 'done' returning id");`),
  ),
  unsafe(
    'SQL that changes',
    sql(
      `const { rows } = await pool.query("update calls set status = 'read' where created_at < $1", [req.query.day]);`,
    ),
  ),
  unsafe(
    'SQL in a tag',
    told(
      `import { sql } from '../db';`,
      'const rows = await sql`select id from calls where status = ${req.query.status}`;',
    ),
  ),
  unsafe('Prisma', prisma('const rows = await prisma.call.findMany();')),
  unsafe(
    'Prisma with a search',
    prisma(
      `const rows = await prisma.call.findMany({ where: { status: 'open', name: { contains: req.query.q } }, orderBy: { name: 'asc' } });`,
    ),
  ),
  unsafe('Prisma that deletes', prisma(`const rows = await prisma.call.deleteMany({ where: { status: 'done' } });`)),
  unsafe('Drizzle', drizzle('const rows = await db.select().from(calls).limit(20);')),
  unsafe('Drizzle by a status', drizzle(`const rows = await db.select().from(calls).where(eq(calls.status, 'open'));`)),
  unsafe('Drizzle in queries', drizzle('const rows = await db.query.calls.findMany({ orderBy: [calls.name] });')),
  unsafe('Drizzle that deletes', drizzle('const rows = await db.delete(calls).returning();')),
  quiet(
    'SQL of the own',
    sql(`const { rows } = await pool.query('select * from calls where org_id = $1', [req.user.orgId]);`),
  ),
  quiet(
    'SQL of one row',
    sql(`const { rows } = await pool.query('select * from calls where id = $1', [req.query.id]);`),
  ),
  quiet(
    'SQL of a user',
    sql(`const { rows } = await pool.query('select * from calls where user_id = $1', [req.user.id]);`),
  ),
  quiet(
    'SQL with a join',
    sql(
      `const { rows } = await pool.query('select c.* from calls c join memberships m on m.org_id = c.org_id where m.user_id = $1', [req.user.id]);`,
    ),
  ),
  quiet('SQL that is put together', sql('const { rows } = await pool.query(`select * from calls ${scope(req)}`);')),
  quiet('SQL that counts', sql(`const { rows } = await pool.query('select count(*) from calls');`)),
  quiet('SQL of another table', sql(`const { rows } = await pool.query('select * from countries');`)),
  quiet(
    'SQL of a connection of the caller',
    told(
      `import { connect } from '../db';`,
      `const db = await connect(req);\n  const { rows } = await db.forTenant.query('select * from calls');`,
    ),
  ),
  quiet(
    'SQL that says who asks',
    sql(
      `await pool.query("select set_config('app.org_id', $1, true)", [req.user.orgId]);\n  const { rows } = await pool.query('select * from calls');`,
    ),
  ),
  quiet(
    'SQL of admins',
    sql(
      `if (req.user.role !== 'admin') return res.status(403).end();\n  const { rows } = await pool.query('select * from calls');`,
    ),
  ),
  quiet(
    'SQL outside of a handler',
    `import { pool } from '../db';\nimport { Router } from 'express';\nexport const router = Router();\nexport async function all() { const { rows } = await pool.query('select * from calls'); return rows; }\n`,
  ),
  quiet('Prisma of the own', prisma('const rows = await prisma.call.findMany({ where: { orgId: req.user.orgId } });')),
  quiet(
    'Prisma of the own members',
    prisma(
      'const rows = await prisma.call.findMany({ where: { org: { members: { some: { userId: req.user.id } } } } });',
    ),
  ),
  quiet('Prisma with options of its own', prisma('const rows = await prisma.call.findMany(optionsFor(req));')),
  quiet(
    'Prisma with a condition of its own',
    prisma('const where = whereFor(req);\n  const rows = await prisma.call.findMany({ where });'),
  ),
  quiet(
    'Prisma that is extended',
    prisma('const rows = await prisma.call.findMany();', 'export const own = prisma.$extends({ query: {} });\n'),
  ),
  quiet(
    'Prisma in a transaction of the caller',
    prisma('const rows = await withTenant(req, (tx) => tx.call.findMany());'),
  ),
  quiet(
    'Drizzle of the own',
    drizzle('const rows = await db.select().from(calls).where(eq(calls.orgId, req.user.orgId));'),
  ),
  quiet(
    'Drizzle of the own and open',
    drizzle(
      `const rows = await db.select().from(calls).where(and(eq(calls.orgId, req.user.orgId), eq(calls.status, 'open')));`,
    ),
  ),
  quiet('Drizzle with a join', drizzle('const rows = await db.select().from(calls).innerJoin(members, on(req));')),
];

export const unscopedCases: readonly UnscopedCase[] = [
  ...statementCases,
  unsafe('a list', route(list)),
  unsafe(
    'a list in an order',
    route(`const { data } = await admin.from('calls').select('*').order('name').limit(50);\n  res.json(data);`),
  ),
  unsafe(
    'a list by its status',
    route(`const { data } = await admin.from('calls').select('id, name').eq('status', 'open');\n  res.json(data);`),
  ),
  unsafe(
    'a list by a status of the request',
    route(
      `const { data } = await admin.from('calls').select('id, name').eq('status', req.body.status);\n  res.json(data);`,
    ),
  ),
  unsafe(
    'a list by several columns',
    route(
      `const { data } = await admin.from('calls').select('id').match({ status: 'open', kind: req.body.kind });\n  res.json(data);`,
    ),
  ),
  unsafe(
    'a search',
    route(
      'const { data } = await admin.from("calls").select("*").ilike("name", `%${req.body.q}%`);\n  res.json(data);',
    ),
  ),
  unsafe(
    'a search in two columns',
    route(
      'const { data } = await admin.from("calls").select("*").or(`name.ilike.%${req.body.q}%,notes.ilike.%${req.body.q}%`);\n  res.json(data);',
    ),
  ),
  unsafe(
    'a list of some days',
    route(
      `const { data } = await admin.from('calls').select('*').gte('created_at', req.body.from).lt('created_at', req.body.to);\n  res.json(data);`,
    ),
  ),
  unsafe(
    'a list that is built',
    route(
      `let query = admin.from('calls').select('*');\n  if (req.body.q) query = query.ilike('name', req.body.q);\n  const { data } = await query;\n  res.json(data);`,
    ),
  ),
  unsafe(
    'lists at once',
    route(
      `const [calls, notes] = await Promise.all([admin.from('calls').select('*'), admin.from('notes').select('*').eq('org_id', req.user.orgId)]);\n  res.json({ calls, notes });`,
    ),
  ),
  unsafe(
    'a list that is given back',
    `${client}export async function listCalls() { 'use server'; return admin.from('calls').select('*'); }\n`,
    'app/actions.ts',
  ),
  unsafe(
    'a deletion of everything',
    route(`await admin.from('calls').delete().neq('id', '');\n  res.sendStatus(204);`),
  ),
  unsafe(
    'a deletion by a status',
    route(`await admin.from('calls').delete().eq('status', 'done');\n  res.sendStatus(204);`),
  ),
  unsafe(
    'a change of everything',
    route(`await admin.from('calls').update({ status: 'read' }).is('read_at', null);\n  res.sendStatus(204);`),
  ),
  unsafe(
    'a change by ids of the request',
    route(`await admin.from('calls').update({ status: 'read' }).in('id', req.body.ids);\n  res.sendStatus(204);`),
  ),
  unsafe(
    'a deletion by ids of the request',
    next(`const { ids } = await request.json();\n  await admin.from('calls').delete().in('id', ids);`),
    'app/api/calls/route.ts',
  ),
  unsafe(
    'a list in a route handler',
    next(`const { data } = await admin.from('calls').select('*');`),
    'app/api/calls/route.ts',
  ),
  unsafe(
    'a list in a route handler without parameters',
    next(`const { data } = await admin.from('calls').select('*');`, ''),
    'app/api/calls/route.ts',
  ),
  unsafe(
    'a list in a procedure',
    `${client}export const calls = protectedProcedure.input(schema).query(async ({ ctx, input }) => { const { data } = await admin.from('calls').select('*').eq('status', input.status); return data; });\n`,
    'server/routers/calls.ts',
  ),
  unsafe(
    'a list in a page of SvelteKit',
    `${client}export const load: PageServerLoad = async ({ locals }) => { const { data } = await admin.from('calls').select('*'); return { calls: data }; };\n`,
    'src/routes/calls/+page.server.ts',
  ),
  unsafe(
    'a table that other queries keep to an organization',
    route(
      `await admin.from('letters').insert({ org_id: req.user.orgId, name: 'x' });\n  const { data } = await admin.from('letters').select('*');\n  res.json(data);`,
    ),
  ),
  unsafe(
    'the schema of a table is named',
    route(`const { data } = await admin.schema('public').from('calls').select('*');\n  res.json(data);`),
  ),

  quiet(
    'by the organization',
    route(
      `const { data } = await admin.from('calls').select('*').eq('org_id', req.user.orgId).eq('status', 'open');\n  res.json(data);`,
    ),
  ),
  quiet(
    'by organizations of the user',
    route(`const { data } = await admin.from('calls').select('*').in('org_id', req.user.orgIds);\n  res.json(data);`),
  ),
  quiet(
    'by the user',
    route(`const { data } = await admin.from('calls').select('*').eq('user_id', req.user.id);\n  res.json(data);`),
  ),
  quiet(
    'by who made it',
    route(`await admin.from('calls').delete().eq('created_by', req.user.id);\n  res.sendStatus(204);`),
  ),
  quiet(
    'by the organization in a match',
    route(
      `const { data } = await admin.from('calls').select('*').match({ org_id: req.user.orgId, status: 'open' });\n  res.json(data);`,
    ),
  ),
  quiet(
    'by the organization in a text',
    route(
      'const { data } = await admin.from("calls").select("*").or(`org_id.eq.${req.user.orgId},name.ilike.%x%`);\n  res.json(data);',
    ),
  ),
  quiet(
    'by the organization later',
    route(
      `let query = admin.from('calls').select('*').order('name');\n  query = query.eq('org_id', req.user.orgId);\n  const { data } = await query;\n  res.json(data);`,
    ),
  ),
  quiet(
    'by a helper that is handed the query',
    route(
      `const query = admin.from('calls').select('*');\n  const { data } = await onlyOwn(query, req);\n  res.json(data);`,
    ),
  ),
  quiet(
    'within a helper that keeps it',
    route(`const { data } = await scoped(admin.from('calls').select('*'), req);\n  res.json(data);`),
  ),
  quiet(
    'a query that is begun for others',
    route(
      `const calls = () => admin.from('calls').select('*');\n  const { data } = await calls().eq('org_id', req.user.orgId);\n  res.json(data);`,
    ),
  ),
  quiet(
    'by the row of a parent',
    route(
      `const { data } = await admin.from('calls').select('*, projects!inner(org_id)').eq('projects.org_id', req.user.orgId);\n  res.json(data);`,
    ),
  ),
  quiet(
    'by another row',
    route(`const { data } = await admin.from('calls').select('*').eq('project_id', project.id);\n  res.json(data);`),
  ),
  quiet(
    'by ids that were looked up for the organization',
    route(
      `const { data: own } = await admin.from('calls').select('id').eq('org_id', req.user.orgId);\n  await admin.from('calls').delete().in('id', own.map((one) => one.id));\n  res.sendStatus(204);`,
    ),
  ),
  quiet(
    'by ids of the request, with the organization',
    route(
      `await admin.from('calls').delete().in('id', req.body.ids).eq('org_id', req.user.orgId);\n  res.sendStatus(204);`,
    ),
  ),
  quiet(
    'by ids of the request that were looked up',
    route(
      `const { ids } = req.body;\n  const { data: own } = await admin.from('calls').select('id').in('id', ids).eq('org_id', req.user.orgId);\n  if (own.length !== ids.length) return res.sendStatus(403);\n  await admin.from('calls').delete().in('id', ids);\n  res.sendStatus(204);`,
    ),
  ),
  quiet(
    'compared after it was read',
    route(
      `const { data } = await admin.from('calls').select('*');\n  res.json(data.filter((one) => one.org_id === req.user.orgId));`,
    ),
  ),
  quiet(
    "the caller's own client",
    next(`const { data } = await supabase.from('calls').select('*');`),
    'app/api/calls/route.ts',
  ),
  quiet(
    "the caller's client of the request",
    route(`const { data } = await req.supabase.from('calls').select('*');\n  res.json(data);`),
  ),
  quiet(
    'a client that is made for the organization',
    next(
      `const db = await getServiceClientWithOrg(user.app_metadata.org_id);\n  const { data } = await db.from('calls').select('*');`,
    ),
    'app/api/calls/route.ts',
  ),
  quiet(
    'a client that is given the organization',
    next(
      `const db = serviceClient({ orgId: user.app_metadata.org_id });\n  const { data } = await db.from('calls').select('*');`,
    ),
    'app/api/calls/route.ts',
  ),
  quiet(
    'a table of no organization',
    route(`const { data } = await admin.from('registers').select('*');\n  res.json(data);`),
  ),
  quiet(
    'a table that no schema knows',
    route(`const { data } = await admin.from('letters').select('*');\n  res.json(data);`),
  ),
  quiet(
    'a table whose column means something else',
    route(`const { data } = await admin.from('partner_links').select('*');\n  res.json(data);`),
  ),
  quiet(
    'the organization itself',
    route(
      `const { data } = await admin.from('organizations').select('*').eq('id', req.user.orgId).single();\n  res.json(data);`,
    ),
  ),
  quiet(
    'an insert that carries the organization',
    route(
      `const { data } = await admin.from('calls').insert({ org_id: req.user.orgId, name: req.body.name }).select();\n  res.json(data);`,
    ),
  ),
  quiet(
    'an upsert of own rows',
    route(
      `await admin.from('calls').upsert(rows.map((one) => ({ ...one, org_id: req.user.orgId }))).select('*');\n  res.sendStatus(204);`,
    ),
  ),
  quiet(
    'how many there are',
    route(
      `const { count } = await admin.from('calls').select('*', { count: 'exact', head: true });\n  res.json({ count });`,
    ),
  ),
  quiet(
    'whether the database answers',
    route(`const { error } = await admin.from('calls').select('id').limit(1);\n  res.sendStatus(error ? 503 : 200);`),
  ),
  quiet(
    'what is published',
    route(`const { data } = await admin.from('calls').select('*').eq('published', true);\n  res.json(data);`),
  ),
  quiet(
    'what is public by its status',
    route(`const { data } = await admin.from('calls').select('*').eq('status', 'published');\n  res.json(data);`),
  ),
  quiet(
    'by a token that was sent',
    route(
      `const { data } = await admin.from('calls').select('*').eq('share_token', req.body.token).single();\n  res.json(data);`,
    ),
  ),
  quiet(
    'by an address',
    route(`const { data } = await admin.from('calls').select('*').eq('email', req.body.email);\n  res.json(data);`),
  ),
  quiet(
    'a job',
    `${client}export async function remind() { const { data } = await admin.from('calls').select('*').eq('status', 'due'); for (const call of data ?? []) await send(call); }\n`,
    'src/jobs/remind.ts',
  ),
  quiet(
    'a service that nobody is shown to ask',
    `${client}export async function due() { const { data } = await admin.from('calls').select('*').eq('status', 'due'); return data; }\n`,
    'src/services/due.ts',
  ),
  quiet(
    'a cron route',
    next(
      `if (request.headers.get('authorization') !== \`Bearer \${process.env.CRON_SECRET}\`) return new Response(null, { status: 401 });\n  await admin.from('calls').delete().eq('status', 'done');`,
    ),
    'app/api/tidy/route.ts',
  ),
  quiet(
    'a route in the folder of cron',
    next(`await admin.from('calls').delete().eq('status', 'done');`),
    'app/api/cron/tidy/route.ts',
  ),
  quiet(
    'a webhook',
    next(
      `const event = stripe.webhooks.constructEvent(await request.text(), signature, secret);\n  await admin.from('calls').update({ status: 'paid' }).eq('status', 'due');`,
    ),
    'app/api/stripe/route.ts',
  ),
  quiet(
    'pages of the operator',
    next(`const { data } = await admin.from('calls').select('*');`),
    'app/api/admin/calls/route.ts',
  ),
  quiet('a route for staff', route(list, `'/'`, 'requireAuth, requireSuperAdmin')),
  quiet('a path for staff', route(list, `'/admin/calls'`)),
  quiet(
    'a router for staff',
    `${express}router.use(requireAuth, requireStaff);\nrouter.get('/', async (req, res) => {\n  ${list}\n});\n`,
  ),
  quiet('a check of staff', route(`if (!req.user.isSuperAdmin) return res.sendStatus(403);\n  ${list}`)),
  quiet('a check of a role', route(`if (req.user.role !== 'admin') return res.sendStatus(403);\n  ${list}`)),
  quiet(
    'a procedure for staff',
    `${client}export const calls = adminProcedure.input(schema).query(async ({ input }) => { const { data } = await admin.from('calls').select('*'); return data; });\n`,
    'server/routers/calls.ts',
  ),
  quiet(
    'a link that it does not know',
    route(`const { data } = await admin.from('calls').select('*').forOrganization(req.user);\n  res.json(data);`),
  ),
  quiet(
    'a column that is not told',
    route(`const { data } = await admin.from('calls').select('*').eq(key, req.user.orgId);\n  res.json(data);`),
  ),
  quiet(
    'a script',
    `${client}const { data } = await admin.from('calls').select('*');\nconsole.log(data);\n`,
    'scripts/list.ts',
  ),
];
