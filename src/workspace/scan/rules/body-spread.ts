import { chainAround, linkOf, writeNames } from '../chains.ts';
import { isOrgIdName } from '../names.ts';
import { originsOf } from '../origins.ts';
import { mayReadRequests } from '../request-words.ts';
import type { Rule } from '../rule.ts';
import { bindingOf, referencesOf } from '../scope.ts';
import { keyName, memberOf, type SyntaxNode, unwrap } from '../syntax.ts';

const writes = /\.\s*(?:insert|update|upsert)\s*\(/g;

/** A whole request body written to a table: the caller can add `org_id` to it and move the row to another tenant. */
export const bodySpread: Rule = {
  kind: 'body-spread',
  seeds: ({ side, source }) => (side !== 'browser' && mayReadRequests(source) ? writes : null),
  *check(node) {
    const call =
      node.kind === 'call_expression'
        ? node
        : node.kind === 'member_expression'
          ? node.parent
          : node.above('call_expression');
    if (call?.kind !== 'call_expression') return;
    const member = memberOf(call.child(0) ?? call);
    if (member === null || !writeNames.has(member.name)) return;
    const list = call.childOfKind('arguments');
    const payload = list?.child(0);
    if (!payload || !writesTable(call)) return;
    for (const value of payload.kind === 'array' ? payload.children : [payload]) {
      const place = unfilteredBody(value);
      if (place === null) continue;
      yield {
        node: place,
        reason: 'The request body is written as a whole, so the caller can set the organization of the row.',
        instruction:
          'Name the fields that may be written, or take org_id out of the body first: const { org_id, ...fields } = body.',
      };
    }
  },
  examples: {
    finds: [
      `router.patch('/:id', async (req, res) => { await db.from('agents').update({ ...req.body, updated_at: now() }).eq('id', req.params.id); });`,
      `router.post('/s', async (req, res) => { const { id, updates } = req.body; await db.from('agents').update({ ...updates }).eq('id', id); });`,
      `router.post('/s', async (req, res) => { await db.from('agents').insert(req.body); });`,
      `router.post('/s', async (req, res) => { const row = { org_id: req.user.orgId, ...req.body }; await db.from('agents').insert(row); });`,
      `export async function POST(request: Request) { const body = await request.json(); await db.from('leads').upsert([{ ...body }]); }`,
    ],
    leaves: [
      `router.patch('/:id', async (req, res) => { const { org_id, ...fields } = req.body; await db.from('agents').update({ ...fields }).eq('id', req.params.id); });`,
      `router.post('/s', async (req, res) => { await db.from('agents').insert({ ...req.body, org_id: req.user.orgId }); });`,
      `router.post('/s', async (req, res) => { const updates = req.body; delete updates.org_id; await db.from('agents').update({ ...updates }); });`,
      `router.post('/s', async (req, res) => { const { name } = req.body; await db.from('agents').update({ name }); });`,
      `router.post('/s', async (req, res) => { const fields = schema.parse(req.body); await db.from('agents').update({ ...fields }); });`,
      `router.post('/s', async (req, res) => { const sum = createHmac('sha256', key).update(req.body).digest('hex'); });`,
      `router.post('/s', async (req, res) => { cache.update(req.body); });`,
      `async function save(row) { await db.from('agents').insert({ ...row }); }`,
    ],
  },
};

/** `from('t').update(…)`, `knex('t').insert(…)`; a hash is updated as well, and a Map of the app. */
function writesTable(call: SyntaxNode): boolean {
  const chain = chainAround(call);
  if (chain === null) return false;
  return (
    linkOf(chain, 'from', 'table', 'into', 'withSchema') !== null ||
    /^\w+\(\s*['"`]\w+['"`]\s*\)$/.test(chain.base.text)
  );
}

/** The part of a payload by which the body comes in whole; null when the org cannot come in with it. */
function unfilteredBody(payload: SyntaxNode): SyntaxNode | null {
  const value = unwrap(payload);
  if (value.kind === 'object') {
    let spread: SyntaxNode | null = null;
    for (const part of value.children) {
      if (part.kind === 'spread_element') {
        const inner = part.child(0);
        if (inner && isBody(unwrap(inner))) spread = part;
      } else {
        const name =
          part.kind === 'pair'
            ? keyName(part.child(0))
            : part.kind === 'shorthand_property_identifier'
              ? part.text
              : null;
        if (name !== null && isOrgIdName(name)) spread = null;
      }
    }
    return spread;
  }
  if (value.kind === 'identifier') {
    const binding = bindingOf(value);
    const init = binding?.init && binding.path.length === 0 ? unwrap(binding.init) : null;
    if (init?.kind === 'object') return unfilteredBody(init);
  }
  return isBody(value) ? payload : null;
}

function isBody(value: SyntaxNode): boolean {
  if (value.kind === 'object') return false;
  const binding = value.kind === 'identifier' ? bindingOf(value) : null;
  if (binding?.without?.some(isOrgIdName)) return false;
  if (binding && dropsOrg(referencesOf(binding))) return false;
  return originsOf(value).some(
    (origin) => origin.kind === 'request' && origin.part === 'body' && origin.parsed !== true,
  );
}

/** `delete x.org_id`. */
function dropsOrg(references: readonly SyntaxNode[]): boolean {
  return references.some((reference) => {
    const member = reference.parent;
    const name = member ? memberOf(member)?.name : null;
    return (
      name !== null &&
      name !== undefined &&
      isOrgIdName(name) &&
      member?.parent?.kind === 'unary_expression' &&
      member.parent.text.startsWith('delete')
    );
  });
}
