-- Rows for clinic.sql: 4 organizations, 14 users, three rows per organization in every table that has a key, and NULLs.
-- Ids are fixed: a0…NN is an organization, b0…NN a user, everything else the md5 of its table, organization and number.
-- Runs as postgres.

insert into public.organizations (id, name, email, status) values
  ('a0000000-0000-4000-8000-000000000001', 'Acacia Clinic', 'office@acacia.test', 'active'),
  ('a0000000-0000-4000-8000-000000000002', 'Birch Dental', 'office@birch.test', 'active'),
  ('a0000000-0000-4000-8000-000000000003', 'Cedar Physio', 'office@cedar.test', 'trial'),
  ('a0000000-0000-4000-8000-000000000004', 'Dune Dermatology', 'office@dune.test', 'suspended');

-- Users. `profile`: none, or a profile in the organization, or one without (0). `role`: the membership, if any.
-- The sign-up trigger runs for each of them and, as in production, does nothing.
create temporary table seed (n int, who text, kind text, profile int, org int, role public.org_role, stamp text, claimed text)
  on commit drop;
insert into seed values
  (1, 'ann', 'email', 1, 1, 'owner', 'a0000000-0000-4000-8000-000000000001', null),
  (2, 'bob', 'email', 1, 1, 'admin', null, null),
  (3, 'cleo', 'email', 1, 1, 'agent', null, 'a0000000-0000-4000-8000-000000000002'), -- claims B in user_metadata
  (4, 'dan', 'email', 2, 2, 'owner', null, null),
  (5, 'eve', 'phone', 2, 2, 'agent', null, null),
  (6, 'finn', 'email', 0, 2, 'agent', null, null), -- a profile without organization, but a membership
  (7, 'gus', 'google', 3, 3, 'owner', 'a0000000-0000-4000-8000-000000000003', null),
  (8, 'hana', 'sso', 3, 3, 'viewer', null, null),
  (9, 'ivy', 'anonymous', null, null, null, null, null),
  (10, 'jon', 'email', 4, 4, 'owner', null, null),
  (11, 'kay', 'email', 1, 1, 'agent', null, null), -- below: also in D
  (12, 'leo', 'email', null, null, null, null, null), -- orphan: nothing
  (13, 'mia', 'email', 0, null, null, null, null), -- orphan: a profile without organization
  (14, 'ned', 'email', null, null, null, 'a0000000-0000-4000-8000-00000000dead', null); -- orphan: no such organization

insert into auth.users (
  instance_id, id, aud, role, email, phone, email_confirmed_at, phone_confirmed_at, confirmation_token, recovery_token,
  raw_app_meta_data, raw_user_meta_data, is_sso_user, is_anonymous, created_at, updated_at)
select
  '00000000-0000-0000-0000-000000000000', format('b0000000-0000-4000-8000-0000000000%s', lpad(n::text, 2, '0'))::uuid,
  'authenticated', 'authenticated',
  case when kind not in ('phone', 'anonymous') then who || '@example.test' end,
  case when kind = 'phone' then '1555010' || lpad(n::text, 4, '0') end,
  case when kind not in ('phone', 'anonymous') then timestamptz '2026-01-05 10:00Z' end,
  case when kind = 'phone' then timestamptz '2026-01-05 10:00Z' end, '', '',
  case when kind = 'anonymous' then '{}'::jsonb else jsonb_build_object('provider', kind, 'providers', jsonb_build_array(kind)) end
    || jsonb_strip_nulls(jsonb_build_object('org_id', stamp)),
  jsonb_strip_nulls(jsonb_build_object('name', initcap(who), 'org_id', claimed)),
  kind = 'sso', kind = 'anonymous',
  timestamptz '2026-01-05 10:00Z' + n * interval '1 hour', timestamptz '2026-01-05 10:00Z' + n * interval '1 hour'
from seed order by n;

insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
select u.id::text, u.id, jsonb_strip_nulls(jsonb_build_object('sub', u.id, 'email', u.email, 'phone', u.phone)),
  u.raw_app_meta_data ->> 'provider', u.created_at, u.updated_at
from auth.users u where not u.is_anonymous;

insert into public.profiles (id, organization_id, email, full_name, created_at)
select u.id, o.id, u.email, initcap(s.who), u.created_at
from seed s
join auth.users u on u.id::text like '%-0000000000' || lpad(s.n::text, 2, '0')
left join public.organizations o on o.id::text like '%-00000000000' || s.profile
where s.profile is not null;

