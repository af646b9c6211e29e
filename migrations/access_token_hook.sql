-- Optional with step 1.4: the access-token hook. Runs as it stands with psql on a database whose profiles have the usual
-- columns; the tool replaces the part between "voxanne:begin" and "voxanne:end" by the names it found.
--
-- The auth server calls this function before it signs a token, so that a token carries org_id also where its copy of
-- the user is older than the stamp: a user created by an admin, a sign-in that races the backfill. SQL cannot enable
-- it: that is a line in the dashboard or in supabase/config.toml.
--
-- An error here would refuse every sign-in, and the auth server waits two seconds for it: the function only reads one
-- row by its key, adds what is absent, and leaves alone whatever it does not understand.
--
-- SECURITY DEFINER so that the auth server needs no right on the profiles; it may execute this, and nobody else may.

create or replace function public.custom_access_token_hook(event jsonb) returns jsonb
language plpgsql stable security definer set search_path = '' as $function$
declare
  v_metadata jsonb := event -> 'claims' -> 'app_metadata';
  v_org text;
begin
  if jsonb_typeof(event -> 'claims') is distinct from 'object' or v_metadata ->> 'org_id' is not null then
    return event;
  end if;
  if jsonb_typeof(v_metadata) is distinct from 'object' then
    v_metadata := '{}'::jsonb;
  end if;
  -- voxanne:begin profile
  select p.org_id::text into v_org from public.profiles p where p.id = (event ->> 'user_id')::uuid;
  -- voxanne:end profile
  if v_org is null then
    return event;
  end if;
  return jsonb_set(event, '{claims,app_metadata}', v_metadata || jsonb_build_object('org_id', v_org));
end
$function$;

revoke all on function public.custom_access_token_hook(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.custom_access_token_hook(jsonb) to supabase_auth_admin;
grant usage on schema public to supabase_auth_admin;
