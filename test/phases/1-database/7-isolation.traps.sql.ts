/** Tables that step 1.7 must judge one by one, beside tiny. Runs after the renames. */
export const traps = `
create type public.member_role as enum ('owner', 'admin', 'member');
create table public.memberships (
  id bigint generated always as identity primary key,
  user_id uuid not null references auth.users on delete cascade,
  org_id uuid not null references public.organizations,
  role public.member_role not null default 'member',
  unique (user_id, org_id)
);
insert into public.memberships (user_id, org_id, role)
select p.id, p.org_id, (case p.full_name when 'Ann' then 'owner' when 'Bob' then 'member' else 'owner' end)::public.member_role
from public.profiles p where p.org_id is not null;
-- finn is admin of A.
insert into public.profiles (id, org_id, full_name) values ('b0000000-0000-4000-8000-000000000006', 'a0000000-0000-4000-8000-000000000001', 'Finn');
insert into public.memberships (user_id, org_id, role) values ('b0000000-0000-4000-8000-000000000006', 'a0000000-0000-4000-8000-000000000001', 'admin');
alter table public.memberships enable row level security;
create policy see on public.memberships for select using (org_id in (select m.org_id from public.memberships m where m.user_id = auth.uid()));
create policy manage on public.memberships to authenticated using (exists (
  select 1 from public.memberships m where m.org_id = memberships.org_id and m.user_id = auth.uid() and m.role in ('owner', 'admin')));
alter table public.profiles add role text not null default 'user', add is_admin boolean not null default false;

do $do$
declare
  name text;
begin
  -- Every one with an id, an organization, a user of it and a body: one row for each of ann, bob, cleo and dan.
  foreach name in array array['private_notes', 'secrets', 'open_logs', 'metadata_rows', 'inert', 'team_rows', 'restricted', 'shared', 'admin_rows'] loop
    execute format('create table public.%I (id bigint generated always as identity primary key,
      org_id uuid references public.organizations, user_id uuid, body text, is_public boolean not null default false)', name);
    execute format('insert into public.%I (org_id, user_id, body) select org_id, id, full_name from public.profiles where org_id is not null', name);
    if name <> 'inert' then execute format('alter table public.%I enable row level security', name); end if;
  end loop;
end $do$;
-- Stricter than the organization: this must not be lost.
create policy own on public.private_notes using (user_id = auth.uid());
create policy members on public.admin_rows for select using (org_id = (select p.org_id from public.profiles p where p.id = auth.uid()));
create policy admins on public.admin_rows for insert with check (exists (
  select 1 from public.memberships m where m.user_id = auth.uid() and m.org_id = admin_rows.org_id and m.role in ('owner', 'admin')));
-- Not isolation at all.
create policy "Service role" on public.open_logs using (true) with check (true);
create policy meta on public.metadata_rows using (org_id = ((auth.jwt() -> 'user_metadata') ->> 'org_id')::uuid);
create policy sleeping on public.inert using (true);
create policy sleeping_too on public.inert for select to anon using (is_public);
-- The same rule in other words, and policies that only narrow or only serve the service role.
create policy team on public.team_rows to authenticated using (org_id = (((select auth.jwt()) -> 'app_metadata') ->> 'org_id')::uuid);
create policy team_profile on public.team_rows for select to authenticated using (org_id in (select p.org_id from public.profiles p where p.id = (select auth.uid())));
create policy base on public.restricted using (org_id in (select p.org_id from public.profiles p where p.id = auth.uid()));
create policy only_signed_in on public.restricted as restrictive for all using (auth.uid() is not null);
create policy robots on public.restricted to service_role using (true);
create policy visitors on public.shared for select to anon using (is_public);
create policy members on public.shared for select to authenticated using (org_id in (select p.org_id from public.profiles p where p.id = auth.uid()));

-- No key of their own.
create table public.messages (id bigint generated always as identity primary key, call_id bigint not null references public.calls, body text);
insert into public.messages (call_id, body) select id, caller from public.calls;
create table public.attachments (id bigint generated always as identity primary key, message_id bigint references public.messages, contact_id uuid references public.contacts, path text);
insert into public.attachments (message_id, path) select id, body from public.messages;
create table public.devices (id bigint generated always as identity primary key, user_id uuid not null references auth.users, name text);
insert into public.devices (user_id, name) select id, full_name from public.profiles;
create table public.countries (code text primary key, name text);
insert into public.countries values ('de', 'Germany');
create table public.flags (name text primary key, enabled boolean);
insert into public.flags values ('x', true);
alter table public.flags enable row level security;
create policy anybody on public.flags for select using (true);
create policy anybody_writes on public.flags for update using (true);

create view public.call_list as select * from public.calls;
create view public.call_list_explicit with (security_invoker = false) as select * from public.calls;
create materialized view public.call_totals as select org_id, count(*) as n from public.calls group by org_id;
create materialized view public.country_names as select name from public.countries;
`;

export const definers = `
create function public.wipe(p_org_id uuid) returns void language sql security definer as $$ delete from public.inert where org_id = p_org_id $$;
revoke execute on function public.wipe(uuid) from service_role;
create function public.own_wipe(org uuid) returns void language plpgsql security definer as $$ begin
  if org <> (select p.org_id from public.profiles p where p.id = auth.uid()) then raise exception 'not yours'; end if;
  delete from public.inert where org_id = org; end $$;
`;
