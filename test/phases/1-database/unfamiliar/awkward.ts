/** Apps of awkward kinds: the usual three tables, what is awkward about them, and who reads what afterwards. */
export type Awkward = {
  readonly sql: string;
  /** Decisions that an operator gives; without them phase 1 goes through. */
  readonly names?: Readonly<Record<string, string>>;
  readonly decisions?: Readonly<Record<string, unknown>>;
  /** Bodies that each of two users reads by this query. */
  readonly reads?: readonly { readonly query: string; readonly first: string; readonly second: string }[];
  /** What whoever signs up next reads in it; a sign-up that is refused fails. */
  readonly newcomer?: string;
};

const [org1, org2] = ["'a0000000-0000-4000-8000-000000000001'", "'a0000000-0000-4000-8000-000000000002'"];
const [user1, user2] = ["'b0000000-0000-4000-8000-000000000001'", "'b0000000-0000-4000-8000-000000000002'"];

const app = `
  insert into auth.users (id, email, raw_app_meta_data) select ('b0000000-0000-4000-8000-00000000000' || n)::uuid, 'u' || n || '@example.test', '{"provider": "email"}' from generate_series(1, 2) n;
  create table public.organizations (id uuid primary key default gen_random_uuid(), name text not null);
  insert into public.organizations values (${org1}, 'A'), (${org2}, 'B');
  create table public.profiles (id uuid primary key references auth.users on delete cascade, email text);
  insert into public.profiles select id, email from auth.users; alter table public.profiles enable row level security; create policy own on public.profiles using (id = auth.uid());
  create table public.organization_members (organization_id uuid not null references public.organizations on delete cascade,
    user_id uuid not null references auth.users on delete cascade, role text not null default 'member', primary key (organization_id, user_id));
  insert into public.organization_members values (${org1}, ${user1}, 'owner'), (${org2}, ${user2}, 'owner');
  create function public.mine() returns setof uuid language sql stable security definer set search_path = '' as $$ select m.organization_id from public.organization_members m where m.user_id = auth.uid() $$;
  create table public.notes (id bigint generated always as identity primary key, organization_id uuid not null references public.organizations on delete cascade, body text);
  insert into public.notes (organization_id, body) values (${org1}, 'a'), (${org2}, 'b');
  alter table public.notes enable row level security;
  create policy ours on public.notes using (organization_id in (select public.mine())) with check (organization_id in (select public.mine()));`;

const notes = { query: 'select body from public.notes', first: 'a', second: 'b' };
const ours = (table: string): string =>
  `alter table public.${table} enable row level security; create policy ours on public.${table} using (organization_id in (select public.mine()));`;

