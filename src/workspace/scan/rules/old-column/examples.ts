import type { Rule } from '../../rule.ts';
import type { Rename } from '../../types.ts';

/** Code that names an old column, in each form that the survey of real apps met. */
export function examplesThatFind(): Rule['examples']['finds'] {
  const renames: readonly Rename[] = [
    { table: 'invoices', from: 'organization_id', to: 'org_id' },
    { table: 'profiles', from: 'organization_id', to: 'org_id' },
    { table: 'usage_records', from: 'organization_id', to: 'org_id' },
    { table: 'tenant_settings', from: 'tenant_id', to: 'org_id' },
  ];
  const one = (code: string, fixed: string, path = 'src/services/example.ts') => ({ code, fixed, path, renames });
  return [
    one(
      `const COLUMN = 'organization_id'; db.from('invoices').select('id').eq(COLUMN, id); db.from('profiles').update({ [COLUMN]: id }).eq('id', 1);`,
      `const COLUMN = 'org_id'; db.from('invoices').select('id').eq(COLUMN, id); db.from('profiles').update({ [COLUMN]: id }).eq('id', 1);`,
    ),
    one(
      `const COLUMNS = { tenant: 'organization_id', id: 'id' } as const; db.from('invoices').select('id').eq(COLUMNS.tenant, id);`,
      `const COLUMNS = { tenant: 'org_id', id: 'id' } as const; db.from('invoices').select('id').eq(COLUMNS.tenant, id);`,
    ),
    one(
      `const COLUMN = 'organization_id'; db.from('invoices').select('id').eq(COLUMN, id); track(COLUMN);`,
      `const COLUMN = 'organization_id'; db.from('invoices').select('id').eq(COLUMN, id); track(COLUMN);`,
    ),
    one(
      `supabase.channel('x').on('postgres_changes', { event: '*', table: 'invoices' }, (payload) => { if (payload.new.organization_id === payload.old?.organization_id) load(); });`,
      `supabase.channel('x').on('postgres_changes', { event: '*', table: 'invoices' }, (payload) => { if (payload.new.org_id === payload.old?.org_id) load(); });`,
    ),
    one(
      `const heard = ({ new: row }) => show(row.organization_id); channel.on('postgres_changes', { event: 'INSERT', table: 'invoices' }, heard);`,
      `const heard = ({ new: row }) => show(row.org_id); channel.on('postgres_changes', { event: 'INSERT', table: 'invoices' }, heard);`,
    ),
    one(
      `const found = await pool.query('select id, organization_id from invoices where organization_id = $1', [id]); const ids = (found.rows as any[]).map((row) => row.organization_id);`,
      `const found = await pool.query('select id, org_id from invoices where org_id = $1', [id]); const ids = (found.rows as any[]).map((row) => row.org_id);`,
    ),
    one(
      `const { rows } = await pool.query('select * from invoices'); const first = rows[0].organization_id;`,
      `const { rows } = await pool.query('select * from invoices'); const first = rows[0].org_id;`,
    ),
    one(
      `db.from('invoices').select('*').eq('organization_id', id);`,
      `db.from('invoices').select('*').eq('org_id', id);`,
    ),
    one(
      `db.from('invoices').select('*').eq('organization_id' as never, id);`,
      `db.from('invoices').select('*').eq('org_id' as never, id);`,
    ),
    one(
      `let q = db.from('invoices').select('id'); q = q.neq("organization_id", id);`,
      `let q = db.from('invoices').select('id'); q = q.neq("org_id", id);`,
    ),
    one(
      `db.from('invoices').select('id, organization_id, org:organization_id(name), profiles(full_name, organization_id)');`,
      `db.from('invoices').select('id, org_id, org:org_id(name), profiles(full_name, org_id)');`,
    ),
    one(
      `db.from('calls').select('id, organization_id, owner:profiles!inner(organization_id)');`,
      `db.from('calls').select('id, organization_id, owner:profiles!inner(org_id)');`,
    ),
    one(
      `db.from('calls').select('id, profiles(id)').eq('profiles.organization_id', x);`,
      `db.from('calls').select('id, profiles(id)').eq('profiles.org_id', x);`,
    ),
    one(
      'db.from("invoices").select("id").or(`organization_id.eq.${id},and(organization_id.is.null,paid.eq.true)`);',
      'db.from("invoices").select("id").or(`org_id.eq.${id},and(org_id.is.null,paid.eq.true)`);',
    ),
    one(
      `db.from('invoices').upsert({ organization_id: id, n }, { onConflict: 'organization_id,number' });`,
      `db.from('invoices').upsert({ org_id: id, n }, { onConflict: 'org_id,number' });`,
    ),
    one(
      `db.from('invoices').insert({ organization_id, n });`,
      `db.from('invoices').insert({ org_id: organization_id, n });`,
    ),
    one(
      `db.from('invoices').insert(list.map((n) => ({ n, organization_id: id })));`,
      `db.from('invoices').insert(list.map((n) => ({ n, org_id: id })));`,
    ),
    one(
      `const row = { n, organization_id: id }; db.from('invoices').insert(row);`,
      `const row = { n, org_id: id }; db.from('invoices').insert(row);`,
    ),
    one(
      `db.from('tenant_settings').select('*').match({ tenant_id: id }).order('tenant_id').not('tenant_id', 'is', null).in('tenant_id', ids).filter('tenant_id', 'eq', id);`,
      `db.from('tenant_settings').select('*').match({ org_id: id }).order('org_id').not('org_id', 'is', null).in('org_id', ids).filter('org_id', 'eq', id);`,
    ),
    one(
      `async function f() { const { data } = await db.from('profiles').select('*').eq('id', x).single(); return data?.organization_id; }`,
      `async function f() { const { data } = await db.from('profiles').select('*').eq('id', x).single(); return data?.org_id; }`,
    ),
    one(
      `async function f() { const { data } = await db.from('profiles').select('*'); return data.map((p) => p.organization_id); }`,
      `async function f() { const { data } = await db.from('profiles').select('*'); return data.map((p) => p.org_id); }`,
    ),
    one(
      `async function f() { const { data } = await db.from('profiles').select('*').single(); const { organization_id, name } = data; return organization_id; }`,
      `async function f() { const { data } = await db.from('profiles').select('*').single(); const { org_id: organization_id, name } = data; return organization_id; }`,
    ),
    one(
      `async function f() { const { data: { organization_id: mine } } = await db.from('profiles').select('*').single(); return mine; }`,
      `async function f() { const { data: { org_id: mine } } = await db.from('profiles').select('*').single(); return mine; }`,
    ),
    one(
      `function g(row: InvoiceRow) { return row.organization_id + row['organization_id']; }`,
      `function g(row: InvoiceRow) { return row.org_id + row['org_id']; }`,
    ),
    one(
      `interface InvoiceRow { id: string; organization_id: string }`,
      `interface InvoiceRow { id: string; org_id: string }`,
    ),
    one(
      `type Invoice = Pick<Tables<'invoices'>, 'id' | 'organization_id'>;`,
      `type Invoice = Pick<Tables<'invoices'>, 'id' | 'org_id'>;`,
    ),
    one(
      `const invoiceSchema = z.object({ organization_id: z.string().uuid() });`,
      `const invoiceSchema = z.object({ org_id: z.string().uuid() });`,
    ),
    one(
      `export type Database = { public: { Tables: { invoices: { Row: { organization_id: string }; Relationships: [{ foreignKeyName: "invoices_organization_id_fkey"; columns: ["organization_id"] }] } } } };`,
      `export type Database = { public: { Tables: { invoices: { Row: { org_id: string }; Relationships: [{ foreignKeyName: "invoices_organization_id_fkey"; columns: ["org_id"] }] } } } };`,
    ),
    one(
      `channel.on('postgres_changes', { event: '*', table: 'invoices', filter: 'organization_id=eq.' + id }, load);`,
      `channel.on('postgres_changes', { event: '*', table: 'invoices', filter: 'org_id=eq.' + id }, load);`,
    ),
    one(
      'channel.on("postgres_changes", { event: "*", table: "invoices", filter: `organization_id=eq.${id}` }, load);',
      'channel.on("postgres_changes", { event: "*", table: "invoices", filter: `org_id=eq.${id}` }, load);',
    ),
    one(
      'sql.query(`select sum(u.n) from usage_records u where u.organization_id = $1`);',
      'sql.query(`select sum(u.n) from usage_records u where u.org_id = $1`);',
    ),
    one(
      `sql.query('insert into invoices (organization_id, n) values ($1, $2) on conflict (organization_id, n) do nothing');`,
      `sql.query('insert into invoices (org_id, n) values ($1, $2) on conflict (org_id, n) do nothing');`,
    ),
    one(
      `export const invoices = pgTable('invoices', { organizationId: uuid('organization_id').notNull() });`,
      `export const invoices = pgTable('invoices', { organizationId: uuid('org_id').notNull() });`,
    ),
    one(
      `model UsageRecord {\n  organizationId String @map("organization_id") @db.Uuid\n\n  @@map("usage_records")\n}\n`,
      `model UsageRecord {\n  organizationId String @map("org_id") @db.Uuid\n\n  @@map("usage_records")\n}\n`,
      'prisma/schema.prisma',
    ),
    one(
      `model invoices {\n  organization_id String // the org\n}\n`,
      `model invoices {\n  organization_id String @map("org_id") // the org\n}\n`,
      'prisma/schema.prisma',
    ),
    { code: `db.from('invoices').select('id').eq('organization_id', x).is('org_id', null);`, renames },
    { code: `const withTenant = (query, id) => query.eq('organization_id', id);`, renames },
  ];
}

