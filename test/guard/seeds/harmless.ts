import { bob, type Happening, orgOne, orgTwo } from './rows.ts';

const newUser = `insert into auth.users (id, instance_id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at, updated_at, email_confirmed_at)
  values ('c0000000-0000-4000-8000-000000000001', '00000000-0000-0000-0000-000000000000', 'authenticated', 'authenticated', 'new@example.test', '{"provider": "email", "providers": ["email"]}', '{}', now(), now(), now())`;

/** What happens to an app that is developed and used, and is no weakness: the guard says nothing new of it. */
export const harmlessChanges: readonly Happening[] = [
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
  {
    name: 'a table as the rollout would have left it, in one policy',
    sql: `create table tasks (id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations on delete cascade, title text);
      create index on tasks (org_id); alter table tasks enable row level security; revoke truncate, references, trigger on tasks from anon, authenticated;
      create policy members on tasks to authenticated using (org_id = (select current_org_id())) with check (org_id = (select current_org_id()))`,
  },
  {
    name: 'a child table whose policy asks its parent',
    sql: `create table call_tags (id bigint generated always as identity primary key, call_id bigint not null references calls on delete cascade, tag text);
      create index on call_tags (call_id); alter table call_tags enable row level security; revoke truncate, references, trigger on call_tags from anon, authenticated;
      create policy by_call on call_tags to authenticated using (exists (select from calls c where c.id = call_id)) with check (exists (select from calls c where c.id = call_id))`,
  },
  {
    name: 'a child table whose policy looks among its parents',
    sql: `create table call_tags (id bigint generated always as identity primary key, call_id bigint not null references calls on delete cascade, tag text);
      create index on call_tags (call_id); alter table call_tags enable row level security; revoke truncate, references, trigger on call_tags from anon, authenticated;
      create policy by_call on call_tags to authenticated using (call_id in (select c.id from calls c where c.seconds >= 0)) with check (call_id in (select id from calls))`,
  },
  {
    name: 'a table that nobody reaches',
    sql: 'create table secrets (id bigint primary key, org_id uuid references organizations, value text); create index on secrets (org_id); alter table secrets enable row level security; revoke all on secrets from anon, authenticated',
  },
  {
    name: 'a table of a person’s own rows',
    sql: `create table preferences (user_id uuid primary key references auth.users on delete cascade, theme text); alter table preferences enable row level security; revoke truncate, references, trigger on preferences from anon, authenticated; create policy own on preferences to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid())`,
  },
  {
    name: 'a list for everybody to read',
    sql: `create table countries (code text primary key, name text); insert into countries values ('ch', 'Switzerland'); alter table countries enable row level security; revoke truncate, references, trigger on countries from anon, authenticated; create policy read on countries for select using (true)`,
  },
  {
    name: 'a schema that is not served',
    sql: 'create schema internal; create table internal.jobs (id bigint primary key, payload jsonb); create function internal.run() returns void language sql as $$ select $$',
  },
  {
    name: 'a second policy that is narrower',
    sql: `create policy short_ones on calls for select to authenticated using (org_id in (select my_org_ids()) and seconds < 100)`,
  },
  {
    name: 'a policy for the admins of the row’s organization',
    sql: `create policy admins on contacts for delete to authenticated using (exists (select from memberships m where m.user_id = auth.uid() and m.org_id = contacts.org_id and m.role in ('owner', 'admin')))`,
  },
  {
    name: 'another body of a trigger',
    sql: 'create or replace function touch_call() returns trigger language plpgsql as $$ begin new.seconds := greatest(coalesce(new.seconds, 0), 0); return new; end $$',
  },
  {
    name: 'a trigger that keeps a log for the server',
    sql: `create table audit (id bigint generated always as identity primary key, org_id uuid references organizations on delete cascade, what text); create index on audit (org_id); alter table audit enable row level security; revoke all on audit from anon, authenticated; create function log_contact() returns trigger language plpgsql security definer set search_path = '' as $$ begin insert into public.audit (org_id, what) values (new.org_id, new.name); return new; end $$; revoke all on function log_contact() from public, anon, authenticated; create trigger log_contact after insert on contacts for each row execute function log_contact()`,
  },
  {
    name: 'a trigger on new users that greets them',
    sql: `create table greetings (user_id uuid primary key references auth.users on delete cascade); alter table greetings enable row level security; revoke all on greetings from anon, authenticated; create function greet() returns trigger language plpgsql security definer set search_path = '' as $$ begin insert into public.greetings values (new.id); return new; end $$; revoke all on function greet() from public, anon, authenticated; set local role supabase_admin; create trigger zz_greet after insert on auth.users for each row execute function public.greet()`,
  },
  { name: 'a column renamed', sql: 'alter table contacts rename column phone to phone_number' },
  { name: 'a column less', sql: 'alter table contacts drop column phone' },
  { name: 'a column of another type', sql: 'alter table contacts alter column phone type varchar(40)' },
  {
    name: 'a check and a unique key more',
    sql: `alter table contacts add constraint named check (name <> ''); alter table contacts add unique (org_id, name)`,
  },
  {
    name: 'a key between two tables of the organization',
    sql: `alter table contacts add column last_call bigint references calls on delete set null; create index on contacts (last_call)`,
  },
  {
    name: 'settings of storage and statistics',
    sql: 'alter table calls set (autovacuum_vacuum_scale_factor = 0.05, fillfactor = 90); create statistics calls_stats on org_id, caller from calls; alter table calls alter column caller set statistics 500; analyze calls',
  },
  { name: 'the identity of replicated rows', sql: 'alter table contacts replica identity full' },
  {
    name: 'an index and a policy of the app renamed',
    sql: `create index extra on contacts (phone); alter index extra rename to contacts_phone`,
  },
  {
    name: 'comments',
    sql: `comment on table calls is 'Calls.'; comment on function my_org_ids() is 'Whose organizations.'; comment on policy no_silent_calls on calls is 'Keeps.'`,
  },
  {
    name: 'the organization of a new row by our helper',
    sql: 'alter table contacts alter column org_id set default current_org_id()',
  },
  {
    name: 'a role value more',
    sql: `alter table memberships drop constraint memberships_role_check; alter table memberships add constraint memberships_role_check check (role in ('owner', 'admin', 'member', 'viewer'))`,
  },
  {
    name: 'a member who leaves',
    sql: `insert into memberships (org_id, user_id, role) values ('${orgTwo}', '${bob}', 'member'); delete from memberships where user_id = '${bob}' and org_id = '${orgTwo}'`,
  },
  {
    name: 'an organization deleted',
    sql: `set local role supabase_admin; insert into public.organizations (id, name) values ('a0000000-0000-4000-8000-00000000000a', 'Elm'); delete from public.organizations where id = 'a0000000-0000-4000-8000-00000000000a'`,
  },
  {
    name: 'another e-mail and another name',
    sql: `set local role supabase_admin; update auth.users set email = 'bob@new.example.test', raw_user_meta_data = '{"name": "Bob"}' where id = '${bob}'; update public.profiles set full_name = 'Bob' where id = '${bob}'`,
  },
  { name: 'a role for reports', sql: 'set local role supabase_admin; create role reporting nologin' },
  {
    name: 'a definer function for an administrator of the caller’s organization',
    sql: `create function rename_mine(p_name text) returns void language plpgsql security definer set search_path = '' as $$ begin update public.organizations o set name = p_name where o.id = public.current_org_id() and exists (select from public.memberships m where m.user_id = auth.uid() and m.org_id = o.id and m.role = 'owner'); end $$; revoke all on function rename_mine(text) from public, anon`,
  },
  {
    name: 'a policy on files below the organization’s folder',
    sql: `set local role supabase_storage_admin; create policy upload_recordings on storage.objects for insert to authenticated with check (bucket_id = 'recordings' and (storage.foldername(name))[1] in (select o::text from public.my_org_ids() o))`,
  },
  {
    name: 'a limit of a bucket',
    sql: `set local role supabase_admin; update storage.buckets set file_size_limit = 1000000 where id = 'recordings'`,
  },
  {
    name: 'a domain, a partitioned table and a sequence',
    sql: `create domain phone as text check (value ~ '^[0-9+]+$'); create table metrics (org_id uuid not null references organizations on delete cascade, at date not null, n int) partition by range (at); create table metrics_2026 partition of metrics for values from ('2026-01-01') to ('2027-01-01'); create index on metrics (org_id); alter table metrics enable row level security; alter table metrics_2026 enable row level security; revoke all on metrics, metrics_2026 from anon, authenticated`,
  },
];
