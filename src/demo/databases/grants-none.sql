-- Since 30 October 2026 what is created in public is granted to no API role, on old projects too; what was there before
-- keeps its grants. So this runs after the app's tables exist, as the superuser supabase_admin.
-- The last statement is stricter than what was announced (a function's built-in EXECUTE for PUBLIC goes as well), so
-- that whoever relies on any default fails here.
do $$
declare
  creator text;
begin
  foreach creator in array array['postgres', 'supabase_admin'] loop
    execute format('alter default privileges for role %I in schema public revoke all on tables
      from anon, authenticated, service_role', creator);
    execute format('alter default privileges for role %I in schema public revoke all on sequences
      from anon, authenticated, service_role', creator);
    execute format('alter default privileges for role %I in schema public revoke all on functions
      from anon, authenticated, service_role', creator);
  end loop;
end $$;
alter default privileges for role postgres revoke execute on functions from public;
