-- Step 1.7, Isolation: who is asking. Runs as it stands with psql on a database whose organizations, profiles and
-- user_org_roles have the usual columns; the tool replaces the parts between "voxanne:begin" and "voxanne:end" by the
-- names it found.
--
-- The organization of the caller is one that a membership names now: a claim of the token and the profile only say which
-- of several. A member who was removed reaches nothing with the next statement, whatever the token still says. Nothing
-- here can fail: a claim of any shape that names no membership counts as absent.
--
-- SECURITY DEFINER because the policies of the tables that it reads ask this function: as the caller, reading them here
-- would ask those policies again, without end. It takes no argument and tells callers nothing but their own organization.
-- STABLE, and written `(select public.current_org_id())` in a policy, it runs once per statement, not once per row.
-- PARALLEL RESTRICTED: beside a function that does not say so, no query is carried out by several processes.
-- PL/pgSQL keeps its plans for the session; an SQL function that cannot be inlined is planned anew by every query.
-- The comment at the beginning of each body is how the tool knows its own functions again.

-- voxanne:begin header
create or replace function public.current_org_id() returns uuid
-- voxanne:end header
language plpgsql stable parallel restricted security definer set search_path = '' as $function$
-- voxanne-rollout
-- voxanne:begin organization
declare
  v_user uuid := auth.uid();
  v_claim text := auth.jwt() -> 'app_metadata' ->> 'org_id';
begin
  return (
    select m.org_id
    from public.user_org_roles m
    where m.user_id = v_user
    order by m.org_id::text = lower(v_claim) desc nulls last,
      m.org_id = (select p.org_id from public.profiles p where p.id = v_user limit 1) desc nulls last,
      m.org_id
    limit 1
  );
end
-- voxanne:end organization
$function$;

-- PostgreSQL lets everyone execute a new function. A policy needs it for authenticated, nobody else does: the service
-- role bypasses row security.
revoke all on function public.current_org_id() from public, anon, authenticated, service_role;
grant execute on function public.current_org_id() to authenticated;

-- The caller's role in that organization, in lower case, for policies that only owners and admins pass. SECURITY DEFINER
-- for the same reason: the policies of the table that it reads ask it.

create or replace function public.current_org_role() returns text
language plpgsql stable parallel restricted security definer set search_path = '' as $function$
-- voxanne-rollout
begin
  return (
    -- voxanne:begin role
    select lower(m.role::text) from public.user_org_roles m
    where m.user_id = (select auth.uid()) and m.org_id = (select public.current_org_id())
    -- voxanne:end role
    limit 1
  );
end
$function$;

revoke all on function public.current_org_role() from public, anon, authenticated, service_role;
grant execute on function public.current_org_role() to authenticated;

-- Every organization of the caller, for apps that show the rows of all of them at once: a policy compares with
-- `any (array(select public.my_org_ids()))`, which also runs once per statement.

-- voxanne:begin all_header
create or replace function public.my_org_ids() returns setof uuid
-- voxanne:end all_header
language plpgsql stable parallel restricted security definer set search_path = '' as $function$
-- voxanne-rollout
begin
  return query
    -- voxanne:begin all
    select m.org_id from public.user_org_roles m
    where m.user_id = (select auth.uid());
    -- voxanne:end all
end
$function$;

revoke all on function public.my_org_ids() from public, anon, authenticated, service_role;
grant execute on function public.my_org_ids() to authenticated;

-- Those of them where the caller has one of these roles, written in lower case: a role is that of one organization.

-- voxanne:begin roles_header
create or replace function public.my_org_ids(roles text[]) returns setof uuid
-- voxanne:end roles_header
language plpgsql stable parallel restricted security definer set search_path = '' as $function$
-- voxanne-rollout
begin
  return query
    -- voxanne:begin roles
    select m.org_id from public.user_org_roles m
    where m.user_id = (select auth.uid()) and lower(m.role::text) = any ($1);
    -- voxanne:end roles
end
$function$;

