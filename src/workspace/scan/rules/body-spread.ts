import { chainAround, linkOf, writeNames } from '../chains.ts';
import { isOrgIdName } from '../names.ts';
import { originsOf } from '../origins.ts';
import { mayReadRequests } from '../request-words.ts';
import type { Hit, Rule } from '../rule.ts';
import { type Elsewhere, letsOrgIn } from '../schemas.ts';
import { bindingOf, referencesOf } from '../scope.ts';
import { keyName, memberOf, type SyntaxNode, unwrap } from '../syntax.ts';
import { importedSchemas } from './body-spread-across.ts';

/** A map is `set` with two arguments, and a session made of anything; a table is given one row. */
const writes =
  /\.\s*(?:(?:insert|update|upsert)\s*\(|(?:values|set)\s*\(\s*(?:[{[]|[\w$.]+\s*[()])|(?:create|createMany|createManyAndReturn|updateMany)\s*\(\s*\{)/g;

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
    for (const payload of payloadsOf(call)) {
      for (const value of payload.kind === 'array' ? payload.children : [payload]) {
        const whole = unfilteredBody(value);
        if (whole === null) continue;
        const hit: Hit = {
          node: whole.place,
          reason: whole.parsed
            ? 'What the schema lets through is written as a whole, and the schema lets the organization in, so the caller can set that of the row.'
            : 'The request body is written as a whole, so the caller can set the organization of the row.',
          instruction:
            'Name the fields that may be written, or take org_id out of the body first: const { org_id, ...fields } = body.',
        };
        yield whole.schema === null ? hit : { ...hit, note: whole.schema, pending: true };
      }
    }
  },
  across: importedSchemas,
  examples: {
    finds: [
      `router.patch('/:id', async (req, res) => { await db.from('agents').update({ ...req.body, updated_at: now() }).eq('id', req.params.id); });`,
      `router.post('/s', async (req, res) => { const { id, updates } = req.body; await db.from('agents').update({ ...updates }).eq('id', id); });`,
      `router.post('/s', async (req, res) => { await db.from('agents').insert(req.body); });`,
      `router.post('/s', async (req, res) => { const row = { org_id: req.user.orgId, ...req.body }; await db.from('agents').insert(row); });`,
      `export async function POST(request: Request) { const body = await request.json(); await db.from('leads').upsert([{ ...body }]); }`,
      `router.post('/s', async (req, res) => { await prisma.call.create({ data: req.body }); });`,
      `router.post('/s', async (req, res) => { await prisma.call.updateMany({ where: { id: req.params.id }, data: { ...req.body } }); });`,
      `router.post('/s', async (req, res) => { await db.insert(calls).values(req.body); });`,
      `router.post('/s', async (req, res) => { await db.update(calls).set(req.body).where(eq(calls.id, req.params.id)); });`,
      `router.post('/s', async (req, res) => { await db.updateTable('calls').set(req.body).where('id', '=', req.params.id).execute(); });`,
      `const schema = z.object({ org_id: z.string(), name: z.string() }); router.post('/s', async (req, res) => { await db.from('agents').insert(schema.parse(req.body)); });`,
      `const schema = z.object({ name: z.string() }).passthrough(); router.post('/s', async (req, res) => { await db.from('agents').insert(schema.parse(req.body)); });`,
      `const base = z.object({ name: z.string() }); const schema = base.extend({ orgId: z.string() }).partial(); router.post('/s', async (req, res) => { const read = schema.safeParse(req.body); await db.from('agents').update(read.data).eq('id', req.params.id); });`,
      `const schema = z.looseObject({ name: z.string() }); export default defineEventHandler(async (event) => { const body = await readValidatedBody(event, (one) => schema.parse(one)); await db.from('agents').insert(body); });`,
      `export const r = router({ a: protectedProcedure.input(z.object({ orgId: z.string(), name: z.string() })).mutation(({ ctx, input }) => ctx.db.call.create({ data: input })) });`,
      `const calls = pgTable('calls', { id: uuid(), orgId: uuid('org_id') }); const schema = createInsertSchema(calls); router.post('/s', async (req, res) => { await db.insert(calls).values(schema.parse(req.body)); });`,
    ],
    leaves: [
      `router.patch('/:id', async (req, res) => { const { org_id, ...fields } = req.body; await db.from('agents').update({ ...fields }).eq('id', req.params.id); });`,
      `router.post('/s', async (req, res) => { await db.from('agents').insert({ ...req.body, org_id: req.user.orgId }); });`,
      `router.post('/s', async (req, res) => { const updates = req.body; delete updates.org_id; await db.from('agents').update({ ...updates }); });`,
      `router.post('/s', async (req, res) => { const { name } = req.body; await db.from('agents').update({ name }); });`,
      `router.post('/s', async (req, res) => { const fields = schema.parse(req.body); await db.from('agents').update({ ...fields }); });`,
      `const schema = z.object({ name: z.string() }); router.post('/s', async (req, res) => { const { data } = schema.safeParse(req.body); await db.from('agents').insert(data); });`,
      `const schema = z.object({ org_id: z.string(), name: z.string() }).omit({ org_id: true }); router.post('/s', async (req, res) => { await db.from('agents').insert(schema.parse(req.body)); });`,
      `const schema = z.object({ org_id: z.string(), name: z.string() }); router.post('/s', async (req, res) => { await db.from('agents').insert({ ...schema.parse(req.body), org_id: req.user.orgId }); });`,
      `const schema = z.object({ name: z.string() }); export default defineEventHandler(async (event) => { const body = await readValidatedBody(event, schema.parse); await db.from('agents').insert(body); });`,
      `const schema = v.object({ name: v.string() }); router.post('/s', async (req, res) => { await db.insert(agents).values(v.parse(schema, req.body)); });`,
      `export const r = router({ a: protectedProcedure.input(z.object({ name: z.string() })).mutation(({ ctx, input }) => ctx.db.call.create({ data: input })) });`,
      `router.post('/s', async (req, res) => { await prisma.call.create({ data: { ...req.body, organizationId: req.user.orgId } }); });`,
      `router.post('/s', async (req, res) => { const session = sessions.create({ data: req.body }); cache.set(req.body); });`,
      `router.post('/s', async (req, res) => { const sum = createHmac('sha256', key).update(req.body).digest('hex'); });`,
      `router.post('/s', async (req, res) => { cache.update(req.body); });`,
      `async function save(row) { await db.from('agents').insert({ ...row }); }`,
    ],
  },
};

/** What a call writes: `from('t').update(row)`, `insert(t).values(row)`, `prisma.call.create({ data: row })`. */
function payloadsOf(call: SyntaxNode): readonly SyntaxNode[] {
  const member = memberOf(call.child(0) ?? call);
  const first = call.childOfKind('arguments')?.child(0) ?? null;
  const chain = member === null || first === null ? null : chainAround(call);
  if (member === null || first === null || chain === null) return [];
  // Drizzle and Kysely.
  if (member.name === 'values') return linkOf(chain, 'insert', 'insertInto', 'replaceInto') === null ? [] : [first];
  if (member.name === 'set') return linkOf(chain, 'update', 'updateTable') === null ? [] : [first];
  const isModel = memberOf(unwrap(member.object)) !== null && first.kind === 'object';
  if (isModel && /(?:^|\.)(?:prisma|db|tx|\w*[pP]risma\w*|\w*[cC]lient|database)$/.test(rootOf(member.object))) {
    return first.children.flatMap((part) =>
      part.kind === 'pair' && /^(?:data|create|update)$/.test(keyName(part.child(0)) ?? '')
        ? (part.child(1) ?? [])
        : [],
    );
  }
  return writeNames.has(member.name) && writesTable(chain) ? [first] : [];
}

/** `ctx.db` of `ctx.db.call`. */
const rootOf = (model: SyntaxNode): string => memberOf(unwrap(model))?.object.text ?? '';

/** `from('t').update(…)`, `knex('t').insert(…)`; a hash is updated as well, and a Map of the app. */
const writesTable = (chain: NonNullable<ReturnType<typeof chainAround>>): boolean =>
  linkOf(chain, 'from', 'table', 'into', 'withSchema') !== null || /^\w+\(\s*['"`]\w+['"`]\s*\)$/.test(chain.base.text);

type Whole = {
  readonly place: SyntaxNode;
  readonly parsed: boolean;
  /** The schema of another module that decides. */
  readonly schema: Elsewhere | null;
};

/** The part of a payload by which the body comes in whole; null when the org cannot come in with it. */
function unfilteredBody(payload: SyntaxNode): Whole | null {
  const value = unwrap(payload);
  if (value.kind === 'object') {
    let whole: Whole | null = null;
    for (const part of value.children) {
      if (part.kind === 'spread_element') {
        const inner = part.child(0);
        const body = inner ? bodyOf(unwrap(inner), part) : null;
        if (body !== null) whole = body;
      } else {
        const name =
          part.kind === 'pair'
            ? keyName(part.child(0))
            : part.kind === 'shorthand_property_identifier'
              ? part.text
              : null;
        if (name !== null && isOrgIdName(name)) whole = null;
      }
    }
    return whole;
  }
  if (value.kind === 'identifier') {
    const binding = bindingOf(value);
    const init = binding?.init && binding.path.length === 0 ? unwrap(binding.init) : null;
    if (init?.kind === 'object') return unfilteredBody(init);
  }
  return bodyOf(value, payload);
}

function bodyOf(value: SyntaxNode, place: SyntaxNode): Whole | null {
  if (value.kind === 'object') return null;
  const binding = value.kind === 'identifier' ? bindingOf(value) : null;
  if (binding?.without?.some(isOrgIdName)) return null;
  if (binding && dropsOrg(referencesOf(binding))) return null;
  for (const origin of originsOf(value)) {
    if (origin.kind !== 'request' || origin.part !== 'body') continue;
    if (origin.parsed !== true) return { place, parsed: false, schema: null };
    // A part of what was read is not the schema's whole.
    const lets = origin.path.length === 0 ? letsOrgIn(origin.schema ?? null) : false;
    if (lets !== false) return { place, parsed: true, schema: lets === true ? null : lets };
  }
  return null;
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