/** Code with the same word that is no column, or a column of a table that keeps its name. */
export function examplesToLeave(): Rule['examples']['leaves'] {
  const renames: readonly Rename[] = [{ table: 'invoices', from: 'organization_id', to: 'org_id' }];
  return [
    `db.from('calls').select('organization_id').eq('organization_id', id);`,
    `db.from('invoices').select('buyer_organization_id').eq('buyer_organization_id', id);`,
    `db.rpc('total', { p_organization_id: id, organization_id: id });`,
    `stripe.checkout.sessions.create({ metadata: { organization_id: id } });`,
    `const organization_id = req.body.organization_id; log(organization_id);`,
    `// organization_id of invoices`,
    `db.from('invoices').select('id, profiles!invoices_organization_id_fkey(name)');`,
    `db.from('invoices').select('id, calls(organization_id)');`,
    `type StripeMetadata = { organization_id: string };`,
    `fetch('/api/invoices', { method: 'POST', body: JSON.stringify({ organization_id: id }) });`,
    `const bodySchema = z.object({ organization_id: z.string() }); bodySchema.parse(req.body);`,
    `db.from('invoices').select('organization_id:org_id').eq('org_id', id);`,
    `sql.query('select c.organization_id from calls c join invoices i on i.call_id = c.id');`,
    `const KEY = 'organization_id'; stripe.customers.create({ metadata: { [KEY]: id } });`,
    `const COLUMN = 'organization_id'; db.from('calls').select('id').eq(COLUMN, id);`,
    `channel.on('postgres_changes', { event: '*', table: 'calls' }, (payload) => show(payload.new.organization_id));`,
    `channel.on('broadcast', { event: 'invoices' }, (payload) => show(payload.new.organization_id));`,
    `const { rows } = await pool.query('select id as organization_id from invoices'); show(rows[0].organization_id);`,
    `const { rows } = await pool.query('select * from calls'); show(rows[0].organization_id);`,
    `throw new Error('organization_id is missing from the invoices');`,
  ].map((code) => ({ code, renames }));
}
