import { bob, type Happening, orgOne, orgTwo } from './rows.ts';

/**
 * Weaknesses as they come to be after a rollout, by the dashboard, a migration or a pull request. Each is seeded alone;
 * the guard catches it when it says something new.
 */
export const databaseWeaknesses: readonly Happening[] = [
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
  // By hand in the dashboard: switches, rights, owners.
  { name: 'row security of a child turned off', sql: 'alter table call_notes disable row level security' },
  { name: 'row security of memberships turned off', sql: 'alter table memberships disable row level security' },
  { name: 'row security of profiles turned off', sql: 'alter table profiles disable row level security' },
  { name: 'row security of organizations turned off', sql: 'alter table organizations disable row level security' },
  {
    name: 'row security of files turned off',
    sql: 'set local role supabase_admin; alter table storage.objects disable row level security',
  },
  {
    name: 'every policy of a table dropped and one for all written',
    sql: `do $$ declare p record; begin for p in select polname from pg_policy where polrelid = 'public.contacts'::regclass loop execute format('drop policy %I on public.contacts', p.polname); end loop; end $$; create policy "Enable all for users" on contacts for all to authenticated using (true) with check (true)`,
  },
  {
    name: 'a policy of ours opened to another role',
    sql: `do $$ begin execute format('alter policy %I on public.contacts to public', (select polname from pg_policy where polrelid = 'public.contacts'::regclass and polcmd = 'r' limit 1)); end $$`,
  },
  {
    name: 'the check of a policy of ours loosened',
    sql: `do $$ begin execute format('alter policy %I on public.contacts with check (true)', (select polname from pg_policy where polrelid = 'public.contacts'::regclass and polcmd = 'a' limit 1)); end $$`,
  },
  {
    name: 'a policy for inserts into any organization',
    sql: 'create policy "Enable insert for authenticated" on contacts for insert to authenticated with check (true)',
  },
  {
    name: 'a policy for deleting anything',
    sql: 'create policy clean on contacts for delete to authenticated using (name is not null)',
  },
  { name: 'a policy for anon', sql: 'create policy web on contacts for select to anon using (true)' },
  {
    name: 'a policy that compares a row with itself',
    sql: 'create policy same on contacts for select to authenticated using (org_id = org_id)',
  },
  {
    name: 'a policy for one organization by its id',
    sql: `create policy ours on contacts for select to authenticated using (org_id = '${orgOne}')`,
  },
  {
    name: 'a policy whose look-up is not tied to the row',
    sql: `create policy owners on contacts for select to authenticated using (exists (select from memberships m where m.user_id = auth.uid() and m.role = 'owner'))`,
  },
  {
    name: 'a policy that compares a column with itself in its look-up',
    sql: `create policy members on contacts for select to authenticated using (exists (select from memberships m where m.user_id = auth.uid() and m.org_id = m.org_id))`,
  },
  {
    name: 'a policy by a setting that the caller makes',
    sql: `create policy by_setting on contacts using (org_id::text = current_setting('app.org_id', true))`,
  },
  {
    name: 'a policy by the rows that a flag opens',
    sql: 'create policy shown on calls for select to authenticated using (seconds >= 0)',
  },
  {
    name: 'a policy by which one joins any organization',
    sql: 'create policy join_any on memberships for insert to authenticated with check (user_id = auth.uid())',
  },
  {
    name: 'a policy by which one changes one’s own membership',
    sql: 'create policy own_membership on memberships for update to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid())',
  },
  {
    name: 'memberships of everybody to read',
    sql: 'create policy everybody on memberships for select to authenticated using (true)',
  },
  {
    name: 'organizations of everybody to change',
    sql: 'create policy rename_any on organizations for update to authenticated using (true)',
  },
  {
    name: 'profiles of everybody to read',
    sql: 'create policy people on profiles for select to authenticated using (true)',
  },
  {
    name: 'a function of ours that belongs to an API role',
    sql: 'grant authenticated to postgres; grant create on schema public to authenticated; alter function my_org_ids() owner to authenticated; revoke create on schema public from authenticated',
  },
  { name: 'a role that reads all data', sql: 'set local role supabase_admin; grant pg_read_all_data to authenticated' },
  { name: 'a role that writes all data', sql: 'set local role supabase_admin; grant pg_write_all_data to anon' },
  {
    name: 'a function before every request',
    sql: `create function before_request() returns void language plpgsql as $$ begin perform set_config('role', 'service_role', true); end $$; set local role supabase_admin; alter role authenticator set pgrst.db_pre_request = 'public.before_request'`,
  },
  // By a migration that somebody wrote in a hurry.
  {
    name: 'my_org_ids() with every organization',
    sql: `create or replace function my_org_ids() returns setof uuid language sql stable security definer set search_path = '' as $$ select o.id from public.organizations o $$`,
  },
  {
    name: 'a helper of ours with the organization of a profile that users write',
    sql: `create or replace function current_org_id() returns uuid language sql stable security definer set search_path = '' as $$ select (auth.jwt() -> 'user_metadata' ->> 'org_id')::uuid $$`,
  },
  {
    name: 'search_path of ours set to the caller’s',
    sql: `alter function my_org_ids() set search_path = "$user", public, pg_temp`,
  },
  {
    name: 'the guard of profiles that guards nothing',
    sql: `create or replace function guard_profile_keys() returns trigger language plpgsql security definer set search_path = '' as $$ begin return new; end $$`,
  },
  {
    name: 'a trigger that moves every row into one organization',
    sql: `create function to_first() returns trigger language plpgsql as $$ begin new.org_id := '${orgOne}'; return new; end $$; create trigger a_first before insert on contacts for each row execute function to_first()`,
  },
  {
    name: 'a trigger that lets whoever signs up join the first organization',
    sql: `create function join_first() returns trigger language plpgsql security definer set search_path = '' as $$ begin insert into public.memberships (org_id, user_id) select o.id, new.id from public.organizations o order by o.name limit 1 on conflict do nothing; return new; end $$; set local role supabase_admin; create trigger zz_join_first after insert on auth.users for each row execute function public.join_first()`,
  },
  {
    name: 'a trigger that lets whoever signs up join the organization they name',
    sql: `create function join_named() returns trigger language plpgsql security definer set search_path = '' as $$ begin if new.raw_user_meta_data ? 'org_id' then insert into public.memberships (org_id, user_id) values ((new.raw_user_meta_data ->> 'org_id')::uuid, new.id) on conflict do nothing; end if; return new; end $$; set local role supabase_admin; create trigger zz_join_named after insert on auth.users for each row execute function public.join_named()`,
  },
  { name: 'a trigger of the app that runs as its owner', sql: 'alter function touch_call() security definer' },
  {
    name: 'a definer trigger that copies rows where everybody reads',
    sql: `create table feed (id bigint generated always as identity, org_id uuid, what text); alter table feed enable row level security; create policy read on feed for select to authenticated using (true); create function to_feed() returns trigger language plpgsql security definer set search_path = '' as $$ begin insert into public.feed (org_id, what) values (new.org_id, new.name); return new; end $$; create trigger to_feed after insert on contacts for each row execute function to_feed()`,
  },
  {
    name: 'any SQL as its owner',
    sql: `create function exec_sql(q text) returns void language plpgsql security definer set search_path = '' as $$ begin execute q; end $$`,
  },
  {
    name: 'any table as its owner',
    sql: `create function rows_of(t text) returns setof json language plpgsql security definer set search_path = '' as $$ begin return query execute format('select to_json(x) from public.%I x', t); end $$`,
  },
  {
    name: 'a definer function by e-mail',
    sql: `create function find_user(p_email text) returns setof profiles language sql stable security definer set search_path = '' as $$ select * from public.profiles p where p.email = p_email $$`,
  },
  {
    name: 'a definer function that counts everything',
    sql: `create function totals() returns table (org uuid, n bigint) language sql stable security definer set search_path = '' as $$ select c.org_id, count(*) from public.calls c group by 1 $$`,
  },
  {
    name: 'a definer function that returns JSON',
    sql: `create function dashboard(p jsonb) returns jsonb language plpgsql stable security definer set search_path = '' as $$ declare r jsonb; begin select jsonb_agg(to_jsonb(c)) into r from public.contacts c where c.org_id = (p ->> 'org')::uuid; return r; end $$`,
  },
  {
    name: 'a definer function that deletes by id',
    sql: `create function drop_contact(p_id uuid) returns void language sql security definer set search_path = '' as $$ delete from public.contacts where id = p_id $$`,
  },
  {
    name: 'a definer function that renames any organization',
    sql: `create function rename_org(p_org uuid, p_name text) returns void language plpgsql security definer set search_path = '' as $$ begin update public.organizations set name = p_name where id = p_org; end $$`,
  },
  {
    name: 'a definer function by which one joins any organization',
    sql: `create function join_org(p_org uuid) returns void language plpgsql security definer set search_path = '' as $$ begin insert into public.memberships (org_id, user_id) values (p_org, auth.uid()); end $$`,
  },
  {
    name: 'a definer function whose comparison is with an argument of the caller',
    sql: `create function contacts_for(p_user uuid) returns setof contacts language sql stable security definer set search_path = '' as $$ select c.* from public.contacts c join public.memberships m on m.org_id = c.org_id where m.user_id = p_user $$`,
  },
  {
    name: 'a definer procedure',
    sql: `create procedure wipe(p_org uuid) language sql security definer set search_path = '' as $$ delete from public.calls where org_id = p_org $$`,
  },
  {
    name: 'a namesake of ours with an argument',
    sql: `create function my_org_ids(p_user uuid) returns setof uuid language sql stable security definer set search_path = '' as $$ select m.org_id from public.memberships m where m.user_id = p_user $$`,
  },
  {
    name: 'a view of users',
    sql: 'create view users as select id, email, raw_user_meta_data from auth.users; grant select on users to authenticated',
  },
  {
    name: 'a view of memberships with its owner’s rights',
    sql: 'create view team as select m.org_id, p.email, m.role from memberships m join profiles p on p.id = m.user_id',
  },
  { name: 'security_invoker turned off by name', sql: 'alter view call_stats set (security_invoker = false)' },
  {
    name: 'a view with the caller’s rights upon one with its owner’s',
    sql: 'create view raw_contacts as select * from contacts; revoke all on raw_contacts from anon, authenticated; create view shown_contacts with (security_invoker = true) as select * from raw_contacts; grant select on raw_contacts to authenticated',
  },
  {
    name: 'a materialized view that got its rights by default',
    sql: 'create materialized view contact_list as select id, org_id, name from contacts',
  },
  { name: 'a copy of a table', sql: 'create table contacts_backup as select * from contacts' },
  {
    name: 'a child table without row security',
    sql: 'create table call_tags (call_id bigint references calls on delete cascade, tag text)',
  },
  {
    name: 'a child table open to all who are signed in',
    sql: `create table call_tags (call_id bigint references calls on delete cascade, tag text); alter table call_tags enable row level security; create policy signed_in on call_tags using (auth.role() = 'authenticated')`,
  },
  {
    name: 'a table of people open to all',
    sql: 'create table devices (id uuid primary key, user_id uuid not null references auth.users, token text); alter table devices enable row level security; create policy read on devices for select to authenticated using (true)',
  },
  {
    name: 'a child whose policy checks the parent’s presence alone',
    sql: `create table call_files (id uuid primary key default gen_random_uuid(), call_id bigint not null references calls, path text); alter table call_files enable row level security; create policy by_call on call_files using (call_id is not null)`,
  },
  {
    name: 'the uniqueness of memberships dropped',
    sql: `do $$ begin execute format('alter table public.memberships drop constraint %I', (select conname from pg_constraint where conrelid = 'public.memberships'::regclass and contype = 'u')); end $$`,
  },
  {
    name: 'the key of memberships to users dropped',
    sql: `do $$ begin execute format('alter table public.memberships drop constraint %I', (select conname from pg_constraint where conrelid = 'public.memberships'::regclass and contype = 'f' and confrelid = 'auth.users'::regclass)); end $$`,
  },
  {
    name: 'the key of the organization no longer validated',
    sql: `do $$ declare n text; begin select conname into n from pg_constraint where conrelid = 'public.calls'::regclass and confrelid = 'public.organizations'::regclass; execute format('alter table public.calls drop constraint %I', n); execute format('alter table public.calls add constraint %I foreign key (org_id) references public.organizations on delete cascade not valid', n); end $$`,
  },
  {
    name: 'a stamp removed',
    sql: `set local role supabase_admin; set local session_replication_role = replica; update auth.users set raw_app_meta_data = raw_app_meta_data - 'org_id' where id = '${bob}'; set local session_replication_role = origin`,
  },
  {
    name: 'an open policy on uploads',
    sql: `set local role supabase_storage_admin; create policy "any upload" on storage.objects for insert to authenticated with check (bucket_id = 'recordings')`,
  },
  {
    name: 'a policy on files loosened',
    sql: `set local role supabase_storage_admin; alter policy recordings_of_organization on storage.objects using (bucket_id = 'recordings')`,
  },
  {
    name: 'a policy on files that compares the folder with itself',
    sql: `set local role supabase_storage_admin; create policy folder on storage.objects for select to authenticated using (bucket_id = 'recordings' and (storage.foldername(name))[1] = (storage.foldername(objects.name))[1])`,
  },
  {
    name: 'a new bucket whose files everybody who is signed in reads',
    sql: `set local role supabase_admin; insert into storage.buckets (id, name, public) values ('contracts', 'contracts', false); insert into storage.objects (bucket_id, name) values ('contracts', '${orgOne}/a.pdf'); set local role supabase_storage_admin; create policy contracts on storage.objects for select to authenticated using (bucket_id = 'contracts')`,
  },
  {
    name: 'a child whose policy asks for any parent',
    sql: `create table call_files (id uuid primary key default gen_random_uuid(), call_id bigint not null references calls, path text); alter table call_files enable row level security; create policy by_call on call_files to authenticated using (exists (select from calls))`,
  },
  {
    name: 'a child whose policy compares the parent with itself',
    sql: `create table call_files (id uuid primary key default gen_random_uuid(), call_id bigint not null references calls, path text); alter table call_files enable row level security; create policy by_call on call_files to authenticated using (exists (select from calls c where c.id = c.id))`,
  },
  {
    name: 'a child whose policy asks its parent, or nobody',
    sql: `create table call_files (id uuid primary key default gen_random_uuid(), call_id bigint not null references calls, path text); alter table call_files enable row level security; create policy by_call on call_files to authenticated using (exists (select from calls c where c.id = call_id or call_id > 0))`,
  },
  {
    name: 'everything published',
    sql: 'create table feed (id bigint primary key, org_id uuid references organizations); set local role supabase_admin; create publication everything for all tables',
  },
];