revoke all on function public.my_org_ids(text[]) from public, anon, authenticated, service_role;
grant execute on function public.my_org_ids(text[]) to authenticated;

-- Who is a member of an organization of the caller, for profiles and other rows that name a user and no organization: where
-- everybody could read everybody's, those who belong together go on. SECURITY DEFINER because members need not see each
-- other's memberships.

-- voxanne:begin colleagues_header
create or replace function public.my_colleagues() returns setof uuid
-- voxanne:end colleagues_header
language plpgsql stable parallel restricted security definer set search_path = '' as $function$
-- voxanne-rollout
begin
  return query
    -- voxanne:begin colleagues
    select m.user_id from public.user_org_roles m
    where m.org_id = any (array(select public.my_org_ids()));
    -- voxanne:end colleagues
end
$function$;

revoke all on function public.my_colleagues() from public, anon, authenticated, service_role;
grant execute on function public.my_colleagues() to authenticated;

-- Users edit their own profile; which organization and which role it names is not theirs to say. Row security compares
-- no old with a new value, so a trigger does. It looks at API roles only: the service role, the auth server and
-- functions that run with their owner's rights pass.

create or replace function public.guard_profile_keys() returns trigger
language plpgsql set search_path = '' as $function$
begin
  if current_user not in ('anon', 'authenticated') then
    return new;
  end if;
  if tg_op = 'INSERT' then
    -- An upsert comes here as well for a row that is there; its update is judged below.
    -- voxanne:begin insert
    if (new.role is distinct from 'user'
        and not exists (select from public.profiles p where p.id = new.id and p.role is not distinct from new.role)) then
      raise exception 'A profile cannot choose its role.' using errcode = 'insufficient_privilege';
    end if;
    -- voxanne:end insert
    return new;
  end if;
  -- voxanne:begin update
  if new.id is distinct from old.id or new.org_id is distinct from old.org_id
      or new.role is distinct from old.role then
    raise exception 'A profile cannot change its id, org_id or role.' using errcode = 'insufficient_privilege';
  end if;
  -- voxanne:end update
  return new;
end
$function$;

revoke all on function public.guard_profile_keys() from public, anon, authenticated, service_role;

-- voxanne:begin trigger
create or replace trigger guard_profile_keys before insert or update on public.profiles
  for each row execute function public.guard_profile_keys();
-- voxanne:end trigger

-- An organization keeps an owner. Two owners who remove each other at the same moment each see the other one still there,
-- so that the rule needs a lock: the second waits for the first, and looks again. It looks at API roles only, once their
-- statement is done; the service role, and what goes with an organization or a user that is deleted, passes.
-- SECURITY DEFINER because owners need not see each other.

create or replace function public.keep_last_owner() returns trigger
language plpgsql security definer set search_path = '' as $function$
begin
  -- voxanne:begin last_owner
  if tg_op = 'UPDATE' and new.org_id = old.org_id and lower(new.role::text) = 'owner' then
    return null;
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('keep_last_owner ' || old.org_id::text, 0));
  if pg_catalog.current_setting('transaction_isolation') = 'read committed' then
    perform from public.user_org_roles m where m.org_id = old.org_id and lower(m.role::text) = 'owner' limit 1;
  else
    -- Here nothing newer is seen, but a row that is gone by now cannot be locked.
    perform from public.user_org_roles m where m.org_id = old.org_id and lower(m.role::text) = 'owner' for key share;
  end if;
  -- voxanne:end last_owner
  if not found then
    raise exception 'An organization keeps its last owner.' using errcode = 'insufficient_privilege',
      hint = 'Make somebody else owner first.';
  end if;
  return null;
end
$function$;

revoke all on function public.keep_last_owner() from public, anon, authenticated, service_role;

-- voxanne:begin owner_trigger
create or replace trigger keep_last_owner after update or delete on public.user_org_roles
  for each row when (current_user in ('anon', 'authenticated') and lower(old.role::text) = 'owner')
  execute function public.keep_last_owner();
-- voxanne:end owner_trigger