insert into public.user_org_roles (id, user_id, org_id, role)
select md5('role ' || s.n || ' ' || o.id)::uuid, u.id, o.id, s.role
from seed s
join auth.users u on u.id::text like '%-0000000000' || lpad(s.n::text, 2, '0')
join public.organizations o on o.id::text like '%-00000000000' || s.org or (s.who = 'kay' and o.id::text like '%-000000000004')
where s.role is not null;

-- Some rows of agents know their organization under one name only.
insert into public.agents (id, org_id, organization_id, name, prompt)
select md5('agents ' || right(o.id::text, 1) || ' ' || n)::uuid,
  case when n <> 2 then o.id end, case when n <> 3 then o.id end, 'Agent ' || n, 'You answer the phone of ' || o.name || '.'
from public.organizations o, generate_series(1, 3) n;

-- Every other table with a key gets three rows per organization, its columns filled by their type, in the order of
-- creation, so that a row refers to a row of the same organization. Tables without key get three rows.
do $$
declare
  t record;
  columns text;
  vals text;
begin
  for t in
    select c.oid, c.relname as name, k.attname as key, k.atttypid::regtype as type
    from pg_class c
    left join pg_attribute k on k.attrelid = c.oid and k.attname in ('org_id', 'organization_id', 'tenant_id')
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      and c.relname not in ('organizations', 'profiles', 'user_org_roles', 'agents')
    order by c.oid
  loop
    select string_agg(quote_ident(a.attname), ', ' order by a.attnum),
      string_agg(case
        when f.ref is not null then format('md5(''%s '' || o.org || '' '' || n)::uuid', f.ref)
        when a.atttypid = 'text'::regtype then format('%L || '' '' || o.org || ''-'' || n', a.attname)
        when a.atttypid in ('integer'::regtype, 'numeric'::regtype) then 'n * 10 + o.org'
        when a.atttypid = 'boolean'::regtype then 'n = 1'
        when a.atttypid = 'jsonb'::regtype then $q$jsonb_build_object('n', n)$q$
        when a.atttypid = 'date'::regtype then $q$date '2026-02-01' + n$q$
        when a.atttypid = 'timestamptz'::regtype then $q$timestamptz '2026-02-01 09:00Z' + n * interval '1 day'$q$
      end, ', ' order by a.attnum)
      into columns, vals
    from pg_attribute a
    left join lateral (
      select r.relname as ref from pg_constraint x join pg_class r on r.oid = x.confrelid
      where x.conrelid = t.oid and x.contype = 'f' and x.conkey = array[a.attnum] and r.relname <> 'organizations'
    ) f on true
    where a.attrelid = t.oid and a.attnum > 0 and a.attname not in ('id', coalesce(t.key, 'id')) and not a.atthasdef;

    execute format(
      'insert into public.%I (id, %s %s) select md5(''%s '' || o.org || '' '' || n)::uuid, %s %s
       from (select id, right(id::text, 1)::int as org from public.organizations) o, generate_series(1, 3) n %s',
      t.name, t.key || ',', columns, t.name, 'o.id::' || t.type || ',', vals,
      -- A line belongs to an invoice of every organization; a plan to nobody.
      case when t.key is null and vals not like '%md5%' then 'where o.org = 1' end);
  end loop;
end $$;

-- Rows that belong to nobody.
insert into public.contacts (id, name) values (md5('contacts none')::uuid, 'Nobody''s contact');
insert into public.calls (id, contact_id, seconds) values (md5('calls none')::uuid, md5('contacts none')::uuid, 7);
-- This one can be told by its agent and its contact: B.
insert into public.calls (id, agent_id, contact_id, seconds)
  values (md5('calls lost')::uuid, md5('agents 2 1')::uuid, md5('contacts 2 1')::uuid, 70);
insert into public.leads (id, name) values (md5('leads none')::uuid, 'Nobody''s lead');
insert into public.notifications (id, title) values (md5('notifications none')::uuid, 'To nobody');
insert into public.subscriptions (id, plan) values (md5('subscriptions none')::uuid, 'free');
insert into public.bookings (id, status) values (md5('bookings none')::uuid, 'lost');

-- The wrong foreign key came by a later migration, after rows that it should have refused.
alter table public.bookings
  add constraint bookings_org_id_fkey foreign key (org_id) references public.profiles (id) not valid;
