-- Step 1.4, Sign-up. Runs as it stands with psql on a database whose organizations and profiles have the columns that
-- are named below; the tool replaces the parts between "voxanne:begin" and "voxanne:end" by statements for
-- the columns that it really found.
--
-- No error is swallowed: if an organization cannot be made, the sign-up fails and says why. A trigger that swallows its
-- errors behind EXCEPTION WHEN OTHERS made users without organizations for 25 days before anyone saw it.
--
-- Every name of ours is qualified. The search_path is for the app's own defaults, checks and triggers, which run inside
-- these functions and find their tables as they do when the API writes; pg_temp is last, so that nobody can put a table
-- in front of theirs.

create or replace function public.handle_new_user_setup() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, extensions, pg_temp as $function$
declare
  -- voxanne:begin type
  v_org uuid;
  -- voxanne:end type
  v_stamp text := new.raw_app_meta_data ->> 'org_id';
  v_joined boolean;
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
  -- voxanne:begin stamped
  select o.id into v_org from public.organizations o
    where o.id = case when v_stamp ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then v_stamp::uuid end;
  -- voxanne:end stamped

  if v_org is null then
    -- What another trigger did for this user before, with an invitation for instance.
    -- voxanne:begin existing
    select p.org_id into v_org from public.profiles p where p.id = new.id and p.org_id is not null;
    -- voxanne:end existing
  end if;
  v_joined := v_org is not null;

  if v_org is null then
    -- voxanne:begin organization
    insert into public.organizations (name) values (v_name) returning id into v_org;
    -- Says until the end of this transaction that nobody but sign-up can have made it.
    perform set_config('voxanne_rollout.sign_up', new.id::text || ' ' || v_org::text, true);
    -- voxanne:end organization
  end if;

  -- voxanne:begin profile
  update public.profiles p set org_id = v_org where p.id = new.id and p.org_id is null;
  if not exists (select from public.profiles p where p.id = new.id) then
    insert into public.profiles (id, org_id) values (new.id, v_org) on conflict do nothing;
  end if;
  -- voxanne:end profile

  -- voxanne:begin membership
  -- voxanne:end membership

  -- The auth server reads the row again before it signs the first token, so that the token carries the stamp. A value
  -- that others put there and that is no organization is theirs.
  -- voxanne:begin stamp
  update auth.users u
    set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}'::jsonb) || jsonb_build_object('org_id', v_org::text)
    where u.id = new.id and u.raw_app_meta_data ->> 'org_id' is distinct from v_org::text
      and (v_stamp is null or exists (select from public.organizations o
        where o.id = case when v_stamp ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then v_stamp::uuid end));
  -- voxanne:end stamp
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
-- login and link): without this the stamp is lost when that copy is older. It is kept as long as the user belongs to that
-- organization; a stamp of a membership that ended goes. A stamp that names no organization is not taken either: nobody
-- would be in it. A deleted user's metadata is emptied, and stays so.
create or replace function public.keep_org_id() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, extensions, pg_temp as $function$
declare
  v_stamp text := new.raw_app_meta_data ->> 'org_id';
  v_before text := old.raw_app_meta_data ->> 'org_id';
begin
  if new.deleted_at is not null or v_before is null or v_stamp is not distinct from v_before
      or current_setting('voxanne_rollout.batch', true) = 'on' then
    return new;
  end if;
  -- voxanne:begin known
  if exists (select from public.organizations o
      where o.id = case when v_stamp ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then v_stamp::uuid end) then
    return new;
  end if;
  -- voxanne:end known
  -- voxanne:begin stands
  if exists (select from public.profiles p join public.organizations o on o.id = p.org_id
      where p.id = new.id and p.org_id
        = case when v_before ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then v_before::uuid end) then
  -- voxanne:end stands
    new.raw_app_meta_data := coalesce(new.raw_app_meta_data, '{}'::jsonb)
      || jsonb_build_object('org_id', old.raw_app_meta_data -> 'org_id');
  end if;
  return new;
