/**
 * Weaknesses as they come to be after a rollout, by the dashboard, a migration or a pull request. Each is seeded alone;
 * the guard catches it when it says something new.
 */
export type DatabaseWeakness = { readonly name: string; readonly sql: string };

const orgOne = 'a0000000-0000-4000-8000-000000000001';
const orgTwo = 'a0000000-0000-4000-8000-000000000002';
const bob = 'b0000000-0000-4000-8000-000000000002';

export const databaseWeaknesses: readonly DatabaseWeakness[] = [
  { name: 'row security turned off', sql: 'alter table calls disable row level security' },
  { name: 'a permissive policy for everybody', sql: 'create policy debug on calls for select using (true)' },
  {
    name: 'a permissive policy for any signed-in user',
    sql: `create policy "signed in" on contacts to authenticated using (auth.uid() is not null)`,
  },
  {
    name: 'a policy that trusts metadata which users write',
    sql: `create policy by_metadata on contacts using (org_id::text = auth.jwt() -> 'user_metadata' ->> 'org_id')`,
  },
  {
    name: 'a policy that trusts a header',
    sql: `create policy by_header on contacts using (org_id::text = current_setting('request.headers', true)::json ->> 'x-org-id')`,
  },
  {
    name: 'a policy of ours dropped',
    sql: `do $$ begin execute format('drop policy %I on public.contacts', (select polname from pg_policy where polrelid = 'public.contacts'::regclass and polcmd = 'r' limit 1)); end $$`,
  },
  {
    name: 'a policy of ours loosened',
    sql: `do $$ begin execute format('alter policy %I on public.contacts using (true)', (select polname from pg_policy where polrelid = 'public.contacts'::regclass and polcmd = 'r' limit 1)); end $$`,
  },
  { name: 'a restrictive policy dropped', sql: 'drop policy no_silent_calls on calls' },
  { name: 'a restrictive policy loosened', sql: 'alter policy no_silent_calls on calls using (true)' },
  {
    name: 'a sign-up trigger disabled',
    sql: 'set local role supabase_admin; alter table auth.users disable trigger on_auth_user_created',
  },
  { name: 'the guard of profiles disabled', sql: 'alter table profiles disable trigger guard_profile_keys' },
  { name: "the app's trigger disabled", sql: 'alter table calls disable trigger touch_call' },
  {
    name: 'foreign keys no longer enforced',
    sql: 'set local role supabase_admin; alter table public.calls disable trigger all',
  },
  { name: 'a trigger of ours dropped', sql: 'drop trigger guard_profile_keys on profiles' },
  {
    name: 'a new table without row security',
    sql: 'create table invoices (id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations, total int)',
  },
  {
    name: 'a new table without organization or row security',
    sql: 'create table events (id bigint primary key, payload jsonb)',
  },
  {
    name: 'a new table with row security and an open policy',
    sql: 'create table invoices (id uuid primary key, org_id uuid not null references organizations, total int); alter table invoices enable row level security; create policy all_of_it on invoices using (true)',
  },
  {
    name: 'a new partitioned table whose partition is open',
    sql: `create table logs (org_id uuid not null references organizations, at date not null, line text) partition by range (at); create table logs_2026 partition of logs for values from ('2026-01-01') to ('2027-01-01'); alter table logs enable row level security`,
  },
  { name: 'a view with its owner’s rights', sql: 'create view all_calls as select * from calls' },
  { name: 'security_invoker lost', sql: 'alter view call_stats reset (security_invoker)' },
  {
    name: 'a view replaced without the option',
    sql: 'create or replace view call_stats with (security_barrier) as select org_id, count(*) as calls, sum(seconds) as seconds from calls group by 1',
  },
  {
    name: 'a materialized view over all organizations',
    sql: 'create materialized view call_counts as select org_id, count(*) as n from calls group by 1; grant select on call_counts to authenticated',
  },
  {
    name: 'a definer function by id',
    sql: `create function contact_by_id(p_id uuid) returns setof contacts language sql security definer set search_path = '' as $$ select * from public.contacts c where c.id = p_id $$`,
  },
  {
    name: 'a definer function for any organization',
    sql: `create function contacts_of(p_org uuid) returns setof contacts language sql security definer set search_path = '' as $$ select * from public.contacts c where c.org_id = p_org $$`,
  },
  {
    name: 'a definer function that asks who calls and does not compare',
    sql: `create function contacts_mine(p_org uuid) returns setof contacts language plpgsql security definer set search_path = '' as $$ begin if auth.uid() is null then raise exception 'no'; end if; return query select * from public.contacts c where c.org_id = p_org; end $$`,
  },
  { name: 'EXECUTE granted again', sql: 'grant execute on function call_seconds(uuid) to authenticated' },
  {
    name: 'an accepted function with another body',
    sql: `create or replace function invitation_of(p_token text) returns text language sql stable security definer set search_path = '' as $$ select string_agg(o.name, ',') from public.organizations o where p_token is not null or o.id::text = p_token $$`,
  },
  {
    name: 'current_org_id() replaced',
    sql: `create or replace function current_org_id() returns uuid language sql stable security definer set search_path = '' as $$ select (current_setting('request.jwt.claims', true)::json ->> 'org_id')::uuid $$`,
  },
  { name: 'search_path of ours lost', sql: 'alter function my_org_ids() reset search_path' },
  { name: 'ours no longer a definer', sql: 'alter function my_org_ids() security invoker' },
  { name: 'search_path of the app’s definer lost', sql: 'alter function invitation_of(text) reset search_path' },
  { name: 'TRUNCATE granted', sql: 'grant truncate on calls to authenticated' },
  { name: 'REFERENCES and TRIGGER granted to everyone', sql: 'grant references, trigger on contacts to public' },
  { name: 'everything granted again', sql: 'grant all on all tables in schema public to anon, authenticated' },
  {
    name: 'the journal granted',
    sql: 'grant usage on schema voxanne_rollout to authenticated; grant select on all tables in schema voxanne_rollout to authenticated',
  },
  {
    name: 'a role that bypasses row security',
    sql: 'set local role supabase_admin; alter role authenticated bypassrls',
  },
  {
    name: 'a role that may become the service role',
    sql: 'set local role supabase_admin; grant service_role to authenticated',
  },
  {
    name: 'a table that belongs to an API role',
    sql: 'grant authenticated to postgres; grant create on schema public to authenticated; alter table plans owner to authenticated; alter table plans enable row level security',
  },
  {
    name: 'auth.users open to signed-in users',
    sql: 'set local role supabase_admin; alter table auth.users disable row level security; grant select on auth.users to authenticated',
  },
  {
    name: 'another schema served by the API',
    sql: `create schema internal; set local role supabase_admin; alter role authenticator set pgrst.db_schemas = 'public, internal'`,
  },
  { name: 'NOT NULL of the key lost', sql: 'alter table calls alter column org_id drop not null' },
  { name: 'the default role raised', sql: `alter table memberships alter column role set default 'owner'` },
  { name: 'a default of the key', sql: `alter table contacts alter column org_id set default '${orgOne}'` },
  {
    name: 'the foreign key of the organization dropped',
    sql: "do $$ begin execute format('alter table public.calls drop constraint %I', (select conname from pg_constraint where conrelid = 'public.calls'::regclass and confrelid = 'public.organizations'::regclass)); end $$",
  },
  { name: 'the check of roles dropped', sql: 'alter table memberships drop constraint memberships_role_check' },
  {
    name: 'a wrong stamp',
    sql: `set local role supabase_admin; set local session_replication_role = replica; update auth.users set raw_app_meta_data = raw_app_meta_data || '{"org_id": "${orgTwo}"}' where id = '${bob}'; set local session_replication_role = origin`,
  },
  {
    name: 'a stamp that no membership backs',
    sql: `set local session_replication_role = replica; delete from memberships where user_id = '${bob}'; set local session_replication_role = origin`,
  },
  {
    name: 'a user without profile',
    sql: `set local session_replication_role = replica; delete from profiles where id = '${bob}'; set local session_replication_role = origin`,
  },
  {
    name: 'a profile of another organization',
    sql: `set local session_replication_role = replica; update profiles set org_id = '${orgTwo}' where id = '${bob}'; set local session_replication_role = origin`,
  },
  {
    name: 'a bucket made public',
    sql: `set local role supabase_admin; update storage.buckets set public = true where id = 'recordings'`,
  },
  {
    name: 'a new public bucket with files of organizations',
    sql: `set local role supabase_admin; insert into storage.buckets (id, name, public) values ('exports', 'exports', true); insert into storage.objects (bucket_id, name) values ('exports', '${orgOne}/a.csv')`,
  },
  {
    name: 'an open policy on files',
    sql: `set local role supabase_storage_admin; create policy "any file" on storage.objects for select using (bucket_id = 'recordings')`,
  },
  { name: 'the row filter of a publication lost', sql: 'alter publication supabase_realtime set table calls' },
  {
    name: 'a table without row security published',
    sql: 'create table feed (id bigint primary key, org_id uuid references organizations); alter publication supabase_realtime add table feed',
  },
  {
    name: 'a rule that copies rows',
    sql: 'create table copies (id bigint, org_id uuid, caller text); alter table copies enable row level security; create rule copy as on insert to calls do also insert into copies values (new.id, new.org_id, new.caller)',
  },
  { name: 'a way around by an inheriting table', sql: 'create table old_calls () inherits (calls)' },
];

