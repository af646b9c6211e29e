-- An agency's app: users in several organizations at once, memberships with a status, children, shared and public rows.
create table public.organizations (id uuid primary key default gen_random_uuid(), name text not null);
create table public.profiles (id uuid primary key references auth.users on delete cascade, full_name text);
create table public.members (
  org_id uuid not null references public.organizations on delete cascade,
  user_id uuid not null references auth.users on delete cascade,
  role text not null default 'member' check (role in ('owner', 'admin', 'member')),
  status text not null default 'active' check (status in ('active', 'invited', 'removed')),
  primary key (org_id, user_id)
);
create table public.projects (id bigint primary key, org_id uuid not null references public.organizations, title text);
create table public.tasks (id bigint primary key, project_id bigint not null references public.projects, body text);
create table public.invoices (id bigint primary key, org_id uuid not null references public.organizations, total int);
create table public.drafts (id bigint primary key, user_id uuid not null references auth.users, body text);
create view public.project_list as select id, org_id, title from public.projects;

create function public.orgs_of_caller() returns setof uuid language sql stable security definer set search_path = '' as
$$ select m.org_id from public.members m where m.user_id = auth.uid() and m.status = 'active' $$;

alter table public.organizations enable row level security;
alter table public.profiles enable row level security;
alter table public.members enable row level security;
alter table public.projects enable row level security;
alter table public.tasks enable row level security;
alter table public.invoices enable row level security;
alter table public.drafts enable row level security;
create policy o on public.organizations for select to authenticated using (id in (select public.orgs_of_caller()));
create policy p on public.profiles to authenticated using (id = auth.uid());
create policy m on public.members for select to authenticated using (org_id in (select public.orgs_of_caller()));
create policy pr on public.projects to authenticated using (org_id in (select public.orgs_of_caller()));
create policy t on public.tasks to authenticated
  using (project_id in (select p.id from public.projects p where p.org_id in (select public.orgs_of_caller())));
create policy i on public.invoices to authenticated using (org_id in (select public.orgs_of_caller()));
create policy d on public.drafts to authenticated using (user_id = auth.uid());

insert into public.organizations (id, name)
select format('a0000000-0000-4000-8000-00000000000%s', n)::uuid, 'Organization ' || n from generate_series(1, 3) n;
insert into auth.users (id, aud, role, email, email_confirmed_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
select format('b0000000-0000-4000-8000-00000000000%s', n)::uuid, 'authenticated', 'authenticated', 'u' || n || '@example.test', now(),
  '{}', '{}', now(), now() from generate_series(1, 7) n;
insert into public.profiles (id, full_name)
select format('b0000000-0000-4000-8000-00000000000%s', n)::uuid, 'User ' || n from generate_series(1, 7) n;
-- 1 to 3 own an organization each; 4 is in 1 and 2; 5 was removed from 1; 6 is invited to 2 and a member of 3; 7 is in 1.
insert into public.members (org_id, user_id, role, status)
select format('a0000000-0000-4000-8000-00000000000%s', o)::uuid, format('b0000000-0000-4000-8000-00000000000%s', u)::uuid, r, s
from (values (1, 1, 'owner', 'active'), (2, 2, 'owner', 'active'), (3, 3, 'owner', 'active'), (1, 4, 'member', 'active'),
  (2, 4, 'member', 'active'), (1, 5, 'member', 'removed'), (2, 6, 'member', 'invited'), (3, 6, 'member', 'active'),
  (1, 7, 'member', 'active')) v(o, u, r, s);
insert into public.projects select n, format('a0000000-0000-4000-8000-00000000000%s', 1 + n % 3)::uuid, 'Project ' || n from generate_series(1, 9) n;
insert into public.tasks select n, 1 + n % 9, 'Task ' || n from generate_series(1, 18) n;
insert into public.invoices select n, format('a0000000-0000-4000-8000-00000000000%s', 1 + n % 3)::uuid, n * 10 from generate_series(1, 6) n;
insert into public.drafts select n, format('b0000000-0000-4000-8000-00000000000%s', n)::uuid, 'Draft' from generate_series(1, 7) n;
