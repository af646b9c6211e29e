import { goesElsewhere } from '../elsewhere.ts';
import { authOf, requestInScope } from '../fixes.ts';
import { isRequestParameter } from '../flow.ts';
import { isForPlatform } from '../for-platform.ts';
import { hasOrgGuard, isCompared } from '../guards.ts';
import { heldAs, isComparedIn, isReadWhereNamed, readOf } from '../helper-reads.ts';
import { isForMachines } from '../machine-guards.ts';
import { isOrgIdName, orgLetters } from '../names.ts';
import { orgPlaces } from '../org-places.ts';
import { handedOnWhole, isTenantUse, type PropertyRead, propertyReadAt, usesOf } from '../org-reads.ts';
import type { Origin, RequestOrigin } from '../origin-of-path.ts';
import { originsOf, originsOfBinding } from '../origins.ts';
import { alternatives, comparingEdits } from '../request-org-fix.ts';
import { parameterPlaces, sqlPlaces } from '../request-places.ts';
import { mayReadRequests } from '../request-words.ts';
import type { Hit, Rule, RuleContext } from '../rule.ts';
import { type Binding, declaredBy, parametersOf, placesOf } from '../scope.ts';
import { decoratedBy, isServerAction, sourceOfParameter } from '../source-of-parameter.ts';
import {
  callOf,
  functionAround,
  memberOf,
  operatorOf,
  type Source,
  type SyntaxNode,
  unwrap,
  wrapped,
} from '../syntax.ts';
import { partWords, tenantValuesAt } from '../tenant-values.ts';
import { handedToFunctions, noteOf } from './request-org-across.ts';

/**
 * The organization is what the caller says it is. Found from both ends: a property of a request that is named like an
 * org and then used, and a tenant column that is given a value from the request under any name.
 */
