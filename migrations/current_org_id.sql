-- Step 1.7, Isolation: who is asking. Runs as it stands with psql on a database whose profiles and user_org_roles have
-- the usual columns; the tool replaces the parts between "voxanne:begin" and "voxanne:end" by the names it found.
--
-- The organization of the caller: the claim that only the auth server can write, else the caller's profile, so that a
-- token from before the backfill is not locked out. A claim that is no uuid counts as absent; nothing here can fail.
--
-- SECURITY DEFINER because the policies of profiles ask this function: as the caller, reading profiles here would ask
-- those policies again, without end. It takes no argument and tells callers nothing but their own organization.
-- STABLE, and written `(select public.current_org_id())` in a policy, it runs once per statement, not once per row.

-- voxanne:begin header
create or replace function public.current_org_id() returns uuid
-- voxanne:end header
language plpgsql stable security definer set search_path = '' as $function$
declare
  v_claim text := auth.jwt() -> 'app_metadata' ->> 'org_id';
begin
  -- PL/pgSQL keeps its plans for the session; an SQL function that cannot be inlined is planned anew by every query.
  -- voxanne:begin claim
  if v_claim ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
    return v_claim::uuid;
  end if;
  -- voxanne:end claim
  -- voxanne:begin profile
  return (select p.org_id from public.profiles p where p.id = (select auth.uid()));
  -- voxanne:end profile
end
$function$;

-- PostgreSQL lets everyone execute a new function. A policy needs it for authenticated, nobody else does: the service
-- role bypasses row security.
revoke all on function public.current_org_id() from public, anon, authenticated, service_role;
grant execute on function public.current_org_id() to authenticated;

-- The caller's role in that organization, for policies that only owners and admins pass. SECURITY DEFINER for the same
-- reason: the policies of the table that it reads ask it.

create or replace function public.current_org_role() returns text
language sql stable security definer set search_path = '' as $function$
  -- voxanne:begin role
  select m.role::text from public.user_org_roles m
  where m.user_id = (select auth.uid()) and m.org_id = (select public.current_org_id())
  -- voxanne:end role
  limit 1
$function$;

revoke all on function public.current_org_role() from public, anon, authenticated, service_role;
grant execute on function public.current_org_role() to authenticated;

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
