import { chainAround, linkOf } from '../chains.ts';
import { isMembershipTable, isOrgColumn, isOrgIdName, isOrgTable } from '../names.ts';
import { originsOf } from '../origins.ts';
import { mayReadRequests } from '../request-words.ts';
import type { Rule } from '../rule.ts';
import { declarationsIn, referencesOf } from '../scope.ts';
import { memberOf, operatorOf, type SyntaxNode, stringValue, wrapped } from '../syntax.ts';

const byRowId = /\.\s*(?:eq|match)\s*\(\s*(?:['"]id['"]|\{\s*id\b)/g;

/**
 * A row read or written by its id alone, with an id from the request, through a client that goes past row security. Row
 * security would stop it; the service key does not. Advice: whether the id is guessable and the table a tenant's is not
 * to be seen from here.
 */
export const unscopedQuery: Rule = {
  kind: 'unscoped-query',
  seeds: ({ side, source, workspace }) =>
    side !== 'browser' &&
    workspace.supabaseClients.some((client) => client.role === 'service') &&
    mayReadRequests(source)
      ? byRowId
      : null,
  *check(node) {
    const chain = chainAround(node);
    if (
      chain === null ||
      chain.table === null ||
      isOrgTable(chain.table) ||
      isMembershipTable(chain.table) ||
      /^(?:users|plans|countries)$/.test(chain.table)
    )
      return;
    const byId = chain.links.find((link) => link.name === 'eq' && stringValue(link.args[0] ?? null) === 'id');
    if (!byId || !linkOf(chain, 'select', 'update', 'delete')) return;
    const filters = chain.links.filter((link) => /^(?:eq|in|filter|match|or|is|contains)$/.test(link.name));
    if (filters.some((link) => link !== byId && /org|tenant|user_id|owner/i.test(link.args[0]?.text ?? ''))) return;
    const value = byId.args[1];
    if (!value || !originsOf(value).some((origin) => origin.kind === 'request')) return;
    if (rowIsCompared(chain.node) || isScopedClient(chain.base)) return;
    yield {
      node: chain.node,
      reason: `A row of ${chain.table} is reached by its id alone with a client that goes past row security.`,
      instruction: `Add .eq('org_id', …) with the organization of the authenticated user, if ${chain.table} belongs to organizations.`,
      certainty: 'likely',
      advice: true,
    };
  },
  examples: {
    finds: [
      `router.get('/:id', async (req, res) => { const { data } = await supabase.from('calls').select('*').eq('id', req.params.id).single(); res.json(data); });`,
      `router.delete('/:id', async (req, res) => { const { id } = req.params; await supabase.from('calls').delete().eq('id', id); });`,
    ],
    leaves: [
      `router.get('/:id', async (req, res) => { await supabase.from('calls').select('*').eq('id', req.params.id).eq('org_id', req.user.orgId).single(); });`,
      `router.get('/:id', async (req, res) => { const { data: row } = await supabase.from('calls').select('org_id').eq('id', req.params.id).single(); if (row.org_id !== req.user.orgId) return res.status(403).end(); });`,
      `async function job(id) { await supabase.from('calls').select('*').eq('id', id).single(); }`,
      `router.get('/:id', async (req, res) => { await req.supabase.from('calls').select('*').eq('id', req.params.id).single(); });`,
    ],
  },
};

/** `req.supabase` and the like carry the caller's token. */
function isScopedClient(base: SyntaxNode): boolean {
  return /^(?:req|request|ctx|c)\b|user(?:Client|Supabase)|authed|scoped|anon/i.test(base.text);
}

/** The row's org is compared after it was read. */
function rowIsCompared(query: SyntaxNode): boolean {
  const declarator = wrapped(query).parent;
  const pattern = declarator?.kind === 'variable_declarator' ? declarator.child(0) : null;
  const scope = declarator?.above('statement_block', 'program');
  if (!pattern || !scope) return false;
  const names = [...declarationsIn(scope).values()].filter((binding) => pattern.contains(binding.node));
  return names.some((binding) =>
    referencesOf(binding).some((reference) => {
      const member = reference.parent;
      const name = member ? memberOf(member)?.name : undefined;
      if (!member || name === undefined || !(isOrgColumn(name) || isOrgIdName(name))) return false;
      const parent = wrapped(member).parent;
      return parent?.kind === 'binary_expression' && /^[!=]==?$/.test(operatorOf(parent));
    }),
  );
}