export const requestOrg: Rule = {
  kind: 'request-org',
  seeds: ({ side, source }) =>
    side !== 'browser' && orgLetters.test(source.text) && mayReadRequests(source)
      ? [...orgPlaces(source), ...parameterPlaces(source), ...sqlPlaces(source)]
      : null,
  *check(node, context) {
    const given = parameterAt(node);
    const read = given ?? propertyReadAt(node);
    // `@Headers('x-tenant-id') tenant: string`: the key names it where the parameter does not.
    const keyed = given?.origins.some((one) => isRequest(one) && isOrgIdName(one.path.at(-1) ?? '')) ?? false;
    if (read !== null && (keyed || isOrgIdName(read.key))) {
      const origin = read.origins.find(
        (one): one is RequestOrigin => isRequest(one) && (given !== null || isOrgIdName(one.path.at(-1) ?? '')),
      );
      if (origin !== undefined) {
        yield* hits(read.node, read.binding, origin, context);
        return;
      }
    }
    for (const value of tenantValuesAt(node)) {
      if (goesElsewhere(value)) continue;
      for (const origin of originsOf(value)) {
        if (!isRequest(origin)) continue;
        const last = origin.path.at(-1) ?? '';
        const isNamed = isOrgIdName(last);
        // A read under an org's name has been looked at where it stands; a helper's call is no such read.
        const helper = callOf(origin.node);
        const elsewhere = isNamed && !isReadWhereNamed(origin);
        if (isNamed && !elsewhere && (helper === null || memberOf(helper.callee) !== null)) continue;
        // The whole body is the other rule's.
        if (origin.path.length === 0 && origin.part === 'body') continue;
        if (origin.node.source !== node.source) continue;
        if (!elsewhere) yield* hits(origin.node, heldAs(value), origin, context);
        else if (!isComparedIn(origin.node, last)) {
          const read = readOf(value);
          yield* hits(read, /pattern/.test(read.kind) ? declaredBy(read) : heldAs(value), origin, context);
        }
      }
    }
  },
  across: handedToFunctions,
  examples: {
    finds: [
      {
        path: 'src/actions.ts',
        code: `'use server';\nexport async function award(orgId: string, id: string) { await api.post(\`/orgs/\${orgId}/badges\`, { id }); await db.from('badges').insert({ org_id: orgId }); }\n`,
      },
      `export const load = async ({ params }) => { const { personId, orgId, token } = params; verifyUnsubscribeToken(personId, orgId, token); return db.from('calls').select('id').eq('org_id', orgId).eq('person_id', personId); };`,
      `router.get('/x', requireAuth, async (req, res) => { res.json(await db.select().from(calls).where(or(eq(calls.orgId, req.user.orgId), eq(calls.orgId, req.query.orgId)))); });`,
      `router.get('/x', requireAuth, async (req, res) => { res.json(await admin.from('calls').select('*').or(\`org_id.eq.\${req.user.orgId},org_id.eq.\${req.query.orgId}\`)); });`,
      `router.get('/x', requireAuth, async (req, res) => { res.json(await prisma.call.findMany({ where: { OR: [{ orgId: req.user.orgId }, { orgId: req.query.orgId }] } })); });`,
      `router.get('/x', requireAuth, async (req, res) => { res.json(await pool.query('select * from calls where org_id = $1 or org_id = $2', [req.user.orgId, req.query.orgId])); });`,
      `router.get('/x', requireAuth, async (req, res) => { res.json(await admin.from('calls').select('*').in('org_id', [req.user.orgId, req.query.orgId])); });`,
      `router.put('/x', requireAuth, async (req, res) => { await admin.from('calls').update({ org_id: req.body.org_id }).eq('org_id', req.user.orgId).eq('id', 1); });`,
      `router.put('/x', requireAuth, async (req, res) => { await pool.query('update calls set org_id = $1 where org_id = $2', [req.body.org_id, req.user.orgId]); });`,
      `router.put('/x', requireAuth, async (req, res) => { await db.update(calls).set({ orgId: req.body.orgId }).where(eq(calls.orgId, req.user.orgId)); });`,
      `router.put('/x', requireAuth, async (req, res) => { await prisma.call.updateMany({ where: { orgId: req.user.orgId }, data: { orgId: req.body.orgId } }); });`,
      `export const GET = withTenant(async (request, context) => { const orgId = new URL(request.url).searchParams.get('orgId'); return Response.json(await db.select().from(calls).where(or(eq(calls.tenantId, context.tenantId), eq(calls.orgId, orgId)))); });`,
      `router.post('/x', requireAuth, async (req, res) => { const { workspaceId } = req.body; const { data } = await db.from('workspaces').select('id').eq('id', workspaceId).eq('org_id', req.user.orgId).single(); await db.from('calls').insert({ workspace_id: workspaceId, name: data?.name }); });`,
      `export const POST = withTenant(async (request, context) => { const { workspaceId } = await request.json(); return Response.json(await prisma.call.update({ where: { id: 1, orgId: context.orgId }, data: { workspaceId } })); });`,
      `router.get('/x', requireAuth, async (req, res) => { res.json(await db.select().from(calls).where(and(eq(calls.tenantId, req.body.tenantId), eq(calls.orgId, req.query.orgId)))); });`,
      `router.get('/x', async (req, res) => { const orgId = Number(req.query.orgId); res.json(await load(orgId)); });`,
      `router.get('/x', async (req, res) => { const id = parseInt(req.params.orgId, 10); const { data } = await db.from('calls').select('id').eq('org_id', id); });`,
      `router.get('/x', async (req, res) => { const id = +req.params.orgId; const { data } = await db.from('calls').select('id').eq('org_id', id); });`,
      {
        path: 'src/calls.controller.ts',
        code: `@Controller('calls') export class C { @Delete(':id') async remove(@Param('id') id: string, @Headers('x-org-id') owner: string) { await this.calls.remove(owner, id); } }`,
      },
      `export default async function handle(req, res) { const { orgId } = req.query; const userId = session.user.id; await prisma.agreement.update({ where: { id, orgId }, data: { deletedBy: userId } }); }`,
      `router.get('/x', async (req, res) => { const orgId = req.headers['x-org-id'] as string; res.json(await load(orgId)); });`,
      `router.post('/x', async (req, res) => { const { message, orgId } = req.body; res.json(await chat(orgId, message)); });`,
      `app.get('/x', async (request, reply) => { const { data } = await db.from('calls').select('*').eq('org_id', request.query.t); return data; });`,
      `const extract = (req) => req.body.toolCall?.arguments || req.body; router.post('/x', async (req, res) => { const args = extract(req); const { tenantId } = args; await run(tenantId); });`,
      `const KEY = 'org_id'; router.get('/x', async (req, res) => { res.json(await db.from('calls').select('id').eq(KEY, req.query.who)); });`,
      `const KEY = 'org_id'; router.post('/x', async (req, res) => { await db.from('calls').insert({ [KEY]: req.body.who, name: 'x' }); });`,
      `router.get('/callback', async (req, res) => { const { code, state } = req.query; const data = JSON.parse(Buffer.from(String(state), 'base64url').toString()); await save(data.orgId, code); });`,
      `export async function POST(request: Request) { const body = await request.json(); await db.from('leads').insert({ org_id: body.account, name: body.name }); }`,
      `export async function GET(request: NextRequest) { const who = request.nextUrl.searchParams.get('org_id'); return Response.json(await load(who)); }`,
      `router.get('/x', (req, res) => { const claims = jwt.decode(req.headers.authorization.slice(7)); load(claims.org_id); });`,
      `router.get('/orgs/:slug', (req, res) => { db.from('organizations').select('*').eq('id', req.params.slug); });`,
      `router.get('/x', (req, res) => { const orgId = req.cookies.org_id; return load(orgId); });`,
      `router.get('/x', (req, res) => { const t = new URL(req.url, base).searchParams.get('org'); db.from('calls').select('id').eq('org_id', t); });`,
      `router.get('/x', (req, res) => { const c = cookie(req.headers.cookie, 'org_id'); db.from('calls').select('id').eq('org_id', c); });`,
      `socket.on('message', (raw) => { const message = JSON.parse(String(raw)); watch(message.orgId); });`,
      `router.get('/x', (req, res) => { const claims = JSON.parse(atob(req.headers.authorization.split('.')[1])); load(claims.app_metadata.org_id); });`,
      `router.delete('/m/:id', requireAuth, async (req, res) => { await db.from('user_org_roles').delete().eq('user_id', req.params.id).eq('org_id', req.body.organizationId); });`,
      {
        path: 'src/routes/a.ts',
        code: `router.get('/x', requireAuth, async (req, res) => {\n\tconst orgId = req.query.orgId as string;\n\tres.json(await load(orgId));\n});`,
        fixed: `import { assertSameOrg } from '../services/org-validation';\n\nrouter.get('/x', requireAuth, async (req, res) => {\n\tconst orgId = assertSameOrg(req, req.query.orgId);\n\tres.json(await load(orgId));\n});`,
      },
      {
        path: 'src/routes/a.ts',
        code: `import { a } from './a';\nrouter.post('/x', requireAuth, async (req, res) => {\n  const { name, orgId } = req.body;\n  await save(orgId, name);\n});\n`,
        fixed: `import { a } from './a';\nimport { assertSameOrg } from '../services/org-validation';\nrouter.post('/x', requireAuth, async (req, res) => {\n  const { name, orgId: requestedOrgId } = req.body;\n  const orgId = assertSameOrg(req, requestedOrgId);\n  await save(orgId, name);\n});\n`,
      },
      {
        path: 'src/routes/a.ts',
        code: `router.post('/x', requireAuth, async (req, res) => {\n  const c = req.body;\n  if (!c.tenantId) return res.status(400).end();\n  await db.from('calls').insert({ org_id: c.tenantId, name: c.name });\n});\n`,
        fixed: `import { assertSameOrg } from '../services/org-validation';\n\nrouter.post('/x', requireAuth, async (req, res) => {\n  const c = req.body;\n  if (!c.tenantId) return res.status(400).end();\n  await db.from('calls').insert({ org_id: assertSameOrg(req, c.tenantId), name: c.name });\n});\n`,
      },
      {
        path: 'src/routes/a.ts',
        code: `router.post('/x', requireAuth, async (req, res) => {\n  const c = req.body;\n  if (!c.tenantId) return res.status(400).end();\n  await save(c);\n});\n`,
        fixed: `import { assertSameOrg } from '../services/org-validation';\n\nrouter.post('/x', requireAuth, async (req, res) => {\n  const c = req.body;\n  if (!c.tenantId) return res.status(400).end();\n  assertSameOrg(req, c.tenantId);\n  await save(c);\n});\n`,
      },
      {
        path: 'src/routes/a.ts',
        code: `router.get('/x', requireAuth, async (req, res) => {\n  const { orgId } = req.query;\n  if (!orgId) {\n    return res.status(400).end();\n  }\n  res.json(await load(orgId));\n});\n`,
        fixed: `import { assertSameOrg } from '../services/org-validation';\n\nrouter.get('/x', requireAuth, async (req, res) => {\n  const { orgId } = req.query;\n  if (!orgId) {\n    return res.status(400).end();\n  }\n  assertSameOrg(req, orgId);\n  res.json(await load(orgId));\n});\n`,
      },
      {
        path: 'src/routes/a.ts',
        code: `router.get('/x', requireAuth, async (req, res) => {\n  const orgId = req.headers['x-org-id'] as string;\n  if (!orgId) return res.status(400).end();\n  res.json(await load(orgId));\n});\n`,
        fixed: `import { assertSameOrg } from '../services/org-validation';\n\nrouter.get('/x', requireAuth, async (req, res) => {\n  const orgId = assertSameOrg(req, req.headers['x-org-id']);\n  res.json(await load(orgId));\n});\n`,
      },
      {
        path: 'src/routes/a.ts',
        code: `router.get('/x', requireAuth, async (req, res) => {\n  const orgId = (req.body.orgId || req.query.orgId) as string;\n  res.json(await load(orgId));\n});\n`,
        fixed: `import { assertSameOrg } from '../services/org-validation';\n\nrouter.get('/x', requireAuth, async (req, res) => {\n  const orgId = assertSameOrg(req, req.body.orgId || req.query.orgId);\n  res.json(await load(orgId));\n});\n`,
        count: 1,
      },
    ],
    leaves: [
      `app.use(pinoHttp({ customProps: (req) => ({ orgId: req.headers['x-org-id'] }) }));`,
      `export const load = async ({ params }) => { const { personId, orgId, token } = params; if (!verifyUnsubscribeToken(personId, orgId, token)) return { status: 'invalid' }; return db.from('calls').select('id').eq('org_id', orgId).eq('person_id', personId); };`,
      `router.get('/x', requireAuth, async (req, res) => { res.json(await db.select().from(calls).where(and(eq(calls.tenantId, req.user.tenantId), or(eq(calls.open, true), eq(calls.workspaceId, req.query.workspaceId))))); });`,
      `router.get('/x', requireAuth, async (req, res) => { res.json(await prisma.call.findMany({ where: { tenantId: req.user.tenantId, OR: [{ open: true }, { workspaceId: req.query.workspaceId }] } })); });`,
      `router.get('/x', requireAuth, async (req, res) => { res.json(await pool.query('select * from calls where user_id = $1 and (open or org_id = $2)', [req.user.id, req.query.orgId])); });`,
      `router.get('/x', requireAuth, async (req, res) => { res.json(await admin.from('calls').select('*').eq('user_id', req.user.id).or(\`org_id.eq.\${req.query.orgId},open.is.true\`)); });`,
      `export const GET = withTenant(async (request, context) => { const orgId = new URL(request.url).searchParams.get('orgId'); return Response.json(await db.select().from(calls).where(and(eq(calls.tenantId, context.tenantId), eq(calls.orgId, orgId)))); });`,
      `router.get('/x', requireAuth, async (req, res) => { const { data } = await db.from('calls').select('*').eq('workspace_id', req.query.workspaceId).eq('org_id', req.user.orgId); res.json(data); });`,
      `router.get('/x', requireAuth, async (req, res) => { res.json(await prisma.call.findMany({ where: { orgId: req.user.orgId, workspaceId: req.query.workspaceId } })); });`,
      `router.post('/x', requireAuth, async (req, res) => { const { workspaceId } = req.body; const { data } = await db.from('workspaces').select('id').eq('id', workspaceId).eq('org_id', req.user.orgId).single(); if (!data) return res.status(404).end(); await db.from('calls').insert({ workspace_id: workspaceId }); });`,
      `router.get('/x', requireAuth, async (req, res) => { const orgId = Number(req.query.orgId); if (orgId !== req.user.orgId) return res.status(403).end(); await load(orgId); });`,
      `export default async function handle(req, res) { const { orgId } = req.query; const userId = session.user.id; await prisma.room.update({ where: { id, org: { id: orgId, users: { some: { userId } } } }, data: { open: true } }); }`,
      `router.post('/x', async (req, res) => { const { orgId } = req.body; const job = await jobs.find(req.params.id); if (!job || job.orgId !== orgId || job.userId !== req.user.id) return res.status(404).end(); await send(orgId); });`,
      `router.get('/x', requireAuth, async (req, res) => { const orgId = req.query.orgId; if (orgId !== req.user.orgId) return res.status(403).end(); await load(orgId); });`,
      `router.get('/:orgId', requireAuth, verifyOrgAccess, async (req, res) => { await load(req.params.orgId); });`,
      `const KEY = 'org_id'; router.get('/x', async (req, res) => { res.json(await db.from('calls').select('id').eq(KEY, req.user.orgId).eq('name', req.query.name)); });`,
      `router.get('/x', async (req, res) => { const { orgId } = req.user!; await load(orgId); });`,
      `router.patch('/x', async (req, res) => { const { org_id, ...rest } = req.body; await save(rest); });`,
      `router.get('/x', async (req, res) => { logger.info('x', { orgId: req.query.orgId }); res.json({ orgId: req.query.orgId }); });`,
      `router.get('/x', async (req, res) => { const orgId = req.params.orgId; await assertMember(req.user.id, orgId); await load(orgId); });`,
      `router.get('/x', async (req, res) => { const id = req.params.orgId; const { data } = await db.from('user_org_roles').select('role').eq('user_id', req.user.id).eq('org_id', id).single(); if (!data) throw new Error('no'); await load(id); });`,
      `function load(orgId) { return db.from('calls').select('*').eq('org_id', orgId); }`,
      `router.get('/x', async (req, res) => { const orgId = req.user.orgId; const { data } = await db.from('calls').select('*').eq('org_id', orgId).eq('id', req.params.id); });`,
      `router.get('/cb', (req, res) => { const s = readSigned(req.query.state); load(s.orgId); }); function readSigned(x) { const [b, g] = x.split('.'); if (!timingSafeEqual(mac(b), g)) return null; return JSON.parse(b); }`,
      `router.get('/cb', (req, res) => { const s = readState(req.query.state); load(s.orgId); }); function readState(x) { const [b, g] = x.split('.'); if (!verifyHmac(b, g)) return null; return JSON.parse(b); }`,
      `router.get('/x', async (req, res) => { let query = db.from('notes').select('id').eq('user_id', req.user.id); if (req.query.orgId) query = query.eq('org_id', req.query.orgId); res.json(await query); });`,
      `router.get('/x', async (req, res) => { const { data: mine } = await db.from('memberships').select('org_id').eq('user_id', req.user.id); const ids = mine?.map((one) => one.org_id) || []; let query = db.from('calls').select('id').in('org_id', ids); if (req.query.orgId) query = query.eq('org_id', req.query.orgId); res.json(await query); });`,
      `router.get('/x', async (req, res) => { res.json(await getUserRoles(req.user.id, req.query.orgId)); });`,
      `export async function POST(request: Request) { const body = await request.json(); const own = await ownOf(request); if (body.orgId !== own) return new Response(JSON.stringify({ asked: body.orgId })); }`,
      `export const a = platformAdminProcedure.input(s).query(async ({ ctx, input }) => ctx.db.select().from(calls).where(eq(calls.orgId, input.orgId)));`,
      `const scoped = (tenantCtx, asked) => { if (asked && asked !== tenantCtx.orgId) throw new Error('no'); return tenantCtx.orgId; }; export const a = protectedProcedure.input(s).query(async ({ ctx, input }) => load(scoped(ctx, normalizeId(input.orgId))));`,
      `function same(req, id) { if (id !== req.user.orgId) throw new Error('no'); } router.get('/x', async (req, res) => { const t = req.query.tenantId; same(req, t); await load(t); });`,
    ],
  },
};

