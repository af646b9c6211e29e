-- Step 1.7, Isolation: the policies, by kind of table. Runs with psql, for instance:
--   psql -v table=public.calls -v column=org_id -v organizations=public.organizations -v profiles=public.profiles \
--     -v memberships=public.user_org_roles -v child=public.invoice_lines -v parent=public.invoices \
--     -v personal=public.devices -v lookup=public.countries -f migrations/policies.sql
-- The tool runs each statement in a transaction of its own: on hosted projects a policy statement locks the auth tables
-- until commit. It leaves out a command that row security had closed before, and adds a condition that was narrower.
--
-- `(select …)` around a function makes it run once per statement. For UPDATE the same condition stands as USING and as
-- WITH CHECK: a row can be neither taken from another organization nor moved into one.
--
-- Where users see the rows of all their organizations at once, `:column = (select public.current_org_id())` reads
-- `:column = any (array(select public.my_org_ids()))`, and `… and (select public.current_org_role()) = 'owner'` reads
-- `:column = any (array(select public.my_org_ids(array['owner'])))`: a role is that of the row's organization.

-- A table with an organization column. ---------------------------------------------------------------------------------

create policy org_select on :table for select to authenticated
  using (:column = (select public.current_org_id()));
create policy org_insert on :table for insert to authenticated
  with check (:column = (select public.current_org_id()));
create policy org_update on :table for update to authenticated
  using (:column = (select public.current_org_id())) with check (:column = (select public.current_org_id()));
create policy org_delete on :table for delete to authenticated
  using (:column = (select public.current_org_id()));
alter table :table enable row level security;

-- Organizations: members read their own, owners and admins change it, nobody makes or deletes one through the API. ------

create policy org_select on :organizations for select to authenticated
  using (id = (select public.current_org_id()));
create policy org_update on :organizations for update to authenticated
  using (id = (select public.current_org_id()) and (select public.current_org_role()) in ('owner', 'admin'))
  with check (id = (select public.current_org_id()) and (select public.current_org_role()) in ('owner', 'admin'));
alter table :organizations enable row level security;

-- Profiles: seen by the organization, written by their user, deleted by nobody. guard_profile_keys() keeps the keys. -----

create policy org_select on :profiles for select to authenticated
  using (:column = (select public.current_org_id()) or id = (select auth.uid()));
create policy org_insert on :profiles for insert to authenticated
  with check (id = (select auth.uid()) and (:column is null or :column = (select public.current_org_id())));
create policy org_update on :profiles for update to authenticated
  using (id = (select auth.uid()))
  with check (id = (select auth.uid()));
alter table :profiles enable row level security;

-- Memberships: seen by the organization, written by its owners and admins, never one's own; only an owner touches or
-- makes an owner. So no member makes themselves owner, and an organization keeps its last owner. ------------------------

create policy org_select on :memberships for select to authenticated
  using (:column = (select public.current_org_id()) or user_id = (select auth.uid()));
create policy org_insert on :memberships for insert to authenticated
  with check (user_id <> (select auth.uid())
    and (:column = (select public.current_org_id()) and (select public.current_org_role()) = 'owner'
      or :column = (select public.current_org_id()) and (select public.current_org_role()) = 'admin' and lower(role::text) <> 'owner'));
create policy org_update on :memberships for update to authenticated
  using (user_id <> (select auth.uid())
    and (:column = (select public.current_org_id()) and (select public.current_org_role()) = 'owner'
      or :column = (select public.current_org_id()) and (select public.current_org_role()) = 'admin' and lower(role::text) <> 'owner'))
  with check (user_id <> (select auth.uid())
    and (:column = (select public.current_org_id()) and (select public.current_org_role()) = 'owner'
      or :column = (select public.current_org_id()) and (select public.current_org_role()) = 'admin' and lower(role::text) <> 'owner'));
create policy org_delete on :memberships for delete to authenticated
  using (user_id <> (select auth.uid())
    and (:column = (select public.current_org_id()) and (select public.current_org_role()) = 'owner'
      or :column = (select public.current_org_id()) and (select public.current_org_role()) = 'admin' and lower(role::text) <> 'owner'));
alter table :memberships enable row level security;

-- A table without the column whose rows belong to a row of one that has it (the same for insert, update, delete). --------

create policy org_select on :child for select to authenticated
  using (exists (select 1 from :parent parent_1 where parent_1.id = invoice_lines.invoice_id
    and parent_1.:column = (select public.current_org_id())));
alter table :child enable row level security;

-- A table of users' own rows (the same for insert, update, delete). Where everybody could read everybody's, colleagues go on
-- to: `user_id = (select auth.uid()) or user_id = any (array(select public.my_colleagues()))`. ----------------------------

create policy own_select on :personal for select to authenticated
  using (user_id = (select auth.uid()));
alter table :personal enable row level security;

-- A look-up table that belongs to nobody: signed-in users read it, only the service role writes it. ----------------------

create policy lookup_select on :lookup for select to authenticated using (true);
alter table :lookup enable row level security;