end
$function$;

revoke all on function public.keep_org_id() from public, anon, authenticated, service_role;

create or replace trigger on_auth_user_keep_org_id before update of raw_app_meta_data on auth.users
  for each row execute function public.keep_org_id();

-- The organization that an admin gives with a new user comes in an UPDATE of its own, after sign-up has made another
-- one: profile and membership follow the stamp, as a member's: a role belongs to an organization, and never moves along.
-- Only the service key can write a stamp, so the same holds when it moves a user later.
--
-- Nothing is deleted but the organization that sign-up itself made for this user in this same transaction, and that only
-- while no row of any table refers to it.
create or replace function public.follow_org_id() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, extensions, pg_temp as $function$
declare
  -- voxanne:begin types
  v_org uuid;
  v_left uuid;
  -- voxanne:end types
  v_stamp text := new.raw_app_meta_data ->> 'org_id';
  v_before text := old.raw_app_meta_data ->> 'org_id';
  v_made boolean;
  v_used boolean := false;
  v_reference text;
begin
  -- Step 1.5 writes profiles and memberships itself, and so does its rollback.
  if current_setting('voxanne_rollout.batch', true) = 'on' then
    return new;
  end if;
  -- voxanne:begin followed_to
  select o.id into v_org from public.organizations o
    where o.id = case when v_stamp ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then v_stamp::uuid end;
  -- voxanne:end followed_to
  if v_org is null then
    return new;
  end if;
  -- voxanne:begin left
  select o.id into v_left from public.organizations o
    where o.id = case when v_before ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then v_before::uuid end;
  -- voxanne:end left
  v_made := coalesce(current_setting('voxanne_rollout.sign_up', true) = new.id::text || ' ' || v_left::text, false);

  -- voxanne:begin joined
  -- voxanne:end joined

  -- voxanne:begin followed
  update public.profiles p set org_id = v_org where p.id = new.id and p.org_id is distinct from v_org;
  -- voxanne:end followed

  if v_made and v_left <> v_org then
    -- voxanne:begin unmake
    for v_reference in
      select format('select exists (select from %s r join %s o on %s where o.id = $1)', c.conrelid::regclass, c.confrelid::regclass,
          string_agg(format('r.%I = o.%I', a.attname, f.attname), ' and '))
        from pg_constraint c cross join lateral unnest(c.conkey, c.confkey) u (own, theirs)
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = u.own
        join pg_attribute f on f.attrelid = c.confrelid and f.attnum = u.theirs
        where c.contype = 'f' and c.conparentid = 0 and c.confrelid = 'public.organizations'::regclass
        group by c.oid, c.conrelid, c.confrelid
      union all
      -- Tables that name an organization without a foreign key.
      select format('select exists (select from %s r where r.%I = $1)', a.attrelid::regclass, a.attname)
        from pg_attribute a join pg_class r on r.oid = a.attrelid join pg_namespace n on n.oid = r.relnamespace
        where a.attname = 'org_id' and a.atttypid = 'uuid'::regtype and r.relkind in ('r', 'p') and not r.relispartition
          and n.nspname !~ '^(pg_|information_schema$|auth$|storage$|realtime$|voxanne_rollout$)'
    loop
      execute v_reference into v_used using v_left;
      exit when v_used;
    end loop;
    if not v_used then
      begin
        delete from public.organizations o where o.id = v_left;
      exception when others then
        if sqlstate ~ '^(40|53|55|57|58|XX)' then
          raise;
        end if;
        -- Something of the app keeps it, as a trigger or a publication does: it stays, with nobody in it.
      end;
    end if;
    -- voxanne:end unmake
  end if;
  return new;
end
$function$;

revoke all on function public.follow_org_id() from public, anon, authenticated, service_role;

create or replace trigger on_auth_user_org_id_changed after update of raw_app_meta_data on auth.users
  for each row when (new.raw_app_meta_data ->> 'org_id' is distinct from old.raw_app_meta_data ->> 'org_id')
  execute function public.follow_org_id();