export const awkward: Readonly<Record<string, Awkward>> = {
  'a chain of triggers from profile to settings to a welcome note': {
    sql: `${app}
      create table public.settings (user_id uuid primary key references public.profiles, theme text not null default 'light');
      alter table public.settings enable row level security; create policy own on public.settings using (user_id = auth.uid());
      create function public.with_profile() returns trigger language plpgsql security definer set search_path = '' as $$ begin insert into public.settings (user_id) values (new.id); return new; end $$;
      create trigger with_profile after insert on public.profiles for each row execute function public.with_profile();
      create function public.with_settings() returns trigger language plpgsql security definer set search_path = '' as $$ begin perform 1 from public.profiles p where p.id = new.user_id; if not found then raise exception 'settings of nobody'; end if; return new; end $$;
      create constraint trigger with_settings after insert on public.settings deferrable initially deferred for each row execute function public.with_settings();`,
    reads: [notes],
    newcomer: '',
  },
  'a default that asks a function which fails without a user': {
    sql: `${app}
      create function public.current_organization() returns uuid language plpgsql stable security definer set search_path = '' as $$ declare r uuid; begin select m.organization_id into strict r from public.organization_members m where m.user_id = auth.uid(); return r; end $$;
      alter table public.notes alter organization_id set default public.current_organization();`,
    reads: [
      notes,
      { query: `insert into public.notes (body) values ('mine') returning body`, first: 'mine', second: 'mine' },
    ],
  },
  'an email that is unique in an organization, and deferred rules': {
    sql: `${app}
      create table public.contacts (id int primary key, organization_id uuid not null, email text not null, body text, constraint once unique (organization_id, email) deferrable initially deferred, foreign key (organization_id) references public.organizations deferrable initially deferred);
      insert into public.contacts values (1, ${org1}, 'x@example.test', 'a'), (2, ${org2}, 'x@example.test', 'b'); set constraints all immediate; ${ours('contacts')}`,
    reads: [{ query: 'select body from public.contacts', first: 'a', second: 'b' }],
  },
  'rows of nobody, and the same member twice': {
    sql: `${app}
      create table public.leads (id int primary key, organization_id uuid, body text); insert into public.leads values (1, ${org1}, 'a'), (2, ${org2}, 'b'), (3, null, 'nobody'); ${ours('leads')}
      create table public.seats (organization_id uuid not null references public.organizations, user_id uuid not null references auth.users); insert into public.seats values (${org1}, ${user1}), (${org1}, ${user1}); ${ours('seats')}`,
    reads: [notes, { query: 'select body from public.leads', first: 'a', second: 'b' }],
  },
  'an org_id that is there already and means a register number, where another name stays': {
    names: { to: 'organization_id' },
    sql: `${app}
      alter table public.organizations add org_id text; update public.organizations set org_id = 'HRB ' || name;
      create table public.filings (id int primary key, organization_id uuid not null references public.organizations, org_id text not null, body text); insert into public.filings values (1, ${org1}, 'HRB A', 'a'), (2, ${org2}, 'HRB B', 'b'); ${ours('filings')}`,
    reads: [{ query: 'select body from public.filings', first: 'a', second: 'b' }],
  },
  'a tenant_id that is generated from the key beside it': {
    sql: `${app}
      create table public.copies (id int primary key, organization_id uuid not null references public.organizations, tenant_id uuid generated always as (organization_id) stored, body text); insert into public.copies (id, organization_id, body) values (1, ${org1}, 'a'), (2, ${org2}, 'b'); ${ours('copies')}`,
    reads: [{ query: 'select body from public.copies', first: 'a', second: 'b' }],
  },
  'tables without a primary key, with rows that are the same': {
    sql: `${app}
      create table public.heap (organization_id uuid not null references public.organizations, body text); insert into public.heap values (${org1}, 'a'), (${org1}, 'a'), (${org2}, 'b'); ${ours('heap')}
      create table public.clicks (company text, organization_id text, body text); insert into public.clicks values ('x', ${org1}, 'a'), ('x', ${org1}, 'a'), ('x', ${org2}, 'b');
      alter table public.clicks enable row level security; create policy ours on public.clicks using (organization_id::uuid in (select public.mine()));`,
    reads: [
      { query: 'select distinct body from public.heap', first: 'a', second: 'b' },
      { query: 'select distinct body from public.clicks', first: 'a', second: 'b' },
    ],
  },
  'views upon views with select *, one with a barrier, one that is written through': {
    sql: `${app}
      create view public.v1 with (security_invoker) as select * from public.notes; create view public.v2 with (security_invoker, security_barrier) as select * from public.v1 where body <> 'x';
      create view public.v3 with (security_invoker, check_option = cascaded) as select organization_id, body, id as note from public.v2; comment on view public.v3 is 'what ''they'' see';`,
    reads: [
      { query: 'select body from public.v3', first: 'a', second: 'b' },
      { query: `update public.v3 set body = body returning body`, first: 'a', second: 'b' },
    ],
  },
  'rules in place of deletes, and a view that a rule writes': {
    sql: `${app}
      alter table public.notes add deleted boolean not null default false;
      create rule soft as on delete to public.notes do instead update public.notes set deleted = true where id = old.id and organization_id = old.organization_id;
      create view public.live with (security_invoker) as select id, organization_id, body from public.notes where not deleted;
      create rule add as on insert to public.live do instead insert into public.notes (organization_id, body) values (new.organization_id, new.body);`,
    reads: [{ query: 'select body from public.live', first: 'a', second: 'b' }],
  },
  'policies that name the column through functions of rows': {
    sql: `${app}
      create table public.docs (id int primary key, organization_id uuid not null references public.organizations, body text); insert into public.docs values (1, ${org1}, 'a'), (2, ${org2}, 'b');
      create function public.may(d public.docs) returns boolean language sql stable security definer set search_path = '' as $$ select exists (select from public.organization_members m where m.user_id = auth.uid() and m.organization_id = d.organization_id) $$;
      alter table public.docs enable row level security; create policy by_row on public.docs using (public.may(docs));`,
    reads: [{ query: 'select body from public.docs', first: 'a', second: 'b' }],
  },
  'publications, statistics, indexes on expressions and checks by functions': {
    sql: `${app}
      create function public.sound(o uuid, b text) returns boolean language sql immutable as $$ select o is not null and length(b) < 50 $$;
      alter table public.notes add constraint sound check (public.sound(organization_id, body)); create statistics public.together (ndistinct, mcv) on organization_id, body from public.notes;
      create index on public.notes ((organization_id::text || body)); create unique index on public.notes (organization_id, lower(body)) where body <> 'x'; alter table public.notes replica identity full;
      create publication outside for table public.notes (id, organization_id, body) where (organization_id is not null);`,
    reads: [notes],
  },
  'row security that is forced, and grants by column': {
    sql: `${app}
      alter table public.notes force row level security; revoke all on public.notes from anon, authenticated; grant select (id, organization_id, body), insert (organization_id, body), update (body), delete on public.notes to authenticated;`,
    reads: [notes],
  },
  'triggers that are off, and ones that always fire and tell': {
    sql: `${app}
      create function public.tell() returns trigger language plpgsql as $$ begin perform pg_notify('notes', json_build_object('organization_id', new.organization_id, 'tg', tg_op)::text); return new; end $$;
      create trigger tell after insert or update of organization_id, body on public.notes for each row when (new.organization_id is not null) execute function public.tell(); alter table public.notes enable always trigger tell;
      create function public.never() returns trigger language plpgsql as $$ begin raise exception 'never %', new.organization_id; end $$;
      create trigger never before insert or update on public.notes for each row execute function public.never(); alter table public.notes disable trigger never;`,
    reads: [notes],
  },
  'functions with a search_path and rows as arguments and results': {
    sql: `${app}
      create type public.summary as (organization_id uuid, n bigint);
      create function public.summarize() returns setof public.summary language sql stable set search_path = public as $$ select organization_id, count(*) from notes group by 1 $$;
      create function public.label(n public.notes) returns text language sql stable set search_path to '' as $$ select (n).organization_id::text || (n).body $$;
      create function public.copy_of(n public.notes) returns public.notes language plpgsql as $$ declare r public.notes; begin r := n; r.organization_id := n.organization_id; return r; end $$;
      create function public.some(o uuid default null, out organization_id uuid, out body text) returns setof record language sql stable set search_path = public as $$ select n.organization_id, n.body from notes n where o is null or n.organization_id = o $$;`,
    reads: [
      notes,
      { query: 'select (s).body from public.some() s', first: 'a', second: 'b' },
      { query: 'select right(public.label(n), 1) as body from public.notes n', first: 'a', second: 'b' },
    ],
  },
  'domains with checks as keys, and an enum of two hundred labels': {
    sql: `${app}
      create type public.state as enum (${Array.from({ length: 200 }, (_, n) => `'s${n}'`).join(', ')}); create domain public.org_ref as uuid check (value is not null); create domain public.mail as text check (value ~ '@');
      create table public.tickets (id int primary key, organization_id public.org_ref references public.organizations, state public.state not null default 's7', mail public.mail, body text, check (state <> 's8' or organization_id is not null)); insert into public.tickets (id, organization_id, mail, body) values (1, ${org1}, 'a@x', 'a'), (2, ${org2}, 'b@x', 'b'); ${ours('tickets')}`,
    reads: [{ query: 'select body from public.tickets', first: 'a', second: 'b' }],
  },
  'users without a profile, and a profile of nobody': {
    sql: `${app}
      alter table public.profiles drop constraint profiles_id_fkey; insert into auth.users (id, email) values ('b0000000-0000-4000-8000-000000000003', 'u3@example.test'); delete from public.profiles where id = ${user2}; insert into public.profiles values ('b0000000-0000-4000-8000-000000000003', 'u3@example.test'); insert into public.organization_members values (${org1}, 'b0000000-0000-4000-8000-000000000003', 'member'); insert into public.profiles values ('b0000000-0000-4000-8000-000000000099', 'gone@example.test');`,
    reads: [notes],
    newcomer: '',
  },
  'two directories, one below the other': {
    names: { organizations: 'public.organizations' },
    sql: `${app}
      create table public.workspaces (id uuid primary key default gen_random_uuid(), organization_id uuid not null references public.organizations, name text); insert into public.workspaces values ('c0000000-0000-4000-8000-000000000001', ${org1}, 'w'), ('c0000000-0000-4000-8000-000000000002', ${org2}, 'w'); ${ours('workspaces')}
      create table public.workspace_members (workspace_id uuid references public.workspaces, user_id uuid references auth.users, role text, primary key (workspace_id, user_id)); insert into public.workspace_members values ('c0000000-0000-4000-8000-000000000001', ${user1}, 'owner'), ('c0000000-0000-4000-8000-000000000002', ${user2}, 'owner');
      alter table public.workspace_members enable row level security; create policy own on public.workspace_members for select using (user_id = auth.uid());
      create table public.pages (id int primary key, workspace_id uuid not null references public.workspaces, body text); insert into public.pages values (1, 'c0000000-0000-4000-8000-000000000001', 'a'), (2, 'c0000000-0000-4000-8000-000000000002', 'b');
      alter table public.pages enable row level security; create policy in_workspace on public.pages using (exists (select from public.workspace_members m where m.workspace_id = pages.workspace_id and m.user_id = auth.uid()));`,
    reads: [notes, { query: 'select body from public.pages', first: 'a', second: 'b' }],
  },
  'a sign-up trigger that hides its errors and one that refuses a domain': {
    sql: `${app}
      create function public.welcome() returns trigger language plpgsql security definer set search_path = '' as $$ begin begin insert into public.profiles (id, email) values (new.id, new.email); exception when others then null; end; return new; end $$;
      create trigger welcome after insert on auth.users for each row execute function public.welcome();
      create function public.only_us() returns trigger language plpgsql security definer set search_path = '' as $$ begin if new.email like '%@spam.test' then raise exception 'not you'; end if; return new; end $$;
      create trigger only_us before insert on auth.users for each row execute function public.only_us();`,
    reads: [notes],
    newcomer: '',
  },
  'names that are reserved words, with comments that need quotes': {
    sql: `${app}
      create table public."order" (id int primary key, "organization_id" uuid not null references public.organizations, "user" uuid references auth.users, "select" text, body text); insert into public."order" values (1, ${org1}, ${user1}, 's', 'a'), (2, ${org2}, ${user2}, 's', 'b');
      comment on column public."order".organization_id is 'it''s "whose" \\ $1'; comment on table public."order" is E'two\\nlines'; alter table public."order" enable row level security; create policy "it's mine" on public."order" using (organization_id in (select public.mine())); comment on policy "it's mine" on public."order" is '"ours"';`,
    reads: [{ query: 'select body from public."order"', first: 'a', second: 'b' }],
  },
  'default privileges that take everything away, and a sequence that is asked by hand': {
    sql: `${app}
      alter default privileges in schema public revoke all on tables from anon, authenticated; alter default privileges in schema public revoke execute on functions from public; create sequence public.numbers owned by public.notes.id;
      create table public.bills (number bigint primary key default nextval('public.numbers'), organization_id uuid not null references public.organizations, body text); grant select on public.bills to authenticated; grant usage on sequence public.numbers to authenticated; insert into public.bills (organization_id, body) values (${org1}, 'a'), (${org2}, 'b'); ${ours('bills')}`,
    reads: [{ query: 'select body from public.bills', first: 'a', second: 'b' }],
  },
  'a member table that a trigger guards against its last owner, and writes a log': {
    // Whom an admin creates in an organization would have to leave their own, whose last owner they are.
    decisions: { acceptNotChecked: ['1.4/sign-up/created-in-organization', '1.4/sign-up/membership-ends'] },
    sql: `${app}
      create table public.member_log (id bigserial primary key, organization_id uuid, what text, body text); alter table public.member_log enable row level security; create policy ours on public.member_log for select using (organization_id in (select public.mine()));
      create function public.guard_owner() returns trigger language plpgsql security definer set search_path = '' as $$ begin if tg_op = 'DELETE' and old.role = 'owner' and not exists (select from public.organization_members m where m.organization_id = old.organization_id and m.role = 'owner' and m.user_id <> old.user_id) and exists (select from public.organizations o where o.id = old.organization_id) then raise exception 'the last owner stays' using errcode = 'P0001'; end if; insert into public.member_log (organization_id, what) values (coalesce(new.organization_id, old.organization_id), tg_op); return coalesce(new, old); end $$;
      create trigger guard_owner before insert or update or delete on public.organization_members for each row execute function public.guard_owner();`,
    reads: [notes],
    newcomer: '',
  },
  'tables that are called as parts of the statements of the rollout': {
    sql: `${app}
      insert into auth.users (id, email) values ('b0000000-0000-4000-8000-000000000003', 'u3@example.test');
      ${['kept', 'picked', 'marked', 'restored', 'changed', 's', 't', 'b'].map((name) => `create table public.${name} (id int primary key, organization_id uuid not null references public.organizations, body text); insert into public.${name} values (1, ${org1}, 'a'), (2, ${org2}, 'b'); ${ours(name)}`).join('\n')}`,
    decisions: { orphans: 'own-organization' },
    reads: [{ query: 'select body from public.kept', first: 'a', second: 'b' }],
  },
};
