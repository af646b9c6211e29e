-- On hosted projects (supautils <= 3.4.0) every CREATE, ALTER and DROP POLICY and every DROP TRIGGER by postgres, on
-- any table, takes ACCESS EXCLUSIVE on these tables until commit, and so stops every sign-in. This does the same.
-- It runs as the superuser supabase_admin.
create function extensions.voxanne_hosted_locks() returns event_trigger language plpgsql security definer
set search_path = '' as $$
begin
  if session_user = 'postgres' then
    lock table auth.users, auth.sessions, auth.refresh_tokens, storage.objects in access exclusive mode;
  end if;
end $$;
revoke execute on function extensions.voxanne_hosted_locks() from public;
create event trigger voxanne_hosted_locks on ddl_command_start
  when tag in ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'DROP TRIGGER')
  execute function extensions.voxanne_hosted_locks();
alter event trigger voxanne_hosted_locks enable always;