const newUser = `insert into auth.users (id, instance_id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at, updated_at, email_confirmed_at)
  values ('c0000000-0000-4000-8000-000000000001', '00000000-0000-0000-0000-000000000000', 'authenticated', 'authenticated', 'new@example.test', '{"provider": "email", "providers": ["email"]}', '{}', now(), now(), now())`;

/** What happens to an app that is developed and used, and is no weakness: the guard says nothing new of it. */
export const harmlessChanges: readonly DatabaseWeakness[] = [
  { name: 'a column more', sql: 'alter table calls add column notes text; comment on column calls.notes is $$free$$' },
  { name: 'an index more', sql: 'create index on contacts (name)' },
  {
    name: 'an index of the app less',
    sql: `do $$ begin execute format('drop index public.%I', (select indexrelid::regclass::text from pg_index where indrelid = 'public.contacts'::regclass and not indisprimary and not indisunique and indkey::text <> (select attnum::text from pg_attribute where attrelid = 'public.contacts'::regclass and attname = 'org_id') limit 1)); exception when null_value_not_allowed then null; end $$`,
  },
  {
    name: 'a table as the rollout would have left it',
    sql: `create table tasks (id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations on delete cascade, title text);
      create index on tasks (org_id); alter table tasks enable row level security; revoke truncate, references, trigger on tasks from anon, authenticated;
      create policy org_select on tasks for select to authenticated using (org_id in (select my_org_ids()));
      create policy org_insert on tasks for insert to authenticated with check (org_id in (select my_org_ids()));
      create policy org_update on tasks for update to authenticated using (org_id in (select my_org_ids())) with check (org_id in (select my_org_ids()));
      create policy org_delete on tasks for delete to authenticated using (org_id in (select my_org_ids()))`,
  },
  {
    name: 'a policy that binds to memberships',
    sql: `create policy by_membership on contacts for select to authenticated using (org_id in (select m.org_id from memberships m where m.user_id = auth.uid()))`,
  },
  {
    name: 'a policy about the caller’s own rows',
    sql: 'create policy own on calls for select to authenticated using (created_by = auth.uid())',
  },
  {
    name: 'a restrictive policy more',
    sql: `create policy office_hours on calls as restrictive for insert to authenticated with check (seconds < 100000)`,
  },
  {
    name: 'a view with the caller’s rights',
    sql: 'create view contact_names with (security_invoker = true) as select id, org_id, name from contacts',
  },
  {
    name: 'a function with the caller’s rights',
    sql: `create function contact_count() returns bigint language sql stable as $$ select count(*) from public.contacts $$`,
  },
  {
    name: 'a definer function bound to the caller',
    sql: `create function my_contact_count() returns bigint language sql stable security definer set search_path = '' as $$ select count(*) from public.contacts c where c.org_id in (select public.my_org_ids()) $$; revoke all on function my_contact_count() from public, anon`,
  },
  {
    name: 'a definer function that API roles may not call',
    sql: `create function purge() returns void language sql security definer set search_path = '' as $$ delete from public.contacts $$; revoke all on function purge() from public, anon, authenticated`,
  },
  {
    name: 'a trigger of the app',
    sql: 'create trigger touch_contact before insert on contacts for each row execute function touch_call(); drop trigger touch_contact on contacts; create function stamp() returns trigger language plpgsql as $$ begin return new; end $$; create trigger stamp before insert on contacts for each row execute function stamp()',
  },
  { name: 'a type and a sequence', sql: `create type mood as enum ('good', 'bad'); create sequence numbers` },
  {
    name: 'a private bucket',
    sql: `set local role supabase_admin; insert into storage.buckets (id, name, public) values ('drafts', 'drafts', false)`,
  },
  {
    name: 'a public bucket for the web page',
    sql: `set local role supabase_admin; insert into storage.buckets (id, name, public) values ('assets', 'assets', true); insert into storage.objects (bucket_id, name) values ('assets', 'logo.png')`,
  },
  { name: 'a table with row security published', sql: 'alter publication supabase_realtime add table contacts' },
  { name: 'rights of the service role', sql: 'grant all on contacts to service_role' },
  {
    name: 'a longer time for statements',
    sql: `set local role supabase_admin; alter role authenticated set statement_timeout = '15s'`,
  },
  { name: 'a sign-up', sql: `set local role supabase_admin; ${newUser}` },
  {
    name: 'rows',
    sql: `insert into contacts (org_id, name) values ('${orgOne}', 'New'); update calls set seconds = seconds + 1; delete from call_notes`,
  },
  {
    name: 'a member who joins another organization',
    sql: `insert into memberships (org_id, user_id, role) values ('${orgTwo}', '${bob}', 'member')`,
  },
  { name: 'a member with another role', sql: `update memberships set role = 'admin' where user_id = '${bob}'` },
  {
    name: 'a user deleted',
    sql: `set local role supabase_admin; delete from calls where created_by = '${bob}'; delete from auth.users where id = '${bob}'`,
  },
  { name: 'a table dropped', sql: 'drop table call_notes' },
  { name: 'a table renamed', sql: 'alter table contacts rename to people' },
  { name: 'an organization more', sql: `insert into organizations (name) values ('Dahlia')` },
];

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
];
