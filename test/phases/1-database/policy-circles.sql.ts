export type CircleApp = {
  /** Tables whose policy asks the helper. */
  readonly tables: number;
  readonly users: number;
  /** Rows of each table. */
  readonly rows: number;
  /** The condition on reading memberships; the helper reads them with its caller's rights. */
  readonly memberships: string;
};

/** Many tables whose policies ask one helper, which reads memberships as its caller. */
export const circleApp = ({ tables, users, rows, memberships }: CircleApp): string => `
create table public.organizations (id uuid primary key default gen_random_uuid(), name text not null);
create table public.profiles (id uuid primary key references auth.users on delete cascade, full_name text);
create table public.memberships (id bigint generated always as identity primary key,
  org_id uuid not null references public.organizations on delete cascade,
  user_id uuid not null references auth.users on delete cascade,
  role text not null default 'member' check (role in ('owner', 'admin', 'member')), unique (org_id, user_id));
create function public.is_org_member(org uuid) returns boolean language plpgsql stable as
$$ begin return exists (select 1 from public.memberships m where m.org_id = org and m.user_id = auth.uid()); end $$;
alter table public.organizations enable row level security;
alter table public.profiles enable row level security;
alter table public.memberships enable row level security;
create policy o on public.organizations for select to authenticated using (public.is_org_member(id));
create policy p on public.profiles to authenticated using (id = auth.uid());
create policy m on public.memberships for select to authenticated using (${memberships});
insert into public.organizations select format('a0000000-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid, 'Org ' || n from generate_series(1, 20) n;
insert into auth.users (id, aud, role, email, email_confirmed_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
select format('b0000000-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid, 'authenticated', 'authenticated', 'u' || n || '@example.test', now(),
  '{}', '{}', now(), now() from generate_series(1, ${users}) n;
insert into public.profiles select id, email from auth.users;
insert into public.memberships (org_id, user_id, role)
select format('a0000000-0000-4000-8000-%s', lpad((1 + n % 20)::text, 12, '0'))::uuid, format('b0000000-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid,
  case when n <= 20 then 'owner' when n % 3 = 0 then 'admin' else 'member' end from generate_series(1, ${users}) n;
do $do$ begin for n in 1..${tables} loop
  execute format($$ create table public.t%1$s (id bigint primary key, org_id uuid not null references public.organizations, title text);
    alter table public.t%1$s enable row level security;
    create policy t on public.t%1$s to authenticated using (public.is_org_member(org_id)) with check (public.is_org_member(org_id));
    insert into public.t%1$s select i, o.id, 'T' || i from generate_series(1, ${rows}) i
      join (select id, row_number() over (order by id) as n from public.organizations) o on o.n = 1 + i %% 20; $$, n);
end loop; end $do$;
`;
