-- The roles of a Supabase project. They belong to the cluster, not to a database, so this runs once per server, as the
-- superuser supabase_admin. `:password` is replaced by the server's one random password, quoted.
-- On a real project every role has a password of its own; here none of them protects anything.

create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit password :password;
create role dashboard_user nologin createdb createrole replication;
create role supabase_auth_admin login noinherit createrole password :password;
create role supabase_storage_admin login noinherit createrole password :password;
create role supabase_realtime_admin nologin noinherit;
-- Not a superuser, on purpose: what a tool may do on a hosted project is what this role may do.
create role postgres login nosuperuser createdb createrole replication bypassrls password :password;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to supabase_storage_admin;
-- Since PostgreSQL 16 CREATEROLE alone changes no role that one did not create; hosted projects give ADMIN as well.
grant anon, authenticated, service_role to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
grant pg_monitor to dashboard_user;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role postgres set statement_timeout = '2min';
alter role postgres set search_path = "$user", public, extensions;
alter role supabase_admin set search_path = "$user", public, auth, extensions;
alter role supabase_auth_admin set search_path = auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout = 60000;
alter role supabase_storage_admin set search_path = storage;

-- Hosted projects let postgres load a dump with triggers off.
grant set on parameter session_replication_role to postgres;

alter database postgres owner to postgres;
