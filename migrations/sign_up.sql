-- Step 1.4, Sign-up. Runs as it stands with psql on a database whose organizations and profiles have the columns that
-- the planning documents name; the tool replaces the parts between "voxanne:begin" and "voxanne:end" by statements for
-- the columns that it really found.
--
-- No error is swallowed: if an organization cannot be made, the sign-up fails and says why. A trigger that hides its
-- errors behind EXCEPTION WHEN OTHERS made users without organizations for 25 days before anyone saw it.

create or replace function public.handle_new_user_setup() returns trigger
language plpgsql security definer set search_path = '' as $function$
declare
  v_org uuid;
  v_invited boolean := false;
  -- Shown to people only; whatever a user writes into their own metadata decides nothing.
  v_name text := coalesce(
    nullif(trim(new.raw_user_meta_data ->> 'organization_name'), ''),
    nullif(trim(new.raw_user_meta_data ->> 'company_name'), ''),
    nullif(split_part(new.email, '@', 1), ''),
    nullif(new.phone, ''),
    'Organization');
begin
  -- voxanne:begin anonymous
  if new.is_anonymous then
    return new;
  end if;
  -- voxanne:end anonymous

  -- Only the service key can put an organization into app metadata: that user is invited into it.
  select o.id into v_org from public.organizations o
    where o.id::text = new.raw_app_meta_data ->> 'org_id';
  v_invited := v_org is not null;

  if v_org is null then
    -- voxanne:begin existing
    select p.org_id into v_org from public.profiles p where p.id = new.id and p.org_id is not null;
    -- voxanne:end existing
  end if;

  if v_org is null then
    v_org := gen_random_uuid();
    -- voxanne:begin organization
    insert into public.organizations (id, name) values (v_org, v_name);
    -- voxanne:end organization
  end if;

  -- voxanne:begin profile
  insert into public.profiles (id, org_id) values (new.id, v_org)
    on conflict (id) do update set org_id = excluded.org_id where profiles.org_id is null;
  -- voxanne:end profile

  -- voxanne:begin membership
  -- voxanne:end membership

  -- The auth server reads the row again before it signs the first token, so that the token carries the stamp.
  update auth.users u
    set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}'::jsonb) || jsonb_build_object('org_id', v_org)
    where u.id = new.id and u.raw_app_meta_data ->> 'org_id' is distinct from v_org::text;
  return new;
end
$function$;

revoke all on function public.handle_new_user_setup() from public, anon, authenticated, service_role;

create or replace trigger on_auth_user_created after insert on auth.users
  for each row execute function public.handle_new_user_setup();

-- An anonymous user who signs up for good gets what everybody gets at sign-up.
create or replace trigger on_auth_user_permanent after update of is_anonymous on auth.users
  for each row when (old.is_anonymous and not new.is_anonymous) execute function public.handle_new_user_setup();

-- The auth server rewrites the whole metadata map from a copy it read earlier (admin create with app_metadata, provider
-- login and link): without this the stamp is lost when that copy is older. A stamp that names no organization is not
-- taken either: nobody would be in it. A deleted user's metadata is emptied, and stays so.
create or replace function public.keep_org_id() returns trigger
language plpgsql security definer set search_path = '' as $function$
begin
  if new.deleted_at is not null or not coalesce(old.raw_app_meta_data ? 'org_id', false)
      or new.raw_app_meta_data ->> 'org_id' is not distinct from old.raw_app_meta_data ->> 'org_id' then
    return new;
  end if;
  -- voxanne:begin known
  if exists (select from public.organizations o where o.id::text = new.raw_app_meta_data ->> 'org_id') then
  -- voxanne:end known
    return new;
  end if;
  new.raw_app_meta_data := coalesce(new.raw_app_meta_data, '{}'::jsonb)
    || jsonb_build_object('org_id', old.raw_app_meta_data -> 'org_id');
  return new;
end
$function$;

revoke all on function public.keep_org_id() from public, anon, authenticated, service_role;

create or replace trigger on_auth_user_keep_org_id before update of raw_app_meta_data on auth.users
  for each row execute function public.keep_org_id();

-- The organization that an admin gives with a new user comes in an UPDATE of its own, after sign-up has made another
-- one: profile and membership follow the stamp, as a member's, and what sign-up made in this same transaction goes
-- again. Only the service key can write a stamp, so the same holds when it moves a user later.
create or replace function public.follow_org_id() returns trigger
language plpgsql security definer set search_path = '' as $function$
declare
  v_org uuid;
  v_left uuid;
  v_made boolean := false;
begin
  -- voxanne:begin left
  select p.org_id into v_left from public.profiles p where p.id = new.id for update;
  -- voxanne:end left
  if not found then
    return new;
  end if;
  -- voxanne:begin made
  select o.id into v_org from public.organizations o where o.id::text = new.raw_app_meta_data ->> 'org_id';
  select o.xmin = pg_current_xact_id()::xid into v_made from public.organizations o where o.id = v_left;
  -- voxanne:end made
  if v_org is null or v_org is not distinct from v_left then
    return new;
  end if;
  -- voxanne:begin followed
  update public.profiles set org_id = v_org where id = new.id;
  -- voxanne:end followed

  -- voxanne:begin joined
  -- voxanne:end joined

  if v_made then
    begin
      -- voxanne:begin unmake
      delete from public.organizations o where o.id = v_left;
      -- voxanne:end unmake
    exception when foreign_key_violation then
      -- The app gave it rows of its own: an organization without anybody stays, which harms nobody.
      null;
    end;
  end if;
  return new;
end
$function$;

revoke all on function public.follow_org_id() from public, anon, authenticated, service_role;

create or replace trigger on_auth_user_org_id_changed after update of raw_app_meta_data on auth.users
  for each row when (new.raw_app_meta_data ->> 'org_id' is distinct from old.raw_app_meta_data ->> 'org_id')
  execute function public.follow_org_id();