-- The stamp follows the membership, in the same transaction and whoever writes: the one that is stamped stays while it
-- counts; else the next one is, and without any the stamp goes. Without a table of memberships the profile says it, as
-- far as somebody else than its own user wrote it.
create or replace function public.follow_membership() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, extensions, pg_temp as $function$
declare
  v_user uuid;
  -- voxanne:begin next_type
  v_org uuid;
  v_old uuid;
  -- voxanne:end next_type
  v_stamp text;
begin
  if current_setting('voxanne_rollout.batch', true) = 'on' then
    return null;
  end if;
  for v_user in
    -- voxanne:begin users
    select distinct x.id from unnest(array[case when tg_op <> 'INSERT' then old.id end, case when tg_op <> 'DELETE' then new.id end]) x (id)
    -- voxanne:end users
      where x.id is not null order by 1
  loop
    select u.raw_app_meta_data ->> 'org_id' into v_stamp from auth.users u
      where u.id = v_user and u.deleted_at is null for no key update;
    if not found then
      continue;
    end if;
    -- voxanne:begin ended
    v_old := case when tg_op <> 'INSERT' then old.org_id end;
    -- voxanne:end ended
    -- voxanne:begin still
    select p.org_id into v_org from public.profiles p join public.organizations o on o.id = p.org_id
      where p.id = v_user and p.org_id = case when v_stamp ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then v_stamp::uuid end;
    -- voxanne:end still
    if v_org is null then
      -- voxanne:begin theirs
      -- A value that others put there and that is no organization is theirs.
      if v_stamp is not null and v_stamp is distinct from v_old::text and not exists (select from public.organizations o
          where o.id = case when v_stamp ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then v_stamp::uuid end) then
        continue;
      end if;
      -- voxanne:end theirs
      -- voxanne:begin next
      select p.org_id into v_org from public.profiles p join public.organizations o on o.id = p.org_id where p.id = v_user;
      -- voxanne:end next
      if v_org is not null or v_stamp is not null then
        update auth.users u
          set raw_app_meta_data = case when v_org is null then u.raw_app_meta_data - 'org_id'
            else coalesce(u.raw_app_meta_data, '{}'::jsonb) || jsonb_build_object('org_id', v_org::text) end
          where u.id = v_user;
      end if;
    end if;
    -- voxanne:begin emptied
    -- voxanne:end emptied
  end loop;
  return null;
end
$function$;

revoke all on function public.follow_membership() from public, anon, authenticated, service_role;

-- voxanne:begin membership_trigger
create or replace trigger on_membership_changed after insert or delete or update of id, org_id on public.profiles
  for each row when (current_user <> all (array['anon', 'authenticated'])) execute function public.follow_membership();
-- voxanne:end membership_trigger

-- For apps whose users are in one of several organizations at a time: the caller chooses, among those that they belong to.
-- voxanne:begin switch
create or replace function public.switch_organization(organization uuid) returns uuid
language plpgsql security definer set search_path = pg_catalog, public, extensions, pg_temp as $function$
begin
  -- voxanne:begin chosen
  if not exists (select from public.profiles p where p.id = auth.uid() and p.org_id = switch_organization.organization) then
  -- voxanne:end chosen
    raise exception 'You are not a member of this organization.' using errcode = 'insufficient_privilege';
  end if;
  update auth.users u
    set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}'::jsonb) || jsonb_build_object('org_id', switch_organization.organization::text)
    where u.id = auth.uid() and u.raw_app_meta_data ->> 'org_id' is distinct from switch_organization.organization::text;
  -- voxanne:begin also
  -- voxanne:end also
  return switch_organization.organization;
end
$function$;

revoke all on function public.switch_organization(uuid) from public, anon, authenticated, service_role;
grant execute on function public.switch_organization(uuid) to authenticated;
-- voxanne:end switch
