-- Optional with step 1.4: the access-token hook. Runs as it stands with psql on a database whose profiles have the usual
-- columns; the tool replaces the part between "voxanne:begin" and "voxanne:end" by the names it found.
--
-- The auth server calls this function before it signs a token, so that a token carries org_id also where its copy of
-- the user is older than the stamp: a user created by an admin, a sign-in that races the backfill. SQL cannot enable
-- it: that is a line in the dashboard or in supabase/config.toml.
--
-- An error here would refuse every sign-in, and the auth server waits two seconds for it: the function only reads a few
-- rows by their keys, and leaves alone whatever it does not understand. The rule is that of the stamp: an organization
-- that the user belongs to stays, one that they left goes, and what names no organization is somebody else's.
--
-- SECURITY DEFINER so that the auth server needs no right on the tables; it may execute this, and nobody else may.

create or replace function public.custom_access_token_hook(event jsonb) returns jsonb
language plpgsql stable security definer set search_path = '' as $function$
declare
  v_metadata jsonb := event -> 'claims' -> 'app_metadata';
  v_user uuid := case when event ->> 'user_id' ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
    then (event ->> 'user_id')::uuid end;
  v_stamp text;
  -- voxanne:begin type
  v_org uuid;
  -- voxanne:end type
begin
  if jsonb_typeof(event -> 'claims') is distinct from 'object' or v_user is null then
    return event;
  end if;
  if jsonb_typeof(v_metadata) is distinct from 'object' then
    v_metadata := '{}'::jsonb;
  end if;
  v_stamp := v_metadata ->> 'org_id';
  -- voxanne:begin stands
  if exists (select from public.profiles p where p.id = v_user and p.org_id::text = v_stamp) then
    return event;
  end if;
  if v_stamp is not null and not exists (select from public.organizations o where o.id
      = case when v_stamp ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then v_stamp::uuid end) then
    return event;
  end if;
  select p.org_id into v_org from public.profiles p where p.id = v_user;
  -- voxanne:end stands
  if v_org is null and v_stamp is null then
    return event;
  end if;
  return jsonb_set(event, '{claims,app_metadata}', case when v_org is null then v_metadata - 'org_id'
    else v_metadata || jsonb_build_object('org_id', v_org::text) end);
end
$function$;

revoke all on function public.custom_access_token_hook(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.custom_access_token_hook(jsonb) to supabase_auth_admin;
grant usage on schema public to supabase_auth_admin;
