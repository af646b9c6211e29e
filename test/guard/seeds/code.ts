/** Added to the end of a file of the sample app. */
export type CodeWeakness = {
  readonly name: string;
  readonly file: string;
  readonly code: string;
  /** Why the guard does not count it. It counts as missed all the same. */
  readonly missed?: string;
};

const route = 'backend/src/routes/contacts.ts';
const job = 'backend/src/jobs/reminders.ts';
const service = 'backend/src/services/billing.ts';
const auth = 'backend/src/middleware/auth.ts';
const api = 'src/lib/api.ts';
const hook = 'src/hooks/useOrg.ts';
const settings = 'src/app/dashboard/settings/page.tsx';

export const codeWeaknesses: readonly CodeWeakness[] = [
  {
    name: 'a query parameter as the organization',
    file: route,
    code: `contactsRouter.get('/x1', requireAuth, async (req, res) => { const { data } = await supabase.from('contacts').select('*').eq('org_id', req.query.organization as string); res.json(data); });`,
  },
  {
    name: 'a header as the organization',
    file: route,
    code: `contactsRouter.get('/x2', requireAuth, async (req, res) => { const clinic = req.headers['x-clinic-id'] as string; const { data } = await supabase.from('contacts').select('*').eq('org_id', clinic); res.json(data); });`,
  },
  {
    name: 'the body’s organization, destructured with another name',
    file: route,
    code: `contactsRouter.post('/x3', requireAuth, async (req, res) => { const { org_id: target, ...rest } = req.body; const { error } = await supabase.from('contacts').insert({ ...rest, org_id: target }); res.json({ ok: !error }); });`,
  },
  {
    name: 'a path parameter as the organization',
    file: route,
    code: `contactsRouter.get('/of/:orgId', requireAuth, async (req, res) => { const { data } = await supabase.from('contacts').select('*').match({ org_id: req.params.orgId }); res.json(data); });`,
  },
  {
    name: 'the request’s organization through a helper',
    file: route,
    code: `function tenantFrom(request: Request) { return request.get('x-tenant'); }\ncontactsRouter.get('/x5', requireAuth, async (req, res) => { const { data } = await supabase.from('contacts').select('*').eq('org_id', tenantFrom(req)); res.json(data); });`,
  },
  {
    name: 'the request before the user',
    file: route,
    code: `contactsRouter.get('/x6', requireAuth, async (req, res) => { const orgId = (req.query.org as string) ?? req.user.orgId; const { data } = await supabase.from('contacts').select('id').eq('org_id', orgId); res.json(data); });`,
  },
  {
    name: 'a cookie as the organization',
    file: route,
    code: `contactsRouter.get('/x7', requireAuth, async (req, res) => { const { data } = await supabase.from('contacts').select('*').eq('org_id', req.cookies.org_id); res.json(data); });`,
  },
  {
    name: 'the organization of a token that nobody verified',
    file: route,
    code: `contactsRouter.get('/x8', async (req, res) => { const payload = JSON.parse(Buffer.from((req.headers.authorization ?? '').split('.')[1] ?? '', 'base64url').toString()); const { data } = await supabase.from('contacts').select('*').eq('org_id', payload.org_id); res.json(data); });`,
  },
  {
    name: 'the organization of a socket’s handshake',
    file: 'backend/src/websocket/voice.ts',
    code: `export function onJoin(socket: { handshake: { query: Record<string, string> }; join: (room: string) => void }) { const orgId = socket.handshake.query.org_id; socket.join('org:' + orgId); }`,
  },
  {
    name: 'an update with the whole body',
    file: route,
    code: `contactsRouter.put('/x10/:id', requireAuth, async (req, res) => { const { data } = await supabase.from('contacts').update(req.body).eq('id', req.params.id).eq('org_id', req.user.orgId).select(); res.json(data); });`,
  },
  {
    name: 'an insert with the spread body last',
    file: route,
    code: `contactsRouter.post('/x11', requireAuth, async (req, res) => { const { data } = await supabase.from('contacts').insert({ org_id: req.user.orgId, ...req.body }).select(); res.json(data); });`,
  },
  {
    name: 'an upsert of rows from the body',
    file: route,
    code: `contactsRouter.post('/x12', requireAuth, async (req, res) => { const { error } = await supabase.from('contacts').upsert(req.body.rows); res.json({ ok: !error }); });`,
  },
  {
    name: 'Object.assign of the body over the row',
    file: route,
    code: `contactsRouter.post('/x13', requireAuth, async (req, res) => { const row = Object.assign({ org_id: req.user.orgId }, req.body); const { error } = await supabase.from('contacts').insert(row); res.json({ ok: !error }); });`,
  },
  {
    name: 'the first organization in a job',
    file: job,
    code: `export async function digest() { const { data: org } = await supabase.from('organizations').select('id').order('created_at').limit(1).single(); await supabase.from('contacts').select('*').eq('org_id', org!.id); }`,
  },
  {
    name: 'the first row of a list of organizations',
    file: service,
    code: `export async function mainOrg() { const { data } = await supabase.from('organizations').select('id, name'); return data?.[0]?.id; }`,
  },
  {
    name: 'the first membership of anybody',
    file: service,
    code: `export async function anyOrg() { const { data: [row] = [] } = await supabase.from('profiles').select('org_id').not('org_id', 'is', null).range(0, 0); return (row as { org_id: string }).org_id; }`,
  },
  {
    name: 'the first organization by SQL',
    file: service,
    code: `export const firstOrg = (db: { query: (sql: string) => Promise<{ rows: { id: string }[] }> }) => db.query('select id from organizations order by created_at limit 1').then(({ rows }) => rows[0]?.id);`,
  },
  {
    name: 'a default organization by ||',
    file: auth,
    code: `export const orgOf = (user: { app_metadata?: { org_id?: string } }) => user.app_metadata?.org_id || 'default';`,
  },
  {
    name: 'a default organization by ??',
    file: auth,
    code: `export const tenantOf = (req: Request) => req.user?.orgId ?? process.env.DEFAULT_ORG_ID ?? '';`,
  },
  {
    name: 'a default organization as parameter',
    file: service,
    code: `export async function usageOf(orgId = 'default') { return supabase.from('contacts').select('id').eq('org_id', orgId); }`,
  },
  {
    name: 'a default organization by ternary',
    file: service,
    code: `export const billed = (user: { org_id?: string }) => { const orgId = user.org_id ? user.org_id : 'demo-org'; return supabase.from('contacts').select('id').eq('org_id', orgId); };`,
  },
  {
    name: 'a hard-coded organization',
    file: service,
    code: `export const ours = () => supabase.from('contacts').select('id').eq('org_id', '3f0c2a1e-8b64-4d1c-9d55-6a7f1b2c3d4e');`,
  },
  {
    name: 'a hard-coded organization in a constant',
    file: service,
    code: `const HOUSE_ORG_ID = '3f0c2a1e-8b64-4d1c-9d55-6a7f1b2c3d4f';\nexport const house = () => supabase.from('contacts').insert({ org_id: HOUSE_ORG_ID, name: 'x' });`,
  },
  {
    name: 'a hard-coded organization that is let through',
    file: auth,
    code: `export const isStaff = (req: Request) => req.user?.orgId === '3f0c2a1e-8b64-4d1c-9d55-6a7f1b2c3d50';`,
  },
  {
    name: 'user metadata as the organization',
    file: auth,
    code: `export const claimed = (user: { user_metadata: { org_id: string } }) => user.user_metadata.org_id;`,
  },
  {
    name: 'user metadata, destructured',
    file: auth,
    code: `export const metaOrg = (user: { user_metadata: Record<string, string> }) => { const { organization_id: orgId } = user.user_metadata; return orgId; };`,
  },
  {
    name: 'raw_user_meta_data in SQL',
    file: service,
    code: `export const sqlOrg = (db: { query: (sql: string, values: unknown[]) => unknown }, id: string) => db.query("select raw_user_meta_data ->> 'org_id' as org_id from auth.users where id = $1", [id]);`,
  },
  {
    name: 'the browser names the organization in a header',
    file: api,
    code: `export const asOrg = (orgId: string) => fetch('/api/calls', { headers: { 'x-organization-id': orgId } });`,
  },
  {
    name: 'the browser names the organization by an interceptor',
    file: api,
    code: `export const intercept = (client: { defaults: { headers: { common: Record<string, string> } } }, tenant: { id: string }) => { client.defaults.headers.common['X-Tenant-Id'] = tenant.id; };`,
  },
  {
    name: 'the organization kept in localStorage',
    file: hook,
    code: `export const remember = (orgId: string) => localStorage.setItem('activeOrgId', orgId);`,
  },
  {
    name: 'the organization read from sessionStorage',
    file: hook,
    code: `export const remembered = () => sessionStorage.getItem('tenant_id');`,
  },
  {
    name: 'the organization read from the address',
    file: hook,
    code: `export const fromUrl = () => { const orgId = new URLSearchParams(window.location.search).get('org_id'); return supabase.from('calls').select('*').eq('org_id', orgId); };`,
    missed: 'in the browser row security decides, whatever the filter says',
  },
  {
    name: 'an old column in a query',
    file: service,
    code: `export const invoicesOf = (id: string) => supabase.from('invoices').select('id').eq('organization_id', id);`,
  },
  {
    name: 'an old column in an insert',
    file: service,
    code: `export const addInvoice = (orgId: string) => supabase.from('invoices').insert({ organization_id: orgId, amount: 1 });`,
  },
  {
    name: 'a placeholder in the settings',
    file: settings,
    code: `export const Organization = () => <p className="muted">Organization settings are managed by our support team. Write to us to change them.</p>;`,
  },
  {
    name: 'a query by id alone',
    file: route,
    code: `contactsRouter.delete('/x36/:id', requireAuth, async (req, res) => { await supabase.from('contacts').delete().eq('id', req.params.id); res.status(204).end(); });`,
    missed: 'advice: whether the row was looked up before is not followed',
  },
  {
    name: 'a filter that is written as text',
    file: route,
    code: `contactsRouter.get('/x37', requireAuth, async (req, res) => { const { data } = await supabase.from('contacts').select('*').or(\`org_id.eq.\${req.query.org},name.is.null\`); res.json(data); });`,
  },
  {
    name: 'a filter by the name of its operator',
    file: route,
    code: `contactsRouter.get('/x38', requireAuth, async (req, res) => { const { data } = await supabase.from('contacts').select('*').filter('org_id', 'eq', req.body.organizationId); res.json(data); });`,
  },
  {
    name: 'a list of organizations from the body',
    file: route,
    code: `contactsRouter.post('/x39', requireAuth, async (req, res) => { const { data } = await supabase.from('contacts').select('*').in('org_id', req.body.orgs); res.json(data); });`,
  },
  {
    name: 'the organization of the body as an argument of a function',
    file: route,
    code: `contactsRouter.post('/x40', requireAuth, async (req, res) => { const { data } = await supabase.rpc('call_seconds', { p_org_id: req.body.org_id }); res.json(data); });`,
  },
  {
    name: 'SQL with the organization of the path',
    file: route,
    code: `contactsRouter.get('/x41/:orgId', requireAuth, async (req, res) => { const { rows } = await (res.app.locals.db as { query: (sql: string, values: unknown[]) => Promise<{ rows: unknown[] }> }).query('select * from contacts where org_id = $1', [req.params.orgId]); res.json(rows); });`,
  },
  {
    name: 'SQL with the organization of the path in its text',
    file: route,
    code: `contactsRouter.get('/x42/:orgId', requireAuth, async (req, res) => { const { rows } = await (res.app.locals.db as { query: (sql: string) => Promise<{ rows: unknown[] }> }).query(\`select * from contacts where org_id = '\${req.params.orgId}'\`); res.json(rows); });`,
  },
  {
    name: 'the user’s organization overwritten by a header',
    file: route,
    code: `contactsRouter.use((req, _res, next) => { if (req.user && req.get('x-act-as')) req.user.orgId = req.get('x-act-as') as string; next(); });`,
  },
  {
    name: 'the organization of a token that was decoded only',
    file: auth,
    code: `export const orgInToken = (req: Request, jwt: { decode: (token: string) => { org_id: string } }) => { const { org_id: orgId } = jwt.decode((req.headers.authorization ?? '').slice(7)); return supabase.from('contacts').select('id').eq('org_id', orgId); };`,
  },
  {
    name: 'the organization of a message of a socket',
    file: 'backend/src/websocket/voice.ts',
    code: `export function onMessage(socket: WebSocket) { socket.on('message', async (raw) => { const { orgId, text } = JSON.parse(String(raw)); await supabase.from('call_notes').insert({ org_id: orgId, body: text }); }); }`,
  },
  {
    name: 'the organization of a webhook’s body',
    file: 'backend/src/routes/webhooks.ts',
    code: `export async function onCallEnded(req: Request, res: Response) { const { metadata } = req.body.message.call; await supabase.from('calls').insert({ org_id: metadata.org_id, seconds: 1 }); res.sendStatus(204); }`,
  },
  {
    name: 'the organization of a form in a server action',
    file: 'src/app/api/auth/tenant-id/route.ts',
    code: `export async function saveName(form: FormData) { 'use server'; const db = createClient(process.env.SUPABASE_URL ?? '', process.env.SUPABASE_SERVICE_ROLE_KEY ?? ''); await db.from('organizations').update({ name: String(form.get('name')) }).eq('id', String(form.get('org_id'))); }`,
  },
  {
    name: 'the organization of a request’s JSON in a route handler',
    file: 'src/app/api/auth/tenant-id/route.ts',
    code: `export async function POST(request: Request) { const { tenantId } = await request.json(); const db = createClient(process.env.SUPABASE_URL ?? '', process.env.SUPABASE_SERVICE_ROLE_KEY ?? ''); const { data } = await db.from('contacts').select('*').eq('org_id', tenantId); return Response.json(data); }`,
  },
  {
    name: 'the organization of the address in a route handler',
    file: 'src/app/api/auth/tenant-id/route.ts',
    code: `export async function DELETE(request: Request) { const orgId = new URL(request.url).searchParams.get('orgId'); const db = createClient(process.env.SUPABASE_URL ?? '', process.env.SUPABASE_SERVICE_ROLE_KEY ?? ''); await db.from('contacts').delete().eq('org_id', orgId ?? ''); return new Response(null, { status: 204 }); }`,
  },
  {
    name: 'the path’s organization in a route handler',
    file: 'src/app/api/auth/tenant-id/route.ts',
    code: `export async function PUT(_request: Request, { params }: { params: Promise<{ orgId: string }> }) { const { orgId } = await params; const db = createClient(process.env.SUPABASE_URL ?? '', process.env.SUPABASE_SERVICE_ROLE_KEY ?? ''); const { data } = await db.from('contacts').select('*').eq('org_id', orgId); return Response.json(data); }`,
  },
  {
    name: 'a list that is not kept to an organization',
    file: route,
    code: `contactsRouter.get('/x51', requireAuth, async (_req, res) => { const { data } = await supabase.from('contacts').select('*'); res.json(data); });`,
  },
  {
    name: 'a search that is not kept to an organization',
    file: route,
    code: `contactsRouter.get('/x52', requireAuth, async (req, res) => { const { data } = await supabase.from('contacts').select('*').ilike('name', \`%\${req.query.q}%\`); res.json(data); });`,
  },
  {
    name: 'a deletion of everything',
    file: route,
    code: `contactsRouter.post('/x53', requireAuth, async (_req, res) => { await supabase.from('contacts').delete().neq('id', ''); res.sendStatus(204); });`,
  },
  {
    name: 'a default organization by ||=',
    file: service,
    code: `export function billedTo(options: { orgId?: string }) { options.orgId ||= 'acme'; return supabase.from('contacts').select('id').eq('org_id', options.orgId); }`,
    missed: 'a word that could be anything is not taken for a placeholder',
  },
  {
    name: 'a default organization by if',
    file: service,
    code: `export function chargedTo(orgId?: string) { let org = orgId; if (!org) org = 'demo'; return supabase.from('contacts').select('id').eq('org_id', org); }`,
    missed: 'an assignment in a branch is not followed',
  },
  {
    name: 'a default organization in a destructured argument',
    file: service,
    code: `export function listed({ tenantId = 'default' }: { tenantId?: string }) { return supabase.from('contacts').select('id').eq('org_id', tenantId); }`,
  },
  {
    name: 'a default organization by switch',
    file: service,
    code: `export function houseOf(kind: string) { switch (kind) { case 'a': return supabase.from('contacts').select('id').eq('org_id', '3f0c2a1e-8b64-4d1c-9d55-6a7f1b2c3d51'); default: return null; } }`,
  },
  {
    name: 'the organization of an environment variable',
    file: service,
    code: `export const houseCalls = () => supabase.from('calls').select('id').eq('org_id', process.env.HOUSE_ORG_ID ?? '');`,
  },
  {
    name: 'the first organization by at()',
    file: service,
    code: `export async function oldest() { const { data: orgs } = await supabase.from('organizations').select('id').order('created_at'); return supabase.from('calls').select('id').eq('org_id', orgs?.at(0)?.id ?? ''); }`,
  },
  {
    name: 'the first organization by maybeSingle()',
    file: job,
    code: `export async function newest() { const { data: org } = await supabase.from('organizations').select('id').order('created_at', { ascending: false }).limit(1).maybeSingle(); return supabase.from('calls').select('id').eq('org_id', org?.id ?? ''); }`,
  },
  {
    name: 'the first organization, destructured',
    file: job,
    code: `export async function anyCalls() { const { data } = await supabase.from('organizations').select('id'); const [org] = data ?? []; return supabase.from('calls').select('id').eq('org_id', org?.id ?? ''); }`,
    missed: 'an element that is taken apart is not followed',
  },
  {
    name: 'user metadata through the session',
    file: hook,
    code: `export const fromSession = (session: { user: { user_metadata: { tenant_id?: string } } } | null) => session?.user?.user_metadata?.tenant_id;`,
  },
  {
    name: 'the browser names the organization in default headers',
    file: api,
    code: `export const configured = (axios: { create: (options: unknown) => unknown }, orgId: string) => axios.create({ baseURL: '/api', headers: { 'X-Org-ID': orgId } });`,
  },
  {
    name: 'the browser names the organization by Headers',
    file: api,
    code: `export function withOrg(headers: Headers, orgId: string) { headers.set('x-tenant-id', orgId); return fetch('/api/calls', { headers }); }`,
  },
  {
    name: 'the organization kept in a cookie of the browser',
    file: hook,
    code: `export const keep = (orgId: string) => { document.cookie = \`org_id=\${orgId}; path=/\`; };`,
  },
  {
    name: 'the organization kept by a hook of storage',
    file: hook,
    code: `export const useKept = (useLocalStorage: (key: string, first: string) => [string, (next: string) => void]) => useLocalStorage('currentOrgId', '');`,
  },
  {
    name: 'an old column in SQL',
    file: service,
    code: `export const oldSql = (db: { query: (sql: string, values: unknown[]) => unknown }, id: string) => db.query('select id from invoices where organization_id = $1', [id]);`,
  },
  {
    name: 'an old column in a select list',
    file: service,
    code: `export const oldSelect = () => supabase.from('invoices').select('id, organization_id, amount');`,
  },
  {
    name: 'a Map that the request’s organization opens',
    file: service,
    code: `const caches = new Map<string, unknown>();\nexport const cached = (req: { query: { orgId: string } }) => supabase.from('settings').select('*').eq('org_id', req.query.orgId).then(({ data }) => caches.set(req.query.orgId, data));`,
  },
];