function isRequest(origin: Origin): origin is RequestOrigin {
  return origin.kind === 'request';
}

const seen = new WeakMap<Source, Set<string>>();

/** `list(orgId)` in a file whose functions are given their arguments by the sender of a request. */
export function parameterAt(node: SyntaxNode): PropertyRead | null {
  if (node.kind !== 'identifier') return null;
  const binding = declaredBy(node);
  if (binding === null || binding.parameter === null || binding.path.length > 0) return null;
  return { key: binding.name, node, binding, origins: originsOfBinding(binding) };
}

/** The function that the request is handed to: a callback within it knows what it has compared. */
function handlerAround(node: SyntaxNode): SyntaxNode | null {
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) {
    const own = fn;
    const takes = parametersOf(own).some(
      (_, index) =>
        isRequestParameter(own, index) || sourceOfParameter(own, index) !== null || decoratedBy(own, index) !== null,
    );
    if (takes || isServerAction(own)) return own;
  }
  return functionAround(node);
}

function* hits(node: SyntaxNode, binding: Binding | null, origin: RequestOrigin, context: RuleContext): Iterable<Hit> {
  const fn = handlerAround(node);
  const key = `${fn?.start ?? 0}:${origin.part}:${origin.path.join('.')}`;
  const known = seen.get(context.source) ?? new Set<string>();
  seen.set(context.source, known);
  const whole = alternatives(node);
  if (known.has(key) || (whole !== node && known.has(`${whole.start}`))) return;
  const uses = allUses(node, binding, fn, origin);
  if (!uses.some(isTenantUse) && !handedOnWhole(node)) return;
  if (isCompared(uses) || hasOrgGuard(node, origin) || isForMachines(node)) return;
  known.add(key).add(`${whole.start}`);
  yield { ...sayOf(node, binding, origin, context, fn, uses), note: noteOf(node, origin.part, uses) };
}

