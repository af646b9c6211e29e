-- The smallest database with the whole problem: three organizations, two names for their key, a user without profile, an
-- orphan, a NULL. Runs as postgres, after base.sql.

create table public.organizations (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  created_at timestamptz not null default now()
);
create table public.profiles (
  id uuid primary key references auth.users on delete cascade,
  organization_id uuid references public.organizations,
  email text,
  full_name text
);
create table public.calls (
  id bigint generated always as identity primary key,
  organization_id uuid references public.organizations on delete cascade,
  caller text not null,
  seconds integer not null default 0
);
create table public.contacts (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references public.organizations on delete cascade,
  name text not null,
  phone text
);
create index calls_organization_id_idx on public.calls (organization_id);

create function public.call_seconds(org uuid) returns bigint language plpgsql stable as $$
begin
  return (select coalesce(sum(c.seconds), 0) from public.calls c where c.organization_id = org);
end $$;

alter table public.calls enable row level security;
create policy calls_by_profile on public.calls
  using (organization_id = (select p.organization_id from public.profiles p where p.id = auth.uid()));

-- a0…: organizations; b0…: users.
insert into public.organizations (id, name) values
  ('a0000000-0000-4000-8000-000000000001', 'Acacia Clinic'),
  ('a0000000-0000-4000-8000-000000000002', 'Birch Dental'),
  ('a0000000-0000-4000-8000-000000000003', 'Cedar Physio');

insert into auth.users (id, aud, role, email, email_confirmed_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
select
  format('b0000000-0000-4000-8000-00000000000%s', n)::uuid, 'authenticated', 'authenticated', who || '@example.test', now(),
  '{"provider": "email", "providers": ["email"]}', '{}', now(), now()
from unnest(array['ann', 'bob', 'cleo', 'dan', 'eve', 'finn']) with ordinality as u (who, n);

-- Six users: ann and bob in A, cleo in B, dan in C; eve has a profile without organization, finn has no profile.
insert into public.profiles (id, organization_id, email, full_name) values
  ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'ann@example.test', 'Ann'),
  ('b0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 'bob@example.test', 'Bob'),
  ('b0000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000002', 'cleo@example.test', 'Cleo'),
  ('b0000000-0000-4000-8000-000000000004', 'a0000000-0000-4000-8000-000000000003', 'dan@example.test', 'Dan'),
  ('b0000000-0000-4000-8000-000000000005', null, 'eve@example.test', 'Eve');

insert into public.calls (organization_id, caller, seconds) values
  ('a0000000-0000-4000-8000-000000000001', '+15550100001', 60),
  ('a0000000-0000-4000-8000-000000000001', '+15550100002', 90),
  ('a0000000-0000-4000-8000-000000000002', '+15550100003', 30),
  ('a0000000-0000-4000-8000-000000000003', '+15550100004', 10),
  (null, '+15550100005', 5);
insert into public.contacts (tenant_id, name, phone) values
  ('a0000000-0000-4000-8000-000000000001', 'Ida', '+15550100001'),
  ('a0000000-0000-4000-8000-000000000002', 'Jon', '+15550100003'),
  ('a0000000-0000-4000-8000-000000000003', 'Kay', null);
