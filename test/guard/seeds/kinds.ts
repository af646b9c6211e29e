import { bob, type Happening, orgOne, orgTwo } from './rows.ts';

/** A weakness with its right answer: a finding at this place, by a part of its name. */
export type Placed = Happening & { readonly at: string };

/** Ways in which what a rollout left can be weakened, and beside each what looks alike and weakens nothing. */
export type Kind = { readonly kind: string; readonly weak: readonly Placed[]; readonly harmless: readonly Happening[] };

const admin = 'set local role supabase_admin';
const files = 'set local role supabase_storage_admin';
/** A role of the app that the API roles may become. */
const lent = `${admin}; create role app_owner nologin; grant app_owner to authenticated; grant create on schema public to app_owner`;
const staff = `${admin}; alter role authenticated inherit; create role staff nologin; grant staff to authenticated`;
const noOwner = 'revoke create on schema public from app_owner';
/** A constraint of the app whose name the app's migrations gave. */
const keyOf = (table: string, to: string): string =>
  `(select conname from pg_constraint where conrelid = 'public.${table}'::regclass and confrelid = '${to}'::regclass and contype = 'f')`;
const again = (table: string, to: string, definition: string): string =>
  `do $$ declare n text := ${keyOf(table, to)}; begin execute format('alter table public.${table} drop constraint %I', n); execute format('alter table public.${table} add constraint %I ${definition}', n); end $$`;