/** What is said of an organization that nothing compares, and how it is edited where that is to be seen. */
function sayOf(
  node: SyntaxNode,
  binding: Binding | null,
  origin: RequestOrigin,
  context: RuleContext,
  fn: SyntaxNode | null,
  uses: readonly SyntaxNode[],
): Hit {
  const last = origin.path.at(-1);
  const name = last === 'argument' ? (binding?.name ?? 'an argument') : (last ?? 'the organization');
  const reason = `The organization comes from ${partWords[origin.part]} (${name}) and is never compared with that of the authenticated user.`;
  const { helpers } = context;
  const request = requestInScope(node);
  const same = helpers?.assertSameOrg ?? 'assertSameOrg';
  if (origin.part === 'state') {
    return {
      node,
      reason,
      instruction:
        'Sign the state (HMAC, with an expiry) when the flow starts and verify it here, or keep it on the server under a random id.',
    };
  }
  if (origin.part === 'token') {
    return {
      node,
      reason,
      instruction:
        'Verify the token (supabase.auth.getUser, or jwt.verify with the key) before anything in it is used.',
    };
  }
  if (origin.part === 'message') {
    return {
      node,
      reason,
      instruction:
        'Keep the organization that the connection was authenticated for, and refuse messages that name another.',
    };
  }
  const asTenant = uses.filter(isTenantUse);
  if (asTenant.length > 0 && asTenant.every(isHandedToApi)) {
    return {
      node,
      reason: `The organization comes from ${partWords[origin.part]} (${name}) and is handed on to another API, which has to compare it.`,
      certainty: 'likely',
      advice: true,
      instruction: "Look whether that API compares it with the caller's own; call it with the caller's token.",
    };
  }
  if (isEdgeFunction(node.source)) {
    return { node, reason, instruction: forEdgeFunction };
  }
  if (fn !== null && !context.isAuthMiddleware && isForPlatform(fn)) {
    return {
      node,
      reason: `${reason.replace(/\.$/, '')}; the platform's own people come through here.`,
      instruction:
        'Waive it if they are meant to act for every organization; else compare it with that of the authenticated user.',
    };
  }
  if (uses.some(isRefusedWhenSame)) {
    return {
      node,
      reason: `${reason.replace(/\.$/, '')}; ${forAnother}`,
      certainty: 'likely',
      instruction:
        'Look whether the caller may name any organization here (to share with, to hand over to), refuse or ask the other one if not, and waive it otherwise.',
    };
  }
  if (request === null || context.isAuthMiddleware) {
    return { node, reason, instruction: 'Pass in the organization of the authenticated user, or compare with it.' };
  }
  if (authOf(request.fn, context) !== 'yes') {
    return {
      node,
      reason,
      instruction: `Nothing authenticates this route, so there is no organization to compare with: put the auth middleware in front of it and call ${same}(${request.name}, …); for a webhook verify its signature and look the organization up by what the sender owns.`,
    };
  }
  const edits = comparingEdits(
    { node, binding, uses, request: request.name, fromHeader: origin.part === 'headers' },
    context,
  );
  if (edits === null)
    return {
      node,
      reason,
      instruction: `Compare it with the authenticated organization: ${same}(${request.name}, …).`,
    };
  return { node, reason, edits };
}

