import type { Workspace } from '../../project.ts';
import { type Chain, chainAround, linkOf } from '../chains.ts';
import { clientRole } from '../clients.ts';
import { isCompared } from '../guards.ts';
import { isMembershipTable, isOrgColumn, isOrgIdName, isOrgTable } from '../names.ts';
import { originsOf } from '../origins.ts';
import { decides } from '../refusals.ts';
import type { Rule } from '../rule.ts';
import { declarationsIn, escapeRegExp, placesOf, referencesOf } from '../scope.ts';
import { functionAround, memberOf, operatorOf, type SyntaxNode, stringValue, unwrap, wrapped } from '../syntax.ts';
import { offsetsOfMatches } from '../words.ts';
import { orgByName } from './org-by-name.ts';
import { openFunctions } from './unscoped-across.ts';
import { statementsIn, unscopedStatement } from './unscoped-statement.ts';
import { belongsToOrganizations, isScopedClient, ofCaller, unscopedTable } from './unscoped-table.ts';

/** A client that a framework makes (`serverSupabaseServiceRole(event)`) has no file of its own. */
const serviceWord = /service_?role/i;
/** Rows that belong to the app, to the user, or to whoever was sent their id. */
const ofNobody = /(?:^|_)(?:users|plans|countries|invites|invitations)$/;
/** Queries by an id, and all others: those are looked at where the table is known to be a tenant's. */
const queries = /\.\s*(?:(?:eq|in|match)\s*\(\s*(?:['"]id['"]|\{\s*id\b)|from\s*\(\s*['"`])/g;

/**
 * Rows of every organization (see `unscopedTable`), and rows that are read or written by their ids alone, with ids from
 * the request, through a client that goes past row security. Row security would stop it; the service key does not. By one
 * id it is advice: whether the id is guessable and the table a tenant's is not to be seen from here.
 */
export const unscopedQuery: Rule = {
  kind: 'unscoped-query',
  seeds: ({ side, source, workspace }) => {
    if (side === 'browser') return null;
    const { text } = source;
    const asksService = workspace.supabaseClients.some((client) => client.role === 'service') || serviceWord.test(text);
    return [...(asksService ? offsetsOfMatches(text, queries) : []), ...statementsIn(text)];
  },
  across: openFunctions,
  *check(node, context) {
    yield* unscopedStatement(node, context);
    yield* unscopedTable(node, context);
    yield* orgByName(node, context);
    const { source, workspace } = context;
    const chain = chainAround(node);
    if (
      chain === null ||
      chain.table === null ||
      isOrgTable(chain.table) ||
      isMembershipTable(chain.table) ||
      ofNobody.test(chain.table)
    )
      return;
    const byId = chain.links.find(
      ({ name, args }) => /^(?:eq|in)$/.test(name) && stringValue(args[0] ?? null) === 'id',
    );
    if (!byId || !linkOf(chain, 'select', 'update', 'delete')) return;
    const filters = chain.links.filter((link) => /^(?:eq|in|filter|match|or|is|contains)$/.test(link.name));
    if (filters.some((link) => link !== byId && ofCaller(link.args[0]?.text ?? ''))) return;
    const value = byId.args[1];
    if (!value || !originsOf(value).some((origin) => origin.kind === 'request')) return;
    if (isScopedClient(chain.base) || clientRole(chain.base, workspace) !== 'service') return;
    const look: Look = { workspace, depth: 0 };
    if (rowIsCompared(chain.node, look) || idIsChecked(value, chain.node, look) || hasCheckedParent(chain, look))
      return;
    const isList = byId.name === 'in';
    // A list of ids is rarely one that was looked up before.
    if (isList && (!belongsToOrganizations(chain.table, source) || isSiftedByOwner(chain.node))) return;
    yield {
      node: chain.node,
      reason: `${isList ? `Rows of ${chain.table} are reached by their ids` : `A row of ${chain.table} is reached by its id`} alone with a client that goes past row security.`,
      instruction: `Add .eq('org_id', …) with the organization of the authenticated user, if ${chain.table} belongs to organizations.`,
      certainty: 'likely',
      advice: !isList,
    };
  },
  examples: {
    finds: [
      `router.post('/x', async (req, res) => { const { data } = await supabase.from('calls').select('id, org_id').in('id', req.body.ids); if (data[0].name !== req.body.name) return res.status(403).end(); await supabase.from('calls').insert({ org_id: req.user.orgId }); res.json(data); });`,
      `export async function GET(request: Request) { const slug = new URL(request.url).searchParams.get('slug'); const { data: org } = await supabase.from('organizations').select('id').eq('slug', slug).single(); return Response.json(await supabase.from('calls').select('*').eq('org_id', org.id)); }`,
      `router.get('/calls', requireAuth, async (req, res) => { const { data: org } = await supabase.from('organizations').select('id').eq('domain', req.headers.host).single(); const { data } = await supabase.from('calls').select('*').eq('org_id', org.id); res.json(data); });`,
      `router.get('/:id', async (req, res) => { const { data } = await supabase.from('calls').select('*').eq('id', req.params.id).single(); res.json(data); });`,
      `router.delete('/:id', async (req, res) => { const { id } = req.params; await supabase.from('calls').delete().eq('id', id); });`,
      `router.delete('/:id', async (req, res) => { const { id } = req.params; const { data: row } = await supabase.from('calls').select('id').eq('id', id).single(); if (!row) return res.status(404).end(); await supabase.from('calls').delete().eq('id', id); });`,
      `router.delete('/:id/parts/:part', async (req, res) => { const { id, part } = req.params; await supabase.from('parts').delete().eq('id', part).eq('call_id', id); });`,
      `export const GET = async ({ params, locals }) => { const db = createClient(url, process.env.SUPABASE_SERVICE_ROLE_KEY); return db.from('calls').select('*').eq('id', params.id).single(); };`,
    ],
    leaves: [
      `router.post('/x', async (req, res) => { const { data } = await supabase.from('calls').select('id, org_id').in('id', req.body.ids); const own = (data || []).filter((e: any) => e.org_id === req.user.orgId); await supabase.from('calls').insert({ org_id: req.user.orgId }); res.json(own); });`,
      `export async function GET(request: Request) { const slug = new URL(request.url).searchParams.get('slug'); const user = await getUser(); const { data: org } = await supabase.from('organizations').select('id').eq('slug', slug).single(); const { data: member } = await supabase.from('memberships').select('role').eq('org_id', org.id).eq('user_id', user.id).single(); if (!member) return new Response(null, { status: 404 }); return Response.json(await supabase.from('calls').select('*').eq('org_id', org.id)); }`,
      `router.get('/:id', async (req, res) => { await supabase.from('calls').select('*').eq('id', req.params.id).eq('org_id', req.user.orgId).single(); });`,
      `router.get('/:id', async (req, res) => { const { data: row } = await supabase.from('calls').select('org_id').eq('id', req.params.id).single(); if (row.org_id !== req.user.orgId) return res.status(403).end(); });`,
      `async function job(id) { await supabase.from('calls').select('*').eq('id', id).single(); }`,
      `router.get('/:id', async (req, res) => { await req.supabase.from('calls').select('*').eq('id', req.params.id).single(); });`,
      `export const GET = async ({ params, locals }) => { const { supabase } = locals; return supabase.from('calls').select('*').eq('id', params.id).single(); };`,
      `const db = createClient(url, process.env.SUPABASE_ANON_KEY); router.get('/:id', async (req, res) => { await db.from('calls').select('*').eq('id', req.params.id).single(); });`,
      `export async function POST(request: Request) { const db = createClient(url, key, { global: { headers: { Authorization: request.headers.get('authorization') } } }); const { id } = await request.json(); await db.from('calls').delete().eq('id', id); }`,
      `router.patch('/:id', async (req, res) => { const { id } = req.params; const { data: row } = await supabase.from('calls').select('id, projects!inner(org_id)').eq('id', id).single(); if ((row as any).projects?.org_id !== req.user.orgId) return res.status(404).end(); await supabase.from('calls').update({ name }).eq('id', id); });`,
      `router.patch('/:id', async (req, res) => { const { id } = req.params; const { data: row } = await supabase.from('calls').select('id').eq('id', id).eq('org_id', req.user.orgId).single(); if (!row) return res.status(404).end(); await supabase.from('calls').update({ name }).eq('id', id); });`,
      `router.delete('/:id/parts/:part', async (req, res) => { const { id, part } = req.params; const { data: call } = await supabase.from('calls').select('id').eq('id', id).eq('org_id', req.user.orgId).single(); if (!call) return res.status(404).end(); await supabase.from('parts').delete().eq('id', part).eq('call_id', id); });`,
      `router.delete('/:id/parts/:part', async (req, res) => { const { id, part } = req.params; const { data: call } = await supabase.from('calls').select('id').eq('id', id).eq('org_id', req.user.orgId).single(); if (!call) return res.status(404).end(); const { data: row } = await supabase.from('parts').select('id, call_id').eq('id', part).single(); if (!row || row.call_id !== id) return res.status(404).end(); await supabase.from('parts').delete().eq('id', part); });`,
      `router.patch('/:id', async (req, res) => { const { data: row } = await supabase.from('calls').select('org_id').eq('id', req.params.id).single(); const allowed = await resolveTenantAccess(req.user.id, row.org_id); if (!allowed) return res.status(403).end(); await supabase.from('calls').update({ name }).eq('id', req.params.id); });`,
      `export const DELETE = async ({ params, locals }) => { const { supabase } = locals; const { data: row } = await supabase.from('calls').select('id').eq('id', params.id).single(); if (!row) return error(404); const db = createClient(url, process.env.SUPABASE_SERVICE_ROLE_KEY); await db.from('calls').delete().eq('id', params.id); };`,
      `router.patch('/:id', async (req, res) => { await assertCallAccess(req.user.id, req.params.id); await supabase.from('calls').update({ name }).eq('id', req.params.id); });`,
    ],
  },
};

/** `rows.filter((row) => row.org_id === own)` after a list was read: each of them is held to its organization. */
function isSiftedByOwner(query: SyntaxNode): boolean {
  const fn = functionAround(query);
  const rest = fn === null ? '' : query.source.text.slice(query.end, fn.end);
  const sifted = /\.\s*(?:filter|every|some)\s*\(\s*\(?\s*(\w+)[^()=]*\)?\s*=>\s*\1[?!]?\.(\w+)\s*[!=]==?/g;
  return [...rest.matchAll(sifted)].some(([, , column = '']) => ofCaller(column));
}

/** The row's org is compared after it was read. */
function rowIsCompared(query: SyntaxNode, look: Look): boolean {
  const declarator = wrapped(query).parent;
  const pattern = declarator?.kind === 'variable_declarator' ? declarator.child(0) : null;
  const scope = declarator?.above('statement_block', 'program');
  if (!pattern || !scope) return false;
  const names = [...declarationsIn(scope).values()].filter((binding) => pattern.contains(binding.node));
  return names.some((binding) => referencesOf(binding).some((use) => isComparedByOwner(use, query, look)));
}

/** `row.org_id !== own`, `row.project?.org_id !== own`, `row.project_id !== projectId` of a project that was looked up. */
function isComparedByOwner(reference: SyntaxNode, query: SyntaxNode, look: Look): boolean {
  let at = wrapped(reference);
  let named = false;
  let parental = false;
  for (;;) {
    const parent = at.parent;
    const name = parent === null || parent.child(0) !== at ? undefined : memberOf(parent)?.name;
    if (parent === null || name === undefined) break;
    named ||= isOrgColumn(name) || isOrgIdName(name);
    parental ||= /_id$|[a-z]Id$/.test(name);
    at = wrapped(parent);
  }
  // `assertTenantAccess(user.id, row.org_id)`
  if (named && at.parent?.kind === 'arguments') return isCompared([at]);
  const comparison = at.parent;
  if (comparison?.kind !== 'binary_expression' || !/^[!=]==?$/.test(operatorOf(comparison))) return false;
  const other = comparison.children.find((one) => one !== at);
  return named || (parental && other !== undefined && look.depth < maxDepth && idIsChecked(other, query, deeper(look)));
}

/** A row of a project is a row of the organization that the project was looked up with. */
const maxDepth = 2;

type Look = { readonly workspace: Workspace; readonly depth: number };

const deeper = ({ workspace, depth }: Look): Look => ({ workspace, depth: depth + 1 });

/** A look-up with the caller's own rights: row security has answered. */
const isOfCaller = ({ base }: Chain, { workspace }: Look): boolean =>
  /^(?:user|anon)$/.test(clientRole(base, workspace));

/** `.eq('id', id).eq('project_id', projectId)` where the project was looked up with the caller's organization. */
const hasCheckedParent = (chain: Chain, look: Look): boolean =>
  look.depth < maxDepth &&
  chain.links.some(
    ({ name, args: [column, value] }) =>
      name === 'eq' &&
      /_id['"]$|[a-z]Id['"]$/.test(column?.text ?? '') &&
      value !== undefined &&
      idIsChecked(value, chain.node, deeper(look)),
  );

/** The same id was looked up with the caller's organization before, or handed to what checks access, and refused otherwise. */
function idIsChecked(value: SyntaxNode, query: SyntaxNode, look: Look): boolean {
  const text = unwrap(value).text;
  const fn = outermostFunction(value);
  if (fn === null || !/^[\w$.?!]+$/.test(text)) return false;
  const uses = placesOf(value.source, new RegExp(`(?<![\\w$.])${escapeRegExp(text)}(?![\\w$])`, 'g'), fn)
    .map((place) => wholeOf(place, text))
    .filter((use): use is SyntaxNode => use !== null && !query.contains(use));
  if (isCompared(uses)) return true;
  return uses.some((use) => {
    const other = use.start < query.start && use.parent?.kind === 'arguments' ? chainAround(use) : null;
    if (other === null || other.table === null || linkOf(other, 'update', 'delete', 'insert', 'upsert')) return false;
    return (
      rowIsCompared(other.node, look) ||
      ((keepsToCaller(other) || hasCheckedParent(other, look) || isOfCaller(other, look)) && decides(other.node))
    );
  });
}

const keepsToCaller = (chain: Chain): boolean =>
  chain.links.some(({ name, args }) => /^(?:eq|in|match|filter)$/.test(name) && ofCaller(args[0]?.text ?? ''));

function outermostFunction(node: SyntaxNode): SyntaxNode | null {
  let found: SyntaxNode | null = null;
  for (let fn = functionAround(node); fn !== null; fn = functionAround(fn)) found = fn;
  return found;
}

/** The expression of a text that begins at a place. */
function wholeOf(place: SyntaxNode, text: string): SyntaxNode | null {
  for (let at: SyntaxNode | null = place; at !== null && at.start === place.start; at = at.parent)
    if (at.text === text) return at;
  return null;
}