export const kinds: readonly Kind[] = [
  {
    kind: 'creating in a schema',
    weak: [
      { name: 'CREATE in public for everyone', at: 'schema public', sql: 'grant create on schema public to public' },
      {
        name: 'CREATE in extensions for everyone',
        at: 'schema extensions',
        sql: `${admin}; grant create on schema extensions to public`,
      },
      {
        name: 'a schema that belongs to an API role',
        at: 'schema public',
        sql: `${admin}; alter schema public owner to authenticated`,
      },
      {
        name: 'a schema that belongs to a role which an API role may become',
        at: 'schema public',
        sql: `${lent}; alter schema public owner to app_owner`,
      },
    ],
    harmless: [
      {
        name: 'CREATE in public for the service role',
        sql: 'grant create on schema public to service_role',
      },
    ],
  },
  {
    kind: 'tables of the platform',
    weak: [
      {
        name: 'an open policy on auth.users, and its rows granted',
        at: 'auth.users',
        sql: `${admin}; grant select on auth.users to authenticated; create policy read on auth.users for select to authenticated using (true)`,
      },
      {
        name: 'an open policy on auth.identities, and one column granted to everyone',
        at: 'auth.identities',
        sql: `${admin}; grant usage on schema auth to public; grant select (email) on auth.identities to public; create policy read on auth.identities using (true)`,
      },
      {
        name: 'a policy on auth.users for colleagues that compares nothing',
        at: 'auth.users',
        sql: `${admin}; grant select (id, email) on auth.users to authenticated; create policy colleagues on auth.users for select to authenticated using (exists (select from public.memberships m where m.user_id = auth.uid()))`,
      },
      {
        name: 'a policy by which users write their own auth.users row',
        at: 'auth.users',
        sql: `${admin}; grant select, update on auth.users to authenticated; create policy own on auth.users to authenticated using (id = auth.uid())`,
      },
      {
        name: 'secrets granted',
        at: 'vault.secrets',
        sql: `${admin}; create table vault.secrets (id uuid primary key, secret text); grant usage on schema vault to authenticated; grant select on vault.secrets to authenticated`,
      },
      {
        name: 'files that belong to an API role',
        at: 'storage.objects',
        sql: `${admin}; alter table storage.objects owner to authenticated`,
      },
      {
        name: 'auth.uid() by a header',
        at: 'auth.uid()',
        sql: `${admin}; create or replace function auth.uid() returns uuid language sql stable as $$ select coalesce(nullif(current_setting('request.headers', true)::json ->> 'x-user-id', ''), current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::uuid $$`,
      },
      {
        name: 'auth.uid() by metadata that users write',
        at: 'auth.uid()',
        sql: `${admin}; create or replace function auth.uid() returns uuid language sql stable as $$ select coalesce(current_setting('request.jwt.claims', true)::jsonb -> 'user_metadata' ->> 'act_as', current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::uuid $$`,
      },
      {
        name: 'auth.jwt() by a setting that the caller makes',
        at: 'auth.jwt()',
        sql: `${admin}; create or replace function auth.jwt() returns jsonb language sql stable as $$ select coalesce(nullif(current_setting('app.claims', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb $$`,
      },
      {
        name: 'the folder of every file is the first organization',
        at: 'storage.foldername(text)',
        sql: `${files}; create or replace function storage.foldername(name text) returns text[] language sql immutable as $$ select array['${orgOne}'] $$`,
      },
    ],
    harmless: [
      {
        name: 'one’s own row of auth.users to read',
        sql: `${admin}; grant select (id, email) on auth.users to authenticated; create policy own on auth.users for select to authenticated using (id = (select auth.uid()))`,
      },
      {
        name: 'auth.users granted, and no policy shows a row',
        sql: `${admin}; grant select on auth.users to authenticated`,
      },
      {
        name: 'auth.uid() as another version of the platform has it',
        sql: `${admin}; create or replace function auth.uid() returns uuid language sql stable as $$ select nullif(current_setting('request.jwt.claims', true)::json ->> 'sub', '')::uuid $$`,
      },
    ],
  },
  {
    kind: 'owners',
    weak: [
      {
        name: 'a table that belongs to a role which API roles may become',
        at: 'app_owner',
        sql: `${lent}; alter table public.contacts owner to app_owner; ${noOwner}`,
      },
      {
        name: 'an accepted function that belongs to a role which API roles may become',
        at: 'app_owner',
        sql: `${lent}; alter function public.invitation_of(text) owner to app_owner; ${noOwner}`,
      },
      {
        name: 'a trigger function that belongs to a role which API roles may become',
        at: 'app_owner',
        sql: `${lent}; alter function public.touch_call() owner to app_owner; ${noOwner}`,
      },
      {
        name: 'a view that belongs to an API role',
        at: 'public.call_stats',
        sql: `${admin}; grant create on schema public to authenticated; alter view public.call_stats owner to authenticated; revoke create on schema public from authenticated`,
      },
    ],
    harmless: [
      {
        name: 'a table of a role that nobody becomes',
        sql: `${admin}; create role app_owner nologin; grant app_owner to postgres; grant create on schema public to app_owner; alter table public.plans owner to app_owner`,
      },
    ],
  },
  {
    kind: 'foreign keys',
    weak: [
      {
        name: 'the key of the organization to another table',
        at: 'public.contacts',
        sql: `create table clinics (id uuid primary key); alter table clinics enable row level security; revoke all on clinics from anon, authenticated; insert into clinics select id from organizations; ${again('contacts', 'public.organizations', 'foreign key (org_id) references public.clinics on delete cascade')}`,
      },
      {
        name: 'the key of the organization that keeps rows of deleted ones',
        at: 'public.calls',
        sql: again(
          'calls',
          'public.organizations',
          'foreign key (org_id) references public.organizations on delete set null',
        ),
      },
      {
        name: 'memberships that outlive their user',
        at: 'public.memberships',
        sql: again('memberships', 'auth.users', 'foreign key (user_id) references auth.users on delete no action'),
      },
      {
        name: 'the key of profiles to users not validated',
        at: 'public.profiles',
        sql: again('profiles', 'auth.users', 'foreign key (id) references auth.users on delete cascade not valid'),
      },
      {
        name: 'a child that refers to another table',
        at: 'public.call_notes',
        sql: `create table old_calls (id bigint primary key); alter table old_calls enable row level security; revoke all on old_calls from anon, authenticated; insert into old_calls select id from calls; ${again('call_notes', 'public.calls', 'foreign key (call_id) references public.old_calls on delete cascade')}`,
      },
      {
        name: 'the key of a child not validated',
        at: 'public.call_notes',
        sql: again(
          'call_notes',
          'public.calls',
          'foreign key (call_id) references public.calls on delete cascade not valid',
        ),
      },
    ],
    harmless: [
      {
        name: 'the key of the organization made again as it was',
        sql: again(
          'contacts',
          'public.organizations',
          'foreign key (org_id) references public.organizations on delete cascade',
        ),
      },
      {
        name: 'keys of the app under other names',
        sql: `do $$ begin execute format('alter table public.contacts rename constraint %I to contacts_of_organization', ${keyOf('contacts', 'public.organizations')}); execute format('alter table public.memberships rename constraint %I to memberships_of_user', ${keyOf('memberships', 'auth.users')}); end $$`,
      },
      {
        name: 'what becomes of notes whose call is deleted',
        sql: again('call_notes', 'public.calls', 'foreign key (call_id) references public.calls on delete restrict'),
      },
      {
        name: 'what becomes of a call whose maker is deleted',
        sql: again('calls', 'auth.users', 'foreign key (created_by) references auth.users on delete set null'),
      },
    ],
  },
  {
    kind: 'rules',
    weak: [
      {
        name: 'a rule in place of an update',
        at: 'public.contacts',
        sql: `create rule renamed as on update to contacts do instead update contacts set name = new.name where id = old.id returning *`,
      },
      {
        name: 'a rule of a list by which one joins an organization',
        at: 'public.plans',
        sql: `create rule joined as on update to plans do also insert into memberships (org_id, user_id) values ('${orgTwo}', auth.uid())`,
      },
      {
        name: 'a rule of a view by which one writes what is not one’s own',
        at: 'renames',
        sql: `create view renames with (security_invoker = true) as select id, name from contacts; create rule renamed as on update to renames do instead update contacts set name = new.name where id = old.id`,
      },
      {
        name: 'a rule that keeps members from being removed',
        at: 'public.memberships',
        sql: 'create rule kept as on delete to memberships do instead nothing',
      },
    ],
    harmless: [
      {
        name: 'a rule that does nothing in place of a change',
        sql: 'create rule kept as on delete to plans do instead nothing',
      },
    ],
  },
  {
    kind: 'defaults',
    weak: [
      {
        name: 'the organization by metadata that users write',
        at: 'public.contacts',
        sql: `alter table contacts alter column org_id set default ((auth.jwt() -> 'user_metadata' ->> 'org_id')::uuid)`,
      },
      {
        name: 'the organization by a function that reads a header',
        at: 'public.calls',
        sql: `create function header_org() returns uuid language sql stable as $$ select (current_setting('request.headers', true)::json ->> 'x-org')::uuid $$; alter table calls alter column org_id set default header_org()`,
      },
      {
        name: 'the first organization for every new profile',
        at: 'public.profiles',
        sql: `alter table profiles alter column org_id set default '${orgOne}'`,
      },
      {
        name: 'the first organization for every new membership',
        at: 'public.memberships',
        sql: `alter table memberships alter column org_id set default '${orgOne}'`,
      },
      {
        name: 'owner as the role of every new profile',
        at: 'public.profiles',
        sql: `alter table profiles alter column role set default 'owner'`,
      },
    ],
    harmless: [
      {
        name: 'defaults of other columns',
        sql: `alter table calls alter column seconds set default 5; alter table organizations alter column plan set default 'pro'; alter table profiles alter column full_name set default ''`,
      },
    ],
  },
  {
    kind: 'inheritance and partitions',
    weak: [
      {
        name: 'a table of organizations below an open one',
        at: 'everything',
        sql: `create table everything (org_id uuid); alter table everything enable row level security; create policy read on everything for select to authenticated using (true); alter table calls inherit everything`,
      },
      {
        name: 'a table of organizations below a list',
        at: 'public.',
        sql: `create table named (name text not null); alter table named enable row level security; revoke truncate, references, trigger on named from anon, authenticated; create policy read on named for select to authenticated using (name is not null); alter table contacts inherit named`,
      },
      {
        name: 'a partition attached without row security',
        at: 'public.metrics_old',
        sql: `create table metrics (org_id uuid not null references organizations on delete cascade, at date not null, n int) partition by range (at); alter table metrics enable row level security; revoke truncate, references, trigger on metrics from anon, authenticated; create policy members on metrics to authenticated using (org_id in (select my_org_ids())) with check (org_id in (select my_org_ids())); create index on metrics (org_id); create table metrics_old (org_id uuid not null, at date not null, n int); alter table metrics attach partition metrics_old for values from ('2020-01-01') to ('2021-01-01')`,
      },
    ],
    harmless: [
      {
        name: 'a partition with row security attached',
        sql: `create table metrics (org_id uuid not null references organizations on delete cascade, at date not null, n int) partition by range (at); alter table metrics enable row level security; revoke truncate, references, trigger on metrics from anon, authenticated; create policy members on metrics to authenticated using (org_id in (select my_org_ids())) with check (org_id in (select my_org_ids())); create index on metrics (org_id); create table metrics_old (org_id uuid not null, at date not null, n int); alter table metrics_old enable row level security; revoke all on metrics_old from anon, authenticated; alter table metrics attach partition metrics_old for values from ('2020-01-01') to ('2021-01-01')`,
      },
    ],
  },
  {
    kind: 'default privileges',
    weak: [
      {
        name: 'every new table for everyone',
        at: 'default privileges',
        sql: 'alter default privileges in schema public grant all on tables to public',
      },
      {
        name: 'every new table anywhere for visitors',
        at: 'default privileges',
        sql: 'alter default privileges grant select on tables to anon',
      },
      {
        name: 'every new table of the journal for users',
        at: 'default privileges',
        sql: 'alter default privileges in schema voxanne_rollout grant select on tables to authenticated',
      },
    ],
    harmless: [
      {
        name: 'new tables for nobody, or for the service role',
        sql: 'alter default privileges in schema public revoke all on tables from anon, authenticated; alter default privileges in schema public grant select on sequences to service_role',
      },
    ],
  },
  {
    kind: 'materialized views',
    weak: [
      {
        name: 'one column of a materialized view granted',
        at: 'call_counts',
        sql: 'create materialized view call_counts as select org_id, count(*) as n from calls group by 1; revoke all on call_counts from anon, authenticated; grant select (org_id) on call_counts to anon',
      },
      {
        name: 'a materialized view of a view, granted to everyone',
        at: 'call_counts',
        sql: 'create materialized view call_counts as select * from call_stats; revoke all on call_counts from anon, authenticated; grant select on call_counts to public',
      },
      {
        name: 'a materialized view of users',
        at: 'user_list',
        sql: 'create materialized view user_list as select id, email from auth.users',
      },
    ],
    harmless: [
      {
        name: 'a materialized view for the server, and one of a list',
        sql: 'create materialized view call_counts as select org_id, count(*) as n from calls group by 1; revoke all on call_counts from anon, authenticated; create materialized view prices as select code, price from plans',
      },
    ],
  },
  {
    kind: 'event triggers',
    weak: [
      {
        name: 'an event trigger that turns row security off',
        at: 'event trigger open_up',
        sql: `create function open_up() returns event_trigger language plpgsql as $$ declare c record; begin for c in select * from pg_event_trigger_ddl_commands() where object_type = 'table' loop execute format('alter table %s disable row level security', c.object_identity); end loop; end $$; ${admin}; create event trigger open_up on ddl_command_end when tag in ('CREATE TABLE') execute function public.open_up()`,
      },
      {
        name: 'an event trigger that grants what is new',
        at: 'event trigger share',
        sql: `create function share() returns event_trigger language plpgsql as $$ begin grant all on all tables in schema public to anon, authenticated; end $$; ${admin}; create event trigger share on ddl_command_end execute function public.share()`,
      },
    ],
    harmless: [
      {
        name: 'an event trigger that turns row security on',
        sql: `create function close_down() returns event_trigger language plpgsql security definer set search_path = '' as $$ declare c record; begin for c in select * from pg_event_trigger_ddl_commands() where command_tag in ('CREATE TABLE', 'CREATE TABLE AS') and schema_name = 'public' loop execute format('alter table if exists %s enable row level security', c.object_identity); end loop; end $$; revoke all on function close_down() from public, anon, authenticated; ${admin}; create event trigger close_down on ddl_command_end execute function public.close_down()`,
      },
    ],
  },
  {
    kind: 'foreign tables',
    weak: [
      {
        name: 'a foreign table that got its rights by default',
        at: 'remote_contacts',
        sql: `${admin}; create foreign data wrapper elsewhere; create server other foreign data wrapper elsewhere; create foreign table public.remote_contacts (id uuid, org_id uuid, name text) server other`,
      },
      {
        name: 'a foreign table without organizations, granted to visitors',
        at: 'remote_people',
        sql: `${admin}; create foreign data wrapper elsewhere; create server other foreign data wrapper elsewhere; create foreign table public.remote_people (email text) server other; revoke all on public.remote_people from anon, authenticated; grant select (email) on public.remote_people to anon`,
      },
    ],
    harmless: [
      {
        name: 'a foreign table for the server',
        sql: `${admin}; create foreign data wrapper elsewhere; create server other foreign data wrapper elsewhere; create foreign table public.remote_contacts (id uuid, org_id uuid, name text) server other; revoke all on public.remote_contacts from anon, authenticated`,
      },
    ],
  },
  {
    kind: 'namesakes',
    weak: [
      {
        name: 'a namesake that makes calls of ours ambiguous',
        at: 'my_org_ids',
        sql: `create function my_org_ids(p_role text default null) returns setof uuid language sql stable as $$ select m.org_id from public.memberships m where m.user_id = auth.uid() and (p_role is null or m.role = p_role) $$`,
      },
      {
        name: 'a namesake in a schema that comes first',
        at: 'authenticated.',
        sql: `create schema authenticated; grant usage on schema authenticated to authenticated; create function authenticated.current_org_id() returns uuid language sql stable as $$ select '${orgTwo}'::uuid $$`,
      },
      {
        name: 'a table in a schema that comes first',
        at: 'authenticated.',
        sql: `create schema authenticated; grant usage on schema authenticated to authenticated; create table authenticated.memberships (org_id uuid, user_id uuid); grant all on authenticated.memberships to authenticated`,
      },
    ],
    harmless: [
      {
        name: 'a function whose name only begins as ours does',
        sql: `create function my_org_ids_text() returns setof text language sql stable as $$ select o::text from public.my_org_ids() o $$`,
      },
    ],
  },
  {
    kind: 'options of functions',
    weak: [
      {
        name: 'ours leakproof',
        at: 'guard_profile_keys',
        sql: `${admin}; alter function public.guard_profile_keys() leakproof`,
      },
      { name: 'ours immutable', at: 'my_org_ids', sql: 'alter function my_org_ids() immutable' },
      {
        name: 'ours with claims of its own',
        at: 'current_org_id',
        sql: `${admin}; alter function public.current_org_id() set "request.jwt.claims" = '{"sub": "${bob}"}'`,
      },
      {
        name: 'a leakproof function of the app that says what it is given',
        at: 'peek',
        sql: `create function peek(v text) returns boolean language plpgsql cost 0.0001 as $$ begin raise notice '%', v; return true; end $$; ${admin}; alter function public.peek(text) leakproof`,
      },
      {
        name: 'a function that runs without triggers',
        at: 'quietly',
        sql: `create function quietly(p_org uuid) returns void language sql as $$ update public.profiles set org_id = p_org where id = auth.uid() $$; ${admin}; alter function public.quietly(uuid) set session_replication_role = replica`,
      },
      {
        name: 'an accepted function in another language',
        at: 'invitation_of',
        sql: `create or replace function invitation_of(p_token text) returns text language plpgsql stable security definer set search_path = '' as $$ begin return (select o.name from public.organizations o where o.id::text = p_token); end $$`,
      },
      {
        name: 'a function of the app that runs as its owner now',
        at: 'contact_names',
        sql: `create function contact_names() returns setof text language sql stable as $$ select name from public.contacts $$; alter function contact_names() security definer set search_path = ''`,
      },
    ],
    harmless: [
      {
        name: 'costs and parallel calls of a function of the app',
        sql: 'alter function touch_call() cost 50; alter function call_seconds(uuid) parallel safe',
      },
    ],
  },
  {
    kind: 'triggers',
    weak: [
      {
        name: 'the guard of profiles on replicas only',
        at: 'public.profiles',
        sql: 'alter table profiles enable replica trigger guard_profile_keys',
      },
      {
        name: 'the guard of profiles under a condition',
        at: 'public.profiles',
        sql: `do $$ declare d text := (select pg_get_triggerdef(oid) from pg_trigger where tgname = 'guard_profile_keys'); begin drop trigger guard_profile_keys on public.profiles; execute replace(d, ' EXECUTE FUNCTION', ' WHEN (new.full_name is null) EXECUTE FUNCTION'); end $$`,
      },
      {
        name: 'the guard of profiles for another column',
        at: 'public.profiles',
        sql: `do $$ declare d text := (select pg_get_triggerdef(oid) from pg_trigger where tgname = 'guard_profile_keys'); begin drop trigger guard_profile_keys on public.profiles; execute regexp_replace(d, 'UPDATE( OF [^O]*)? ON', 'UPDATE OF full_name ON'); end $$`,
      },
      {
        name: 'the sign-up trigger on replicas only',
        at: 'auth.users',
        sql: `${admin}; alter table auth.users enable replica trigger on_auth_user_created`,
      },
      {
        name: 'every trigger of memberships disabled',
        at: 'public.memberships',
        sql: 'alter table memberships disable trigger user',
      },
      {
        name: 'foreign keys on replicas only',
        at: 'public.call_notes',
        sql: `${admin}; do $$ declare t record; begin for t in select tgname from pg_trigger where tgrelid = 'public.call_notes'::regclass and tgisinternal loop execute format('alter table public.call_notes enable replica trigger %I', t.tgname); end loop; end $$`,
      },
      {
        name: 'a trigger of a view that writes as its owner',
        at: 'public.editable',
        sql: `create view editable with (security_invoker = true) as select id, org_id, name from contacts; create function write_contact() returns trigger language plpgsql security definer set search_path = '' as $$ begin update public.contacts c set name = new.name where c.id = new.id; return new; end $$; revoke all on function write_contact() from public, anon, authenticated; create trigger write_contact instead of update on editable for each row execute function write_contact()`,
      },
    ],
    harmless: [
      {
        name: 'a trigger of the app for fewer columns',
        sql: 'drop trigger touch_call on calls; create trigger touch_call before insert or update of seconds on calls for each row execute function touch_call()',
      },
      {
        name: 'the guard of profiles on replicas as well',
        sql: 'alter table profiles enable always trigger guard_profile_keys',
      },
    ],
  },
  {
    kind: 'settings of roles',
    weak: [
      {
        name: 'triggers off for every request',
        at: 'role authenticator',
        sql: `${admin}; alter role authenticator set session_replication_role = replica`,
      },
      {
        name: 'triggers off in the database',
        at: 'database',
        sql: `${admin}; do $$ begin execute format('alter database %I set session_replication_role = replica', current_database()); end $$`,
      },
      {
        name: 'claims for users without a token',
        at: 'role authenticated',
        sql: `${admin}; alter role authenticated set "request.jwt.claims" = '{"sub": "${bob}"}'`,
      },
      {
        name: 'another schema first for every request',
        at: 'role authenticator',
        sql: `create schema shadows; ${admin}; alter role authenticator set search_path = shadows, public`,
      },
      {
        name: 'errors in place of row security',
        at: 'role authenticated',
        sql: `${admin}; alter role authenticated set row_security = off`,
      },
      {
        name: 'the role of a request by metadata that users write',
        at: 'role authenticator',
        sql: `${admin}; alter role authenticator set pgrst.jwt_role_claim_key = '.user_metadata.role'`,
      },
    ],
    harmless: [
      {
        name: 'limits of requests',
        sql: `${admin}; alter role authenticator set pgrst.db_max_rows = '500'; alter role anon set statement_timeout = '2s'; alter role authenticated set timezone = 'UTC'; alter role authenticator set search_path = public, extensions`,
      },
    ],
  },
  {
    kind: 'attributes and memberships of roles',
    weak: [
      {
        name: 'visitors who are users',
        at: 'role anon',
        sql: `${admin}; alter role anon inherit; grant authenticated to anon`,
      },
      {
        name: 'the service role by way of another',
        at: 'role anon',
        sql: `${admin}; create role helper nologin; grant service_role to helper; grant helper to anon`,
      },
      {
        name: 'a role of the API under another name',
        at: 'public.calls.org_select',
        sql: `${admin}; alter role authenticated rename to users`,
      },
      { name: 'a superuser', at: 'role authenticated', sql: `${admin}; alter role authenticated superuser` },
      {
        name: 'users who log in to the database',
        at: 'role authenticated',
        sql: `${admin}; alter role authenticated login password 'x'`,
      },
      {
        name: 'users who have the rights of a role with an open policy',
        at: 'role authenticated',
        sql: `${staff}; create policy staff on public.contacts for select to staff using (true)`,
      },
      {
        name: 'users who have the rights of a role that may call a definer function',
        at: 'role authenticated',
        sql: `${staff}; create function public.contacts_at(p_org uuid) returns setof public.contacts language sql security definer set search_path = '' as $$ select * from public.contacts c where c.org_id = p_org $$; revoke all on function public.contacts_at(uuid) from public, anon, authenticated; grant execute on function public.contacts_at(uuid) to staff`,
      },
      {
        name: 'users who have the rights of a role that may TRUNCATE',
        at: 'role authenticated',
        sql: `${staff}; grant truncate on public.contacts to staff`,
      },
      {
        name: 'files of the server',
        at: 'role authenticated',
        sql: `${admin}; grant pg_read_server_files to authenticated`,
      },
      {
        name: 'the API as a superuser',
        at: 'role authenticator',
        sql: `${admin}; alter role authenticator superuser`,
      },
      {
        name: 'the API as the owner of everything',
        at: 'role authenticator',
        sql: `${admin}; grant postgres to authenticator`,
      },
    ],
    harmless: [
      {
        name: 'users who have the rights of a role that reads what they read',
        sql: `${staff}; grant select on public.contacts to staff`,
      },
      {
        name: 'a role that acts for visitors',
        sql: `${admin}; create role crawler nologin; grant anon to crawler; grant authenticated to service_role`,
      },
    ],
  },
  {
    kind: 'column grants and catalogs',
    weak: [
      {
        name: 'REFERENCES on one column',
        at: 'public.contacts',
        sql: 'grant references (id) on contacts to authenticated',
      },
      {
        name: 'the values that statistics keep',
        at: 'pg_statistic',
        sql: `${admin}; grant select on pg_catalog.pg_statistic to authenticated`,
      },
      { name: 'passwords of roles', at: 'pg_authid', sql: `${admin}; grant select on pg_catalog.pg_authid to public` },
      {
        name: 'a function that reads files of the server',
        at: 'pg_read_file',
        sql: `${admin}; grant execute on function pg_catalog.pg_read_file(text) to authenticated`,
      },
    ],
    harmless: [
      { name: 'one column for users who read the table', sql: 'grant select (name) on contacts to authenticated' },
    ],
  },
  {
    kind: 'keys of memberships and organizations',
    weak: [
      {
        name: 'memberships that are unique by role',
        at: 'public.memberships',
        sql: `do $$ begin execute format('alter table public.memberships drop constraint %I', (select conname from pg_constraint where conrelid = 'public.memberships'::regclass and contype = 'u')); end $$; alter table memberships add unique (org_id, user_id, role)`,
      },
      {
        name: 'profiles without a primary key',
        at: 'public.profiles',
        sql: 'alter table profiles drop constraint profiles_pkey cascade',
      },
      {
        name: 'NOT NULL of a membership’s user lost',
        at: 'public.memberships',
        sql: 'alter table memberships alter column user_id drop not null',
      },
      {
        name: 'NOT NULL of contacts lost',
        at: 'public.contacts',
        sql: 'alter table contacts alter column org_id drop not null',
      },
    ],
    harmless: [
      {
        name: 'the uniqueness of memberships by an index',
        sql: `do $$ begin execute format('alter table public.memberships drop constraint %I', (select conname from pg_constraint where conrelid = 'public.memberships'::regclass and contype = 'u')); end $$; create unique index one_membership on memberships (org_id, user_id)`,
      },
    ],
  },
  {
    kind: 'operators, aggregates and casts',
    weak: [
      {
        name: 'an aggregate upon a definer function that nobody may call',
        at: 'names_of',
        sql: `create function add_names(t text, p_org uuid) returns text language sql security definer set search_path = '' as $$ select coalesce(t, '') || coalesce((select string_agg(c.name, ',') from public.contacts c where c.org_id = p_org), '') $$; revoke all on function add_names(text, uuid) from public, anon, authenticated; create aggregate names_of(uuid) (sfunc = add_names, stype = text)`,
      },
      {
        name: 'an operator upon a definer function',
        at: 'names_at',
        sql: `create function names_at(a text, p_org uuid) returns text language sql security definer set search_path = '' as $$ select string_agg(c.name, ',') from public.contacts c where c.org_id = p_org and a is not null $$; create operator public.@@@ (leftarg = text, rightarg = uuid, function = names_at)`,
      },
      {
        name: 'a comparison of organizations that is always true',
        at: 'same_org',
        sql: `create function same_org(a uuid, b text) returns boolean language sql immutable as $$ select true $$; create operator public.= (leftarg = uuid, rightarg = text, function = same_org)`,
      },
      {
        name: 'a cast upon a definer function',
        at: 'contact_at',
        sql: `create type contact_ref as (id uuid); create function contact_at(r contact_ref) returns text language sql security definer set search_path = '' as $$ select c.name from public.contacts c where c.id = r.id $$; create cast (contact_ref as text) with function contact_at(contact_ref)`,
      },
    ],
    harmless: [
      {
        name: 'an aggregate and an operator of the app’s own',
        sql: `create function longer(a text, b text) returns text language sql immutable as $$ select case when length(a) >= length(b) then a else b end $$; create aggregate longest(text) (sfunc = longer, stype = text); create operator public.<#> (leftarg = text, rightarg = text, function = longer)`,
      },
    ],
  },
  {
    kind: 'publications',
    weak: [
      {
        name: 'the row filter of a publication loosened',
        at: 'public.calls',
        sql: 'alter publication supabase_realtime set table calls where (id is not null)',
      },
      {
        name: 'every table of a schema published, one without row security among them',
        at: 'feed',
        sql: `create table feed (id bigint primary key, org_id uuid references organizations); ${admin}; create publication served for tables in schema public`,
      },
    ],
    harmless: [
      {
        name: 'another row filter of a table that was published without one',
        sql: 'alter publication supabase_realtime add table call_notes where (id > 10)',
      },
      {
        name: 'fewer columns of a published table',
        sql: 'alter publication supabase_realtime set table calls (id, org_id) where (id > 0)',
      },
    ],
  },
  {
    kind: 'buckets and files',
    weak: [
      {
        name: 'row security of buckets turned off',
        at: 'storage.buckets',
        sql: `${files}; alter table storage.buckets disable row level security`,
      },
      {
        name: 'buckets that users make public',
        at: 'storage.buckets',
        sql: `${files}; create policy manage on storage.buckets to authenticated using (true)`,
      },
      {
        name: 'files that anybody deletes',
        at: 'storage.objects',
        sql: `${files}; create policy clean on storage.objects for delete to authenticated using (bucket_id = 'recordings')`,
      },
      {
        name: 'messages of every channel',
        at: 'realtime.messages',
        sql: `${admin}; create table realtime.messages (id bigint primary key, topic text, extension text, payload jsonb); alter table realtime.messages enable row level security; grant select, insert on realtime.messages to authenticated; create policy listen on realtime.messages for select to authenticated using (true)`,
      },
    ],
    harmless: [
      {
        name: 'a list of buckets to read',
        sql: `${files}; create policy listed on storage.buckets for select to authenticated using (id = 'web')`,
      },
    ],
  },
  {
    kind: 'views',
    weak: [
      {
        name: 'a view of secrets',
        at: 'public.keys',
        sql: `${admin}; create table vault.secrets (id uuid primary key, secret text); create view public.keys as select secret from vault.secrets; grant select on public.keys to authenticated`,
      },
      {
        name: 'a view of what the network answered',
        at: 'public.answers',
        sql: `${admin}; create schema net; create table net._http_response (id bigint, content text); create view public.answers as select content from net._http_response; grant select on public.answers to authenticated`,
      },
      {
        name: 'a view of files with its owner’s rights',
        at: 'public.file_names',
        sql: `grant select on storage.objects to postgres; create view file_names as select name from storage.objects`,
      },
      {
        name: 'one column of an owner’s view granted',
        at: 'public.raw_contacts',
        sql: 'create view raw_contacts as select * from contacts; revoke all on raw_contacts from anon, authenticated; grant select (name) on raw_contacts to anon',
      },
      {
        name: 'an invoker’s view that reads by a definer function',
        at: 'every_contact',
        sql: `create function every_contact() returns setof contacts language sql stable security definer set search_path = '' as $$ select * from public.contacts $$; create view contact_book with (security_invoker = true) as select * from every_contact()`,
      },
    ],
    harmless: [
      {
        name: 'a barrier and a check of a view with the caller’s rights',
        sql: `alter view call_stats set (security_barrier = true); create view short_calls with (security_invoker = true) as select * from calls where seconds < 10 with check option`,
      },
    ],
  },
  {
    kind: 'policies',
    weak: [
      {
        name: 'a restrictive policy that is permissive now',
        at: 'public.calls',
        sql: 'drop policy no_silent_calls on calls; create policy no_silent_calls on calls for delete using (seconds >= 0)',
      },
      {
        name: 'a restrictive policy for visitors alone',
        at: 'public.calls',
        sql: 'alter policy no_silent_calls on calls to anon',
      },
      {
        name: 'a policy of a function that says yes',
        at: 'public.contacts',
        sql: `create function may_see(p_org uuid) returns boolean language sql stable as $$ select p_org is not null $$; create policy seen on contacts for select to authenticated using (may_see(org_id))`,
      },
      {
        name: 'a policy for an address that ends as the company’s does',
        at: 'public.contacts',
        sql: `create policy staff on contacts for select to authenticated using ((auth.jwt() ->> 'email') like '%@example.test')`,
      },
      {
        name: 'a policy for administrators by what users write',
        at: 'public.contacts',
        sql: `create policy admins on contacts to authenticated using ((auth.jwt() -> 'user_metadata' ->> 'is_admin')::boolean)`,
      },
      {
        name: 'FORCE and row security turned off',
        at: 'public.plans',
        sql: 'alter table plans force row level security; alter table plans no force row level security, disable row level security',
      },
    ],
    harmless: [
      {
        name: 'policies under other names',
        sql: 'alter policy no_silent_calls on calls rename to quiet_calls; alter policy org_select on contacts rename to readers',
      },
      {
        name: 'a policy for the service role',
        sql: 'create policy server on contacts to service_role using (true) with check (true)',
      },
      { name: 'row security forced', sql: 'alter table contacts force row level security' },
    ],
  },
  {
    kind: 'generated columns, domains and checks',
    weak: [
      {
        name: 'every member an owner by a generated column',
        at: 'public.memberships',
        sql: `alter table memberships drop column role cascade; alter table memberships add column role text not null generated always as ('owner') stored`,
      },
      {
        name: 'the check of roles not validated',
        at: 'public.memberships',
        sql: `alter table memberships drop constraint memberships_role_check; alter table memberships add constraint memberships_role_check check (role in ('owner', 'admin', 'member')) not valid`,
      },
      {
        name: 'a check of roles that checks nothing',
        at: 'public.profiles',
        sql: 'alter table profiles drop constraint profiles_role_check; alter table profiles add constraint profiles_role_check check (role is not null)',
      },
    ],
    harmless: [
      {
        name: 'a generated column and a domain of the app',
        sql: `create domain short as text check (length(value) < 40); alter table contacts add column label short; alter table calls add column minutes int generated always as (seconds / 60) stored`,
      },
    ],
  },
  {
    kind: 'extensions, jobs and sequences',
    weak: [
      {
        name: 'jobs that users write',
        at: 'cron.job',
        sql: `${admin}; create schema cron; create table cron.job (jobid bigint primary key, schedule text, command text, nodename text, nodeport int, database text, username text, active boolean, jobname text); grant usage on schema cron to authenticated; grant select, insert, update on cron.job to authenticated`,
      },
      {
        name: 'a definer function that makes jobs',
        at: 'plan_job',
        sql: `create schema cron; create table cron.job (jobid bigint primary key, schedule text, command text, nodename text, nodeport int, database text, username text, active boolean, jobname text); create function plan_job(p text) returns void language sql security definer set search_path = '' as $$ insert into cron.job (command) values (p) $$`,
      },
      {
        name: 'other databases by an extension in a served schema',
        at: 'dblink',
        sql: `${admin}; create extension dblink schema public`,
      },
    ],
    harmless: [
      {
        name: 'an extension, a job and a sequence',
        sql: `${admin}; create extension pg_trgm schema extensions; create schema cron; create table cron.job (jobid bigint primary key, schedule text, command text, nodename text, nodeport int, database text, username text, active boolean, jobname text); insert into cron.job (jobid, command) values (1, 'delete from public.call_notes where false'); alter sequence public.calls_id_seq restart with 1000; create sequence public.numbers`,
      },
    ],
  },
];

export const placedWeaknesses: readonly Placed[] = kinds.flatMap((one) => one.weak);
export const siblings: readonly Happening[] = kinds.flatMap((one) => one.harmless);