/** api.post(`/orgs/${orgId}/calls`): a part of a path that is asked over HTTP. */
function isHandedToApi(use: SyntaxNode): boolean {
  const path = use.parent?.kind === 'template_substitution' ? use.parent.parent : null;
  const callee = path?.parent?.kind === 'arguments' ? path.parent.parent?.child(0) : null;
  const name = callee ? (memberOf(callee)?.name ?? callee.text) : '';
  return path?.text.startsWith('`/') === true && /^(?:get|post|put|patch|delete|request|\w*[fF]etch\w*)$/.test(name);
}

/** What is said of a place where an organization other than the own is meant; nothing is put in the place of its value. */
export const forAnother = 'another organization than that of the row is meant.';

/** `if (row.orgId === input.orgId) throw …`: the request is to name another one. */
function isRefusedWhenSame(use: SyntaxNode): boolean {
  const value = wrapped(use);
  const comparison = value.parent;
  if (comparison?.kind !== 'binary_expression' || !/^===?$/.test(operatorOf(comparison))) return false;
  const other = comparison.children.find((one) => one !== value);
  const [condition, then] = wrapped(comparison).parent?.children ?? [];
  return (
    other !== undefined &&
    memberOf(unwrap(other)) !== null &&
    wrapped(comparison).parent?.kind === 'if_statement' &&
    condition === wrapped(comparison) &&
    then !== undefined &&
    /\bthrow\b|\b4\d\d\b|\bfail\s*\(/.test(then.text)
  );
}

const isEdgeFunction = ({ path, text }: Source): boolean =>
  /(?:^|\/)supabase\/functions\//.test(path) || /\bDeno\.serve\s*\(/.test(text);

const forEdgeFunction =
  "Take the caller's JWT from the Authorization header, verify it (supabase.auth.getUser(token), or getClaims), and use app_metadata.org_id of that user, or look the membership up; better still, query with a client that carries the token, so that row security applies. What calls without a user (a schedule, another service) must show a secret of its own.";

/** The uses of a read, and of other reads of the same part of the request in the same function. */
function allUses(
  node: SyntaxNode,
  binding: Binding | null,
  fn: SyntaxNode | null,
  origin: RequestOrigin,
): readonly SyntaxNode[] {
  const uses = [...usesOf({ node, binding })];
  const key = origin.path.at(-1);
  if (fn === null || key === undefined) return uses;
  for (const place of placesOf(
    node.source,
    new RegExp(`(?<![\\w$])${key.replace(/[^\w]/g, '\\$&')}(?![\\w$])`, 'g'),
    fn,
  )) {
    const other = propertyReadAt(place);
    if (other === null || other.node === node) continue;
    if (
      other.origins.some(
        (one) => isRequest(one) && one.part === origin.part && one.path.join('.') === origin.path.join('.'),
      )
    ) {
      uses.push(...usesOf(other));
    }
  }
  return uses;
}
